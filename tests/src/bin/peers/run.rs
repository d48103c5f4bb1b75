//! One run of a contender over the topics.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::Value;
use sluice_tests::connector::Folder;
use sluice_tests::{kafka, listener};

use crate::contender::{Peer, Sight};
use crate::door::CountingDoor;
use crate::job::{Job, PeerFlow, PeerTarget};
use crate::line::{LineTally, sentence};
use crate::options::SinkKind;
use crate::process::PeerProcess;
use crate::stage::PeerStage;

/// How often it is looked for the first record, and then for all.
const SOON: Duration = Duration::from_millis(2);
const LATER: Duration = Duration::from_millis(10);
/// How long nothing may come.
const HUNG: Duration = Duration::from_secs(90);

/// What one run of a contender took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerRun {
    /// From the start of the process to the first record.
    pub(crate) to_first: Duration,
    /// From the start of the process to the last.
    pub(crate) wall: Duration,
    /// Records per second, from the first to the last.
    pub(crate) rate: f64,
    /// Seconds of processor time per million records, of all its processes, its start included.
    pub(crate) cpu: f64,
    /// The most memory it ever had, in MiB.
    pub(crate) peak: f64,
}

/// Makes the job of one run, with groups that nobody had before.
pub(crate) fn job<'a>(stage: &PeerStage, door: &CountingDoor, sink: SinkKind, home: &'a Path) -> Job<'a> {
    let flow = |topic: &String| PeerFlow { topic: topic.clone(), group: kafka::unique("peer") };
    Job {
        servers: stage.bootstrap_servers(),
        tls: stage.tls.clone(),
        flows: stage.topics.iter().map(flow).collect(),
        records: stage.expected.records,
        target: match sink {
            SinkKind::Http => PeerTarget::Http { url: door.url(), ca: door.ca.clone() },
            SinkKind::File => PeerTarget::File(home.join("out")),
            SinkKind::Blackhole => PeerTarget::Blackhole,
        },
        shape: stage.shape,
        compression: stage.compression,
        home,
    }
}

/// Says why a contender takes no part in this.
pub(crate) fn refusal(
    contender: &dyn Peer,
    stage: &PeerStage,
    door: &CountingDoor,
    sink: SinkKind,
) -> Option<&'static str> {
    let home = Folder::new();
    contender.refusal(&job(stage, door, sink, home.path()))
}

/// Runs it once. What went wrong is the error: it ended, stood still, or sent other lines.
pub(crate) fn measure(
    contender: &dyn Peer,
    stage: &PeerStage,
    door: &CountingDoor,
    sink: SinkKind,
) -> Result<PeerRun, String> {
    let home = Folder::new();
    let job = job(stage, door, sink, home.path());
    let command = contender.command(&job);
    door.clear(None);
    let mut process = PeerProcess::start(&command, home.path())?;
    let sight = contender.sight(&job);
    let mut watch = Watch::new(sight, &job, stage, contender, door)?;
    let seen = wait(&mut process, &mut watch, job.records)?;
    let (cpu, peak) = (process.cpu(), process.peak());
    let wrong = check(sight, &job, stage, door);
    drop(process);
    wrong?;
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let records = job.records as f64;
    let [first, last] = [seen.first, seen.last].map(|at| at.duration_since(seen.start));
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    let rate = (job.records - seen.early) as f64 / last.saturating_sub(first).as_secs_f64();
    Ok(PeerRun { to_first: first, wall: last, rate, cpu: cpu * 1e6 / records, peak })
}

/// Compares what came with what had to come.
fn check(sight: Sight, job: &Job<'_>, stage: &PeerStage, door: &CountingDoor) -> Result<(), String> {
    let came = match (sight, &job.target) {
        (Sight::Door, _) => door.count().tally,
        (Sight::File, PeerTarget::File(path)) => in_file(path)?,
        _ => return Ok(()),
    };
    if came == stage.expected {
        return Ok(());
    }
    Err(format!("other lines than the records make: {came:?}, not {:?}", stage.expected))
}

fn in_file(path: &Path) -> Result<LineTally, String> {
    let content = fs::read(path).map_err(|error| error.to_string())?;
    let mut tally = LineTally::default();
    for line in content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        tally.add(sentence(line));
    }
    Ok(tally)
}

/// When something came.
struct Seen {
    start: Instant,
    first: Instant,
    /// How many there were at the first look.
    early: u64,
    last: Instant,
}

