//! Watches how many of the records last done were at fault.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::letters::tolerance::Threshold;

/// So many rejections from the first record on are too many where nothing was ever stored.
const FIRST_RECORDS: usize = 20;

/// The records last done: which of them were at fault. Clones share it, so that it outlives a task that is restarted.
#[derive(Clone, Debug)]
pub struct Window {
    threshold: Option<Threshold>,
    last: Arc<Mutex<LastRecords>>,
}

/// Too many records were at fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    /// Nothing was ever stored, and all are rejected.
    FromTheStart,
    /// So many of so many records last done.
    OfLast(usize, usize),
}

#[derive(Debug, Default)]
struct LastRecords {
    /// For each record, whether it was at fault.
    records: VecDeque<bool>,
    rejected: usize,
    stored: bool,
    /// The first records were all rejected. That holds until one is stored.
    from_the_start: bool,
}

impl Window {
    /// Makes an empty one; without a threshold no number is too many.
    pub fn new(threshold: Option<Threshold>) -> Self {
        Self { threshold, last: Arc::default() }
    }

    /// Takes note of a record that is done and was not at fault.
    pub(super) fn note_good(&self, stored: bool) {
        if let Some(threshold) = self.threshold {
            let mut last = self.last();
            last.stored |= stored;
            last.add(false, threshold);
        }
    }

    /// Takes note of a record at fault, which is one of so many from the first on; says whether that is one too many.
    pub(super) fn note_rejected(&self, from_the_first: usize) -> Option<TooMany> {
        let threshold = self.threshold?;
        let mut last = self.last();
        last.add(true, threshold);
        last.from_the_start |= from_the_first >= FIRST_RECORDS;
        if last.from_the_start && !last.stored {
            return Some(TooMany::FromTheStart);
        }
        let is_too_many = last.rejected >= threshold.rejected;
        is_too_many.then(|| TooMany::OfLast(last.rejected, last.records.len()))
    }

    fn last(&self) -> MutexGuard<'_, LastRecords> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LastRecords {
    fn add(&mut self, rejected: bool, threshold: Threshold) {
        self.records.push_back(rejected);
        self.rejected += usize::from(rejected);
        if self.records.len() > threshold.of_last {
            let gone = self.records.pop_front().unwrap_or_default();
            self.rejected -= usize::from(gone);
        }
    }
}

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromTheStart => write!(
                f,
                "the first {FIRST_RECORDS} records were all rejected, and nothing was ever stored, which is the \
                 set-up's fault rather than theirs (`errors.threshold: off` lets them pass)"
            ),
            Self::OfLast(rejected, of) => write!(
                f,
                "{rejected} of the last {of} records were rejected, which `errors.threshold` does not allow"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_forgets_what_is_long_ago() {
        let window = Window::new(Some(Threshold { rejected: 2, of_last: 3 }));
        assert_eq!(window.note_rejected(1), None);
        window.note_good(true);
        window.note_good(true);
        assert_eq!(window.note_rejected(1), None);
        let too_many = window.note_rejected(2).unwrap();
        assert!(too_many.to_string().starts_with("2 of the last 3 records were rejected"));
    }

    #[test]
    fn without_a_threshold_no_number_is_too_many() {
        let window = Window::new(None);
        assert!((1..1000).all(|count| window.note_rejected(count).is_none()));
    }

    #[test]
    fn before_anything_is_stored_twenty_from_the_first_on_are_too_many_and_stay_so() {
        let window = Window::new(Some(Threshold { rejected: 50, of_last: 100 }));
        assert!((1..20).all(|count| window.note_rejected(count).is_none()));
        assert_eq!(window.note_rejected(20), Some(TooMany::FromTheStart));
        let after_a_restart = window.clone();
        assert_eq!(after_a_restart.note_rejected(1), Some(TooMany::FromTheStart));
        window.note_good(false);
        assert_eq!(window.note_rejected(1), Some(TooMany::FromTheStart), "nothing is stored");
        window.note_good(true);
        assert!(window.note_rejected(20).is_none(), "the set-up was mended");
    }
}
