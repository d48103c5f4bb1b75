//! Times, as histograms for Prometheus and as the mean and the maximum that Kafka Connect's users know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::meter::histogram::{Histogram, bucket_of};

/// Seconds of a put, a commit or a record's way, from a millisecond to an hour.
const SECONDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0];

/// How long something took, each time.
#[derive(Debug)]
pub struct Measure {
    /// By how long it took, in seconds.
    pub histogram: Histogram,
    max_micros: AtomicU64,
}

impl Default for Measure {
    fn default() -> Self {
        Self { histogram: Histogram::new(&SECONDS), max_micros: AtomicU64::default() }
    }
}

/// Times that are taken note of together, as it is cheaper to do that once for many.
#[derive(Debug, Default)]
pub struct MeasuredTimes {
    counts: [u64; SECONDS.len() + 1],
    sum: f64,
    max: Duration,
}

impl MeasuredTimes {
    /// Takes note of one time.
    pub fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(count) = self.counts.get_mut(bucket_of(&SECONDS, seconds)) {
            *count += 1;
        }
        self.sum += seconds;
        self.max = self.max.max(took);
    }
}

impl Measure {
    /// Takes note of one time.
    pub fn observe(&self, took: Duration) {
        self.histogram.observe(took.as_secs_f64());
        self.observe_max(took);
    }

    /// Takes note of many times.
    pub fn observe_all(&self, times: &MeasuredTimes) {
        self.histogram.add(&times.counts, times.sum);
        self.observe_max(times.max);
    }

    fn observe_max(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.max_micros.fetch_max(micros, Ordering::Relaxed);
    }

    /// Returns the mean since the start, in milliseconds; 0 before the first.
    pub fn mean_millis(&self) -> f64 {
        let counts = self.histogram.counts();
        match counts.count() {
            0 => 0.0,
            count => counts.sum * 1000.0 / float(count),
        }
    }

    /// Returns the longest since the start, in milliseconds.
    pub fn max_millis(&self) -> f64 {
        float(self.max_micros.load(Ordering::Relaxed)) / 1000.0
    }
}

/// Returns `sum / count`; 0 where there is nothing.
pub fn mean(sum: u64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { float(sum) / float(count) }
}

/// Makes a float of a count, for a sample: exact up to 2^53.
#[allow(clippy::cast_precision_loss, reason = "samples are floats, whatever the count")]
pub fn float(count: u64) -> f64 {
    count as f64
}

/// Returns the time of the clock, in milliseconds since 1970.
pub(crate) fn now_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_the_longest_are_in_milliseconds() {
        let measure = Measure::default();
        assert!(measure.mean_millis().abs() < f64::EPSILON, "nothing was measured yet");
        [10, 30].map(Duration::from_millis).iter().for_each(|took| measure.observe(*took));
        assert!((measure.mean_millis() - 20.0).abs() < 1e-9 && (measure.max_millis() - 30.0).abs() < 1e-9);
        let mut times = MeasuredTimes::default();
        [20, 60].map(Duration::from_millis).iter().for_each(|took| times.observe(*took));
        measure.observe_all(&times);
        assert!((measure.mean_millis() - 30.0).abs() < 1e-9 && (measure.max_millis() - 60.0).abs() < 1e-9);
        let one_by_one = Measure::default();
        [10, 30, 20, 60].map(Duration::from_millis).iter().for_each(|took| one_by_one.observe(*took));
        assert_eq!(measure.histogram.counts().buckets, one_by_one.histogram.counts().buckets);
    }
}
