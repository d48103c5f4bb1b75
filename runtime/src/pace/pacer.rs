//! The pacer: how many calls per second a target takes, found out by asking.
//!
//! Documented limits are often not the real ones: the service behind the first sink documents 5 calls per second and
//! was seen to take one in two seconds. `learner.rs` has how the rate is learned. Calls are spread evenly: there is no
//! burst.
//!
//! How many calls are under way at once is bounded where a sink says so; that is nothing to learn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_connector_api::{Failure, FailureKind, Pace};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::pace::learner::Learner;

/// The pace of one budget, shared by everything that draws on it.
#[derive(Clone, Debug)]
pub struct Pacer {
    learner: Arc<Mutex<Learner>>,
    permits: Permits,
    /// The front of the queue of calls: one call waits for its moment, and the others wait for it. So a rate that changes
    /// holds for all that have not gone.
    front: Arc<tokio::sync::Mutex<()>>,
    /// Tells the call at the front that its moment has changed.
    changed: Arc<Notify>,
}

impl Pacer {
    /// Makes a pacer that begins at, and never exceeds, so many calls per second.
    pub fn new(calls_per_second: f64) -> Self {
        Self {
            learner: Arc::new(Mutex::new(Learner::new(calls_per_second))),
            permits: Permits::new(),
            front: Arc::default(),
            changed: Arc::default(),
        }
    }

    /// Returns the learned rate in calls per second.
    pub fn rate(&self) -> f64 {
        self.learner().rate()
    }

    /// Waits for a permit first: a call that waits for its moment with its permit in hand makes no burst once others end.
    async fn turn(&self) -> Permit {
        let permit = self.permits.acquire().await;
        let _front = self.front.lock().await;
        while let Some(due) = self.due() {
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.changed.notified() => {}
            }
        }
        self.learner().sent(Instant::now());
        permit
    }

    /// Returns when the next call may go, if that is yet to come.
    fn due(&self) -> Option<Instant> {
        let now = Instant::now();
        self.learner().due().filter(|due| *due > now)
    }

    fn taken(&self, sent: Instant) {
        self.learner().taken(sent);
        self.changed.notify_one();
    }

    fn throttled(&self, sent: Instant) {
        self.learner().throttled(sent, Instant::now());
        self.changed.notify_one();
    }

    fn learner(&self) -> MutexGuard<'_, Learner> {
        self.learner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that may go now. Its permit is free again when this is dropped.
#[derive(Debug)]
pub struct Turn {
    paced: Option<(Pacer, Permit)>,
    /// When the call goes.
    pub since: Instant,
}

impl Turn {
    /// Waits for a call's turn; without a pacer it is there at once. `None` where `interrupt` came before
    /// (invariant 6).
    pub async fn wait_for(pacer: Option<&Pacer>, interrupt: &CancellationToken) -> Option<Self> {
        let paced = match pacer {
            None if interrupt.is_cancelled() => return None,
            None => None,
            Some(pacer) => tokio::select! {
                biased;
                () = interrupt.cancelled() => return None,
                permit = pacer.turn() => Some((pacer.clone(), permit)),
            },
        };
        Some(Self { paced, since: Instant::now() })
    }

    /// Learns from the answer to the call: how it failed, if it did. An outage says nothing about the pace, since the
    /// target did not come to count the call.
    pub fn answered<'a>(self, failures: impl IntoIterator<Item = &'a Failure>) {
        let Some((pacer, _)) = &self.paced else { return };
        let (mut throttled, mut outage) = (false, false);
        for failure in failures {
            throttled |= failure.is_throttled();
            outage |= failure.kind() == FailureKind::Retriable;
        }
        match (throttled, outage) {
            (true, _) => pacer.throttled(self.since),
            (false, true) => {}
            (false, false) => pacer.taken(self.since),
        }
    }
}

/// The permits for calls under way, shared by everything that draws on one budget. tokio's semaphore cannot forget
/// permits that are out; this one does so when they come back.
#[derive(Clone, Debug)]
struct Permits {
    free: Arc<Semaphore>,
    bound: Arc<Mutex<Bound>>,
}

#[derive(Debug)]
struct Bound {
    /// How many permits there may be.
    permits: usize,
    /// Permits that are out and will be forgotten once they come back.
    excess: usize,
}

impl Permits {
    /// Makes as many permits as there can be.
    fn new() -> Self {
        let permits = Semaphore::MAX_PERMITS;
        let bound = Bound { permits, excess: 0 };
        Self { free: Arc::new(Semaphore::new(permits)), bound: Arc::new(Mutex::new(bound)) }
    }

    /// Leaves no more than so many permits, and at least one. Calls that are under way go on.
    fn narrow(&self, permits: usize) {
        let mut bound = self.bound();
        let surplus = bound.permits.saturating_sub(permits.max(1));
        bound.permits -= surplus;
        bound.excess += surplus - self.free.forget_permits(surplus);
    }

