//! `sluice produce`: sends rows, lines and records to a topic.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::kafka::producer::{Outgoing, RecordProducer};
use crate::kafka::{Access, Identity};
use crate::offline::sample::SampleRecord;
use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Number, Value, json};
use sluice_connector_api::{Headers, Json};

use crate::cli::brokers::Brokers;
use crate::cli::by_schema::{BySchema, SerializeRecord};
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::csv_rows::rows_of;
use crate::cli::even_pace::EvenPace;
use crate::cli::exit::Exit;
use crate::cli::input::{LARGEST_RECORD, open};
use crate::cli::output::{Output, print};
use crate::cli::parse::pair;
use crate::cli::produced_key::ProducedKey;
use crate::cli::rows::{InputEntries, InputEntry, document_line, json_line, lines, record_line};

/// How the progress is shown.
const PROGRESS: &str = "{spinner} {human_pos} records sent, {per_sec}, {elapsed}";

/// How many times longer than what is sent a record may be as it is written: an escape of JSON has six bytes for one.
const LONGER_AS_WRITTEN: u64 = 8;

/// Sends CSV rows, JSON lines, lines of text or whole records to a topic.
///
/// Each CSV row becomes a JSON object with the header's names; each line goes as it is written. Ends when the broker has
/// acknowledged every record. A record is read whole, and takes up to 8 times `message.max.bytes` of memory, which is a million
/// unless `-X` says otherwise; by a schema 100 MiB.
///
/// An example: `sluice produce --topic streamtopic --add timestamp=now infra/demo/TestData.csv`
///
/// A tombstone: `echo 'OOOO:NULL' | sluice produce --topic prices --key-delimiter : --null NULL`
///
/// By a schema: `sluice produce -t orders --format avro --schema order.avsc --registry http://localhost:8081 orders.jsonl`
///
/// A key of its own schema: `sluice produce -t orders --format avro --schema order.avsc --key id --key-object --key-schema id.avsc orders.jsonl`
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
    /// How the input is written: csv, jsonl, text or record; or the format of a schema that values are written as, such as avro
    /// [default: csv for a file that ends in .csv or .tsv, text for .txt, else jsonl]
    ///
    /// csv: comma-separated values with a header line. jsonl: one JSON value on each line. text: each line is a value as it is.
    /// record: each line is a JSON object with `value`, and optionally `key`, `headers`, `partition` and `timestamp`, as
    /// `preview --format record` reads it; `"value": null` is a tombstone. With the format of a schema the input is CSV or
    /// lines of JSON, and each value is written by the schema of `--schema`.
    #[arg(long, value_parser = Format::read)]
    format: Option<Format>,
    #[command(flatten)]
    by_schema: BySchema,
    /// What stands between the columns of CSV: a character, or `\t` [default: a comma, and a tab in a file that ends in .tsv]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
    #[command(flatten)]
    key: ProducedKey,
    /// With the format of a schema: each line is a record in full, as `--format record` has it, whose value and key are JSON
    #[arg(long, requires = "format")]
    records: bool,
    /// Sends no values: each record is a tombstone of its key
    #[arg(long)]
    tombstone: bool,
    /// A key or value that is written like this is none: such a value makes a tombstone
    #[arg(long, value_name = "TEXT")]
    null: Option<String>,
    /// A header of every record
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    header: Vec<(String, String)>,
    /// A field to add to each object; `now` is the time in epoch seconds with a fraction
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair)]
    add: Vec<(String, String)>,
    /// Records per second, evenly spaced, such as 50 or 0.5 [default: as fast as the broker takes them]
    #[arg(long, value_name = "RATE", value_parser = EvenPace::read, allow_negative_numbers = true)]
    rate: Option<EvenPace>,
    /// How the outcome is printed
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Jsonl,
    Text,
    Record,
    /// What the program has a serializer for.
    BySchema(String),
}

impl Format {
    #[allow(clippy::unnecessary_wraps, reason = "clap wants it")]
    fn read(name: &str) -> Result<Self, Infallible> {
        Ok(match name {
            "csv" => Self::Csv,
            "jsonl" => Self::Jsonl,
            "text" => Self::Text,
            "record" => Self::Record,
            other => Self::BySchema(other.to_owned()),
        })
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [one] => Ok(*one),
        br"\t" => Ok(b'\t'),
        _ => Err("is not one character of ASCII, or `\\t` for a tab".to_owned()),
    }
}

