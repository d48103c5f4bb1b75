use clap::Args;
use sluice_runtime::config::schema::{editor_schema, process_schema};

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
}

pub(crate) fn run(args: &SchemaArgs) -> Result<(), Exit> {
    let schema = if args.process { process_schema() } else { editor_schema(&crate::registry()) };
    print(pretty(&schema))
}
