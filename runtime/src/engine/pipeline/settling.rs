//! Taking the verdicts of puts: what is stored, held, at fault, or not done.

use crate::engine::batch::item::{Item, Meta};
use crate::engine::lane::group::{Outcome, Stop};
use crate::engine::ledger::counters::Verdict;
use crate::engine::letters::faults::letter_refused;
use crate::engine::letters::rejected::Rejected;
use crate::engine::pipeline::delivering::Delivering;
use crate::engine::pipeline::phase::{Failed, NextStart};
use crate::transform::chain::Stage;

impl Delivering {
    /// Takes the verdicts of a batch.
    pub(super) fn settle(&mut self, outcome: Outcome) {
        self.faults.foresee(&outcome);
        let stop = if self.is_fenced_out(&outcome.not_done) { None } else { outcome.stop };
        self.note_ways(&outcome.stored);
        for item in outcome.stored {
            self.stored(&item, Verdict::Delivered);
        }
        for (item, fault) in outcome.rejected {
            let Item { record, meta: Meta { ticket, read, order, attempts, .. } } = item;
            let origin = record.origin().clone();
            self.reject(Rejected { ticket, origin, read, order, stage: Stage::TaskPut, fault, attempts });
        }
        self.lane.give_back(outcome.not_done, &self.ledger.tracker);
        self.drop_behind();
        self.settled(stop.map(|stop| stop.reason.into()));
    }

    /// Takes note of what the sink holds, and measures the ways of records that it has taken. Before these are done: what the
    /// sink holds must not be committed.
    fn note_ways(&mut self, taken: &[Item]) {
        let Some(open) = self.lane.open() else {
            return self.ledger.counters.stored(taken.iter().map(|item| item.record.timestamp));
        };
        self.ledger.hold(open);
        for item in taken {
            self.ledger.note_taken(&item.record);
        }
    }

    /// Says whether records may not have been put for no other reason than that somebody else has their partition by now. If
    /// that was not it, the next put says so again.
    fn is_fenced_out(&self, not_done: &[Item]) -> bool {
        self.lane.is_exactly_once()
            && not_done.iter().any(|item| !self.ledger.tracker.is_ours(item.meta.ticket))
    }

    /// Takes the verdicts of a batch of dead letters. Invariant 1: now their offsets may be committed.
    pub(super) fn settle_letters(&mut self, outcome: Outcome) {
        for item in outcome.stored {
            self.letters_first = false;
            self.stored(&item, Verdict::DeadLettered);
        }
        for (item, fault) in outcome.rejected {
            // Like the record itself, the letter of a partition that went meanwhile is somebody else's.
            if self.ledger.tracker.is_ours(item.meta.ticket) {
                let origin = item.record.origin();
                self.fail_for_good(origin, letter_refused(origin, &fault.reason));
            }
        }
        if let Some(lane) = self.faults.lane_mut() {
            lane.give_back(outcome.not_done, &self.ledger.tracker);
        }
        self.settled(outcome.stop.map(|Stop { reason, is_fatal }| Failed {
            reason: format!("dead letter queue: {reason}"),
            origin: None,
            next_start: if is_fatal { NextStart::OnceSeen } else { NextStart::LettersFirst },
        }));
    }

    fn settled(&mut self, stop: Option<Failed>) {
        if let Some(failed) = stop {
            self.stop(Err(failed));
        }
        if self.is_idle() {
            self.end_revoke();
        }
    }
}
