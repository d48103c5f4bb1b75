//! `sluice preview`: what the sink would get.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::{Value, json};
use sluice_connector_api::Registry;

use crate::cli::brokers::{failed, reachable};
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::csv_rows::rows;
use crate::cli::exit::Exit;
use crate::cli::input::read;
use crate::cli::output::{Output, pretty, print, verdict};
use crate::config::interpolate::Follow;
use crate::config::text_file::{TextFile, read_text};
use crate::connector::load::Connector;
use crate::kafka::newest::newest;
use crate::lambda;
use crate::offline::preview::{Preview, Previewed, Sampled, preview};
use crate::offline::sample::{self, InputFormat, Places, SampleRecord};
use crate::shown::on_one_line;

/// How long it may take until the newest records of a topic are there.
const LIVE: Duration = Duration::from_secs(15);
/// The most records that are looked at: each is kept as it is after each step.
const MAX_RECORDS: usize = 100_000;

/// Runs a connector on sample records and shows what the sink would get.
///
/// Shows each record after each step, and then the requests that the sink would send: of the same batches, in the same
/// order and with the same records left out as the engine makes them that has all of these records at hand. Changes
/// nothing, and needs no target. A file of records needs no broker either; environment variables that the connector
/// names and that are not set then stay as they are written. Exits with code 1 if a record is rejected.
///
/// An example: `sluice preview connectors.d/stock-prices.yaml --input records.jsonl`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("records").required(true).args(["input", "live"])))]
pub(crate) struct PreviewArgs {
    /// The connector's file
    connector: PathBuf,
    /// File with one record per line, or the event of an AWS Lambda function, or `-` for standard input; at most 8 MiB
    #[arg(long, short, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Take the newest records of the connector's topics instead, at most so many, without joining its group
    #[arg(long, value_name = "COUNT", value_parser = live)]
    live: Option<usize>,
    /// How records are written [default: event where the file is one, csv where its name ends in .csv or .tsv, else
    /// value]
    #[arg(long, value_enum, conflicts_with = "live")]
    format: Option<Format>,
    /// How it is shown: text, or one JSON document
    #[arg(long, short, value_enum, hide_possible_values = true, default_value_t = Output::Text)]
    output: Output,
    /// The same as `--output json`
    #[arg(long, hide = true)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Each line is a record's value
    Value,
    /// Comma-separated values with a header line; each row is an object, as `sluice produce` makes it
    Csv,
    /// Each line is a JSON object with `value`, and optionally `key`, `headers`, `topic`, `partition`, `offset` and
    /// `timestamp` (milliseconds); `"value": null` is a tombstone
    Record,
    /// The event that a Lambda event source mapping for Kafka invokes a function with
    Event,
}

fn live(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=MAX_RECORDS).contains(count));
    count.ok_or_else(|| format!("is a number from 1 to {MAX_RECORDS}"))
}

impl Command for PreviewArgs {
    const NAME: &'static str = "preview";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let (connector, records) = match &self.input {
            Some(input) => self.of_file(input, context.registry()).await?,
            None => self.of_topics(context.registry()).await?,
        };
        let preview = preview(&connector, records).await;
        let printed = if self.json || self.output == Output::Json {
            print(pretty(&to_json(&preview)))
        } else {
            show(&connector, &preview)
        };
        verdict(printed, outcome(&preview))
    }
}

impl PreviewArgs {
    async fn of_file(&self, input: &Path, registry: &Registry) -> Result<(Connector, Vec<Sampled>), Exit> {
        let bytes = read(input)?;
        let said = |error: &dyn std::fmt::Display| Exit::Running(format!("{}: {error}", input.display()));
        if self.is_event(&bytes) {
            let connector = of_function(&self.connector, registry).await?;
            let event = lambda::event_of(&bytes).map_err(|error| said(&error))?;
            let records = event.into_records().map_err(|error| said(&error))?.records;
            return Ok((connector, records));
        }
        let connector = Connector::load(&self.connector, registry, Follow::Present).await?;
        let topics = &connector.source.kafka.topics;
        let topic = topics.first().map_or("sample", |topic| topic.trim_start_matches('^'));
        if let Some(delimiter) = self.delimiter(input) {
            let records = of_rows(bytes, topic, delimiter)?;
            return Ok((connector, records));
        }
        let format = match self.format {
            Some(Format::Record) => InputFormat::Record,
            _ => InputFormat::Value,
        };
        let lines = bytes.split_inclusive(|byte| *byte == b'\n').count();
        if lines > MAX_RECORDS {
            let text = format!(
                "has {lines} lines, and {MAX_RECORDS} are shown at most; give a part of it, as `head` does"
            );
            return Err(said(&text));
        }
        let records = sample::read(&bytes[..], topic, format).map_err(|error| said(&error))?;
        Ok((connector, records.into_iter().map(|record| (record, None)).collect()))
    }

