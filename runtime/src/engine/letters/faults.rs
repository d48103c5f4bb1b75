//! Decides what becomes of records at fault: stop, skip, dead letter queue, or left undone.

use std::future::pending;

use sluice_connector_api::Origin;

use crate::engine::lane::group::Outcome;
use crate::engine::lane::in_flight::Lane;
use crate::engine::ledger::counters::Verdict;
use crate::engine::ledger::tracker::Tracker;
use crate::engine::letters::queue::DeadLetterQueue;
use crate::engine::letters::rejected::Rejected;
use crate::engine::letters::tolerance::{FaultSettings, Tolerance};
use crate::engine::letters::undone::Undone;
use crate::engine::letters::window::{Judge, TooMany, Window};
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::transform::chain::Stage;

/// Records at fault for one reason that get a log line of their own before they are summed up.
const FULL_LINES: u32 = 5;

/// What becomes of a record at fault.
pub(crate) enum Fate {
    /// It is done with.
    Skipped,
    /// It is not done: its letter is on the way, or it is left undone.
    Waits,
    /// The connector stops at it, for this reason.
    Stops(String),
    /// The connector stops at it, for this reason, and would stop there again and again.
    StopsForGood(String),
    /// The connector stops, since it is the set-up that is at fault. What was tolerated before it is not done after all.
    StopsWithAll(String),
}

/// What a connector does about records at fault.
enum Policy {
    Stop,
    Skip,
    Letter(Box<DeadLetterQueue>),
    LeaveUndone(Undone),
}

/// Decides what becomes of records at fault.
pub(crate) struct Faults {
    policy: Policy,
    window: Window,
    throttle: LogThrottle,
}

impl Faults {
    pub(crate) fn new(settings: FaultSettings) -> Self {
        let policy = match settings.tolerance {
            Tolerance::None => Policy::Stop,
            Tolerance::All => Policy::Skip,
        };
        Self { policy, window: Window::new(settings.threshold), throttle: LogThrottle::new(FULL_LINES) }
    }

    /// Sends records at fault to a queue, where they are tolerated.
    pub(crate) fn send_to(&mut self, queue: DeadLetterQueue) {
        if matches!(self.policy, Policy::Skip) {
            self.policy = Policy::Letter(Box::new(queue));
        }
    }

    /// Leaves records at fault undone, where they would stop the run.
    pub(crate) fn leave_undone(&mut self) {
        if matches!(self.policy, Policy::Stop) {
            self.policy = Policy::LeaveUndone(Undone::default());
        }
    }

    /// Goes on with the window of an earlier run.
    pub(crate) fn go_on_with(&mut self, window: Window) {
        self.window = window;
    }

    /// Says whether records are to be kept as they were read.
    pub(crate) fn wants_as_read(&self) -> bool {
        matches!(self.policy, Policy::Letter(_) | Policy::LeaveUndone(_))
    }

    /// Returns the first record that was left undone, and why.
    pub(crate) fn first_undone(&self) -> Option<&str> {
        match &self.policy {
            Policy::LeaveUndone(undone) => undone.first.as_deref(),
            _ => None,
        }
    }

    /// Says whether a record is not to be put, since one before it of its ordering key is left undone.
    /// That holds for records that were put already, too.
    pub(crate) fn holds_back(&self, order: Option<u64>, origin: &Origin) -> bool {
        match &self.policy {
            Policy::LeaveUndone(undone) => undone.is_behind(order, origin),
            _ => false,
        }
    }

    /// Takes note of what a batch has at fault, before any record of it is taken for done.
    pub(crate) fn foresee(&mut self, outcome: &Outcome) {
        if let Policy::LeaveUndone(undone) = &mut self.policy {
            for (item, _) in &outcome.rejected {
                undone.add(item.meta.order, item.record.origin());
            }
        }
    }

    /// Takes note of a record that came through the chain.
    pub(crate) fn note_through(&mut self) {
        if self.tolerates() {
            self.window.note_good(Judge::Chain);
        }
    }

    fn tolerates(&self) -> bool {
        matches!(self.policy, Policy::Skip | Policy::Letter(_))
    }

    /// Takes note of a record that is done.
    pub(crate) fn note_done(&mut self, verdict: Verdict) {
        if !self.tolerates() {
            return;
        }
        match verdict {
            Verdict::Filtered => self.note_through(),
            Verdict::Superseded | Verdict::Delivered => self.window.note_good(Judge::Sink),
            Verdict::Skipped | Verdict::DeadLettered => {}
        }
    }

