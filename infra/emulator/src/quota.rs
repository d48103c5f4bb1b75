//! What of its limits the account has used. Pure: the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

use crate::error::ServiceError;
use crate::limits::{ConcurrentUntil, Rate, RateLimits};
use crate::{Fault, Operation};

/// Sums of many small times fall short of the whole by less than this.
const ROUNDING: f64 = 1e-9;

pub(crate) struct Quotas {
    limits: RateLimits,
    buckets: Vec<Bucket>,
    in_flight: usize,
    /// When the documents of each accepted call are done, as far as it is not past.
    unfinished: Vec<Instant>,
}

/// The tokens of one [`Rate`].
struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Quotas {
    pub(crate) fn new(limits: RateLimits, now: Instant) -> Self {
        let mut quotas =
            Self { limits: RateLimits::default(), buckets: Vec::new(), in_flight: 0, unfinished: Vec::new() };
        quotas.set(limits, now);
        quotas
    }

    pub(crate) fn limits(&self) -> &RateLimits {
        &self.limits
    }

    /// Puts other limits in force. All buckets begin full.
    pub(crate) fn set(&mut self, limits: RateLimits, now: Instant) {
        let full = |rate: &Rate| Bucket { tokens: rate.burst, filled: now };
        self.buckets = limits.rates.iter().map(full).collect();
        self.limits = limits;
    }

    /// Takes a token of every bucket that the operation draws on, or none of any.
    pub(crate) fn take(&mut self, operation: Operation, now: Instant) -> Result<(), ServiceError> {
        let rates = self.limits.rates.iter().zip(&mut self.buckets);
        let drawn: Vec<&mut Bucket> = rates
            .filter(|(rate, _)| rate.covers(operation))
            .map(|(rate, bucket)| {
                bucket.fill(rate, now);
                bucket
            })
            .collect();
        if drawn.iter().any(|bucket| bucket.tokens < 1.0 - ROUNDING) {
            return Err(ServiceError::throttled());
        }
        for bucket in drawn {
            bucket.tokens -= 1.0;
        }
        Ok(())
    }

    /// Counts a call that has arrived. Says whether it is one too many.
    pub(crate) fn begin(&mut self, operation: Operation, now: Instant) -> bool {
        if !counts(operation) {
            return false;
        }
        self.unfinished.retain(|done| *done > now);
        let unfinished = match self.limits.concurrent_until {
            ConcurrentUntil::Answered => 0,
            ConcurrentUntil::Indexed => self.unfinished.len(),
        };
        self.in_flight += 1;
        self.limits.max_concurrent.is_some_and(|max| self.in_flight + unfinished > max)
    }

    /// Notes that the documents of a call will be done in a while.
    pub(crate) fn accepted(&mut self, now: Instant, delay: Duration) {
        self.unfinished.push(now + delay);
    }

    pub(crate) fn end(&mut self, operation: Operation) {
        self.in_flight -= usize::from(counts(operation));
    }

    /// Returns the error for one call too many at a time.
    pub(crate) fn too_many(&self) -> ServiceError {
        let max = self.limits.max_concurrent.unwrap_or_default();
        ServiceError::validation(Fault::too_many_concurrent_text(max))
    }
}

impl Bucket {
    fn fill(&mut self, rate: &Rate, now: Instant) {
        let seconds = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + seconds * rate.calls_per_second).min(rate.burst);
        self.filled = now;
    }
}

/// Ingest and delete share one quota of concurrent calls; the others have none.
fn counts(operation: Operation) -> bool {
    matches!(operation, Operation::Ingest | Operation::Delete)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many of the calls that are made every `every` milliseconds for a minute are taken.
    fn taken(quotas: &mut Quotas, begin: Instant, operation: Operation, every: u64) -> usize {
        let times = (0..60_000 / every).map(|n| begin + Duration::from_millis(n * every));
        times.filter(|now| quotas.take(operation, *now).is_ok()).count()
    }

    #[test]
    fn a_bucket_lets_through_what_comes_in_and_a_burst() {
        let now = Instant::now();
        for (limit, burst, expected) in [(0.5, 1.0, 30), (5.0, 1.0, 300), (5.0, 5.0, 304)] {
            let mut limits = RateLimits::writes(limit);
            limits.rates.iter_mut().for_each(|rate| rate.burst = burst);
            assert_eq!(taken(&mut Quotas::new(limits, now), now, Operation::Ingest, 20), expected);
        }
    }

    #[test]
    fn operations_share_a_bucket_or_have_their_own() {
        let now = Instant::now();
        let mut shared = Quotas::new(RateLimits::writes(1.0), now);
        assert!(shared.take(Operation::Ingest, now).is_ok());
        assert_eq!(shared.take(Operation::Delete, now).map_err(|error| error.status), Err(429));
        assert!(shared.take(Operation::Get, now).is_ok());
        let mut own = Quotas::new(RateLimits::documented(), now);
        assert_eq!(taken(&mut own, now, Operation::Ingest, 100), 304);
        assert_eq!(taken(&mut own, now, Operation::Delete, 100), 304);
    }

    #[test]
    fn a_call_that_one_bucket_refuses_costs_the_others_nothing() {
        let now = Instant::now();
        let mut limits = RateLimits::writes(1.0);
        limits.rates.push(Rate { operations: vec![Operation::Ingest], calls_per_second: 0.0, burst: 1.0 });
        let mut quotas = Quotas::new(limits, now);
        assert!(quotas.take(Operation::Ingest, now).is_ok());
        let later = now + Duration::from_secs(1);
        assert!(quotas.take(Operation::Ingest, later).is_err());
        assert!(quotas.take(Operation::Delete, later).is_ok());
    }

    #[test]
    fn the_eleventh_call_at_a_time_is_one_too_many() {
        let now = Instant::now();
        let mut quotas = Quotas::new(RateLimits::documented(), now);
        assert!((0..10).all(|_| !quotas.begin(Operation::Ingest, now)));
        assert!(!quotas.begin(Operation::List, now), "only writes count");
        assert!(quotas.begin(Operation::Delete, now));
        quotas.end(Operation::Delete);
        quotas.end(Operation::Ingest);
        assert!(!quotas.begin(Operation::Delete, now));
    }

    #[test]
    fn a_call_can_count_until_its_documents_are_indexed() {
        let now = Instant::now();
        let until_indexed = ConcurrentUntil::Indexed;
        let limits = RateLimits { concurrent_until: until_indexed, ..RateLimits::documented() };
        let mut quotas = Quotas::new(limits, now);
        for _ in 0..10 {
            assert!(!quotas.begin(Operation::Ingest, now));
            quotas.accepted(now, Duration::from_secs(3));
            quotas.end(Operation::Ingest);
        }
        assert!(quotas.begin(Operation::Ingest, now + Duration::from_secs(2)));
        quotas.end(Operation::Ingest);
        assert!(!quotas.begin(Operation::Ingest, now + Duration::from_secs(3)));
    }
}
