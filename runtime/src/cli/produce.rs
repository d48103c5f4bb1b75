//! `sluice produce`: sends rows and lines to a topic.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::kafka::producer::RecordProducer;
use crate::kafka::{Access, Identity};
use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use serde_json::{Map, Number, Value, json};
use sluice_connector_api::Json;

use crate::cli::brokers::Brokers;
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, print};
use crate::cli::parse::pair;

/// Sends CSV rows or JSON lines to a topic.
///
/// Each CSV row becomes a JSON object with the header's names; each JSON line goes as it is written. Ends when the
/// broker has acknowledged every record.
///
/// An example: `sluice produce --topic streamtopic --add timestamp=now infra/demo/TestData.csv`
#[derive(Debug, Args)]
pub(crate) struct ProduceArgs {
    /// The file, or `-` for standard input
    #[arg(default_value = "-", value_name = "FILE")]
    input: PathBuf,
    /// The topic to send to
    #[arg(long, short)]
    topic: String,
    #[command(flatten)]
    brokers: Brokers,
    /// How the input is written [default: csv for a file that ends in .csv, else jsonl]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The field that becomes the record's key
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,
    /// A field to add to each object; `now` is the time in epoch seconds with a fraction
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair)]
    add: Vec<(String, String)>,
    /// Records a second, evenly spaced, such as 50 or 0.5 [default: as fast as the broker takes them]
    #[arg(long, value_name = "RATE", value_parser = Pace::read, allow_negative_numbers = true)]
    rate: Option<Pace>,
    /// How the outcome is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Comma-separated values with a header line
    Csv,
    /// One JSON value a line
    Jsonl,
}

impl Command for ProduceArgs {
    const NAME: &'static str = "produce";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let access = self.brokers.access(context.registry()).await?;
        let identity = access.identity().await.map_err(|error| Exit::Environment(error.to_string()))?;
        let joined = tokio::task::spawn_blocking(move || {
            let producer = TopicProducer::new(&self.topic, access, identity)?;
            produce(&self, producer)
        })
        .await;
        joined.map_err(|error| Exit::Running(error.to_string()))?
    }
}

fn produce(args: &ProduceArgs, mut producer: TopicProducer) -> Result<(), Exit> {
    let mut pace = args.rate.clone();
    for value in read(args)? {
        let value = value?;
        if let Some(pace) = &mut pace {
            producer.producer.wait_until(pace.next(Instant::now()));
        }
        // After the wait, so that `now` is when the record is sent.
        let (key, value) = shape(args, value)?;
        producer.send(key.as_deref(), &value)?;
    }
    let count = producer.finish()?;
    print(match args.output {
        Output::Text => format!("{count} record(s) acknowledged in {}", args.topic),
        Output::Json => json!({ "topic": args.topic, "acknowledged": count }).to_string(),
    })
}

/// Spaces records evenly.
#[derive(Clone, Debug)]
struct Pace {
    interval: Duration,
    last: Option<Instant>,
}

impl Pace {
    /// Up to which lateness is made up for: that of a busy machine is, that of an input that comes slowly is not.
    const CATCH_UP: Duration = Duration::from_millis(100);

    /// Reads records per second.
    fn read(text: &str) -> Result<Self, String> {
        let rate = text.parse::<f64>().ok().filter(|rate| (0.001..=1e6).contains(rate));
        let rate = rate.ok_or("records per second are a number from 0.001 to 1000000")?;
        Ok(Self { interval: Duration::from_secs_f64(1.0 / rate), last: None })
    }

    /// Returns when the next record is due; the first one is at once.
    fn next(&mut self, now: Instant) -> Instant {
        let earliest = now.checked_sub(Self::CATCH_UP).unwrap_or(now);
        let due = self.last.map_or(now, |last| earliest.max(last + self.interval));
        self.last = Some(due);
        due
    }
}

/// One value of the input: an object from a CSV row, or a line of JSON as it is written.
enum Input {
    Row(Map<String, Value>),
    Line(String),
}

fn read(args: &ProduceArgs) -> Result<Box<dyn Iterator<Item = Result<Input, Exit>>>, Exit> {
    let input: Box<dyn Read> = if args.input == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(&args.input);
        Box::new(
            file.map_err(|error| Exit::Running(format!("cannot open {}: {error}", args.input.display())))?,
        )
    };
    let by_name = if args.input.extension().is_some_and(|extension| extension == "csv") {
        Format::Csv
    } else {
        Format::Jsonl
    };
    Ok(match args.format.unwrap_or(by_name) {
        Format::Csv => Box::new(rows(input)?.map(|row| row.map(Input::Row))),
        Format::Jsonl => Box::new(lines(input)),
    })
}

