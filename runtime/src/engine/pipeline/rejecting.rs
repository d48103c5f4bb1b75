//! Records at fault, of what is on its way: the policy decides, and one that stops the connector closes the way behind it.

use std::collections::VecDeque;

use sluice_connector_api::Origin;

use crate::engine::ledger::counters::Verdict;
use crate::engine::letters::faults::Fate;
use crate::engine::letters::rejected::Rejected;
use crate::engine::pipeline::delivering::Delivering;
use crate::engine::pipeline::phase::{Failed, NextStart, Phase};
use crate::engine::pipeline::repeats::WaitingRepeat;

impl Delivering {
    /// Lets the policy decide about a record at fault, and about those that wait for it since they are the same: what is
    /// wrong with it is wrong with them, and to put them would be to put them behind what was read after them (invariant 3).
    pub(super) fn reject(&mut self, rejected: Rejected) {
        let mut due = VecDeque::from([rejected]);
        while let Some(rejected) = due.pop_front() {
            let same = self.repeats.rejected(rejected.ticket);
            self.reject_one(&rejected);
            if self.closed {
                return;
            }
            due.extend(same.into_iter().map(|WaitingRepeat { ticket, origin, read }| Rejected {
                ticket,
                origin,
                read,
                order: rejected.order,
                stage: rejected.stage.clone(),
                fault: rejected.fault.clone(),
                attempts: rejected.attempts,
            }));
        }
    }

    /// One of a partition that went meanwhile is somebody else's to judge.
    fn reject_one(&mut self, rejected: &Rejected) {
        if !self.ledger.tracker.is_ours(rejected.ticket) {
            return;
        }
        self.ledger.counters.rejected(&rejected.stage, &rejected.fault.reason);
        match self.faults.judge(rejected, &mut self.lane) {
            Fate::Skipped => self.done(rejected.ticket, Verdict::Skipped),
            Fate::Waits => {}
            Fate::Stops(reason) => self.fail(&rejected.origin, reason),
            Fate::StopsForGood(reason) => self.fail_for_good(&rejected.origin, reason),
            Fate::StopsWithAll(reason) => {
                self.ledger.withhold();
                self.fail(&rejected.origin, reason);
            }
        }
    }

    /// Stops where another task found the set-up at fault: what was tolerated here is not done after all.
    pub(super) fn heed_other_tasks(&mut self) {
        if self.ledger.is_withheld() && self.phase == Phase::Running {
            self.stop(Err(String::from(
                "another task found that the set-up is at fault: the first records were all rejected, and nothing was ever stored",
            )
            .into()));
        }
    }

    /// Takes nothing behind the record that is to blame.
    pub(super) fn fail(&mut self, origin: &Origin, reason: String) {
        self.fail_at(Failed { reason, origin: Some(origin.clone()), next_start: NextStart::AfterWait });
    }

    /// Takes nothing behind the record that is to blame, now or at another start.
    pub(super) fn fail_for_good(&mut self, origin: &Origin, reason: String) {
        self.fail_at(Failed { reason, origin: Some(origin.clone()), next_start: NextStart::Never });
    }

    fn fail_at(&mut self, failed: Failed) {
        self.closed = true;
        self.stops_at.extend(failed.origin.clone());
        self.phase.drain(Err(failed));
        self.drop_behind();
    }

    /// Drops what stands behind a record that stops the connector, where a position would take that one for done (invariant 1).
    pub(super) fn drop_behind(&mut self) {
        if !self.lane.is_exactly_once() || self.stops_at.is_empty() {
            return;
        }
        let stops_at = &self.stops_at;
        self.lane.retain(|item| {
            let origin = item.record.origin();
            stops_at.iter().all(|stop| {
                stop.topic_partition() != origin.topic_partition() || origin.offset() < stop.offset()
            })
        });
    }
}