impl Command for ProduceArgs {
    const NAME: &'static str = "produce";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let format = match &self.format {
            Some(Format::BySchema(name)) => Some(name.as_str()),
            _ => None,
        };
        if self.tombstone && !self.key.is_given() && !self.has_records() {
            let text = "--tombstone: a tombstone is of a key; name its field with --key, or give --key-text or --key-delimiter";
            return Err(Exit::Running(text.to_owned()));
        }
        if self.records && format.is_none() {
            let text =
                "--records: is for the format of a schema, such as avro; without one, take --format record";
            return Err(Exit::Running(text.to_owned()));
        }
        let (topic, registry) = (&self.topic, context.registry());
        let serialize = self.by_schema.open(format, topic, !self.tombstone, registry).await?;
        let access = self.brokers.access(context.registry()).await?;
        let identity = access.identity().await.map_err(|error| Exit::Environment(error.to_string()))?;
        let joined = tokio::task::spawn_blocking(move || {
            let producer = TopicProducer::new(&self.topic, access, identity)?;
            produce(&self, producer, serialize.as_ref())
        })
        .await;
        joined.map_err(|error| Exit::Running(error.to_string()))?
    }
}

/// Sends everything, and waits until it is acknowledged: where the input goes wrong, what stands before that, too.
fn produce(
    args: &ProduceArgs,
    mut producer: TopicProducer,
    serialize: Option<&SerializeRecord>,
) -> Result<(), Exit> {
    let sent = send_all(args, &mut producer, serialize);
    let finished = producer.finish();
    let count = match (sent, finished) {
        (Ok(()), finished) => finished?,
        (Err(Exit::Running(text)), Ok(count)) if count > 0 => {
            let topic = &args.topic;
            return Err(Exit::Running(format!(
                "{text}; {count} record(s) before it are acknowledged in {topic}"
            )));
        }
        (Err(exit), _) => return Err(exit),
    };
    print(match args.output {
        Output::Text => format!("{count} record(s) acknowledged in {}", args.topic),
        Output::Json => json!({ "topic": args.topic, "acknowledged": count }).to_string(),
    })
}

fn send_all(
    args: &ProduceArgs,
    producer: &mut TopicProducer,
    serialize: Option<&SerializeRecord>,
) -> Result<(), Exit> {
    let mut pace = args.rate.clone();
    for (index, entry) in args.read(producer.producer.max_bytes())?.enumerate() {
        let entry = entry?;
        if let Some(pace) = &mut pace {
            producer.producer.wait_until(pace.next(Instant::now()));
        }
        // After the wait, so that `now` is when the record is sent.
        let record = args.record(entry, serialize).map_err(|exit| match exit {
            Exit::Running(text) => Exit::Running(format!("record {}: {text}", index + 1)),
            other => other,
        })?;
        producer.send_record(&record)?;
    }
    Ok(())
}

impl ProduceArgs {
    /// `max_bytes` are those that the producer takes of a record.
    fn read(&self, max_bytes: usize) -> Result<InputEntries, Exit> {
        let input = open(&self.input)?;
        let largest = match self.format() {
            // By a schema much JSON may become few bytes.
            Format::BySchema(_) => LARGEST_RECORD,
            _ => (max_bytes as u64).saturating_mul(LONGER_AS_WRITTEN).min(LARGEST_RECORD),
        };
        if self.records {
            return Ok(Box::new(lines(input, largest, None, document_line)));
        }
        let delimiter = self.key.key_delimiter.clone();
        Ok(match self.format() {
            Format::Csv | Format::BySchema(_) if self.is_csv() => Box::new(
                rows_of(input, self.column_delimiter(), largest)?.map(|row| row.map(InputEntry::Row)),
            ),
            Format::Csv | Format::Jsonl | Format::BySchema(_) => {
                let null = self.null.clone();
                // What stands for null need not be JSON.
                Box::new(lines(input, largest, delimiter, move |line| {
                    if null.as_deref() == Some(line) { Ok(None) } else { json_line(line) }
                }))
            }
            Format::Text => Box::new(lines(input, largest, delimiter, |_| Ok(None))),
            Format::Record => Box::new(lines(input, largest, None, record_line)),
        })
    }

    fn format(&self) -> Format {
        self.format.clone().unwrap_or(match self.extension() {
            Some("csv" | "tsv") => Format::Csv,
            Some("txt") => Format::Text,
            _ => Format::Jsonl,
        })
    }

