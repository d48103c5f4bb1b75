//! What became of the records of a connector.

use std::fmt;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::histogram::Histogram;
use serde::Serialize;
use sluice_connector_api::Timestamp;

use super::tracker::Verdict;

/// Seconds of a put or of a record's way, from a millisecond to an hour.
const SECONDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0];
/// Records of a batch.
const RECORDS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// Counts records by what became of them, over all restarts of a task (invariant 2), and measures puts.
#[derive(Debug)]
pub struct Counters {
    read: AtomicU64,
    delivered: AtomicU64,
    filtered: AtomicU64,
    skipped: AtomicU64,
    dead_lettered: AtomicU64,
    abandoned: AtomicU64,
    retries: AtomicU64,
    /// How long puts took, in seconds, whatever came of them.
    pub put_seconds: Histogram,
    /// From a record's timestamp until it was stored, in seconds.
    pub latency_seconds: Histogram,
    /// Records a put.
    pub batch_records: Histogram,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            read: AtomicU64::default(),
            delivered: AtomicU64::default(),
            filtered: AtomicU64::default(),
            skipped: AtomicU64::default(),
            dead_lettered: AtomicU64::default(),
            abandoned: AtomicU64::default(),
            retries: AtomicU64::default(),
            put_seconds: Histogram::new(SECONDS),
            latency_seconds: Histogram::new(SECONDS),
            batch_records: Histogram::new(RECORDS),
        }
    }
}

/// The counts at one moment. `read = delivered + filtered + skipped + dead-lettered + abandoned + in flight`.
///
/// A record that a transform made several of counts once: as skipped if any of its parts was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records read, each reading counted.
    pub read: u64,
    /// Stored by the sink.
    pub delivered: u64,
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
            self.delivered + self.filtered + self.skipped + self.dead_lettered + self.abandoned,
        )
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            read: self.read + other.read,
            delivered: self.delivered + other.delivered,
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

    /// Counts a record that is done.
    pub fn done(&self, verdict: Verdict) {
        let counter = match verdict {
            Verdict::Filtered => &self.filtered,
            Verdict::Delivered => &self.delivered,
            Verdict::Skipped => &self.skipped,
            Verdict::DeadLettered => &self.dead_lettered,
        };
        counter.fetch_add(1, Ordering::Release);
    }

    /// Counts records left for the next reading.
    pub fn abandoned(&self, count: u64) {
        self.abandoned.fetch_add(count, Ordering::Release);
    }

    /// Measures a put.
    pub fn put(&self, records: usize, took: Duration) {
        self.put_seconds.observe(took.as_secs_f64());
        self.batch_records.observe(f64::from(u32::try_from(records).unwrap_or(u32::MAX)));
    }

    /// Measures the way of a record with this timestamp, which is stored now.
    pub fn stored(&self, timestamp: Option<Timestamp>) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let then = timestamp.and_then(|timestamp| u64::try_from(timestamp.millis).ok());
        if let Some(took) = then.and_then(|then| now.checked_sub(Duration::from_millis(then))) {
            self.latency_seconds.observe(took.as_secs_f64());
        }
    }

    /// Counts a put that is tried again.
    pub fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts. What was read is looked at last, so that no more is seen done than read.
    pub fn tally(&self) -> Tally {
        let get = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let done = Tally {
            read: 0,
            delivered: get(&self.delivered),
            filtered: get(&self.filtered),
            skipped: get(&self.skipped),
            dead_lettered: get(&self.dead_lettered),
            abandoned: get(&self.abandoned),
            retries: get(&self.retries),
        };
        Tally { read: get(&self.read), ..done }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, delivered, filtered, skipped, dead_lettered, .. } = self;
        write!(
            f,
            "{read} read, {delivered} delivered, {filtered} filtered, {skipped} skipped, {dead_lettered} dead-lettered"
        )
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
                    counters.done(Verdict::Delivered);
                }
            });
            for _ in 0..100_000 {
                let tally = counters.tally();
                assert!(tally.delivered <= tally.read, "{tally:?}");
            }
        });
    }
}
