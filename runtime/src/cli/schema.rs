//! `sluice schema`: what editors and readers know of the settings.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::schema::editor_schema;
use crate::config::worker::process_schema;
use crate::reference::pages;
use clap::Args;
use sluice_connector_api::Registry;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{pretty, print};

/// Prints the JSON Schema of a connector file, for editors.
///
/// An editor with the YAML language server uses it when the first line of a connector file reads
/// `# yaml-language-server: $schema=connector.schema.json`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Print the schema of the process settings (`sluice.yaml`) instead
    #[arg(long)]
    process: bool,
    /// Write reference pages of every setting and plug-in into this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "process")]
    markdown: Option<PathBuf>,
}

impl Command for SchemaArgs {
    const NAME: &'static str = "schema";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        if let Some(folder) = &self.markdown {
            return write_pages(folder, context.registry());
        }
        let schema = if self.process { process_schema() } else { editor_schema(context.registry()) };
        print(pretty(&schema))
    }
}

fn write_pages(folder: &Path, registry: &Registry) -> Result<(), Exit> {
    let pages = pages(registry);
    for page in &pages {
        let path = folder.join(&page.path);
        let written =
            fs::create_dir_all(path.parent().unwrap_or(folder)).and_then(|()| fs::write(&path, &page.text));
        written.map_err(|error| Exit::Environment(format!("cannot write {}: {error}", path.display())))?;
    }
    print(format!("{} pages written to {}", pages.len(), folder.display()))
}
