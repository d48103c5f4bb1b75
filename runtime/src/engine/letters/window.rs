//! Watches how many of the last records were at fault.
//!
//! The chain and the sink are watched apart: the chain is done with a backlog long before the sink is, and what it rejects would
//! be all that is done.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::ledger::withholding::Withholding;
use crate::engine::letters::tolerance::Threshold;

/// So many rejections from the first record on are too many where nothing was ever stored.
const FIRST_RECORDS: usize = 20;

/// The last records: which of them were at fault. Clones share it, so that it outlives a task that is restarted, and a set-up
/// that is wrong for all tasks is seen over all of them: each may have too few records to tell.
#[derive(Clone, Debug)]
pub struct Window {
    threshold: Option<Threshold>,
    seen: Arc<Mutex<Seen>>,
    pub(crate) withholding: Withholding,
}

/// Who is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    Chain,
    Sink,
}

#[derive(Debug, Default)]
struct Seen {
    chain: LastRecords,
    sink: LastRecords,
    stored: bool,
    /// A record came through the chain.
    through: bool,
    /// Rejections from the first record on, by the chain while nothing came through it, and by the sink while it stored nothing:
    /// what one of them rejects says nothing of the other.
    first_of_chain: usize,
    first_of_sink: usize,
}

/// Too many records were at fault.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    /// Nothing was ever stored, and all are rejected.
    FromTheStart,
    /// So many of so many last records.
    OfLast(usize, usize),
}

#[derive(Debug, Default)]
struct LastRecords {
    /// For each record, whether it was at fault.
    records: VecDeque<bool>,
    rejected: usize,
}

impl Window {
    /// Makes an empty one; without a threshold no number is too many.
    pub fn new(threshold: Option<Threshold>) -> Self {
        Self { threshold, seen: Arc::default(), withholding: Withholding::default() }
    }

    /// Forgets all that was seen.
    pub fn clear(&self) {
        *self.seen() = Seen::default();
    }

    /// Takes note of a record that came through the chain, or that the sink stored.
    pub(super) fn note_good(&self, judge: Judge) {
        if let Some(threshold) = self.threshold {
            let mut seen = self.seen();
            match judge {
                Judge::Chain => seen.through = true,
                Judge::Sink => seen.stored = true,
            }
            seen.by(judge).add(false, threshold);
        }
    }

    /// Takes note of a record at fault; says whether that is one too many.
    pub(super) fn note_rejected(&self, judge: Judge) -> Option<TooMany> {
        let threshold = self.threshold?;
        let mut seen = self.seen();
        seen.by(judge).add(true, threshold);
        seen.count_first(judge);
        if seen.is_all_from_the_start() {
            return Some(TooMany::FromTheStart);
        }
        let last = seen.by(judge);
        let is_too_many = last.rejected >= threshold.rejected;
        is_too_many.then_some(TooMany::OfLast(last.rejected, last.records.len()))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn by(&mut self, judge: Judge) -> &mut LastRecords {
        match judge {
            Judge::Chain => &mut self.chain,
            Judge::Sink => &mut self.sink,
        }
    }

    /// A record that waits for its put has come through the chain.
    fn count_first(&mut self, judge: Judge) {
        match judge {
            Judge::Chain if self.through => {}
            Judge::Chain => self.first_of_chain = self.first_of_chain.saturating_add(1),
            Judge::Sink => self.first_of_sink = self.first_of_sink.saturating_add(1),
        }
    }

    /// Says whether the first records were all rejected. That holds until one is stored.
    fn is_all_from_the_start(&self) -> bool {
        !self.stored && self.first_of_chain.max(self.first_of_sink) >= FIRST_RECORDS
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
        assert_eq!(window.note_rejected(Judge::Sink), None);
        window.note_good(Judge::Sink);
        window.note_good(Judge::Sink);
        assert_eq!(window.note_rejected(Judge::Sink), None);
        let too_many = window.note_rejected(Judge::Sink).unwrap();
        assert!(too_many.to_string().starts_with("2 of the last 3 records were rejected"));
    }

    #[test]
    fn without_a_threshold_no_number_is_too_many() {
        let window = Window::new(None);
        assert!((1..1000).all(|_| window.note_rejected(Judge::Sink).is_none()));
    }

    #[test]
    fn before_anything_is_stored_twenty_from_the_first_on_are_too_many_and_stay_so() {
        let window = Window::new(Some(Threshold { rejected: 50, of_last: 100 }));
        assert!((1..20).all(|_| window.note_rejected(Judge::Sink).is_none()));
        assert_eq!(window.note_rejected(Judge::Sink), Some(TooMany::FromTheStart));
        let after_a_restart = window.clone();
        assert_eq!(after_a_restart.note_rejected(Judge::Sink), Some(TooMany::FromTheStart));
        window.note_good(Judge::Chain);
        assert_eq!(window.note_rejected(Judge::Sink), Some(TooMany::FromTheStart), "nothing is stored");
        window.note_good(Judge::Sink);
        assert!(window.note_rejected(Judge::Sink).is_none(), "the set-up was mended");
    }

    /// An invocation of a function has few records, and an event of one is nothing out of the way.
    #[test]
    fn the_first_records_are_counted_over_all_runs_that_share_the_window() {
        let window = || Window::new(Some(Threshold { rejected: 50, of_last: 100 }));
        for judge in [Judge::Sink, Judge::Chain] {
            let runs = window();
            assert!((1..20).all(|_| runs.clone().note_rejected(judge).is_none()));
            assert_eq!(runs.clone().note_rejected(judge), Some(TooMany::FromTheStart));
        }
        let both = window();
        for judge in [Judge::Sink, Judge::Chain] {
            assert!((0..15).all(|_| both.note_rejected(judge).is_none()), "each counts its own");
        }
        let through = window();
        through.note_good(Judge::Chain);
        assert!((0..49).all(|_| through.note_rejected(Judge::Chain).is_none()), "the chain takes some");
    }

    #[test]
    fn what_the_sink_is_not_done_with_makes_the_share_of_the_chain_no_larger() {
        let window = Window::new(Some(Threshold { rejected: 50, of_last: 100 }));
        window.note_good(Judge::Sink);
        for _ in 0..200 {
            (0..9).for_each(|_| window.note_good(Judge::Chain));
            assert_eq!(window.note_rejected(Judge::Chain), None);
        }
    }
}
