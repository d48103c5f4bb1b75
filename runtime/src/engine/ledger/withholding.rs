//! Commits that are withheld from all tasks of a connector at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Whether a run commits nothing any more. Runs that share it are told by whichever of them finds out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withholding {
    times: Arc<AtomicU64>,
    /// As it was when the run began: what an earlier one withheld was read again.
    before: u64,
}

impl Withholding {
    /// Returns what a run begins with.
    pub(crate) fn of_new_run(&self) -> Self {
        Self { times: Arc::clone(&self.times), before: self.times.load(Ordering::Acquire) }
    }

    /// Has all runs that share it commit nothing any more.
    pub(crate) fn withhold(&self) {
        self.times.fetch_add(1, Ordering::AcqRel);
    }

    /// Says whether nothing is to be committed any more.
    pub(crate) fn is_withheld(&self) -> bool {
        self.times.load(Ordering::Acquire) != self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_run_withholds_all_that_began_before_it_do_and_no_later_one() {
        let shared = Withholding::default();
        let (one, other) = (shared.of_new_run(), shared.of_new_run());
        one.withhold();
        assert!(one.is_withheld() && other.is_withheld());
        assert!(!shared.of_new_run().is_withheld());
    }
}
