//! `sluice dlq`: dead letters, to look at and to send back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dead_letter::{is_reason, origin_topic, part_held, text, timestamp_of_record};
use crate::kafka::dead_letter_topic::TopicSink;
use crate::kafka::scan::scan;
use crate::kafka::{Access, reason};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};
use sluice_connector_api::Registry;
use sluice_connector_api::{Payload, PutError, Record, Sink};

use crate::cli::brokers::Brokers;
use crate::cli::command::Command;
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::output::{Output, pretty, print};
use crate::cli::replay;
use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::connector::load::Connector;
use crate::shown::{on_one_line, shortened};

/// How long the brokers may keep silent.
const SILENCE: Duration = Duration::from_secs(15);
/// Characters of a reason that a list shows: another tool may have written whole pages.
const SHOWN_CHARS: usize = 500;
/// Letters sent back at once.
const BATCH: usize = 500;

/// Reads a dead letter topic, and sends records back to where they came from.
///
/// Works with every topic that holds Kafka Connect's error headers, also with one that Kafka Connect wrote.
#[derive(Debug, Args)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Debug, Subcommand)]
enum DlqCommand {
    /// Lists dead letters, a line each: its place in the queue, where it came from, the stage and the reason
    List {
        #[command(flatten)]
        queue: QueueArgs,
        /// How letters are printed
        #[arg(long, short, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Shows dead letters in full, as JSON: key, value, headers, and the reason
    Show {
        #[command(flatten)]
        queue: QueueArgs,
        /// The letters to show
        #[arg(required = true, value_name = "PARTITION:OFFSET", value_parser = place)]
        letters: Vec<Place>,
        /// How letters are printed: over several lines, or one on each line
        #[arg(long, short, value_enum, hide_possible_values = true, default_value_t = Output::Text)]
        output: Output,
    },
    /// Sends records back to the topic that they came from, as they were read there
    ///
    /// Ends when the broker has acknowledged all of them. The letters stay in the queue, where only its retention
    /// removes them: to send back the same letters twice writes their records twice.
    ///
    /// With `--through` they go straight through their connector instead: its converters, transforms and sink, with its
    /// retries and its pace. A record keeps the place where it was read, and so the id that a sink gives it: to run it
    /// again after a kill overwrites what is there. What is rejected again is listed, and stays in the queue. A record
    /// that is newer in the target is overwritten by an older one from the queue where both have the same id.
    #[command(group(ArgGroup::new("chosen").required(true).args(["letters", "all"])))]
    Replay {
        #[command(flatten)]
        queue: QueueArgs,
        /// The letters to send back
        #[arg(value_name = "PARTITION:OFFSET", value_parser = place)]
        letters: Vec<Place>,
        /// Send back every letter
        #[arg(long)]
        all: bool,
        /// Send to this topic instead
        #[arg(long, value_name = "TOPIC")]
        to: Option<String>,
        /// Send through the connector in this file instead
        #[arg(long, value_name = "FILE", conflicts_with = "to")]
        through: Option<PathBuf>,
        /// Print what would be sent, and send nothing
        #[arg(long)]
        dry_run: bool,
        /// How it is reported
        #[arg(long, short, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

/// A place in the queue: partition and offset.
type Place = (i32, i64);

#[derive(Debug, Args)]
struct QueueArgs {
    /// The dead letter topic [default: that of the connector]
    #[arg(long, short, required_unless_present = "connector")]
    topic: Option<String>,
    #[command(flatten)]
    brokers: Brokers,
}

fn place(text: &str) -> Result<Place, String> {
    let (partition, offset) = text.split_once(':').ok_or("is not written as PARTITION:OFFSET")?;
    let number = |error: std::num::ParseIntError| format!("is not written as PARTITION:OFFSET: {error}");
    Ok((partition.parse().map_err(number)?, offset.parse().map_err(number)?))
}

impl Command for DlqArgs {
    const NAME: &'static str = "dlq";

    async fn run(self, context: &Context) -> Result<(), Exit> {
        let registry = context.registry();
        match self.command {
            DlqCommand::List { queue, output } => {
                let letters = queue.open(registry).await?.read().await?;
                letters.iter().try_for_each(|letter| print(line(letter, output)))
            }
            DlqCommand::Show { queue, letters, output } => {
                let chosen = choose(queue.open(registry).await?.read().await?, &letters)?;
                chosen.iter().try_for_each(|letter| {
                    print(match output {
                        Output::Text => pretty(&shown(letter)),
                        Output::Json => shown(letter).to_string(),
                    })
                })
            }
            DlqCommand::Replay { queue, letters, all, to, through, dry_run, output } => {
                let queue = queue.open(registry).await?;
                let read = queue.read().await?;
                let chosen = if all { read } else { choose(read, &letters)? };
                let (whole, parts): (Vec<_>, Vec<_>) =
                    chosen.into_iter().partition(|letter| part_held(letter).is_none());
                parts.iter().try_for_each(|letter| print(not_sent(letter, output)))?;
                let sent = match through {
                    Some(file) => {
                        let connector = Connector::load(&file, registry, Follow::Every).await?;
                        replay::through(&connector, whole, dry_run, output).await
                    }
                    None => send_back(&queue.access, whole, to.as_deref(), dry_run, output).await,
                };
                sent.and_then(|()| all_whole(&parts))
            }
        }
    }
}

/// A dead letter topic, and how to become a client of its brokers.
struct Queue {
    topic: String,
    access: Access,
}

impl QueueArgs {
    async fn open(&self, registry: &Registry) -> Result<Queue, Exit> {
        let topic = match &self.topic {
            Some(topic) => topic.clone(),
            None => self.topic_of_connector(registry).await?,
        };
        let access = self.brokers.access(registry).await?;
        Ok(Queue { topic, access })
    }

    async fn topic_of_connector(&self, registry: &Registry) -> Result<String, Exit> {
        let connector = self.brokers.connector(registry).await?;
        let queue = connector.and_then(|connector| connector.errors.dead_letter_queue);
        queue.and_then(|queue| queue.topic).ok_or_else(|| {
            let file = self.brokers.connector.as_deref().unwrap_or(Path::new(""));
            let text = "has no topic at `errors.dead_letter_queue.topic`; name one with --topic";
            Exit::Configuration(vec![Problem::of_file(file, text)])
        })
    }
}

impl Queue {
    async fn read(&self) -> Result<Vec<Record>, Exit> {
        let read = scan(self.access.clone(), self.topic.clone(), SILENCE).await;
        read.map_err(|error| {
            Exit::Environment(format!("cannot read {}: {}", self.topic, reason(&self.access, &error)))
        })
    }
}

fn choose(read: Vec<Record>, letters: &[Place]) -> Result<Vec<Record>, Exit> {
    let wanted: BTreeSet<Place> = letters.iter().copied().collect();
    let chosen: Vec<_> = read.into_iter().filter(|letter| wanted.contains(&place_of(letter))).collect();
    let found: BTreeSet<Place> = chosen.iter().map(place_of).collect();
    match wanted.difference(&found).next() {
        None => Ok(chosen),
        Some((partition, offset)) => {
            let text = format!(
                "the queue holds no letter {partition}:{offset}; `sluice dlq list` shows those that it holds, and `sluice \
                 dlq replay --all` takes all of them"
            );
            Err(Exit::Running(text))
        }
    }
}

fn place_of(letter: &Record) -> Place {
    (letter.origin().partition(), letter.origin().offset())
}

fn line(letter: &Record, output: Output) -> String {
    let of = |name: &str| text(letter, &format!("__connect.errors.{name}"));
    let (partition, offset) = place_of(letter);
    let (connector, stage, reason) = (of("connector.name"), of("stage"), of("exception.message"));
    let reason = reason.map(|reason| shortened(&reason, SHOWN_CHARS).into_owned());
    match output {
        Output::Text => {
            let known = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
            let origin = [of("topic"), of("partition"), of("offset")].map(known).join("-");
            let (connector, stage, reason) = (known(connector), known(stage), known(reason));
            let part = part_held(letter).map(|part| format!("  ({part})")).unwrap_or_default();
            let line = format!("{partition}:{offset}  {origin}  {connector}  {stage}  {reason}{part}");
            on_one_line(&line).into_owned()
        }
        Output::Json => {
            let number = |name: &str| of(name).and_then(|text| text.parse::<i64>().ok());
            let origin =
                json!({ "topic": of("topic"), "partition": number("partition"), "offset": number("offset") });
            let mut line = json!({
                "letter": format!("{partition}:{offset}"),
                "origin": origin,
                "connector": connector,
                "stage": stage,
                "reason": reason,
            });
            say_part(&mut line, letter);
            line.to_string()
        }
    }
}

/// Says how much of its record a letter holds, where that is not all.
fn say_part(shown: &mut Value, letter: &Record) {
    if let (Some(shown), Some(part)) = (shown.as_object_mut(), part_held(letter)) {
        shown.insert("holds".to_owned(), part.into());
    }
}

fn shown(letter: &Record) -> Value {
    let display =
        |payload: &Option<Payload>| payload.as_ref().map(|payload| payload.to_display().into_owned());
    let (reasons, headers): (Vec<_>, Vec<_>) =
        letter.headers.iter().partition(|header| is_reason(&header.name));
    let value = |value: Option<&[u8]>| value.map(|value| String::from_utf8_lossy(value).into_owned());
    let headers: Vec<_> = headers
        .iter()
        .map(|header| json!({ "name": header.name, "value": value(header.value.as_deref()) }))
        .collect();
    let reasons: Map<String, Value> =
        reasons.iter().map(|header| (header.name.clone(), value(header.value.as_deref()).into())).collect();
    let (partition, offset) = place_of(letter);
    let mut shown = json!({
        "letter": format!("{partition}:{offset}"),
        "timestamp": letter.timestamp.map(|timestamp| timestamp.millis),
        "key": display(&letter.key),
        "value": display(&letter.value),
        "headers": headers,
        "errors": reasons,
    });
    say_part(&mut shown, letter);
    shown
}

/// Sends each run of letters for one topic at once, in the order of the queue.
async fn send_back(
    access: &Access,
    letters: Vec<Record>,
    to: Option<&str>,
    dry_run: bool,
    output: Output,
) -> Result<(), Exit> {
    let target = |letter: &Record| to.map(str::to_owned).or_else(|| origin_topic(letter));
    let mut sent = 0;
    for run in letters.chunk_by(|one, other| target(one) == target(other)).flat_map(|run| run.chunks(BATCH)) {
        let Some(first) = run.first() else { continue };
        let Some(topic) = target(first) else {
            let (partition, offset) = place_of(first);
            return Err(Exit::Running(format!(
                "letter {partition}:{offset} does not say where it came from; name a topic with --to"
            )));
        };
        let records: Vec<Record> = run.iter().map(as_read).collect();
        if dry_run {
            records.iter().try_for_each(|record| print(planned(record, &topic, output)))?;
        } else {
            let put = TopicSink::from_existing(&topic, access.clone()).put(&records).await;
            put.map_err(|error: PutError| {
                Exit::Environment(format!("{sent} record(s) were sent back, then: {error}"))
            })?;
        }
        sent += records.len();
    }
    print(match output {
        Output::Text if dry_run => format!("{sent} record(s) would be sent back"),
        Output::Text => format!("{sent} record(s) sent back and acknowledged"),
        Output::Json => json!({ "records": sent, "dry_run": dry_run }).to_string(),
    })
}

/// The record without what the queue added.
fn as_read(letter: &Record) -> Record {
    let mut record = letter.clone();
    record.timestamp = timestamp_of_record(letter);
    for header in letter.headers.iter().filter(|header| is_reason(&header.name)) {
        record.headers.remove(&header.name);
    }
    record
}

/// Says that a letter cannot be sent back, since it does not hold its record.
fn not_sent(letter: &Record, output: Output) -> String {
    let (partition, offset) = place_of(letter);
    let of = |name: &str| text(letter, &format!("__connect.errors.{name}")).unwrap_or_else(|| "?".to_owned());
    let origin = ["topic", "partition", "offset"].map(of).join("-");
    let holds = part_held(letter).unwrap_or_default();
    match output {
        Output::Text => {
            let line = format!(
                "{partition}:{offset}  {origin}  not sent: the letter does not hold its record ({holds})"
            );
            on_one_line(&line).into_owned()
        }
        Output::Json => {
            let letter = format!("{partition}:{offset}");
            json!({ "letter": letter, "record": origin, "not_sent": holds }).to_string()
        }
    }
}

fn all_whole(parts: &[Record]) -> Result<(), Exit> {
    match parts.len() {
        0 => Ok(()),
        count => Err(Exit::Running(format!(
            "{count} letter(s) hold only part of their records, which were too large for the queue; read these where they \
             came from, if they are still there"
        ))),
    }
}

/// A letter that would be sent to a topic.
fn planned(record: &Record, topic: &str, output: Output) -> String {
    let (partition, offset) = place_of(record);
    let value = record.value.as_ref().map(|value| value.to_display());
    match output {
        Output::Text => {
            let value = value.as_deref().unwrap_or("(tombstone)");
            format!("{partition}:{offset}  {} -> {}", on_one_line(value), on_one_line(topic))
        }
        Output::Json => {
            let letter = format!("{partition}:{offset}");
            json!({ "letter": letter, "value": value, "to": topic }).to_string()
        }
    }
}
