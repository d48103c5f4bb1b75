//! A semaphore for calls under way, whose bound can be lowered while permits are out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The permits for calls under way, shared by everything that draws on one budget. tokio's semaphore cannot forget
/// permits that are out; this one does so when they come back.
#[derive(Clone, Debug)]
pub(crate) struct Permits {
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
    pub(crate) fn new() -> Self {
        let permits = Semaphore::MAX_PERMITS;
        let bound = Bound { permits, excess: 0 };
        Self { free: Arc::new(Semaphore::new(permits)), bound: Arc::new(Mutex::new(bound)) }
    }

    /// Leaves no more than so many permits, and at least one. Calls that are under way go on.
    pub(crate) fn narrow(&self, permits: usize) {
        let mut bound = self.bound();
        let surplus = bound.permits.saturating_sub(permits.max(1));
        bound.permits -= surplus;
        bound.excess += surplus - self.free.forget_permits(surplus);
    }

    /// Waits for a permit, in the order of asking. Dropping the future loses nothing.
    pub(crate) async fn acquire(&self) -> Permit {
        // Nobody closes the semaphore, so that this never fails.
        Permit { permit: Arc::clone(&self.free).acquire_owned().await.ok(), permits: self.clone() }
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one call, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
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

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

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
