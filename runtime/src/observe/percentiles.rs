//! Percentiles of what a histogram counted in a span of time.

use crate::meter::histogram::Histogram;
use crate::meter::measure::float;

/// What a histogram has counted at one moment: the upper bound of each bucket, and what is below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Buckets {
    below: Vec<(f64, u64)>,
    sum: f64,
}

impl Buckets {
    /// Reads a histogram.
    pub(super) fn of(histogram: &Histogram) -> Self {
        let counts = histogram.counts();
        let mut below = Vec::with_capacity(counts.buckets.len());
        let mut count = 0;
        for (bound, of_bucket) in counts.buckets {
            count += of_bucket;
            below.push((bound, count));
        }
        Self { below, sum: counts.sum }
    }

    /// Adds what another histogram with the same bounds has counted.
    pub(super) fn add(&mut self, other: &Self) {
        if self.below.is_empty() {
            self.clone_from(other);
            return;
        }
        for ((_, count), (_, more)) in self.below.iter_mut().zip(&other.below) {
            *count += more;
        }
        self.sum += other.sum;
    }

    /// Returns what was counted since an earlier moment.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let mut since = self.clone();
        for ((_, count), (_, before)) in since.below.iter_mut().zip(&earlier.below) {
            *count = count.saturating_sub(*before);
        }
        since.sum = (self.sum - earlier.sum).max(0.0);
        since
    }

    /// Returns the value that this share of all is not above, from 0 to 1, as Prometheus estimates it: evenly spread within a
    /// bucket. None where nothing was counted.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        let all = self.count();
        if all == 0 {
            return None;
        }
        let rank = share * float(all);
        let (mut bound_before, mut count_before) = (0.0, 0);
        for (bound, count) in &self.below {
            if float(*count) >= rank && *count > count_before {
                // Above the last bound nothing is known but that.
                if bound.is_infinite() {
                    return Some(bound_before);
                }
                let within = (rank - float(count_before)) / float(count - count_before);
                return Some(bound_before + (bound - bound_before) * within);
            }
            (bound_before, count_before) = (*bound, *count);
        }
        None
    }

    /// Returns the mean; none where nothing was counted.
    pub(super) fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / float(count))
    }

    fn count(&self) -> u64 {
        self.below.last().map_or(0, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(values: impl IntoIterator<Item = f64>) -> Histogram {
        let histogram = Histogram::new(&[1.0, 2.0, 4.0]);
        values.into_iter().for_each(|value| histogram.observe(value));
        histogram
    }

    #[test]
    fn percentiles_are_spread_evenly_within_a_bucket() {
        let buckets = Buckets::of(&histogram((0..100).map(|_| 1.5)));
        assert_eq!((buckets.quantile(0.5), buckets.quantile(1.0)), (Some(1.5), Some(2.0)));
        assert_eq!(buckets.mean(), Some(1.5));
        let far = Buckets::of(&histogram([0.5, 9.0, 9.0]));
        assert_eq!(far.quantile(0.99), Some(4.0), "beyond the last bound: no less than that");
        assert_eq!(Buckets::of(&histogram([])).quantile(0.5), None);
    }

    #[test]
    fn only_what_was_counted_since_counts() {
        let histogram = histogram([3.0, 3.0, 3.0]);
        let before = Buckets::of(&histogram);
        assert_eq!(Buckets::of(&histogram).since(&before).mean(), None);
        histogram.observe(0.5);
        let mut since = Buckets::of(&histogram).since(&before);
        assert!(since.quantile(0.99).unwrap() <= 1.0);
        since.add(&before);
        assert_eq!(since.count(), 4);
    }
}