    /// Returns what stands between columns where the input is CSV, as `sluice produce` takes it.
    fn delimiter(&self, input: &Path) -> Option<u8> {
        let extension = input.extension().and_then(|extension| extension.to_str());
        match (self.format, extension) {
            (None | Some(Format::Csv), Some("tsv")) => Some(b'\t'),
            (Some(Format::Csv), _) | (None, Some("csv")) => Some(b','),
            _ => None,
        }
    }

    fn is_event(&self, input: &[u8]) -> bool {
        match self.format {
            Some(format) => format == Format::Event,
            None => lambda::is_event(input),
        }
    }

    async fn of_topics(&self, registry: &Registry) -> Result<(Connector, Vec<Sampled>), Exit> {
        // What the file names must be there: it is the way to the brokers.
        let connector = Connector::load(&self.connector, registry, Follow::Every).await?;
        let kafka = &connector.source.kafka;
        let access = kafka.access();
        reachable(&access).await?;
        let count = self.live.unwrap_or(1);
        let records = newest(access.clone(), kafka.topics.clone(), count, LIVE).await;
        let records = records.map_err(|error| failed(&access, &error))?;
        Ok((connector, records.into_iter().map(|record| (record, None)).collect()))
    }
}

/// Makes each row of CSV a record whose value is an object, as `sluice produce` does.
fn of_rows(input: Vec<u8>, topic: &str, delimiter: u8) -> Result<Vec<Sampled>, Exit> {
    let (mut places, mut records) = (Places::new(topic), Vec::new());
    for row in rows(std::io::Cursor::new(input), delimiter)? {
        let value = Some(Value::Object(row?).to_string().into());
        let record = places.place(SampleRecord { value, ..SampleRecord::default() });
        records.push((record.map_err(|error| Exit::Running(error.to_string()))?, None));
    }
    Ok(records)
}

/// Loads a connector as a function would, where `source.kafka` may be absent.
async fn of_function(file: &Path, registry: &Registry) -> Result<Connector, Exit> {
    let text = read_text(file, TextFile::Connector).map_err(|problem| vec![problem])?;
    Ok(lambda::load(file, &text, registry, Follow::Present).await?)
}

fn outcome(preview: &Preview) -> Result<(), Exit> {
    if let Some(reason) = &preview.stopped {
        return Err(Exit::Running(format!("the connector would stop: {reason}")));
    }
    match preview.rejected() {
        0 => Ok(()),
        count => {
            Err(Exit::Running(format!("{count} of {} records would be rejected", preview.records.len())))
        }
    }
}

fn show(connector: &Connector, preview: &Preview) -> Result<(), Exit> {
    for record in &preview.records {
        show_record(record)?;
    }
    print(format!("sink {}: {} request(s)", connector.sink_name, preview.puts.len()))?;
    for put in &preview.puts {
        print(pretty(&put.request))?;
    }
    for (origin, reason) in &preview.rejected_by_sink {
        let reason = connector.blanks.apply(reason);
        let reason = on_one_line(&reason);
        print(format!("✗ record {origin} was rejected by the sink: {reason}"))?;
    }
    Ok(())
}

fn show_record(record: &Previewed) -> Result<(), Exit> {
    print(format!("record {}", record.origin))?;
    for (stage, records) in &record.stages {
        let shown: Vec<_> = records.iter().map(ToString::to_string).collect();
        print(if shown.is_empty() {
            format!("  {stage}")
        } else {
            format!("  {stage}: {}", shown.join(" "))
        })?;
    }
    if let Some(reason) = &record.rejected {
        print(format!("  ✗ {}", on_one_line(reason)))?;
    }
    if record.superseded {
        print("  superseded: a newer record is put in its place")?;
    }
    print("")
}

fn to_json(preview: &Preview) -> Value {
    let record = |record: &Previewed| {
        let stage = |(stage, records): &(String, Vec<Value>)| json!({ "stage": stage, "records": records });
        let stages: Vec<_> = record.stages.iter().map(stage).collect();
        json!({
            "origin": record.origin.to_string(), "stages": stages, "rejected": record.rejected,
            "superseded": record.superseded,
        })
    };
    let records: Vec<_> = preview.records.iter().map(record).collect();
    let mut requests = Vec::new();
    for put in &preview.puts {
        let origins: Vec<_> = put.records.iter().map(ToString::to_string).collect();
        requests.push(json!({ "records": origins, "request": put.request }));
    }
    for (origin, reason) in &preview.rejected_by_sink {
        let text = format!("record {origin} was rejected by the sink: {reason}");
        requests.push(json!({ "records": [origin.to_string()], "rejected": text }));
    }
    json!({ "records": records, "requests": requests, "stopped": preview.stopped })
}
