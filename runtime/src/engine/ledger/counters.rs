//! What became of the records of a connector.

use std::fmt;
use std::ops::Add;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use sluice_connector_api::Timestamp;

use crate::meter::last_errors::{LastError, LastErrors};
use crate::meter::measure::{Measure, MeasuredTimes, now_millis};
use crate::meter::put_meter::{Failing, PutMeter};
use crate::meter::source_meter::SourceMeter;
use crate::transform::chain::Stage;

/// Where a record can be found at fault, by the names that metrics have for it.
const STAGES: [&str; 4] = ["key_converter", "value_converter", "transformation", "task_put"];

/// What became of a record; of the parts of one record the highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Dropped on purpose.
    Filtered,
    /// Not put, since a newer record of the same thing is stored.
    Superseded,
    /// Stored.
    Delivered,
    /// Rejected and tolerated.
    Skipped,
    /// Rejected, and stored in the dead letter queue.
    DeadLettered,
}

/// Counts records by what became of them, over all restarts of a task (invariant 2), with all else that is measured
/// of it.
#[derive(Debug, Default)]
pub struct Counters {
    read: AtomicU64,
    delivered: AtomicU64,
    superseded: AtomicU64,
    filtered: AtomicU64,
    skipped: AtomicU64,
    dead_lettered: AtomicU64,
    abandoned: AtomicU64,
    starts: AtomicU64,
    rejections: [AtomicU64; STAGES.len()],
    /// In milliseconds since 1970; 0 where there was none.
    last_rejection: AtomicU64,
    /// Puts of the connector's sink.
    pub puts: Arc<PutMeter>,
    /// Puts of its dead letter queue.
    pub letters: Arc<PutMeter>,
    /// What the source tells of itself.
    pub source: Arc<SourceMeter>,
    /// From a record's timestamp until it was stored.
    pub latency: Measure,
    /// What went wrong last before the sink, and why the task failed.
    pub errors: LastErrors,
}

/// The counts at one moment. `read = delivered + superseded + filtered + skipped + dead-lettered + abandoned + in
/// flight`.
///
/// A record that a transform made several of counts once: as skipped if any of its parts was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records read, each reading counted.
    pub read: u64,
    /// Stored by the sink. What it has taken and holds for an object that outlives a batch is in flight until then.
    pub delivered: u64,
    /// Not put, since a newer record of the same thing was stored.
    pub superseded: u64,
    /// Dropped on purpose by a transform.
    pub filtered: u64,
    /// Rejected and tolerated.
    pub skipped: u64,
    /// Rejected, and stored in the dead letter queue.
    pub dead_lettered: u64,
    /// Read, not done, and left for the next reading: at a stop, a failure or a revoke.
    pub abandoned: u64,
    /// Puts that were tried again.
    pub retries: u64,
}

impl Tally {
    /// Returns the records that are read and not done.
    pub fn in_flight(&self) -> u64 {
        self.read.saturating_sub(
            self.delivered
                + self.superseded
                + self.filtered
                + self.skipped
                + self.dead_lettered
                + self.abandoned,
        )
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            delivered: self.delivered + other.delivered,
            superseded: self.superseded + other.superseded,
            filtered: self.filtered + other.filtered,
            skipped: self.skipped + other.skipped,
            dead_lettered: self.dead_lettered + other.dead_lettered,
            abandoned: self.abandoned + other.abandoned,
            retries: self.retries + other.retries,
        }
    }
}

