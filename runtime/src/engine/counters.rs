//! What became of the records of a connector.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::tracker::Verdict;

/// Counts records by what became of them, over all tasks and restarts of a connector (invariant 2).
#[derive(Debug, Default)]
pub struct Counters {
    read: AtomicU64,
    delivered: AtomicU64,
    filtered: AtomicU64,
    skipped: AtomicU64,
    abandoned: AtomicU64,
    retries: AtomicU64,
}

/// The counts at one moment. `read = delivered + filtered + skipped + abandoned + in flight`.
///
/// A record that a transform made several of counts once: as skipped if any of its parts was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records read, each reading counted.
    pub read: u64,
    /// Stored by the sink.
    pub delivered: u64,
    /// Dropped on purpose by a transform.
    pub filtered: u64,
    /// Rejected and tolerated.
    pub skipped: u64,
    /// Read, not done, and left for the next reading: at a stop, a failure or a revoke.
    pub abandoned: u64,
    /// Puts that were tried again.
    pub retries: u64,
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
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts records left for the next reading.
    pub fn abandoned(&self, count: u64) {
        self.abandoned.fetch_add(count, Ordering::Relaxed);
    }

    /// Counts a put that is tried again.
    pub fn retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the counts.
    pub fn tally(&self) -> Tally {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            read: get(&self.read),
            delivered: get(&self.delivered),
            filtered: get(&self.filtered),
            skipped: get(&self.skipped),
            abandoned: get(&self.abandoned),
            retries: get(&self.retries),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { read, delivered, filtered, skipped, .. } = self;
        write!(f, "{read} read, {delivered} delivered, {filtered} filtered, {skipped} skipped")
    }
}