    /// Decides what becomes of a record at fault. `lane` is the one that it, and what it may hold back, is on.
    pub(crate) fn judge(&mut self, rejected: &Rejected, lane: &mut Lane) -> Fate {
        match &mut self.policy {
            Policy::Stop => return Fate::Stops(format!("record {} {rejected}; {WAY_OUT}", rejected.origin)),
            Policy::LeaveUndone(undone) => {
                return leave_undone(undone, rejected, lane);
            }
            Policy::Skip | Policy::Letter(_) => {}
        }
        let judge = if rejected.stage == Stage::TaskPut { Judge::Sink } else { Judge::Chain };
        if let Some(too_many) = self.window.note_rejected(judge) {
            let reason = format!("{too_many}: record {} {rejected}", rejected.origin);
            return match too_many {
                TooMany::FromTheStart => Fate::StopsWithAll(reason),
                TooMany::OfLast(..) => Fate::Stops(reason),
            };
        }
        let posted = match &mut self.policy {
            Policy::Letter(queue) => queue.post(rejected),
            _ => None,
        };
        match posted {
            None => {
                self.log(rejected, "skipped");
                Fate::Skipped
            }
            Some(Ok(())) => {
                self.log(rejected, "for the dead letter queue");
                Fate::Waits
            }
            Some(Err(reason)) => Fate::StopsForGood(letter_refused(&rejected.origin, &reason)),
        }
    }

    /// Returns the lane to the dead letter queue, if there is one.
    pub(crate) fn lane(&self) -> Option<&Lane> {
        match &self.policy {
            Policy::Letter(queue) => Some(&queue.lane),
            _ => None,
        }
    }

    /// Returns the lane to the dead letter queue, if there is one.
    pub(crate) fn lane_mut(&mut self) -> Option<&mut Lane> {
        match &mut self.policy {
            Policy::Letter(queue) => Some(&mut queue.lane),
            _ => None,
        }
    }

    /// Waits until letters have their verdicts; for ever without a queue. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self, tracker: &Tracker) -> Outcome {
        match self.lane_mut() {
            Some(lane) => lane.next(tracker).await,
            None => pending().await,
        }
    }

    /// Logs what becomes of a tolerated record, in full or as one of many.
    fn log(&self, rejected: &Rejected, fate: &'static str) {
        let Rejected { origin, .. } = rejected;
        let (topic, partition, offset) = (origin.topic(), origin.partition(), origin.offset());
        match self.throttle.note(&rejected.to_string()) {
            LogLine::Full => tracing::warn!(topic, partition, offset, "record {fate}, {rejected}"),
            LogLine::Summary(summary) => {
                tracing::warn!(topic, partition, offset, "records {fate}: {summary}, the last {rejected}");
            }
            LogLine::Nothing => tracing::debug!(topic, partition, offset, "record {fate}, {rejected}"),
        }
    }

    /// Sums up the records at fault that nothing was logged of yet.
    pub(crate) fn sum_up(&self) {
        for (reason, summary) in self.throttle.due() {
            tracing::warn!("records tolerated: {summary}, the last {reason}");
        }
    }
}

/// What leads on where a record stops its connector.
const WAY_OUT: &str =
    "to go on without such records set `errors.tolerance: all`, and `errors.dead_letter_queue` to keep them";

/// Says that the dead letter queue does not take the letter of a record.
pub(crate) fn letter_refused(origin: &Origin, reason: &str) -> String {
    format!("the dead letter queue does not take record {origin}: {reason}")
}

/// Says that a sink panicked when it was asked about a record before the put. That says nothing of the record, and
/// another call would do no better: the connector stops.
pub(crate) fn unfit_sink(origin: &Origin, panicked: &str) -> String {
    format!("the sink was asked about record {origin} and {panicked}")
}

fn leave_undone(undone: &mut Undone, rejected: &Rejected, lane: &mut Lane) -> Fate {
    let Rejected { origin, order, .. } = rejected;
    let order = match (&rejected.stage, &rejected.read) {
        (Stage::TaskPut, _) | (_, None) => Ok(*order),
        // No sink has seen it: what orders it is told from it as it was read.
        (_, Some(read)) => lane.order_of(read),
    };
    match order {
        Ok(order) => undone.add(order, origin),
        Err(panicked) => return Fate::Stops(unfit_sink(origin, &panicked)),
    }
    let (topic, partition, offset) = (origin.topic(), origin.partition(), origin.offset());
    tracing::warn!(topic, partition, offset, "record is reported as not done, {rejected}");
    undone.first.get_or_insert_with(|| format!("record {origin} {rejected}"));
    lane.retain(|item| !undone.is_behind(item.meta.order, item.record.origin()));
    Fate::Waits
}