fn wait(process: &mut PeerProcess, watch: &mut Watch<'_>, records: u64) -> Result<Seen, String> {
    let start = process.start;
    let mut first: Option<(Instant, u64)> = None;
    let (mut before, mut moved) = (0, Instant::now());
    loop {
        let came = watch.look(process);
        let now = Instant::now();
        if came > before {
            (before, moved) = (came, now);
            first.get_or_insert((now, came));
        }
        if came >= records {
            let (first, early) = first.unwrap_or((now, 0));
            let (first, early, last) =
                watch.exactly().map_or((first, early, now), |(first, last)| (first, 0, last));
            return Ok(Seen { start, first, early, last });
        }
        process.check().map_err(|error| format!("{error} (after {came} records)"))?;
        if moved.elapsed() > HUNG {
            return Err(format!("nothing came for {HUNG:?} after {came} records: {}", process.last_words()));
        }
        sleep(if came == 0 { SOON } else { LATER });
    }
}

/// Looks how far a contender is.
enum Watch<'a> {
    Door(&'a CountingDoor),
    File { path: PathBuf, bytes: u64, records: u64 },
    Status(String),
    Committed { groups: Vec<(BaseConsumer, TopicPartitionList)> },
    Said { records: u64 },
}

impl<'a> Watch<'a> {
    fn new(
        sight: Sight,
        job: &Job<'_>,
        stage: &PeerStage,
        contender: &dyn Peer,
        door: &'a CountingDoor,
    ) -> Result<Self, String> {
        Ok(match sight {
            Sight::Door => Self::Door(door),
            Sight::File => {
                let PeerTarget::File(path) = &job.target else { return Err("there is no file".to_owned()) };
                // A line feed, and perhaps two quotation marks.
                let around = if contender.quotes_in_files() { 3 } else { 1 };
                let bytes = stage.text_bytes + around * job.records;
                Self::File { path: path.clone(), bytes, records: job.records }
            }
            Sight::Status(port) => Self::Status(format!("127.0.0.1:{port}")),
            Sight::Said => Self::Said { records: job.records },
            Sight::Committed => Self::Committed { groups: groups(job, stage)? },
        })
    }

    fn look(&self, process: &PeerProcess) -> u64 {
        match self {
            Self::Door(door) => door.count().tally.records,
            Self::File { path, bytes, records } => {
                let there = fs::metadata(path).map_or(0, |metadata| metadata.len());
                // By their size: all are there when the last byte is.
                if there >= *bytes { *records } else { (there * records / bytes).min(records - 1) }
            }
            Self::Status(address) => delivered(address).unwrap_or(0),
            Self::Committed { groups } => {
                groups.iter().map(|(consumer, list)| committed(consumer, list)).sum()
            }
            Self::Said { records } => {
                let said = process.said();
                let words: BTreeSet<&str> = said.lines().collect();
                if words.contains("last") { *records } else { u64::from(words.contains("first")) }
            }
        }
    }

    /// Returns when the first and the last record came, where somebody knows better than the looks.
    fn exactly(&self) -> Option<(Instant, Instant)> {
        let Self::Door(door) = self else { return None };
        let count = door.count();
        count.first.zip(count.last)
    }
}

/// Asks Sluice how many records it has delivered.
fn delivered(address: &str) -> Option<u64> {
    let body = listener::try_send(address, "GET", "/status", &[], "")?.body;
    let status: Value = serde_json::from_str(&body).ok()?;
    let connectors = status.as_array()?;
    Some(connectors.iter().filter_map(|connector| connector.pointer("/records/delivered")?.as_u64()).sum())
}

fn groups(job: &Job<'_>, stage: &PeerStage) -> Result<Vec<(BaseConsumer, TopicPartitionList)>, String> {
    let of = |flow: &PeerFlow| {
        let mut client = stage.plain_client();
        let consumer: BaseConsumer =
            client.set("group.id", &flow.group).create().map_err(|error| error.to_string())?;
        let mut list = TopicPartitionList::new();
        list.add_partition_range(&flow.topic, 0, stage.partitions - 1);
        Ok((consumer, list))
    };
    job.flows.iter().map(of).collect()
}

/// Returns how many records a group has committed; none while its coordinator is not found.
fn committed(consumer: &BaseConsumer, list: &TopicPartitionList) -> u64 {
    let Ok(list) = consumer.committed_offsets(list.clone(), Duration::from_secs(5)) else { return 0 };
    let offset = |offset: Offset| {
        if let Offset::Offset(offset) = offset { u64::try_from(offset).unwrap_or(0) } else { 0 }
    };
    list.elements().iter().map(|element| offset(element.offset())).sum()
}
