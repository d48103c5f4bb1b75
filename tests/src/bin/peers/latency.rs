//! The time from the producer to the target's door, at the same rates for all.

use std::fmt;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rdkafka::producer::{BaseProducer, Producer};
use sluice_tests::connector::Folder;
use sluice_tests::kafka;
use sluice_tests::process::load;

use crate::clock::{Clock, percentile};
use crate::contender::{Contenders, Peer};
use crate::door::{CountingDoor, DoorKind};
use crate::job::{Job, PeerFlow, PeerTarget};
use crate::options::{KindOptions, LatencyOptions};
use crate::process::PeerProcess;
use crate::report::{cell, millis};
use crate::shape::{RecordShape, numbered};
use crate::stage::{PeerStage, send};

/// Who is measured at the fixed rate, with what it comes with.
pub(crate) const AT_A_RATE: [&str; 6] = ["sluice", "sluice-again", "bare-post", "go", "bento", "connect"];
/// Who is measured at parts of what the slowest can do.
pub(crate) const AT_PARTS: [&str; 4] = ["sluice", "sluice-again", "bento", "connect"];
/// Seconds for which each runs at the rate before anything counts, if so many count then.
const WARM_SECONDS: u32 = 2;
/// How long the first or the last record may take.
const HUNG: Duration = Duration::from_mins(1);
/// Between two looks at the clock while waiting for the next record.
const TICK: Duration = Duration::from_micros(200);

/// What one run found, in ascending order.
struct Ways {
    ways: Vec<Duration>,
    /// Records that counted, whether or not they came in time.
    of: usize,
}

/// The latency of one contender at one rate, a run each.
struct LatencyRow {
    label: String,
    rate: u32,
    runs: Vec<Ways>,
    failure: Option<String>,
}

/// What was found at all rates.
pub(crate) struct LatencyReport {
    stage: String,
    partitions: i32,
    /// What each can do while records are produced, in records per second.
    capacities: Vec<(String, Result<f64, String>)>,
    rows: Vec<LatencyRow>,
    missing: Vec<(String, String)>,
    load: (String, String),
}

impl LatencyReport {
    /// Whether all ran to their end.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.failure.is_none())
            && self.capacities.iter().all(|(_, found)| found.is_ok())
    }
}

/// Measures all. `None` where there is no real Kafka and one is asked for.
pub(crate) fn measure(
    options: &LatencyOptions,
    fixed: &Contenders,
    parts: &Contenders,
) -> Option<LatencyReport> {
    let kind = KindOptions { embedded: options.embedded, ..KindOptions::usual() };
    let stage = PeerStage::empty(&kind)?;
    let door = CountingDoor::open(&DoorKind::default());
    let bench = LatencyBench { stage, door, options };
    let before = load();
    let mut rows = bench.rows(fixed, &[options.rate]);
    let capacities = bench.capacities(parts);
    let slowest =
        capacities.iter().filter_map(|(_, found)| found.as_ref().ok()).copied().fold(f64::INFINITY, f64::min);
    if slowest.is_finite() {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
        let rate = |percent: &u32| (slowest * f64::from(*percent) / 100.0) as u32;
        let rates: Vec<u32> = options.percent.iter().map(rate).filter(|rate| *rate > 0).collect();
        rows.extend(bench.rows(parts, &rates));
    }
    let missing = fixed.missing.iter().chain(&parts.missing).cloned().collect();
    let (stage, partitions) = (bench.stage.surroundings(), bench.stage.partitions);
    Some(LatencyReport { stage, partitions, capacities, rows, missing, load: (before, load()) })
}

struct LatencyBench<'a> {
    stage: PeerStage,
    door: CountingDoor,
    options: &'a LatencyOptions,
}

/// A contender that reads a topic of its own, and has shown that it does.
struct Live<'a> {
    process: PeerProcess,
    producer: BaseProducer,
    topic: String,
    clock: Arc<Clock>,
    door: &'a CountingDoor,
    partitions: i32,
    _home: Folder,
}

