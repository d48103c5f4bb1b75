//! What the offsets of a partition are positions in, from which of its records on.

use std::collections::VecDeque;
use std::sync::Arc;

/// The marks of a partition, each with the number of the first record that it holds for.
#[derive(Debug, Default)]
pub(crate) struct OffsetMarks(VecDeque<(u64, Arc<str>)>);

impl OffsetMarks {
    /// Notes what holds from record `next` on. None before `first` is asked for any more.
    pub(crate) fn note(&mut self, first: u64, next: u64, mark: Arc<str>) {
        if self.0.back().is_some_and(|(_, last)| *last == mark) {
            return;
        }
        self.0.push_back((next, mark));
        while self.0.get(1).is_some_and(|(from, _)| *from <= first) {
            self.0.pop_front();
        }
    }

    /// Returns what holds for a record; empty where nothing was noted.
    pub(crate) fn of(&self, number: u64) -> Arc<str> {
        let mark = self.0.iter().rev().find(|(from, _)| *from <= number);
        mark.map_or_else(|| "".into(), |(_, mark)| Arc::clone(mark))
    }

    /// Returns what holds for the next record.
    pub(crate) fn last(&self) -> Arc<str> {
        self.of(u64::MAX)
    }
}
