//! The way of records to one sink: what waits, what is in flight, what orders them.

use std::future::{Future, pending};
use std::hash::{BuildHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sluice_connector_api::{Limits, OrderedBy, Record, Sink};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::batch::batcher::Batcher;
use crate::engine::batch::item::{Item, Meta};
use crate::engine::lane::confirm::Unconfirmed;
use crate::engine::lane::delivery::{Delivery, Outcome};
use crate::engine::lane::question::{Answered, Asker};
use crate::engine::lane::settings::PipelineSettings;
use crate::engine::ledger::tracker::{Ticket, Tracker};
use crate::meter::put_meter::PutMeter;
use crate::meter::repeats::Repeats;
use crate::retry::tries::Patience;

type InFlight = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// What was in flight and has ended.
enum Ended {
    Put(Outcome),
    Question(Answered),
}

/// A sink, with the batches on their way to it.
pub(in crate::engine) struct Lane {
    sink: Arc<dyn Sink>,
    limits: Limits,
    batcher: Batcher,
    delivery: Delivery,
    /// How the sink is asked what became of accepted records, and the records: where it stores later than it answers.
    confirm: Option<(Asker, Unconfirmed)>,
    /// Puts and questions.
    in_flight: FuturesUnordered<InFlight>,
    /// The questions among them.
    questions: usize,
    /// Cuts the waits of what is in flight short, for a stop or a revoke.
    interrupt: CancellationToken,
}

impl Lane {
    pub(in crate::engine) fn new(
        sink: Arc<dyn Sink>,
        settings: &PipelineSettings,
        meter: Arc<PutMeter>,
    ) -> Self {
        let patience = Patience { backoff: settings.backoff, timeout: settings.retry_timeout };
        let confirm = settings.limits.confirm.clone().map(|limits| {
            let unconfirmed = Unconfirmed::new(limits, patience, Arc::clone(&meter));
            let (sink, pacer) = (Arc::clone(&sink), settings.confirm_pacer.clone());
            (Asker { sink, patience, pacer, max_records: unconfirmed.max_records() }, unconfirmed)
        });
        Self {
            batcher: Batcher::new(settings.batch),
            delivery: Delivery {
                sink: Arc::clone(&sink),
                patience,
                pacer: settings.pacer.clone(),
                meter,
                repeats: Repeats::new(1),
            },
            sink,
            limits: settings.limits.clone(),
            confirm,
            in_flight: FuturesUnordered::new(),
            questions: 0,
            interrupt: CancellationToken::new(),
        }
    }

    /// Returns how many bytes a record takes in a batch, or says why the sink would never take it.
    pub(in crate::engine) fn measure(&self, record: &Record) -> Result<usize, String> {
        let (size, limit) = (self.sink.size_of(record), self.limits.max_record_bytes);
        if size > limit {
            return Err(format!("the record takes {size} bytes, and the sink takes no more than {limit}"));
        }
        Ok(size)
    }

    /// Adds a record of a size that was measured behind all others. It came at `since`.
    pub(in crate::engine) fn push(
        &mut self,
        ticket: Ticket,
        record: Record,
        read: Option<Arc<Record>>,
        size: usize,
        since: Instant,
    ) {
        let (order, batch_key) = (self.order_of(&record), self.sink.batch_key(&record));
        let id = self.newest_wins().then(|| self.sink.id(&record)).flatten();
        let meta = Meta { order, batch_key, id, read, ..Meta::new(ticket, size, since) };
        self.batcher.push(Item { record, meta });
    }

    /// Returns what orders a record here.
    pub(in crate::engine) fn order_of(&self, record: &Record) -> Option<u64> {
        order_key(self.limits.ordered_by, &*self.sink, record)
    }

    /// With another order, an older record that is put after all would come behind others that it belongs before.
    fn newest_wins(&self) -> bool {
        self.limits.newest_wins && self.limits.ordered_by == OrderedBy::Id
    }

    /// Starts as many puts as there are batches due and places free, and as many questions. `flush` does not wait for
    /// full batches.
    pub(in crate::engine) fn launch(&mut self, flush: bool) {
        let now = Instant::now();
        self.give_back_rested(now);
        while self.has_place() {
            let Some(batch) = self.batcher.take(now, flush) else { break };
            let (delivery, interrupt) = (self.delivery.clone(), self.interrupt.clone());
            let put = async move { Ended::Put(delivery.deliver(batch, &interrupt).await) };
            self.in_flight.push(Box::pin(put));
        }
        while self.may_ask() {
            let Some((asker, unconfirmed)) = &mut self.confirm else { break };
            let Some(asked) = unconfirmed.due(now) else { break };
            let question = asker.clone().ask(asked, self.interrupt.clone());
            self.in_flight.push(Box::pin(async move { Ended::Question(question.await) }));
            self.questions += 1;
        }
    }

    /// Lets records whose wait is over be put again, together with others.
    fn give_back_rested(&mut self, now: Instant) {
        if let Some((_, unconfirmed)) = &mut self.confirm {
            let rested = unconfirmed.rested(now);
            self.batcher.release(&rested);
            self.batcher.give_back(rested.into_iter().flat_map(Item::unfold));
        }
    }

    fn has_place(&self) -> bool {
        self.in_flight.len() - self.questions < self.limits.max_in_flight.max(1)
    }

    /// Questions may be in flight in the same number as puts, beside these.
    fn may_ask(&self) -> bool {
        self.questions < self.limits.max_in_flight.max(1)
    }

    /// Returns when the next put or question is due, if there is a place for it.
    pub(in crate::engine) fn wake_at(&self) -> Option<Instant> {
        let unconfirmed = self.confirm.as_ref().map(|(_, unconfirmed)| unconfirmed);
        let batch = self.has_place().then(|| self.batcher.deadline()).flatten();
        let question = unconfirmed.filter(|_| self.may_ask()).and_then(Unconfirmed::due_at);
        let rested = unconfirmed.and_then(Unconfirmed::rested_at);
        [batch, question, rested].into_iter().flatten().min()
    }

    /// Waits until records have their verdicts; for ever where nothing is in flight. Dropping the future loses nothing.
    pub(in crate::engine) async fn next(&mut self, tracker: &Tracker) -> Outcome {
        let Some(ended) = self.in_flight.next().await else { return pending().await };
        self.questions -= usize::from(matches!(ended, Ended::Question(_)));
        let outcome = match (ended, &mut self.confirm) {
            (Ended::Put(mut outcome), Some((_, unconfirmed))) => {
                unconfirmed.accept(&mut outcome, tracker);
                outcome
            }
            (Ended::Put(outcome), None) => outcome,
            (Ended::Question(answered), Some((_, unconfirmed))) => unconfirmed.settle(answered, tracker),
            (Ended::Question(_), None) => Outcome::default(),
        };
        self.batcher.release(outcome.items());
        outcome
    }

    /// Sums up the failures of puts that nothing was said of yet.
    pub(in crate::engine) fn sum_up(&self) {
        for (reason, sum) in self.delivery.repeats.due() {
            tracing::warn!("puts failed {sum}: {reason}");
        }
    }

    /// Says whether nothing is in flight.
    pub(in crate::engine) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Says whether nothing waits, neither for a put nor for being confirmed.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.batcher.is_empty() && self.confirm.as_ref().is_none_or(|(_, unconfirmed)| unconfirmed.is_empty())
    }

    /// Puts records that were not stored back where they stood, but for those of partitions that went meanwhile.
    pub(in crate::engine) fn give_back(&mut self, items: Vec<Item>, tracker: &Tracker) {
        let items = items.into_iter().flat_map(Item::unfold);
        self.batcher.give_back(items.filter(|item| tracker.is_ours(item.meta.ticket)));
    }

    /// Drops the waiting records for which `keep` does not hold. Older ones that would have been superseded by one of
    /// them are to be put after all.
    pub(in crate::engine) fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        self.batcher.retain(&mut keep);
        if let Some((_, unconfirmed)) = &mut self.confirm {
            let gone = unconfirmed.take_out(&mut keep);
            self.batcher.release(&gone);
            self.batcher.give_back(gone.into_iter().flat_map(Item::unfold).filter(keep));
        }
    }

    /// Cuts the waits of what is in flight short. What is launched later may wait again.
    pub(in crate::engine) fn interrupt(&mut self) {
        std::mem::take(&mut self.interrupt).cancel();
    }
}

/// Folds what orders a record into a number. Two keys that fold alike wait for each other, which is harmless.
fn order_key(ordered_by: OrderedBy, sink: &dyn Sink, record: &Record) -> Option<u64> {
    let mut hasher = foldhash::quality::FixedState::default().build_hasher();
    match ordered_by {
        OrderedBy::Partition => record.origin().topic_partition().hash(&mut hasher),
        OrderedBy::Key => record.key.as_ref()?.to_bytes().hash(&mut hasher),
        OrderedBy::Id => sink.id(record)?.hash(&mut hasher),
    }
    Some(hasher.finish())
}
