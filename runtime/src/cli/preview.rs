//! `sluice preview`: what the sink would get.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use crate::config::interpolate::Follow;
use crate::connector::load::Connector;
use crate::offline::preview::{InputFormat, Preview, Previewed, preview};
use crate::shown::on_one_line;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use sluice_connector_api::Registry;

use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, pretty, print, verdict};

/// Runs a connector's transforms on sample records and shows what the sink would get.
///
/// Shows each record after each step, and then the requests that the sink would send, batched as the engine would
/// batch them. Needs no broker and no target, and changes nothing. Environment variables that the file names and
/// that are not set stay as they are written. Exits with code 1 if a record is rejected.
///
/// An example: `sluice preview connectors.d/stock-prices.yaml --input records.jsonl`
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// The connector's file
    connector: PathBuf,
    /// File with one record per line, or `-` for standard input
    #[arg(long, short, value_name = "FILE")]
    input: PathBuf,
    /// How records are written
    #[arg(long, value_enum, default_value_t = Format::Value)]
    format: Format,
    /// How it is shown: text, or one JSON document
    #[arg(long, short, value_enum, hide_possible_values = true, default_value_t = Output::Text)]
    output: Output,
    /// The same as `--output json`
    #[arg(long, hide = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// Each line is a record's value
    Value,
    /// Each line is a JSON object with `value`, and optionally `key`, `headers`, `topic`, `partition`, `offset` and
    /// `timestamp` (milliseconds); `"value": null` is a tombstone
    Record,
}

impl Command for PreviewArgs {
    const NAME: &'static str = "preview";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        preview_with(&self, context.registry()).await
    }
}

async fn preview_with(args: &PreviewArgs, registry: &Registry) -> Result<(), Exit> {
    let connector = Connector::load(&args.connector, registry, Follow::Present).await?;
    let format = match args.format {
        Format::Value => InputFormat::Value,
        Format::Record => InputFormat::Record,
    };
    let preview = preview(&connector, open(&args.input)?, format)
        .await
        .map_err(|error| Exit::Running(format!("{}: {error}", args.input.display())))?;
    let printed = if args.json || args.output == Output::Json {
        print(pretty(&to_json(&preview)))
    } else {
        show(&connector, &preview)
    };
    let outcome = match rejected(&preview) {
        0 => Ok(()),
        count => {
            Err(Exit::Running(format!("{count} of {} records would be rejected", preview.records.len())))
        }
    };
    verdict(printed, outcome)
}

fn rejected(preview: &Preview) -> usize {
    let by_chain = preview.records.iter().filter(|record| record.rejected.is_some()).count();
    by_chain + preview.requests.iter().filter(|request| request.is_err()).count()
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Exit> {
    if path == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let file = File::open(path)
        .map_err(|error| Exit::Running(format!("cannot open {}: {error}", path.display())))?;
    Ok(Box::new(BufReader::new(file)))
}

fn show(connector: &Connector, preview: &Preview) -> Result<(), Exit> {
    for record in &preview.records {
        show_record(record)?;
    }
    let count = preview.requests.iter().filter(|request| request.is_ok()).count();
    print(format!("sink {}: {count} request(s)", connector.sink_name))?;
    for request in &preview.requests {
        match request {
            Ok(request) => print(pretty(request))?,
            Err(reason) => print(format!("✗ {}", on_one_line(&connector.blanks.apply(reason))))?,
        }
    }
    Ok(())
}

fn show_record(record: &Previewed) -> Result<(), Exit> {
    print(format!("record {}", record.origin))?;
    for (stage, records) in &record.stages {
        let shown: Vec<_> = records.iter().map(ToString::to_string).collect();
        print(format!("  {stage}: {}", shown.join(" ")))?;
    }
    if let Some(reason) = &record.rejected {
        print(format!("  ✗ {}", on_one_line(reason)))?;
    }
    print("")
}

fn to_json(preview: &Preview) -> Value {
    let record = |record: &Previewed| {
        let stage = |(stage, records): &(String, Vec<Value>)| json!({ "stage": stage, "records": records });
        let stages: Vec<_> = record.stages.iter().map(stage).collect();
        json!({ "origin": record.origin.to_string(), "stages": stages, "rejected": record.rejected })
    };
    let request = |request: &Result<Value, String>| match request {
        Ok(request) => json!({ "request": request }),
        Err(reason) => json!({ "rejected": reason }),
    };
    let records: Vec<_> = preview.records.iter().map(record).collect();
    let requests: Vec<_> = preview.requests.iter().map(request).collect();
    json!({ "records": records, "requests": requests })
}
