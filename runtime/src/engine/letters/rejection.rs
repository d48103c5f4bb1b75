//! What becomes of records at fault: the dead letter queue, and how many are too many.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_connector_api::{Origin, Record, Sink};
use tokio::time::Instant;

use crate::engine::lane::delivery::Outcome;
use crate::engine::lane::run::Lane;
use crate::engine::lane::settings::PipelineSettings;
use crate::engine::ledger::counters::Counters;
use crate::engine::ledger::tracker::{Ticket, Tracker};
use crate::engine::letters::letter::{Provenance, letter};
use crate::engine::letters::tolerance::Threshold;
use crate::meter::repeats::{Repeats, Say};
use crate::transform::chain::Stage;

/// A record at fault.
pub(in crate::engine) struct Rejected {
    pub(in crate::engine) ticket: Ticket,
    pub(in crate::engine) origin: Origin,
    /// As it was read, where a dead letter queue may want it.
    pub(in crate::engine) read: Option<Arc<Record>>,
    /// What orders it, where somebody asks.
    pub(in crate::engine) order: Option<u64>,
    pub(in crate::engine) stage: Stage,
    pub(in crate::engine) reason: String,
    /// How often it was put.
    pub(in crate::engine) attempts: u32,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "was rejected by {}: {}", self.stage, self.reason)
    }
}

/// Records at fault for one reason that get a line of their own before they are summed up.
pub(in crate::engine) const WHOLE_LINES: u32 = 5;

/// Says what becomes of a tolerated record, in full or as one of many.
pub(in crate::engine) fn say_fate(repeats: &Repeats, rejected: &Rejected, fate: &'static str) {
    let Rejected { origin, .. } = rejected;
    let (topic, partition, offset) = (origin.topic(), origin.partition(), origin.offset());
    match repeats.note(&rejected.to_string()) {
        Say::Whole => tracing::warn!(topic, partition, offset, "record {fate}, {rejected}"),
        Say::Sum(sum) => {
            tracing::warn!(topic, partition, offset, "records {fate}: {sum}, the last {rejected}");
        }
        Say::Nothing => tracing::debug!(topic, partition, offset, "record {fate}, {rejected}"),
    }
}

/// Sums up the records at fault that nothing was said of yet.
pub(in crate::engine) fn sum_up_fates(repeats: &Repeats) {
    for (reason, sum) in repeats.due() {
        tracing::warn!("records tolerated: {sum}, the last {reason}");
    }
}

/// The way to the dead letter queue.
pub struct Letters {
    pub(in crate::engine) lane: Lane,
    connector: Arc<str>,
    task: usize,
    sink_name: String,
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letters")
            .field("connector", &self.connector)
            .field("task", &self.task)
            .finish_non_exhaustive()
    }
}

impl Letters {
    /// Makes the way to a queue, for a task of a connector. `sink_name` is that of the sink that records were meant
    /// for, and `settings` are those of the queue.
    pub fn new(
        queue: Arc<dyn Sink>,
        settings: &PipelineSettings,
        counters: &Counters,
        (connector, task): (Arc<str>, usize),
        sink_name: String,
    ) -> Self {
        Self { lane: Lane::new(queue, settings, Arc::clone(&counters.letters)), connector, task, sink_name }
    }

    /// Puts a record on the way, or says why the queue would never take it. `None` where it was not kept as read.
    pub(in crate::engine) fn post(&mut self, rejected: &Rejected) -> Option<Result<(), String>> {
        let Rejected { ticket, read, stage, reason, attempts, .. } = rejected;
        let plugin = match stage {
            Stage::KeyConverter | Stage::ValueConverter => "converter",
            Stage::Transformation { name, .. } => name,
            Stage::TaskPut => &self.sink_name,
        };
        let (connector, task, attempts) = (&*self.connector, self.task, *attempts);
        let letter = letter(read.as_ref()?, &Provenance { connector, task, stage, plugin, reason, attempts });
        let posted = self.lane.measure(&letter);
        Some(posted.map(|size| self.lane.push(*ticket, letter, None, size, Instant::now())))
    }

    /// Waits until a batch of letters has its verdicts; for ever without a queue.
    pub(in crate::engine) async fn next(letters: &mut Option<Self>, tracker: &Tracker) -> Outcome {
        match letters {
            Some(letters) => letters.lane.next(tracker).await,
            None => pending().await,
        }
    }
}

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
    pub(in crate::engine) fn note(&self, rejected: bool) -> bool {
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
