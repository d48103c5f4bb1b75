//! Confirmation: records that a put accepted, until they are known to be stored or failed.
//!
//! The sink is asked what became of them. Those of one ordering key are settled one after the other, as they were read:
//! that a later one is stored says nothing as long as an earlier one may be put again, since that would overwrite it
//! (invariant 3).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{
    Blanks, Confirm, ConfirmLimits, Confirmation, Failure, FailureKind, Record, Sink,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::batch::item::Item;
use crate::engine::lane::fault::RecordFault;
use crate::engine::lane::group::{Outcome, Stop, worse};
use crate::engine::lane::settings::{AskedOnce, LaneSettings};
use crate::engine::ledger::tracker::Tracker;
use crate::guard;
use crate::meter::put_meter::PutMeter;
use crate::pace::pacer::{Pacer, Turn};
use crate::retry::policy::{Retries, RetryPolicy};

/// The records of a lane that are accepted and not known to be stored.
pub(super) struct Unconfirmed {
    limits: ConfirmLimits,
    confirmer: Confirmer,
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
    Rejected(RecordFault),
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
    /// Makes the place for such records. `None` where `Ok` of a put says it all.
    pub(super) fn new(sink: &Arc<dyn Sink>, settings: &LaneSettings, meter: &Arc<PutMeter>) -> Option<Self> {
        let limits = settings.confirm.clone()?;
        let confirmation = match &settings.confirmation {
            Some(AskedOnce(confirmation)) => Arc::clone(confirmation),
            None => sink.confirmation()?,
        };
        let confirmer = Confirmer {
            confirmation,
            retry: settings.retry,
            pacer: settings.confirm_pacer.clone(),
            max_records: limits.max_records.max(1),
            blanks: settings.blanks.clone(),
        };
        let meter = Arc::clone(meter);
        Some(Self { limits, confirmer, meter, waiting: VecDeque::new(), again: Vec::new() })
    }

    /// Takes the records that a put accepted, but for those of partitions that went meanwhile.
    pub(super) fn accept(&mut self, outcome: &mut Outcome, tracker: &Tracker) {
        let since = Instant::now();
        let due = since.checked_add(self.limits.interval);
        let mut queues: Vec<Accepted> = Vec::new();
        let mut by_order: HashMap<u64, usize> = HashMap::new();
        for mut item in ours(std::mem::take(&mut outcome.stored), tracker, outcome) {
            // What failed before the put was accepted takes no time from another put.
            item.meta.set_failing_since(None);
            let queue = item.meta.order.map(|order| *by_order.entry(order).or_insert(queues.len()));
            match queue.and_then(|index| queues.get_mut(index)) {
                Some(queue) => queue.items.push_back(item),
                None => queues.push(Accepted { items: VecDeque::from([item]), since, due }),
            }
        }
        self.waiting.extend(queues);
    }

    /// Begins the next confirmation, if one is due.
    pub(super) fn next(
        &mut self,
        now: Instant,
        interrupt: &CancellationToken,
    ) -> Option<impl Future<Output = Confirmed> + Send + use<>> {
        let mut due = Vec::new();
        let mut records = 0;
        while records < self.confirmer.max_records
            && let Some(accepted) = self.waiting.pop_front_if(|accepted| has_come(accepted.due, now))
        {
            records += accepted.items.len();
            due.push(accepted);
        }
        if due.is_empty() {
            return None;
        }
        Some(self.confirmer.clone().confirm(due, interrupt.clone()))
    }

    /// Takes the records whose wait to be put again is over.
    pub(super) fn rested(&mut self, now: Instant) -> Vec<Item> {
        let rested = self.again.extract_if(.., |(until, _)| has_come(*until, now));
        rested.flat_map(|(_, items)| items).collect()
    }

