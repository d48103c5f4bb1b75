//! The retry policy: for how long something is tried, and how often it was.

use std::time::Duration;

use sluice_connector_api::Failure;
use tokio::time::Instant;

use crate::retry::backoff::Backoff;

/// How long something is tried, and how long it waits in between.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// The waits between tries.
    pub backoff: Backoff,
    /// From the first failure to the last try, at most.
    pub timeout: Duration,
}

/// How often something failed, and since when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retries {
    /// Failures in a row.
    pub failures: u32,
    /// When the first of them was.
    pub since: Option<Instant>,
}

impl Retries {
    /// Notes a failure. Returns how long to wait for the next try, or why there is none.
    pub fn failed(&mut self, policy: RetryPolicy, failure: &Failure) -> Result<Duration, String> {
        let tried_for = self.since.get_or_insert_with(Instant::now).elapsed();
        self.failures += 1;
        let wait = policy.backoff.wait(self.failures, failure.wait());
        if tried_for.saturating_add(wait) > policy.timeout {
            return Err(format!("retries used up after {} tries in {tried_for:?}: {failure}", self.failures));
        }
        Ok(wait)
    }

    /// Counts for two things that are tried together: as often and as long as either.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let since = [self.since, other.since].into_iter().flatten().min();
        Self { failures: self.failures.max(other.failures), since }
    }
}
