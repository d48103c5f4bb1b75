//! What the puts of a lane tell of themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_connector_api::{Failure, FailureKind, PutError, Trouble};
use tokio::time::Instant;

use crate::meter::histogram::Histogram;
use crate::meter::last_errors::LastErrors;
use crate::meter::measure::{Measure, mean, now_millis};

/// Records of a batch.
const RECORDS: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

/// Counts and measures puts: those of a connector's sink, or those of its dead letter queue.
#[derive(Debug)]
pub struct PutMeter {
    /// How long puts took, whatever came of them.
    pub took: Measure,
    /// From a put until its records were seen to be stored, where the target stores later than it answers.
    pub confirmed: Measure,
    /// Records per put.
    pub batch_records: Histogram,
    puts: AtomicU64,
    records: AtomicU64,
    largest: AtomicU64,
    failures: [AtomicU64; 3],
    failed_records: AtomicU64,
    retries: [AtomicU64; Trouble::ALL.len()],
    paced_micros: AtomicU64,
    /// In milliseconds since 1970; 0 where there was none.
    last_success: AtomicU64,
    last_failure: AtomicU64,
    failing: Mutex<Option<Failing>>,
    /// What puts failed with last.
    pub errors: LastErrors,
}

/// Puts that fail one after the other.
#[derive(Clone, Debug)]
pub struct Failing {
    /// When the first of them began.
    pub since: Instant,
    /// What the last of them said.
    pub reason: String,
}

impl Default for PutMeter {
    fn default() -> Self {
        Self {
            took: Measure::default(),
            confirmed: Measure::default(),
            batch_records: Histogram::new(&RECORDS),
            puts: AtomicU64::default(),
            records: AtomicU64::default(),
            largest: AtomicU64::default(),
            failures: Default::default(),
            failed_records: AtomicU64::default(),
            retries: Default::default(),
            paced_micros: AtomicU64::default(),
            last_success: AtomicU64::default(),
            last_failure: AtomicU64::default(),
            failing: Mutex::default(),
            errors: LastErrors::default(),
        }
    }
}

