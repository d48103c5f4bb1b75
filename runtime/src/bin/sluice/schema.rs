use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use sluice_runtime::config::schema::editor_schema;
use sluice_runtime::config::worker::process_schema;
use sluice_runtime::reference::pages;

use crate::exit::{Exit, print};
use crate::preview::pretty;

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

pub(crate) fn run(args: &SchemaArgs) -> Result<(), Exit> {
    if let Some(folder) = &args.markdown {
        return write_pages(folder);
    }
    let schema = if args.process { process_schema() } else { editor_schema(&crate::registry()) };
    print(pretty(&schema))
}

fn write_pages(folder: &Path) -> Result<(), Exit> {
    let pages = pages(&crate::registry());
    for page in &pages {
        let path = folder.join(&page.path);
        let written =
            fs::create_dir_all(path.parent().unwrap_or(folder)).and_then(|()| fs::write(&path, &page.text));
        written.map_err(|error| Exit::Environment(format!("cannot write {}: {error}", path.display())))?;
    }
    print(format!("{} pages written to {}", pages.len(), folder.display()))
}
