//! `sluice new`: a connector file to begin with.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use sluice_connector_api::{Plugin, Registry, Sink};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::new_file::write_new;
use crate::cli::output::{Output, print};
use crate::cli::suggest::{is_also_called, meant, unknown};
use crate::config::schema::plugin_schema;
use crate::reference::starter;

/// Writes a connector file to begin with: a source, the sink's example, and its other settings as comments.
///
/// An example: `sluice new http connectors.d/prices.yaml --topic prices`
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// The sink; `sluice plugins` lists them
    sink: String,
    /// The file to write, which must not be there yet [default: standard output]
    file: Option<PathBuf>,
    /// The topic to read
    #[arg(long, short, default_value = "my-topic")]
    topic: String,
    /// How what was done is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Command for NewArgs {
    const NAME: &'static str = "new";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let text = starter(find(context.registry(), &self.sink)?, &self.topic);
        let Some(file) = &self.file else {
            return self.say(text.trim_end(), &json!({ "sink": self.sink, "text": text }));
        };
        let shown = file.display();
        write_new(file, &text)?;
        let done = json!({ "sink": self.sink, "file": shown.to_string(), "written": true });
        self.say(&format!("{shown}: written; next: sluice check {shown}"), &done)
    }
}

impl NewArgs {
    fn say(&self, text: &str, done: &Value) -> Result<(), Exit> {
        match self.output {
            Output::Text => print(text),
            Output::Json => print(done.to_string()),
        }
    }
}

fn find<'a>(registry: &'a Registry, name: &str) -> Result<&'a Plugin<dyn Sink>, Exit> {
    registry.sink(name).map_err(|error| {
        if let Some(known) = registry.sinks().find(|sink| is_also_called(&plugin_schema(sink), name)) {
            return meant("sink", name, known.name());
        }
        let known: Vec<String> = error.known.iter().map(|name| (*name).to_owned()).collect();
        unknown("sink", name, &known)
    })
}
