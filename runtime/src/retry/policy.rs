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
    /// From the first failure to the last try, at most, but for waits that the target asked for.
    pub timeout: Duration,
    /// The longest wait that a target may ask for.
    pub retry_after_max: Duration,
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
    ///
    /// A wait that the target asks for is obeyed, even where it is longer than the time there is for tries. Of it only
    /// as much counts as would have been waited without it; a target that asks for a second each time does not keep its
    /// connector waiting for ever.
    pub fn failed(&mut self, policy: RetryPolicy, failure: &Failure) -> Result<Duration, String> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let tried_for = since.elapsed();
        self.failures += 1;
        let asked = failure.wait().map(|asked| asked.min(policy.retry_after_max));
        let wait = policy.backoff.wait(self.failures, asked);
        let counted = wait.min(policy.backoff.longest(self.failures));
        if tried_for.saturating_add(counted) > policy.timeout {
            return Err(format!("retries used up after {} tries in {tried_for:?}: {failure}", self.failures));
        }
        // What does not count is as if the first failure had come later.
        self.since = since.checked_add(wait.saturating_sub(counted)).or(self.since);
        Ok(wait)
    }

    /// Counts for two things that are tried together: as often and as long as either.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        let since = [self.since, other.since].into_iter().flatten().min();
        Self { failures: self.failures.max(other.failures), since }
    }
}
