//! Records that a put accepted, until they are stored or failed.
//!
//! Those of one ordering key are settled one after the other, as they were read: that a later one is stored says
//! nothing as long as an earlier one may be put again, since that would overwrite it (invariant 3).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{ConfirmLimits, Confirmation, Failure, FailureKind};
use tokio::time::Instant;

use crate::engine::batch::item::Item;
use crate::engine::lane::delivery::{Outcome, worse};
use crate::engine::lane::question::{Accepted, Answered};
use crate::engine::ledger::tracker::Tracker;
use crate::meter::put_meter::PutMeter;
use crate::retry::tries::{Patience, Tries};

/// The records of a lane that are accepted and not known to be stored.
#[derive(Debug)]
pub(in crate::engine) struct Unconfirmed {
    limits: ConfirmLimits,
    patience: Patience,
    meter: Arc<PutMeter>,
    /// By when they are due: all wait alike, so that who waits last is due last.
    waiting: VecDeque<Accepted>,
    /// What is to be put again, and when; `None` for never.
    again: Vec<(Option<Instant>, Vec<Item>)>,
}

/// What an answer means for a record.
enum Meaning {
    Stored,
    Pending,
    Rejected(String),
    /// It is to be put again, or to stop the connector.
    Lost(Failure),
}

/// Records that are not stored although a put accepted them.
#[derive(Default)]
struct Lost {
    items: Vec<Item>,
    failure: Option<Failure>,
}

impl Unconfirmed {
    pub(in crate::engine) fn new(limits: ConfirmLimits, patience: Patience, meter: Arc<PutMeter>) -> Self {
        Self { limits, patience, meter, waiting: VecDeque::new(), again: Vec::new() }
    }

    /// Takes the records that a put accepted, but for those of partitions that went meanwhile.
    pub(in crate::engine) fn accept(&mut self, outcome: &mut Outcome, tracker: &Tracker) {
        let since = Instant::now();
        let due = since.checked_add(self.limits.interval);
        let mut lines: Vec<Accepted> = Vec::new();
        let mut by_order: HashMap<u64, usize> = HashMap::new();
        for mut item in ours(std::mem::take(&mut outcome.stored), tracker, outcome) {
            // What failed before the put was accepted takes no time from another put.
            item.meta.failing_since = None;
            let line = item.meta.order.map(|order| *by_order.entry(order).or_insert(lines.len()));
            match line.and_then(|line| lines.get_mut(line)) {
                Some(line) => line.items.push_back(item),
                None => lines.push(Accepted { items: VecDeque::from([item]), since, due }),
            }
        }
        self.waiting.extend(lines);
    }

    /// Takes the records of the next question.
    pub(in crate::engine) fn due(&mut self, now: Instant) -> Option<Vec<Accepted>> {
        let (mut asked, mut records) = (Vec::new(), 0);
        while records < self.max_records()
            && let Some(accepted) = self.waiting.pop_front_if(|accepted| has_come(accepted.due, now))
        {
            records += accepted.items.len();
            asked.push(accepted);
        }
        (!asked.is_empty()).then_some(asked)
    }

    /// Takes the records whose wait to be put again is over.
    pub(in crate::engine) fn rested(&mut self, now: Instant) -> Vec<Item> {
        self.again.extract_if(.., |(until, _)| has_come(*until, now)).flat_map(|(_, items)| items).collect()
    }

    /// Returns when the next question is due.
    pub(in crate::engine) fn due_at(&self) -> Option<Instant> {
        self.waiting.front()?.due
    }

    /// Returns when records are to be put again.
    pub(in crate::engine) fn rested_at(&self) -> Option<Instant> {
        self.again.iter().filter_map(|(until, _)| *until).min()
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty()
    }

    pub(in crate::engine) fn max_records(&self) -> usize {
        self.limits.max_records.max(1)
    }

    /// Takes out the records for which `keep` does not hold.
    pub(in crate::engine) fn take_out(&mut self, mut keep: impl FnMut(&Item) -> bool) -> Vec<Item> {
        let mut out = Vec::new();
        for accepted in &mut self.waiting {
            let all = std::mem::take(&mut accepted.items);
            let (kept, gone): (VecDeque<_>, VecDeque<_>) = all.into_iter().partition(&mut keep);
            accepted.items = kept;
            out.extend(gone);
        }
        for (_, items) in &mut self.again {
            out.extend(items.extract_if(.., |item| !keep(item)));
        }
        self.waiting.retain(|accepted| !accepted.items.is_empty());
        self.again.retain(|(_, items)| !items.is_empty());
        out
    }

