//! How often values fell between bounds.
//!
//! Those of `prometheus_client` show what they have counted nowhere but in the text of `/metrics`, and take one value at a
//! time, behind a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Counts values by the least bound that they are not above, and sums them up.
#[derive(Debug)]
pub struct Histogram {
    /// Ascending.
    bounds: &'static [f64],
    /// One for each bound, and one for what is above the last.
    counts: Vec<AtomicU64>,
    /// The bits of a float.
    sum: AtomicU64,
}

/// What a histogram has counted at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramCounts {
    /// The values of each bucket by its upper bound; that of the last one is infinite.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all values.
    pub sum: f64,
}

impl HistogramCounts {
    /// Returns how many values there were.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}

impl Histogram {
    /// Makes one with these upper bounds, in ascending order.
    pub fn new(bounds: &'static [f64]) -> Self {
        let counts = bounds.iter().map(|_| AtomicU64::new(0)).chain([AtomicU64::new(0)]).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub fn observe(&self, value: f64) {
        if let Some(count) = self.counts.get(bucket_of(self.bounds, value)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.add_to_sum(value);
    }

    /// Counts many values at once: so many in each bucket, and their sum.
    pub(super) fn add(&self, counts: &[u64], sum: f64) {
        for (count, more) in self.counts.iter().zip(counts) {
            if *more > 0 {
                count.fetch_add(*more, Ordering::Relaxed);
            }
        }
        self.add_to_sum(sum);
    }

    fn add_to_sum(&self, more: f64) {
        let add = |sum| Some((f64::from_bits(sum) + more).to_bits());
        // It is never refused.
        let _before = self.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Returns what has been counted.
    pub fn counts(&self) -> HistogramCounts {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        HistogramCounts {
            buckets: bounds.zip(counts).collect(),
            sum: f64::from_bits(self.sum.load(Ordering::Relaxed)),
        }
    }
}

/// Returns the index of the bucket of a value.
pub(super) fn bucket_of(bounds: &[f64], value: f64) -> usize {
    bounds.partition_point(|bound| *bound < value)
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let counts = self.counts();
        encoder.encode_histogram::<NoLabelSet>(counts.sum, counts.count(), &counts.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::metrics::histogram::Histogram as Reference;
    use prometheus_client::registry::Registry;
    use proptest::prelude::*;

    use super::*;

    const BOUNDS: [f64; 3] = [1.0, 2.5, 10.0];

    fn text(metric: impl prometheus_client::registry::Metric) -> String {
        let mut registry = Registry::default();
        registry.register("h", "Help", metric);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    proptest! {
        #[test]
        fn it_says_what_the_one_of_prometheus_says(values in prop::collection::vec(0_u32..50, 0..60)) {
            let (ours, reference) = (Histogram::new(&BOUNDS), Reference::new(BOUNDS));
            let mut counts = [0; 4];
            for (index, value) in values.iter().enumerate() {
                let value = f64::from(*value) / 4.0;
                reference.observe(value);
                if index % 2 == 0 {
                    ours.observe(value);
                } else {
                    counts[bucket_of(&BOUNDS, value)] += 1;
                    ours.add(&[0; 4], value);
                }
            }
            ours.add(&counts, 0.0);
            prop_assert_eq!(ours.counts().count(), values.len() as u64);
            prop_assert_eq!(text(ours), text(reference));
        }
    }
}
