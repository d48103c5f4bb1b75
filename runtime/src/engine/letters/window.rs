//! Watches how many of the records last done were at fault.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::letters::tolerance::Threshold;

/// The records last done: which of them were at fault. Clones share it, so that it outlives a task that is restarted.
#[derive(Clone, Debug)]
pub struct Window {
    threshold: Option<Threshold>,
    last: Arc<Mutex<Last>>,
}

#[derive(Debug, Default)]
struct Last {
    /// For each record, whether it was at fault.
    records: VecDeque<bool>,
    rejected: usize,
}

impl Window {
    /// Makes an empty one; without a threshold no number is too many.
    pub fn new(threshold: Option<Threshold>) -> Self {
        Self { threshold, last: Arc::default() }
    }

    /// Takes note of a record; says whether too many were at fault.
    pub(super) fn note(&self, rejected: bool) -> bool {
        let Some(threshold) = self.threshold else { return false };
        let mut last = self.last();
        last.records.push_back(rejected);
        last.rejected += usize::from(rejected);
        if last.records.len() > threshold.of_last {
            let gone = last.records.pop_front().unwrap_or_default();
            last.rejected -= usize::from(gone);
        }
        last.rejected >= threshold.rejected
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.last();
        write!(
            f,
            "{} of the last {} records were rejected, which `errors.threshold` does not allow: ",
            last.rejected,
            last.records.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_forgets_what_is_long_ago() {
        let window = Window::new(Some(Threshold { rejected: 2, of_last: 3 }));
        let notes = [true, false, false, true, true].map(|rejected| window.note(rejected));
        assert_eq!(notes, [false, false, false, false, true]);
        assert!(window.to_string().starts_with("2 of the last 3 records were rejected"));
    }

    #[test]
    fn without_a_threshold_no_number_is_too_many() {
        let window = Window::new(None);
        assert!((0..1000).all(|_| !window.note(true)));
    }
}