impl PutMeter {
    /// The kinds of failure by the names that metrics have for them.
    const KINDS: [(FailureKind, &'static str); 3] = [
        (FailureKind::Retriable, "retriable"),
        (FailureKind::Rejected, "rejected"),
        (FailureKind::Fatal, "fatal"),
    ];

    /// Measures a put of so many records, and takes note of what failed of it.
    pub fn put(&self, records: usize, took: Duration, result: &Result<(), PutError>) {
        let records = records as u64;
        self.took.observe(took);
        self.batch_records.observe(crate::meter::measure::float(records));
        self.puts.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.largest.fetch_max(records, Ordering::Relaxed);
        match result {
            Ok(()) => self.succeeded(),
            Err(PutError::Batch(failure)) => self.failed(records, took, &[failure]),
            Err(PutError::Records(failures)) => {
                let failures: Vec<_> = failures.iter().map(|(_, failure)| failure).collect();
                self.failed(failures.len() as u64, took, &failures);
            }
        }
    }

    fn succeeded(&self) {
        self.last_success.store(now_millis(), Ordering::Relaxed);
        *self.lock() = None;
    }

    fn failed(&self, records: u64, took: Duration, failures: &[&Failure]) {
        self.last_failure.store(now_millis(), Ordering::Relaxed);
        self.failed_records.fetch_add(records, Ordering::Relaxed);
        if let Some(first) = failures.first() {
            self.errors.note(&first.to_string());
        }
        for ((kind, _), count) in Self::KINDS.iter().zip(&self.failures) {
            let of_kind = failures.iter().filter(|failure| failure.kind() == *kind).count();
            count.fetch_add(u64::from(of_kind > 0), Ordering::Relaxed);
        }
        // A target that rejects a record is there.
        let outage = failures.iter().find(|failure| failure.kind() != FailureKind::Rejected);
        let mut failing = self.lock();
        *failing = outage.map(|failure| {
            // Nothing got through from the beginning of the first of them on, however long that took to fail.
            let begun = || Instant::now().checked_sub(took).unwrap_or_else(Instant::now);
            let since = failing.as_ref().map_or_else(begun, |failing| failing.since);
            Failing { since, reason: failure.to_string() }
        });
    }

    /// Takes note that nothing can be put, before anything was.
    pub fn stands_still(&self, failure: &Failure) {
        let mut failing = self.lock();
        let since = failing.as_ref().map_or_else(Instant::now, |failing| failing.since);
        *failing = Some(Failing { since, reason: failure.to_string() });
    }

    /// Takes note that puts may go on.
    pub fn goes_on(&self) {
        *self.lock() = None;
    }

    /// Counts a put that is tried again.
    pub fn retry(&self, trouble: Trouble) {
        let counts = Trouble::ALL.iter().zip(&self.retries);
        counts.filter(|(other, _)| **other == trouble).for_each(|(_, count)| {
            count.fetch_add(1, Ordering::Relaxed);
        });
    }

    /// Takes note of a wait for the pace.
    pub fn paced(&self, waited: Duration) {
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.paced_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns how many puts were tried again, by the name of their [`Trouble`].
    pub fn retries(&self) -> Vec<(&'static str, u64)> {
        Trouble::ALL.into_iter().map(Trouble::name).zip(self.retries.iter().map(get)).collect()
    }

    /// Returns how many puts failed, by the kind of failure; one that failed in two ways counts for both.
    pub fn failures(&self) -> Vec<(&'static str, u64)> {
        Self::KINDS.iter().map(|(_, name)| *name).zip(self.failures.iter().map(get)).collect()
    }

    /// Returns how many records were put, each try counted.
    pub fn records(&self) -> u64 {
        get(&self.records)
    }

    /// Returns how many records were not stored by the put that they were in, each try counted.
    pub fn failed_records(&self) -> u64 {
        get(&self.failed_records)
    }

    /// Returns the mean of records per put.
    pub fn mean_records(&self) -> f64 {
        mean(get(&self.records), get(&self.puts))
    }

    /// Returns the most records that a put had.
    pub fn largest(&self) -> u64 {
        get(&self.largest)
    }

    /// Returns how long puts have waited for their pace.
    pub fn paced_for(&self) -> Duration {
        Duration::from_micros(get(&self.paced_micros))
    }

    /// Returns when a put last stored all of its records, in milliseconds since 1970.
    pub fn last_success(&self) -> Option<u64> {
        Some(get(&self.last_success)).filter(|millis| *millis > 0)
    }

    /// Returns when a put last failed, in milliseconds since 1970.
    pub fn last_failure(&self) -> Option<u64> {
        Some(get(&self.last_failure)).filter(|millis| *millis > 0)
    }

    /// Returns since when and why puts fail, while the last one did.
    pub fn failing(&self) -> Option<Failing> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failing>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    fn busy() -> Result<(), PutError> {
        Err(Failure::throttled("busy").into())
    }

    #[test]
    fn a_put_that_fails_in_two_ways_counts_for_both() {
        let meter = PutMeter::default();
        let bad = || Err(Failure::rejected("bad"));
        let outcomes = [bad(), Ok(()), Err(Failure::retriable("busy")), bad()];
        meter.put(4, MILLI, &PutError::from_each(outcomes));
        meter.put(2, MILLI, &busy());
        assert_eq!(meter.failures(), [("retriable", 2), ("rejected", 1), ("fatal", 0)]);
        assert_eq!((meter.records(), meter.failed_records(), meter.largest()), (6, 5, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn puts_fail_from_the_first_outage_until_one_gets_through() {
        let (meter, begun) = (PutMeter::default(), Instant::now());
        tokio::time::advance(MILLI).await;
        meter.put(1, MILLI, &busy());
        tokio::time::advance(Duration::from_secs(9)).await;
        meter.put(1, MILLI, &busy());
        assert_eq!(meter.failing().map(|failing| failing.since), Some(begun));
        meter.put(1, MILLI, &Err(Failure::rejected("bad").into()));
        assert!(meter.failing().is_none(), "a target that rejects a record is there");
        meter.put(1, MILLI, &busy());
        meter.put(1, MILLI, &Ok(()));
        assert!(meter.failing().is_none() && meter.last_success().is_some());
    }

    #[test]
    fn retries_are_counted_by_their_trouble() {
        let meter = PutMeter::default();
        for trouble in [Trouble::Throttled, Trouble::TimedOut, Trouble::Throttled] {
            meter.retry(trouble);
        }
        let counted: Vec<_> = meter.retries().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("throttled", 2), ("timed_out", 1)]);
    }
}
