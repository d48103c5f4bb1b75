//! Times, as histograms for Prometheus and as the mean and the maximum that Kafka Connect's users know.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::histogram::Histogram;

/// Seconds of a put, a commit or a record's way, from a millisecond to an hour.
const SECONDS: [f64; 14] =
    [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 600.0, 3600.0];

/// How long something took, each time.
#[derive(Debug)]
pub struct Measure {
    /// By how long it took, in seconds.
    pub histogram: Histogram,
    count: AtomicU64,
    micros: AtomicU64,
    max_micros: AtomicU64,
}

impl Default for Measure {
    fn default() -> Self {
        let (count, micros, max_micros) = Default::default();
        Self { histogram: Histogram::new(SECONDS), count, micros, max_micros }
    }
}

impl Measure {
    /// Takes note of one time.
    pub fn observe(&self, took: Duration) {
        self.histogram.observe(took.as_secs_f64());
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
        self.max_micros.fetch_max(micros, Ordering::Relaxed);
    }

    /// Returns the mean since the start, in milliseconds; 0 before the first.
    pub fn mean_millis(&self) -> f64 {
        mean(self.micros.load(Ordering::Relaxed), self.count.load(Ordering::Relaxed)) / 1000.0
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
    }
}