impl Counters {
    /// Counts records read.
    pub fn read(&self, count: u64) {
        self.read.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts records that are done.
    pub fn done(&self, verdict: Verdict, count: u64) {
        let counter = match verdict {
            Verdict::Filtered => &self.filtered,
            Verdict::Superseded => &self.superseded,
            Verdict::Delivered => &self.delivered,
            Verdict::Skipped => &self.skipped,
            Verdict::DeadLettered => &self.dead_lettered,
        };
        counter.fetch_add(count, Ordering::Release);
    }

    /// Measures the ways of records with these timestamps, which are seen stored now.
    pub fn stored(&self, timestamps: impl Iterator<Item = Option<Timestamp>>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut ways = MeasuredTimes::default();
        for timestamp in timestamps.flatten() {
            let then = u64::try_from(timestamp.millis).ok().map(Duration::from_millis);
            if let Some(way) = then.and_then(|then| now.checked_sub(then)) {
                ways.observe(way);
            }
        }
        self.latency.observe_all(&ways);
    }

    /// Counts records left for the next reading.
    pub fn abandoned(&self, count: u64) {
        self.abandoned.fetch_add(count, Ordering::Release);
    }

    /// Counts a record found at fault, whatever becomes of it. What a sink says is noted by its put.
    pub fn rejected(&self, stage: &Stage, reason: &str) {
        if *stage != Stage::TaskPut {
            self.errors.note(&format!("{stage}: {reason}"));
        }
        let [key, value, transformation, put] = &self.rejections;
        let count = match stage {
            Stage::KeyConverter => key,
            Stage::ValueConverter => value,
            Stage::Transformation { .. } => transformation,
            Stage::TaskPut => put,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.last_rejection.store(now_millis(), Ordering::Relaxed);
    }

    /// Returns how many records were found at fault, by where.
    pub fn rejections(&self) -> Vec<(&'static str, u64)> {
        STAGES.into_iter().zip(self.rejections.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }

    /// Returns how many records were found at fault.
    pub fn all_rejections(&self) -> u64 {
        self.rejections().iter().map(|(_, count)| count).sum()
    }

    /// Returns how many records were found at fault on their way to the sink, or were in a put that failed, each try
    /// counted.
    pub fn errors(&self) -> u64 {
        let on_the_way = self.rejections().into_iter().filter(|(stage, _)| *stage != "task_put");
        on_the_way.map(|(_, count)| count).sum::<u64>() + self.puts.failed_records()
    }

    /// Returns when a record was last found at fault or a put failed, in milliseconds since 1970.
    pub fn last_error(&self) -> Option<u64> {
        let rejection = Some(self.last_rejection.load(Ordering::Relaxed)).filter(|millis| *millis > 0);
        rejection.max(self.puts.last_failure()).max(self.letters.last_failure())
    }

    /// Returns what went wrong last, the last one first.
    pub fn last_errors(&self) -> Vec<LastError> {
        let mut all = self.errors.all();
        all.extend(self.puts.errors.all());
        all.extend(self.letters.errors.all());
        all.sort_by_key(|error| std::cmp::Reverse(error.last));
        all
    }

    /// Returns since when and why puts fail, be it of records or of dead letters, while the last one did.
    pub fn failing(&self) -> Option<Failing> {
        self.puts.failing().or_else(|| {
            let Failing { since, reason } = self.letters.failing()?;
            Some(Failing { since, reason: format!("dead letter queue: {reason}") })
        })
    }

    /// Counts a start of the task.
    pub fn started(&self) {
        self.starts.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how often the task was started again.
    pub fn restarts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Returns the counts. What was read is looked at last, so that no more is seen done than read.
    pub fn tally(&self) -> Tally {
        let get = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let done = Tally {
            read: 0,
            delivered: get(&self.delivered),
            superseded: get(&self.superseded),
            filtered: get(&self.filtered),
            skipped: get(&self.skipped),
            dead_lettered: get(&self.dead_lettered),
            abandoned: get(&self.abandoned),
            retries: self.puts.retries().iter().map(|(_, count)| count).sum(),
        };
        Tally { read: get(&self.read), ..done }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, delivered, superseded, filtered, skipped, dead_lettered, abandoned, .. } = self;
        write!(f, "{read} read, {delivered} delivered, {filtered} filtered, {skipped} skipped, ")?;
        write!(f, "{dead_lettered} dead-lettered, {superseded} superseded, {abandoned} abandoned")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_seen_done_than_read() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..100_000 {
                    counters.read(1);
                    counters.done(Verdict::Delivered, 1);
                }
            });
            for _ in 0..100_000 {
                let tally = counters.tally();
                assert!(tally.delivered <= tally.read, "{tally:?}");
            }
        });
    }
}