    /// Says whether the input is CSV: where the format is one of values, its name tells.
    fn is_csv(&self) -> bool {
        self.format() == Format::Csv || matches!(self.extension(), Some("csv" | "tsv"))
    }

    fn column_delimiter(&self) -> u8 {
        self.delimiter.unwrap_or(if self.extension() == Some("tsv") { b'\t' } else { b',' })
    }

    /// Says whether each line is a record in full.
    fn has_records(&self) -> bool {
        self.records || self.format() == Format::Record
    }

    fn extension(&self) -> Option<&str> {
        self.input.extension().and_then(|extension| extension.to_str())
    }

    /// Makes the record of an entry, written by the schemas where there are some.
    fn record(&self, entry: InputEntry, serialize: Option<&SerializeRecord>) -> Result<SampleRecord, Exit> {
        let mut record = self.shape(entry)?;
        if let Some(serialize) = serialize {
            record.value = record.value.map(|value| serialize.value(&value)).transpose()?;
            let key = record.key.map(|key| serialize.key(&key, self.key.advice()));
            record.key = key.transpose()?;
        }
        Ok(record)
    }

    /// Adds fields and headers and picks the key, where that is asked for.
    fn shape(&self, entry: InputEntry) -> Result<SampleRecord, Exit> {
        let mut record = match entry {
            InputEntry::Record(record) => record,
            InputEntry::Row(row) => self.of_object(row)?,
            InputEntry::Line { key, value } => {
                let mut record = self.of_line(value)?;
                if let Some(key) = key {
                    record.key = self.bytes_of(key);
                }
                record
            }
        };
        if let Some(text) = &self.key.key_text {
            record.key = Some(text.clone().into());
        }
        if self.tombstone {
            record.value = None;
        }
        for (name, value) in &self.header {
            record.headers.push(name.clone(), Some(value.clone().into()));
        }
        Ok(record)
    }

    /// Text as bytes, unless it stands for null.
    fn bytes_of(&self, text: String) -> Option<Bytes> {
        if self.null.as_ref() == Some(&text) { None } else { Some(text.into()) }
    }

    fn of_line(&self, line: String) -> Result<SampleRecord, Exit> {
        let needs_object = self.key.is_of_fields() || !self.add.is_empty();
        if !needs_object || self.null.as_ref() == Some(&line) {
            return Ok(SampleRecord { value: self.bytes_of(line), ..SampleRecord::default() });
        }
        let object = object(&line).map_err(|reason| {
            Exit::Running(format!("`{line}` is not a JSON object, which --add and --key need: {reason}"))
        })?;
        self.of_object(object)
    }

    fn of_object(&self, mut object: Map<String, Value>) -> Result<SampleRecord, Exit> {
        for (name, value) in &self.add {
            object.insert(name.clone(), if value == "now" { now() } else { value.clone().into() });
        }
        let key = self.key.of(&object, self.by_schema.has_key())?.and_then(|key| self.bytes_of(key));
        let value = Some(Value::Object(object).to_string().into());
        Ok(SampleRecord { key, value, ..SampleRecord::default() })
    }
}

fn object(line: &str) -> Result<Map<String, Value>, String> {
    let json = Json::from_slice(line.as_bytes()).map_err(|error| error.to_string())?;
    match json.into_value() {
        Value::Object(fields) => Ok(fields),
        other => Err(format!("it is `{other}`")),
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
        let (key, value) = (key.map(str::as_bytes), Some(value.as_bytes()));
        let headers = Headers::new();
        self.hand_over(&Outgoing { key, value, headers: &headers, partition: None, timestamp: None })
    }

    /// Hands a record in full over; its topic and offset, which say where it was read, are no matter here.
    fn send_record(&mut self, record: &SampleRecord) -> Result<(), Exit> {
        let SampleRecord { key, value, headers, partition, timestamp, .. } = record;
        self.hand_over(&Outgoing {
            key: key.as_deref(),
            value: value.as_deref(),
            headers,
            partition: *partition,
            timestamp: *timestamp,
        })
    }

    fn hand_over(&mut self, record: &Outgoing<'_>) -> Result<(), Exit> {
        self.producer.send(record).map_err(|error| Exit::Running(error.to_string()))?;
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
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template(PROGRESS) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