impl LatencyBench<'_> {
    /// Measures these at these rates, in turn.
    fn rows(&self, contenders: &Contenders, rates: &[u32]) -> Vec<LatencyRow> {
        let mut rows = Vec::new();
        for rate in rates {
            for contender in &contenders.ready {
                rows.push(LatencyRow {
                    label: contender.label(),
                    rate: *rate,
                    runs: Vec::new(),
                    failure: None,
                });
            }
        }
        for round in 1..=self.options.latency_rounds {
            for (index, row) in rows.iter_mut().enumerate().filter(|(_, row)| row.failure.is_none()) {
                let contender = &contenders.ready[index % contenders.ready.len()];
                match self.at(contender.as_ref(), row.rate) {
                    Ok(ways) => {
                        let shown = percentile(&ways.ways, 0.5).map_or(f64::NAN, millis);
                        eprintln!("round {round}: {} at {}/s: p50 {shown:.2} ms", row.label, row.rate);
                        row.runs.push(ways);
                    }
                    Err(reason) => {
                        eprintln!("ROUND {round} FAILED: {} at {}/s: {reason}", row.label, row.rate);
                        row.failure = Some(reason);
                    }
                }
            }
        }
        rows
    }

    /// Measures one at one rate.
    fn at(&self, contender: &dyn Peer, rate: u32) -> Result<Ways, String> {
        let warm = usize::try_from(rate * WARM_SECONDS.min(self.options.seconds)).expect("a count");
        let counted = usize::try_from(rate * self.options.seconds).expect("a count");
        let mut live = self.start(contender, warm + counted)?;
        live.produce(1..warm + counted, Some(rate));
        live.wait_for(warm + counted)?;
        Ok(Ways { ways: live.clock.ways(warm), of: counted })
    }

    /// Finds how many records each can do while they are produced, when it is warm.
    fn capacities(&self, contenders: &Contenders) -> Vec<(String, Result<f64, String>)> {
        let mut all = Vec::new();
        for contender in &contenders.ready {
            let found = self.capacity(contender.as_ref());
            eprintln!("{}: {found:.0?} records per second while they are produced", contender.label());
            all.push((contender.label(), found));
        }
        all
    }

    fn capacity(&self, contender: &dyn Peer) -> Result<f64, String> {
        let records = self.options.capacity_records;
        let mut live = self.start(contender, 2 * records)?;
        live.produce(1..records, None);
        live.wait_for(records)?;
        let start = Instant::now();
        live.produce(records..2 * records, None);
        live.wait_for(2 * records)?;
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let rate = records as f64 / start.elapsed().as_secs_f64();
        Ok(rate)
    }

    /// Starts one, and waits until it has sent the first of so many records.
    fn start(&self, contender: &dyn Peer, records: usize) -> Result<Live<'_>, String> {
        let (topic, home, clock) = (kafka::unique("latency"), Folder::new(), Arc::new(Clock::new(records)));
        self.stage.create_topic(&topic);
        self.door.clear(Some(Arc::clone(&clock)));
        let job = Job {
            servers: self.stage.bootstrap_servers(),
            tls: None,
            flows: vec![PeerFlow { topic: topic.clone(), group: kafka::unique("peer") }],
            records: records as u64,
            target: PeerTarget::Http { url: self.door.url(), ca: None },
            shape: RecordShape::Price,
            compression: self.stage.compression,
            home: home.path(),
        };
        let process = PeerProcess::start(&contender.command(&job), home.path())?;
        let producer = self.stage.producer("0");
        let (door, partitions) = (&self.door, self.stage.partitions);
        let mut live = Live { process, producer, topic, clock, door, partitions, _home: home };
        live.produce(0..1, None);
        live.wait_for(1)?;
        Ok(live)
    }
}

impl Live<'_> {
    /// Produces these records, at a rate or as fast as can be, and waits until the broker has all.
    fn produce(&self, numbers: std::ops::Range<usize>, rate: Option<u32>) {
        let (start, from) = (Instant::now(), numbers.start);
        for number in numbers {
            if let Some(rate) = rate {
                let behind = u32::try_from(number - from).expect("a number");
                let due = start + Duration::from_secs_f64(f64::from(behind) / f64::from(rate));
                while Instant::now() < due {
                    self.producer.poll(Duration::ZERO);
                    sleep(TICK.min(due.saturating_duration_since(Instant::now())));
                }
            }
            let draft = numbered(number);
            let partition = i32::try_from(number).expect("a number") % self.partitions;
            self.clock.sent(number);
            send(&self.producer, &self.topic, &draft, partition);
        }
        self.producer.flush(HUNG).expect("the broker takes all");
    }

    fn wait_for(&mut self, records: usize) -> Result<(), String> {
        let (mut before, mut moved) = (0, Instant::now());
        loop {
            let came = self.door.count().tally.records;
            if came >= records as u64 {
                return Ok(());
            }
            if came > before {
                (before, moved) = (came, Instant::now());
            }
            self.process.check()?;
            if moved.elapsed() > HUNG {
                return Err(format!("{came} of {records} records came: {}", self.process.last_words()));
            }
            sleep(Duration::from_millis(2));
        }
    }
}

impl fmt::Display for LatencyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = &self.load;
        writeln!(
            f,
            "Records of 66 bytes, {} partitions; {}; load of the machine before and after: {before} and {after}.\n",
            self.partitions, self.stage
        )?;
        writeln!(f, "| Records per second | | p50, ms | p99, ms | p99.9, ms |\n|--:|---|--:|--:|--:|")?;
        for row in self.rows.iter().filter(|row| !row.runs.is_empty()) {
            write!(f, "| {} | {} |", row.rate, row.label)?;
            for part in [0.5, 0.99, 0.999] {
                let values = row.runs.iter().filter_map(|run| percentile(&run.ways, part)).map(millis);
                write!(f, " {} |", cell(values.collect(), 2))?;
            }
            writeln!(f)?;
        }
        writeln!(f)?;
        for row in &self.rows {
            let lost: usize = row.runs.iter().map(|run| run.of - run.ways.len()).sum();
            if lost > 0 {
                writeln!(f, "**{} at {} per second: {lost} records never came.**", row.label, row.rate)?;
            }
            if let Some(failure) = &row.failure {
                writeln!(
                    f,
                    "**{} at {} per second did not run to its end:** {failure}.",
                    row.label, row.rate
                )?;
            }
        }
        for (id, reason) in &self.missing {
            writeln!(f, "**{id} is not in the table:** it cannot be had ({reason}).")?;
        }
        for (label, found) in &self.capacities {
            match found {
                Ok(rate) => {
                    writeln!(f, "{label}: {rate:.0} records per second at most while they are produced.")?;
                }
                Err(reason) => writeln!(f, "**{label} did not show what it can do:** {reason}.")?,
            }
        }
        Ok(())
    }
}