    /// Takes an answer. What is known now is in the outcome; the other records wait, or are put again.
    pub(in crate::engine) fn settle(&mut self, answered: Answered, tracker: &Tracker) -> Outcome {
        let Answered { asked, answer } = answered;
        let mut outcome = Outcome::default();
        let answers = match answer {
            Ok(answers) => answers,
            Err(stop) => {
                outcome.stop = stop;
                Vec::new()
            }
        };
        let (mut answers, mut left, mut lost) = (answers.into_iter(), Vec::new(), Lost::default());
        for accepted in asked {
            let of_these: Vec<_> = answers.by_ref().take(accepted.items.len()).collect();
            left.extend(self.settle_line(accepted, of_these, &mut outcome, &mut lost));
        }
        self.wait_on(left, tracker, &mut outcome);
        lost.items = ours(lost.items, tracker, &mut outcome);
        self.put_again(lost, &mut outcome);
        outcome
    }

    /// Lets records wait that are not settled: those that are due already before all others.
    fn wait_on(&mut self, left: Vec<Accepted>, tracker: &Tracker, outcome: &mut Outcome) {
        let now = Instant::now();
        for mut accepted in left.into_iter().rev() {
            accepted.items = ours(accepted.items, tracker, outcome).into();
            match has_come(accepted.due, now) {
                _ if accepted.items.is_empty() => {}
                true => self.waiting.push_front(accepted),
                false => self.waiting.push_back(accepted),
            }
        }
    }

    /// Settles records of one key up to the first that is neither stored nor at fault. Returns what waits on.
    fn settle_line(
        &self,
        mut accepted: Accepted,
        answers: Vec<Confirmation>,
        outcome: &mut Outcome,
        lost: &mut Lost,
    ) -> Option<Accepted> {
        let now = Instant::now();
        let waits = now.duration_since(accepted.since);
        for answer in answers {
            match self.meaning(answer, waits) {
                Meaning::Pending => {
                    accepted.due = now.checked_add(self.limits.interval);
                    return Some(accepted);
                }
                Meaning::Stored => {
                    self.meter.confirmed.observe(waits);
                    outcome.stored.extend(accepted.items.pop_front());
                }
                Meaning::Rejected(reason) => {
                    if let Some(item) = accepted.items.pop_front() {
                        outcome.reject(item, reason);
                    }
                }
                Meaning::Lost(failure) => {
                    lost.items.extend(accepted.items);
                    lost.failure = Some(worse(lost.failure.take(), failure));
                    return None;
                }
            }
        }
        Some(accepted)
    }

    /// Says what an answer means that comes so long after the put.
    fn meaning(&self, answer: Confirmation, waits: Duration) -> Meaning {
        match answer {
            Confirmation::Stored => Meaning::Stored,
            Confirmation::Pending if waits <= self.limits.timeout => Meaning::Pending,
            Confirmation::Pending => {
                Meaning::Lost(Failure::retriable(format!("still pending {waits:?} after the put")))
            }
            Confirmation::Failed(failure) if failure.kind() == FailureKind::Rejected => {
                Meaning::Rejected(failure.to_string())
            }
            Confirmation::Failed(failure) => Meaning::Lost(failure),
        }
    }

    /// Lets records that were not stored wait to be put again, if there is time (invariant 9).
    fn put_again(&mut self, lost: Lost, outcome: &mut Outcome) {
        let Lost { mut items, failure: Some(failure) } = lost else { return };
        let tries = items.iter().map(|item| item.meta.lost).reduce(Tries::with);
        let Some(mut tries) = tries else { return };
        let wait = match failure.kind() {
            FailureKind::Fatal => Err(failure.to_string()),
            _ => tries.failed(self.patience, &failure),
        };
        match wait {
            Ok(wait) => {
                self.meter.retry(failure.trouble());
                let (records, failures) = (items.len(), tries.failures);
                tracing::warn!(records, failures, ?wait, "accepted records are put again: {failure}");
                for item in &mut items {
                    item.meta.lost = tries;
                }
                self.again.push((Instant::now().checked_add(wait), items));
            }
            Err(reason) => {
                outcome.stop = Some(reason);
                outcome.not_done.extend(items);
            }
        }
    }
}

fn has_come(time: Option<Instant>, now: Instant) -> bool {
    time.is_some_and(|time| time <= now)
}

/// Returns the records of partitions that are ours; the others are somebody else's to put again.
fn ours(items: impl IntoIterator<Item = Item>, tracker: &Tracker, outcome: &mut Outcome) -> Vec<Item> {
    let (ours, gone): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| tracker.is_ours(item.meta.ticket));
    outcome.not_done.extend(gone);
    ours
}