/// Reads CSV with a header line; every value is text.
pub fn rows(
    input: impl Read + 'static,
) -> Result<impl Iterator<Item = Result<Map<String, Value>, Exit>>, Exit> {
    let mut reader = csv::Reader::from_reader(input);
    let names = reader.headers().map_err(|error| no_csv(&error))?.clone();
    Ok(reader.into_records().map(move |row| {
        let row = row.map_err(|error| no_csv(&error))?;
        Ok(names.iter().zip(&row).map(|(name, value)| (name.to_owned(), value.into())).collect())
    }))
}

fn no_csv(error: &csv::Error) -> Exit {
    Exit::Running(format!("the input is no CSV: {error}"))
}

fn lines(input: impl Read + 'static) -> impl Iterator<Item = Result<Input, Exit>> {
    let lines = BufReader::new(input)
        .lines()
        .map(|line| line.map_err(|error| Exit::Running(format!("cannot read the input: {error}"))));
    lines
        .filter(|line| !line.as_ref().is_ok_and(|line| line.trim().is_empty()))
        .map(|line| line.map(Input::Line))
}

/// Adds fields and picks the key, where that is asked for.
fn shape(args: &ProduceArgs, input: Input) -> Result<(Option<String>, String), Exit> {
    let mut object = match input {
        Input::Line(line) if args.add.is_empty() && args.key.is_none() => return Ok((None, line)),
        Input::Line(line) => object(&line).map_err(|reason| {
            Exit::Running(format!("`{line}` is not a JSON object, which --add and --key need: {reason}"))
        })?,
        Input::Row(row) => row,
    };
    for (name, value) in &args.add {
        object.insert(name.clone(), if value == "now" { now() } else { value.clone().into() });
    }
    let key = args.key.as_ref().map(|field| key_of(&object, field)).transpose()?;
    Ok((key, Value::Object(object).to_string()))
}

fn object(line: &str) -> Result<Map<String, Value>, String> {
    let json = Json::from_slice(line.as_bytes()).map_err(|error| error.to_string())?;
    match json.into_value() {
        Value::Object(fields) => Ok(fields),
        other => Err(format!("it is `{other}`")),
    }
}

fn key_of(object: &Map<String, Value>, field: &str) -> Result<String, Exit> {
    match object.get(field) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value) => Ok(value.to_string()),
        None => Err(Exit::Running(format!("field `{field}`, which is to be the key, is missing"))),
    }
}

/// The time as epoch seconds with milliseconds, such as `1739712345.678`.
fn now() -> Value {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    seconds(millis)
}

/// Writes milliseconds as seconds, digit by digit.
pub fn seconds(millis: u128) -> Value {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// Sends records to one topic, and shows how many on a terminal.
#[derive(Debug)]
pub struct TopicProducer {
    producer: RecordProducer,
    bar: ProgressBar,
}

impl TopicProducer {
    /// Makes a producer for a topic, which must exist. `access` says where the brokers are, and may set more. Waits for the
    /// brokers' answer.
    pub fn new(topic: &str, access: Access, identity: Identity) -> Result<Self, Exit> {
        let producer = RecordProducer::new(topic, access, identity);
        let producer = producer.map_err(|error| Exit::Running(error.to_string()))?;
        producer.look_for_topic().map_err(|error| Exit::Environment(error.to_string()))?;
        Ok(Self { producer, bar: progress() })
    }

    /// Hands a record over; waits while the producer's queue is full.
    pub fn send(&mut self, key: Option<&str>, value: &str) -> Result<(), Exit> {
        self.producer.send(key, value).map_err(|error| Exit::Running(error.to_string()))?;
        self.bar.inc(1);
        Ok(())
    }

    /// Waits until every record is acknowledged; returns how many.
    pub fn finish(self) -> Result<u64, Exit> {
        let finished = self.producer.finish();
        self.bar.finish_and_clear();
        finished.map_err(|error| Exit::Environment(error.to_string()))
    }
}

/// Seen on a terminal only.
fn progress() -> ProgressBar {
    ProgressBar::new_spinner().with_message("records sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn records_are_evenly_spaced_whatever_sending_takes() {
        let (mut pace, began) = (Pace::read("50").unwrap(), Instant::now());
        let due: Vec<_> = [0, 3, 35, 60].map(|now| pace.next(began + millis(now)) - began).into();
        assert_eq!(due, [0, 20, 40, 60].map(millis));
    }

    #[test]
    fn what_a_slow_input_missed_is_not_sent_in_a_burst() {
        let (mut pace, began) = (Pace::read("50").unwrap(), Instant::now());
        let due: Vec<_> = [0, 5000, 5000].map(|now| pace.next(began + millis(now)) - began).into();
        assert_eq!(due, [0, 4900, 4920].map(millis));
    }

    #[test]
    fn a_rate_is_a_number_above_0() {
        for bad in ["0", "-5", "nan", "inf", "1e-9", "fast", ""] {
            assert!(Pace::read(bad).unwrap_err().contains("from 0.001 to 1000000"), "{bad}");
        }
        assert_eq!(Pace::read("0.5").unwrap().interval, millis(2000));
    }
}
