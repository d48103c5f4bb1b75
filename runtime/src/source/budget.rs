//! The byte budget of a connector.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes of records that are read and not done, over all tasks of a connector.
///
/// The source takes from it when it reads and stops reading when it is used up; the pipeline gives back when
/// records are done (invariant 7).
#[derive(Clone, Debug)]
pub struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl Budget {
    /// Makes a budget of so many bytes.
    pub fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    /// Takes bytes, also beyond the limit: what is read is read.
    pub fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes in use.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Says whether reading should stop.
    pub fn is_used_up(&self) -> bool {
        self.used() >= self.limit
    }

    /// Says whether reading may go on after it stopped: at half of the limit, so that it does not flutter.
    pub fn has_room(&self) -> bool {
        self.used() <= self.limit / 2
    }
}
