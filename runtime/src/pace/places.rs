//! How many calls may be under way at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for calls under way, shared by everything that draws on one budget.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    bound: Arc<Mutex<Bound>>,
}

#[derive(Debug)]
struct Bound {
    places: usize,
    /// Taken places that are gone once they are given back.
    excess: usize,
}

impl Places {
    /// Makes as many places as there can be.
    pub(crate) fn unbounded() -> Self {
        let places = Semaphore::MAX_PERMITS;
        let bound = Bound { places, excess: 0 };
        Self { free: Arc::new(Semaphore::new(places)), bound: Arc::new(Mutex::new(bound)) }
    }

    /// Leaves no more than so many places, and at least one. Calls that are under way go on.
    pub(crate) fn narrow(&self, places: usize) {
        let mut bound = self.bound();
        let surplus = bound.places.saturating_sub(places.max(1));
        bound.places -= surplus;
        bound.excess += surplus - self.free.forget_permits(surplus);
    }

    /// Waits for a place, in the order of asking. Dropping the future loses nothing.
    pub(crate) async fn enter(&self) -> Place {
        // Nobody closes the semaphore: there is a place at last.
        Place { permit: Arc::clone(&self.free).acquire_owned().await.ok(), places: self.clone() }
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place for one call, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    permit: Option<OwnedSemaphorePermit>,
    places: Places,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut bound = self.places.bound();
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

    fn enter(places: &Places) -> Option<Place> {
        places.enter().now_or_never()
    }

    #[test]
    fn the_least_bound_that_was_asked_for_holds() {
        let places = Places::unbounded();
        places.narrow(2);
        places.narrow(5);
        let taken = [enter(&places).unwrap(), enter(&places).unwrap()];
        assert!(enter(&places).is_none());
        drop(taken);
        assert!(enter(&places).is_some());
    }

    #[test]
    fn places_that_are_taken_when_the_bound_narrows_are_not_given_out_again() {
        let places = Places::unbounded();
        let mut taken: Vec<_> = (0..4).map(|_| enter(&places).unwrap()).collect();
        places.narrow(2);
        for left in (0..4).rev() {
            assert!(enter(&places).is_none(), "{} are under way", left + 1);
            taken.pop();
            if left < 2 {
                assert!(enter(&places).is_some(), "{left} are under way");
                break;
            }
        }
    }

    #[test]
    fn one_place_is_the_least() {
        let places = Places::unbounded();
        places.narrow(0);
        assert!(enter(&places).is_some());
    }
}
