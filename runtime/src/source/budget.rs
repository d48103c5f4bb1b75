//! The byte budget of a connector.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use sluice_connector_api::Record;

/// What a record takes beside its key, value and headers, in bytes: its place in a list, what is known of it on its
/// way, and what the allocator needs. As measured with a million small records.
const BESIDE: usize = 640;

/// Returns the bytes that a record takes while it is read and not done.
pub fn footprint(record: &Record) -> usize {
    record.size() + BESIDE
}

/// Counts the bytes of records that are read and not done, over all tasks of a connector.
///
/// The source takes from it when it reads and stops reading when it is used up; the pipeline gives back when
/// records are done (invariant 7). Clones stand for the same share; what a share has taken and not given back
/// returns when the last of them is dropped, however its task ended.
#[derive(Clone, Debug)]
pub struct Budget {
    share: Arc<Share>,
}

#[derive(Debug)]
struct Pool {
    used: AtomicUsize,
    held: AtomicBool,
    limit: usize,
}

#[derive(Debug)]
struct Share {
    pool: Arc<Pool>,
    used: AtomicUsize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.used.fetch_sub(*self.used.get_mut(), Ordering::Relaxed);
    }
}

impl Budget {
    /// Makes a budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self::of(Arc::new(Pool { used: AtomicUsize::new(0), held: AtomicBool::new(false), limit }))
    }

    /// Makes a share of its own in the same budget, for one run of a task.
    #[must_use]
    pub fn share(&self) -> Self {
        Self::of(Arc::clone(&self.share.pool))
    }

    fn of(pool: Arc<Pool>) -> Self {
        Self { share: Arc::new(Share { pool, used: AtomicUsize::new(0) }) }
    }

    /// Takes bytes, also beyond the limit: what is read is read.
    pub fn take(&self, bytes: usize) {
        self.share.used.fetch_add(bytes, Ordering::Relaxed);
        self.share.pool.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: usize) {
        self.share.used.fetch_sub(bytes, Ordering::Relaxed);
        self.share.pool.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes in use, over all shares.
    pub fn used(&self) -> usize {
        self.share.pool.used.load(Ordering::Relaxed)
    }

    /// Stops reading whatever room there is, or no longer does: an operator's pause.
    pub fn hold(&self, held: bool) {
        self.share.pool.held.store(held, Ordering::Relaxed);
    }

    fn is_held(&self) -> bool {
        self.share.pool.held.load(Ordering::Relaxed)
    }

    /// Says whether reading should stop.
    pub fn is_used_up(&self) -> bool {
        self.is_held() || self.used() >= self.share.pool.limit
    }

    /// Says whether more is used than what lets reading go on after it stopped.
    pub fn is_half_used(&self) -> bool {
        self.used() > self.share.pool.limit / 2
    }

    /// Says whether reading may go on after it stopped: at half of the limit, so that it does not flutter.
    pub fn has_room(&self) -> bool {
        !self.is_held() && !self.is_half_used()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_at_the_limit_and_goes_on_at_half_of_it() {
        let budget = Budget::new(100);
        budget.take(120);
        assert!(budget.is_used_up() && !budget.has_room());
        budget.give(60);
        assert!(!budget.is_used_up() && !budget.has_room());
        budget.give(10);
        assert!(budget.has_room());
    }

    #[test]
    fn a_share_gives_back_what_its_task_left() {
        let budget = Budget::new(100);
        let share = budget.share();
        share.take(80);
        let poller = share.clone();
        poller.take(10);
        drop(share);
        assert_eq!(budget.used(), 90, "the poller still runs");
        drop(poller);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_pause_holds_reading_whatever_room_there_is() {
        let budget = Budget::new(100);
        let share = budget.share();
        budget.hold(true);
        assert!(share.is_used_up() && !share.has_room());
        budget.hold(false);
        assert!(!share.is_used_up() && share.has_room());
    }
}