    /// Waits for a permit, in the order of asking. Dropping the future loses nothing.
    async fn acquire(&self) -> Permit {
        // Nobody closes the semaphore, so that this never fails.
        Permit { permit: Arc::clone(&self.free).acquire_owned().await.ok(), permits: self.clone() }
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one call, until it is dropped.
#[derive(Debug)]
struct Permit {
    permit: Option<OwnedSemaphorePermit>,
    permits: Permits,
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut bound = self.permits.bound();
        if bound.excess > 0
            && let Some(permit) = self.permit.take()
        {
            bound.excess -= 1;
            permit.forget();
        }
    }
}

/// The budgets of a process, by their scope. An explicit value, one per worker.
#[derive(Clone, Debug, Default)]
pub struct Pacers(Arc<Mutex<HashMap<String, Pacer>>>);

impl Pacers {
    /// Returns the pacer of a budget. The first to ask says where it begins; of bounds on the calls under way the
    /// least holds.
    pub fn of(&self, pace: &Pace) -> Pacer {
        let mut pacers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pacer = pacers.entry(pace.scope.clone()).or_insert_with(|| Pacer::new(pace.calls_per_second));
        if let Some(permits) = pace.max_concurrent {
            pacer.permits.narrow(permits);
        }
        pacer.clone()
    }

    /// Forgets the pacer of a budget: the next to ask begins anew. Whoever has the old one keeps to it.
    pub fn forget(&self, scope: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    async fn go(pacer: &Pacer) -> Instant {
        Turn::wait_for(Some(pacer), &CancellationToken::new()).await.unwrap().since
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_spread_evenly() {
        let pacer = Pacer::new(4.0);
        let begun = Instant::now();
        let mut went = Vec::new();
        for _ in 0..3 {
            went.push(go(&pacer).await.duration_since(begun).as_millis());
        }
        assert_eq!(went, [0, 250, 500]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_is_cut_holds_for_calls_that_wait_already() {
        let pacer = Pacer::new(4.0);
        let begun = go(&pacer).await;
        let wait = || {
            let pacer = pacer.clone();
            tokio::spawn(async move { go(&pacer).await })
        };
        let waiting = [wait(), wait(), wait()];
        tokio::time::sleep(Duration::from_millis(100)).await;
        pacer.throttled(begun);
        let interval = Duration::from_secs_f64(1.0 / pacer.rate());
        let [first, second, third] = waiting;
        // What was throttled is tried again soon; what comes behind it is not.
        let went = [first.await.unwrap(), second.await.unwrap(), third.await.unwrap()];
        for pair in went.windows(2) {
            assert!(pair[1].duration_since(pair[0]) >= interval, "{:?}", pair[1].duration_since(pair[0]));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_races_the_interrupt() {
        let pacer = Pacer::new(0.1);
        let interrupt = CancellationToken::new();
        assert!(Turn::wait_for(Some(&pacer), &interrupt).await.is_some());
        let begun = Instant::now();
        interrupt.cancel();
        assert!(Turn::wait_for(Some(&pacer), &interrupt).await.is_none());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_changes_the_rate_only_where_it_says_something_about_it() {
        let pacer = Pacer::new(4.0);
        let answered = async |failures: &[Failure]| {
            Turn::wait_for(Some(&pacer), &CancellationToken::new()).await.unwrap().answered(failures);
            pacer.rate()
        };
        let busy = || Failure::throttled("429");
        let cut = answered(&[Failure::rejected("bad"), busy(), Failure::retriable("down")]).await;
        assert!(cut < 4.0);
        let same = answered(&[Failure::retriable("down"), Failure::rejected("bad")]).await;
        assert!((same - cut).abs() < f64::EPSILON);
        assert!(answered(&[Failure::rejected("bad")]).await > cut, "it was taken, and looked at");
    }

    #[test]
    fn one_scope_has_one_budget() {
        let pacers = Pacers::default();
        let pace = |scope: &str| Pace::new(scope, 5.0);
        pacers.of(&pace("a")).throttled(Instant::now() + Duration::from_secs(1));
        assert!(pacers.of(&pace("a")).rate() < 5.0);
        assert!((pacers.of(&pace("b")).rate() - 5.0).abs() < f64::EPSILON);
    }

    fn acquire(permits: &Permits) -> Option<Permit> {
        permits.acquire().now_or_never()
    }

    #[test]
    fn the_least_bound_that_was_asked_for_holds() {
        let permits = Permits::new();
        permits.narrow(2);
        permits.narrow(5);
        let out = [acquire(&permits).unwrap(), acquire(&permits).unwrap()];
        assert!(acquire(&permits).is_none());
        drop(out);
        assert!(acquire(&permits).is_some());
    }

    #[test]
    fn permits_that_are_out_when_the_bound_narrows_are_not_given_out_again() {
        let permits = Permits::new();
        let mut out: Vec<_> = (0..4).map(|_| acquire(&permits).unwrap()).collect();
        permits.narrow(2);
        for left in (0..4).rev() {
            assert!(acquire(&permits).is_none(), "{} are under way", left + 1);
            out.pop();
            if left < 2 {
                assert!(acquire(&permits).is_some(), "{left} are under way");
                break;
            }
        }
    }

    #[test]
    fn one_permit_is_the_least() {
        let permits = Permits::new();
        permits.narrow(0);
        assert!(acquire(&permits).is_some());
    }
}
