//! Records that the pipeline was handed and has not taken yet.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many may wait before the poller does: enough to keep every core busy, and few enough to stay in its caches. The
/// byte budget bounds memory, and is far larger.
const ROOM: usize = 4000;

/// Counts them.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    records: Mutex<usize>,
    taken: Condvar,
}

impl Backlog {
    /// Counts records that are handed over.
    pub(super) fn add(&self, records: usize) {
        *self.records() += records;
    }

    /// Counts records that were taken.
    pub(super) fn take(&self, records: usize) {
        *self.records() -= records;
        self.taken.notify_one();
    }

    /// Waits until there is room for more, though not longer than `most`.
    pub(super) fn wait_for_room(&self, most: Duration) {
        let waiting = self.taken.wait_timeout_while(self.records(), most, |records| *records >= ROOM);
        drop(waiting);
    }

    fn records(&self) -> MutexGuard<'_, usize> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
