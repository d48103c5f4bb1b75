//! `sluice plugins`: what this program can do.

use clap::Args;
use serde_json::{Value, json};
use sluice_connector_api::{Plugin, Registry};

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::cli::suggest::{is_also_called, meant, unknown};
use crate::config::schema::plugin_schema;
use crate::reference::{Page, plugin_page};

/// Lists the sinks, transforms, predicates, converters and providers that this program has, or shows the settings of one.
#[derive(Debug, Args)]
pub(crate) struct PluginsArgs {
    /// Show the settings of the plug-in of this name
    name: Option<String>,
    /// How plug-ins are printed; as JSON, one that is named comes with the schema of its settings
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Command for PluginsArgs {
    const NAME: &'static str = "plugins";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let listed = all(context.registry());
        match &self.name {
            None => listed.iter().try_for_each(|listed| print(listed.line(self.output))),
            Some(name) => print(find(&listed, name)?.page(self.output)),
        }
    }
}

fn find<'a>(all: &'a [Listed], name: &str) -> Result<&'a Listed, Exit> {
    if let Some(listed) = all.iter().find(|listed| listed.name == name) {
        return Ok(listed);
    }
    if let Some(known) = all.iter().find(|listed| is_also_called(&listed.schema, name)) {
        return Err(meant("plug-in", name, known.name));
    }
    let known: Vec<String> = all.iter().map(|listed| listed.name.to_owned()).collect();
    Err(unknown("plug-in", name, &known))
}

struct Listed {
    kind: &'static str,
    name: &'static str,
    summary: String,
    page: Page,
    schema: Value,
}

impl Listed {
    fn line(&self, output: Output) -> String {
        match output {
            Output::Text => format!("{:<10} {:<20} {}", self.kind, self.name, self.summary),
            Output::Json => {
                json!({ "kind": self.kind, "name": self.name, "summary": self.summary }).to_string()
            }
        }
    }

    fn page(&self, output: Output) -> String {
        match output {
            Output::Text => self.page.text.trim_end().to_owned(),
            Output::Json => {
                json!({ "kind": self.kind, "name": self.name, "schema": self.schema }).to_string()
            }
        }
    }
}

fn all(registry: &Registry) -> Vec<Listed> {
    let mut all = list("sink", registry.sinks());
    all.extend(list("transform", registry.transforms()));
    all.extend(list("predicate", registry.predicates()));
    all.extend(list("converter", registry.converters()));
    all.extend(list("provider", registry.providers()));
    all
}

fn list<'a, T: ?Sized + 'a>(kind: &'static str, plugins: impl Iterator<Item = &'a Plugin<T>>) -> Vec<Listed> {
    let listed = |plugin: &Plugin<T>| Listed {
        kind,
        name: plugin.name(),
        summary: plugin.summary(),
        page: plugin_page(kind, plugin),
        schema: plugin_schema(plugin),
    };
    plugins.map(listed).collect()
}