    /// Returns when the next confirmation is due.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.waiting.front()?.due
    }

    /// Returns when records are to be put again.
    pub(super) fn rested_at(&self) -> Option<Instant> {
        self.again.iter().filter_map(|(until, _)| *until).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty()
    }

    /// Takes out the records for which `keep` does not hold.
    pub(super) fn take_out(&mut self, mut keep: impl FnMut(&Item) -> bool) -> Vec<Item> {
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
    pub(super) fn settle(&mut self, confirmed: Confirmed, tracker: &Tracker) -> Outcome {
        let mut outcome = Outcome::default();
        let answers = match confirmed.answer {
            Ok(answers) => answers,
            Err(stop) => {
                outcome.stop = stop.map(Stop::from);
                Vec::new()
            }
        };
        let mut answers = answers.into_iter();
        let mut left = Vec::new();
        let mut lost = Lost::default();
        for accepted in confirmed.accepted {
            let of_these: Vec<_> = answers.by_ref().take(accepted.items.len()).collect();
            left.extend(self.settle_queue(accepted, of_these, &mut outcome, &mut lost));
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
    fn settle_queue(
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
                Meaning::Rejected(fault) => {
                    if let Some(item) = accepted.items.pop_front() {
                        outcome.reject(item, fault);
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
                Meaning::Rejected(RecordFault::from(&failure))
            }
            Confirmation::Failed(failure) => Meaning::Lost(failure),
        }
    }

    /// Lets records that were not stored wait to be put again, if there is time (invariant 9).
    fn put_again(&mut self, lost: Lost, outcome: &mut Outcome) {
        let Lost { mut items, failure: Some(failure) } = lost else { return };
        let retries = items.iter().map(|item| item.meta.lost()).reduce(Retries::with);
        let Some(mut retries) = retries else { return };
        let wait = match failure.kind() {
            FailureKind::Fatal => Err(failure.to_string()),
            _ => retries.failed(self.confirmer.retry, &failure),
        };
        match wait {
            Ok(wait) => {
                self.meter.retry(failure.trouble());
                let (records, failures) = (items.len(), retries.failures);
                tracing::warn!(records, failures, ?wait, "accepted records are put again: {failure}");
                for item in &mut items {
                    item.meta.set_lost(retries);
                }
                self.again.push((Instant::now().checked_add(wait), items));
            }
            Err(reason) => {
                outcome.stop = Some(reason.into());
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
    let mut ours = Vec::new();
    for item in items {
        if tracker.is_ours(item.meta.ticket) {
            ours.push(item);
        } else {
            outcome.not_done.push(item);
        }
    }
    ours
}

/// Records of one ordering key that a put accepted, in the order read.
#[derive(Debug)]
struct Accepted {
    items: VecDeque<Item>,
    /// When the put was over.
    since: Instant,
    /// When the sink is to be asked for them; `None` for never.
    due: Option<Instant>,
}

/// What came of a confirmation.
pub(super) struct Confirmed {
    accepted: Vec<Accepted>,
    /// What became of the records, in order. Without an answer: why the connector cannot go on, if so.
    answer: Result<Vec<Confirmation>, Option<String>>,
}

/// How the sink is asked.
#[derive(Clone)]
struct Confirmer {
    confirmation: Arc<dyn Confirm>,
    retry: RetryPolicy,
    /// The pace of confirmations, where the sink asks for one.
    pacer: Option<Pacer>,
    /// Records per confirmation.
    max_records: usize,
    /// What is blanked in what the sink says (invariant 8).
    blanks: Blanks,
}

impl Confirmer {
    /// Asks until there is an answer, the sink says stop, the time is up, or `interrupt` is cancelled. A call that has
    /// begun is never cut short; a wait is, and no other call begins (invariant 6).
    async fn confirm(self, accepted: Vec<Accepted>, interrupt: CancellationToken) -> Confirmed {
        // Copies: the bytes of payloads are shared, and confirmations are few.
        let mut records = Vec::new();
        for item in accepted.iter().flat_map(|accepted| &accepted.items).take(self.max_records) {
            records.push(item.record.clone());
        }
        let answer = self.ask(&records, &interrupt).await;
        Confirmed { accepted, answer }
    }

    async fn ask(
        &self,
        records: &[Record],
        interrupt: &CancellationToken,
    ) -> Result<Vec<Confirmation>, Option<String>> {
        let mut retries = Retries::default();
        while let Some(turn) = Turn::wait_for(self.pacer.as_ref(), interrupt).await {
            let answer = guard::wait_for(async { self.confirmation.confirm(records).await }).await;
            let result =
                answer.unwrap_or_else(|panicked| Err(Failure::retriable(format!("the sink {panicked}"))));
            let result = blanked(result, &self.blanks);
            turn.answered(result.as_ref().err());
            match result {
                Ok(answers) if answers.len() == records.len() => return Ok(answers),
                Ok(answers) => return Err(Some(miscounted(records.len(), answers.len()))),
                Err(failure) => self.wait(&mut retries, &failure, interrupt).await?,
            }
        }
        Err(None)
    }

    /// Waits for the next try, where there is one.
    async fn wait(
        &self,
        retries: &mut Retries,
        failure: &Failure,
        interrupt: &CancellationToken,
    ) -> Result<(), Option<String>> {
        if failure.kind() != FailureKind::Retriable {
            return Err(Some(unknown(&failure.to_string())));
        }
        if interrupt.is_cancelled() {
            return Err(None);
        }
        let wait = retries.failed(self.retry, failure).map_err(|reason| Some(unknown(&reason)))?;
        let failures = retries.failures;
        tracing::warn!(failures, ?wait, "confirmation failed and is tried again: {failure}");
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = interrupt.cancelled() => Err(None),
        }
    }
}

fn blanked(
    answer: Result<Vec<Confirmation>, Failure>,
    blanks: &Blanks,
) -> Result<Vec<Confirmation>, Failure> {
    let answers = answer.map_err(|failure| failure.blanked(blanks))?;
    let mut blanked = Vec::with_capacity(answers.len());
    for answer in answers {
        blanked.push(match answer {
            Confirmation::Failed(failure) => Confirmation::Failed(failure.blanked(blanks)),
            other => other,
        });
    }
    Ok(blanked)
}

fn unknown(reason: &str) -> String {
    format!("it is not known what became of accepted records: {reason}")
}

fn miscounted(asked: usize, answered: usize) -> String {
    format!(
        "the sink was asked what became of {asked} records and answered for {answered}, which is its fault"
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use sluice_connector_api::{Limits, PutError};

    use super::*;
    use crate::engine::batch::batcher::BatchLimits;
    use crate::pace::pacer::Pacers;
    use crate::retry::backoff::Backoff;

    /// Counts how often it is asked for its confirmation.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Sink for Counting {
        fn limits(&self) -> Limits {
            Limits::default()
        }

        async fn put(&self, _: &[Record]) -> Result<(), PutError> {
            Ok(())
        }

        fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Some(Arc::new(Stored))
        }
    }

    struct Stored;

    #[async_trait]
    impl Confirm for Stored {
        fn limits(&self) -> ConfirmLimits {
            ConfirmLimits::new(10, Duration::from_secs(1), Duration::from_mins(1))
        }

        async fn confirm(&self, batch: &[Record]) -> Result<Vec<Confirmation>, Failure> {
            Ok(batch.iter().map(|_| Confirmation::Stored).collect())
        }
    }

    #[test]
    fn a_sink_is_asked_once_for_what_confirms() {
        let counting = Arc::new(Counting::default());
        let sink: Arc<dyn Sink> = counting.clone();
        let batch = BatchLimits { max_records: 1, max_bytes: 1, linger: Duration::ZERO };
        let backoff = Backoff { base: Duration::ZERO, cap: Duration::ZERO };
        let retry = RetryPolicy { backoff, timeout: Duration::ZERO, retry_after_max: Duration::ZERO };
        let pacers = Pacers::default();
        let settings =
            LaneSettings::new(sink.limits(), batch, retry, &pacers).with_confirmation_of(&*sink, &pacers);
        assert!(Unconfirmed::new(&sink, &settings, &Arc::default()).is_some());
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
    }
}
