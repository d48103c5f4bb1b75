//! The byte budget of a connector, within that of the process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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
    process: Option<Arc<ProcessPool>>,
}

/// The byte budget of a process, beside that of each connector; none where it has no limit.
///
/// Half of it is divided among the connectors, so that one whose target is away leaves the others theirs (invariant 10). The
/// other half is for whoever comes first. Together they hold no more than the limit, and what was read beyond it at once.
#[derive(Clone, Debug, Default)]
pub struct ProcessBudget(Option<Arc<ProcessPool>>);

#[derive(Debug)]
struct ProcessPool {
    limit: usize,
    used: AtomicUsize,
    /// The connectors that there are, those that are closing included.
    pools: Mutex<Vec<Weak<Pool>>>,
}

impl ProcessBudget {
    /// Makes a budget of so many bytes, or one without a limit.
    pub fn new(limit: Option<usize>) -> Self {
        Self(limit.map(|limit| Arc::new(ProcessPool::new(limit))))
    }

    /// Makes the budget of a connector: so many bytes, within that of the process.
    pub fn connector(&self, limit: usize) -> Budget {
        let pool = Arc::new(Pool::new(limit, self.0.clone()));
        if let Some(process) = &self.0 {
            let mut pools = process.pools.lock().unwrap_or_else(PoisonError::into_inner);
            pools.retain(|pool| pool.strong_count() > 0);
            pools.push(Arc::downgrade(&pool));
        }
        Budget::of(pool)
    }
}

impl ProcessPool {
    fn new(limit: usize) -> Self {
        Self { limit, used: AtomicUsize::new(0), pools: Mutex::default() }
    }

    /// Says whether more than a part of the limit is in use; below, nobody has to be asked what it has.
    fn is_above(&self, part: usize) -> bool {
        self.used.load(Ordering::Relaxed) > part
    }

    /// Returns what is each connector's alone, and how much they have in use beyond that, over all of them.
    fn shares(&self) -> (usize, usize) {
        let pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let used: Vec<usize> =
            pools.iter().filter_map(Weak::upgrade).map(|pool| pool.used.load(Ordering::Relaxed)).collect();
        let own = self.limit / 2 / used.len().max(1);
        (own, used.into_iter().map(|used| used.saturating_sub(own)).sum())
    }
}

impl Pool {
    fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
        if let Some(process) = &self.process {
            process.used.fetch_add(bytes, Ordering::Relaxed);
        }
    }

    fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(process) = &self.process {
            process.used.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    fn new(limit: usize, process: Option<Arc<ProcessPool>>) -> Self {
        Self { used: AtomicUsize::new(0), held: AtomicBool::new(false), limit, process }
    }

    /// Says whether the process has no more for this connector, which has so much in use.
    fn is_at_the_end_of_the_process(&self, used: usize) -> bool {
        self.process.as_ref().filter(|process| process.is_above(process.limit / 2)).is_some_and(|process| {
            let (own, beyond) = process.shares();
            used >= own && beyond >= process.limit / 2
        })
    }

    /// Says whether this connector, which has so much in use, uses more than so many eighths of what the process has for it.
    fn uses_of_process(&self, used: usize, eighths: usize) -> bool {
        let common = |process: &ProcessPool| process.limit / 2 / 8 * eighths;
        self.process.as_ref().filter(|process| process.is_above(common(process))).is_some_and(|process| {
            let (own, beyond) = process.shares();
            used > own / 8 * eighths && beyond > common(process)
        })
    }
}

#[derive(Debug)]
struct Share {
    pool: Arc<Pool>,
    used: AtomicUsize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pool.give(*self.used.get_mut());
    }
}

impl Budget {
    /// Makes a budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self::of(Arc::new(Pool::new(limit, None)))
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
        self.share.pool.take(bytes);
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: usize) {
        self.share.used.fetch_sub(bytes, Ordering::Relaxed);
        self.share.pool.give(bytes);
    }

    /// Returns the bytes in use, over all shares.
    pub fn used(&self) -> usize {
        self.share.pool.used.load(Ordering::Relaxed)
    }

    /// Stops reading whatever room there is, or no longer does: an operator's pause.
    pub fn hold(&self, held: bool) {
        self.share.pool.held.store(held, Ordering::Relaxed);
    }

    /// Says whether an operator's pause is what stops reading.
    pub fn is_held(&self) -> bool {
        self.share.pool.held.load(Ordering::Relaxed)
    }

    /// Says whether reading should stop.
    pub fn is_used_up(&self) -> bool {
        self.is_held() || self.is_full()
    }

    /// Says whether reading stops for want of room.
    pub fn is_full(&self) -> bool {
        let used = self.used();
        used >= self.share.pool.limit || self.share.pool.is_at_the_end_of_the_process(used)
    }

    /// Says whether more than half is used.
    pub fn is_half_used(&self) -> bool {
        self.uses(4)
    }

    /// Says whether reading that has stopped for want of room does not go on yet.
    pub fn lacks_room(&self) -> bool {
        self.uses(7)
    }

    /// Says whether reading may go on after it stopped: below seven eighths of the limit, so that many records come at once.
    pub fn has_room(&self) -> bool {
        !self.is_held() && !self.lacks_room()
    }

    fn uses(&self, eighths: usize) -> bool {
        let used = self.used();
        used > self.share.pool.limit / 8 * eighths || self.share.pool.uses_of_process(used, eighths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stops_at_the_limit_and_goes_on_at_seven_eighths_of_it() {
        let budget = Budget::new(80);
        budget.take(96);
        assert!(budget.is_used_up() && !budget.has_room());
        budget.give(20);
        assert!(!budget.is_used_up() && !budget.has_room());
        budget.give(6);
        assert!(budget.has_room() && budget.is_half_used());
        budget.give(30);
        assert!(!budget.is_half_used());
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
    fn connectors_together_stay_within_the_budget_of_the_process_and_each_has_a_share_of_its_own() {
        let process = ProcessBudget::new(Some(1000));
        let [greedy, modest] = [process.connector(10_000), process.connector(10_000)];
        let read_on = |budget: &Budget| {
            while !budget.is_used_up() {
                budget.take(10);
            }
            budget.used()
        };
        assert_eq!(read_on(&greedy), 750, "what is its own, and all that is for whoever comes first");
        assert_eq!(read_on(&modest), 250, "what is its own, although the other gives nothing back");
        modest.give(30);
        assert!(!modest.has_room());
        modest.give(10);
        assert!(modest.has_room() && !modest.is_used_up());
        greedy.give(70);
        assert!(greedy.has_room() && greedy.is_half_used(), "{}", greedy.used());
        drop(greedy);
        let late = process.connector(400);
        assert_eq!(read_on(&late), 400, "its own limit holds, too");
        drop((modest, late));
        assert_eq!(read_on(&process.connector(10_000)), 1000, "one that is alone has all of it");
    }

    #[test]
    fn a_pause_holds_reading_whatever_room_there_is() {
        let budget = Budget::new(100);
        let share = budget.share();
        budget.hold(true);
        assert!(share.is_used_up() && !share.has_room() && !share.is_full());
        budget.hold(false);
        assert!(!share.is_used_up() && share.has_room());
    }
}
