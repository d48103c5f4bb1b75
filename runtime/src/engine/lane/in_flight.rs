//! The lane to one sink: what waits, what is in flight, what orders the records.

use std::collections::HashSet;
use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sluice_connector_api::{ExactlyOnce, Limits, OpenPartition, Order, Record, Sink, TopicPartition};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::engine::batch::batcher::Batcher;
use crate::engine::batch::item::{BatchKeys, Item, Meta};
use crate::engine::lane::confirmation::{Confirmed, Unconfirmed};
use crate::engine::lane::delivery::Delivery;
use crate::engine::lane::group::{Outcome, Stop};
use crate::engine::lane::holding::{Holding, StoredHeld, Urge};
use crate::engine::lane::ordering::{newest_wins, order_and_id, stripe_of};
use crate::engine::lane::progress::Stands;
use crate::engine::lane::settings::LaneSettings;
use crate::engine::ledger::tracker::{Ticket, Tracker};
use crate::guard;
use crate::meter::log_throttle::LogThrottle;
use crate::meter::put_meter::PutMeter;
use crate::source::{AskMember, Offsets, Resumed};

type InFlight = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// What was in flight and has ended.
enum Ended {
    /// A put, by the batch key of its records.
    Put(u64, Outcome),
    Confirmation(Confirmed),
    StoredHeld(StoredHeld),
}

/// A put as a task of its own: it goes on while that of the pipeline is busy with other records, and ends with the lane.
struct PutTask(JoinHandle<Outcome>);

impl PutTask {
    async fn wait(mut self) -> Outcome {
        match (&mut self.0).await.map_err(JoinError::try_into_panic) {
            Ok(outcome) => outcome,
            Err(Ok(panic)) => resume_unwind(panic),
            // Only the end of the runtime cancels it, and that ends this task, too.
            Err(Err(_)) => pending().await,
        }
    }
}

impl Drop for PutTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why a record cannot be put.
pub(crate) enum Unfit {
    /// The sink would never take it; with what orders it.
    TooLarge { order: Option<u64>, reason: String },
    /// The sink panicked when it was asked about it, in these words.
    Unknown(String),
}

/// A sink, with the batches on their way to it.
pub(crate) struct Lane {
    sink: Arc<dyn Sink>,
    limits: Limits,
    batch_keys: BatchKeys,
    /// A batch that is not full goes while no put is in flight that it would wait for.
    at_once: bool,
    /// The batch keys of the puts in flight.
    putting: Vec<u64>,
    batcher: Batcher,
    delivery: Delivery,
    /// Where the sink stores later than it answers: the records that it accepted.
    unconfirmed: Option<Unconfirmed>,
    /// Where the sink stores how far partitions are: what it said of that.
    stands: Option<Stands>,
    /// What it has stored of that since somebody asked.
    moved: Offsets,
    /// A put without records is in flight, which takes partitions on: nothing else may begin where it does.
    is_moving: bool,
    /// What the sink holds past its puts, where it does.
    holding: Option<Holding>,
    /// Puts, confirmations, and what stores what is held.
    in_flight: FuturesUnordered<InFlight>,
    /// The confirmations among them.
    confirmations: usize,
    /// Cuts the waits of what is in flight short, for a stop or a revoke.
    interrupt: CancellationToken,
}

impl Lane {
    pub(crate) fn new(sink: Arc<dyn Sink>, settings: LaneSettings, meter: Arc<PutMeter>) -> Self {
        let unconfirmed = Unconfirmed::new(&sink, &settings, &meter);
        let holding = Holding::new(&*sink, &settings);
        Self {
            batcher: Batcher::new(settings.batch),
            delivery: Delivery {
                sink: Arc::clone(&sink),
                retry: settings.retry,
                pacer: settings.pacer,
                meter,
                throttle: LogThrottle::new(1),
                blanks: settings.blanks,
                tap: settings.tap,
            },
            sink,
            limits: settings.limits,
            at_once: settings.at_once,
            putting: Vec::new(),
            batch_keys: BatchKeys::default(),
            unconfirmed,
            stands: None,
            moved: Vec::new(),
            is_moving: false,
            holding,
            in_flight: FuturesUnordered::new(),
            confirmations: 0,
            interrupt: CancellationToken::new(),
        }
    }

    /// Has batches stored exactly once: those of a partition follow each other, and so each of them ends where the next begins.
    pub(crate) fn put_exactly_once(&mut self, sink: Arc<dyn ExactlyOnce>, member: Option<AskMember>) {
        self.limits.order = Order::Partition;
        self.limits.is_striped = false;
        self.unconfirmed = None;
        self.stands = Some(Stands::new(sink, member));
    }

    /// Says whether batches are stored exactly once.
    pub(crate) fn is_exactly_once(&self) -> bool {
        self.stands.is_some()
    }

    /// Takes what the sink said of partitions that are ours now.
    pub(crate) fn take_over(&mut self, resumed: Vec<Resumed>) {
        if let Some(stands) = &mut self.stands {
            stands.take_over(resumed);
        }
    }

    /// Forgets what the sink said of partitions that go.
    pub(crate) fn let_go(&mut self, partitions: &[TopicPartition]) {
        if let Some(stands) = &mut self.stands {
            stands.forget(partitions);
        }
    }

    /// Takes the offsets that the sink has stored since the last call.
    pub(crate) fn take_moved(&mut self) -> Offsets {
        std::mem::take(&mut self.moved)
    }

    /// Stores how far partitions are of which nothing is left to be put, as where all was filtered, while nothing is in flight.
    pub(crate) fn store_positions(&mut self, tracker: &Tracker) {
        if !self.is_idle() {
            return;
        }
        let ahead = self.stands.as_ref().and_then(|stands| stands.up_to(tracker.watermarks()));
        if ahead.is_some() {
            self.is_moving = true;
            self.begin(Vec::new(), ahead);
        }
    }

    fn begin(&mut self, batch: Vec<Item>, stands: Option<Stands>) {
        let (delivery, interrupt) = (self.delivery.clone(), self.interrupt.clone());
        let batch_key = batch.first().map_or(0, |item| item.meta.batch_key);
        let put = async move { delivery.deliver(batch, stands, &interrupt).await };
        let put = PutTask(tokio::spawn(put.in_current_span()));
        self.putting.push(batch_key);
        self.in_flight.push(Box::pin(async move { Ended::Put(batch_key, put.wait().await) }));
    }

    /// Asks the sink about a record that came at `since`, or says why it cannot be put.
    pub(crate) fn meta_of(&mut self, ticket: Ticket, record: &Record, since: Instant) -> Result<Meta, Unfit> {
        let meta = guard::call(|| {
            let (order, id) = order_and_id(self.limits.order, &*self.sink, record);
            let batch_key = self.batch_keys.number(&self.sink.batch_key(record));
            let batch_key = stripe_of(&self.limits, batch_key, order);
            let mut meta = Meta::new(ticket, self.sink.size_of(record), since).with_order(order);
            meta.batch_key = batch_key;
            if let Some(id) = id.filter(|_| newest_wins(self.limits.order)) {
                meta.set_id(id);
            }
            meta
        });
        let meta = meta.map_err(|panicked| Unfit::Unknown(panicked.to_string()))?;
        let (size, limit) = (meta.size, self.limits.max_record_bytes);
        if size > limit {
            let reason = format!("the record takes {size} bytes, and the sink takes no more than {limit}");
            return Err(Unfit::TooLarge { order: meta.order, reason });
        }
        Ok(meta)
    }

    /// Adds a record that the sink was asked about behind all others.
    pub(crate) fn push(&mut self, item: Item) {
        self.batcher.push(item);
    }

    /// Returns what orders a record here, or the words of a sink that panicked.
    pub(crate) fn order_of(&self, record: &Record) -> Result<Option<u64>, String> {
        let order = guard::call(|| order_and_id(self.limits.order, &*self.sink, record).0);
        order.map_err(|panicked| panicked.to_string())
    }

    /// Starts as many puts as there are batches due and permits left, and as many confirmations. `flush` does not wait
    /// for full batches.
    pub(crate) fn launch(&mut self, flush: bool) {
        let now = Instant::now();
        self.give_back_rested(now);
        while self.may_put() {
            let is_free = |batch_key| {
                if self.limits.is_striped {
                    !self.putting.contains(&batch_key)
                } else {
                    self.putting.is_empty()
                }
            };
            let goes = |batch_key| flush || (self.at_once && is_free(batch_key));
            let Some(batch) = self.batcher.take(now, goes) else { break };
            let stands = self.stands.as_ref().map(|stands| stands.of_batch(&batch));
            self.begin(batch, stands);
        }
        while self.may_confirm() {
            let Some(unconfirmed) = &mut self.unconfirmed else { break };
            let Some(confirmation) = unconfirmed.next(now, &self.interrupt) else { break };
            self.in_flight.push(Box::pin(async move { Ended::Confirmation(confirmation.await) }));
            self.confirmations += 1;
        }
    }

    /// Has the sink store what it holds, as far as that is due or urgent. At the end it waits for the puts.
    pub(crate) fn store_held(&mut self, urge: Urge) {
        let is_early = urge != Urge::None && (self.puts() > 0 || !self.batcher.is_empty());
        let Some(holding) = &mut self.holding else { return };
        let urge = if is_early { Urge::None } else { urge };
        if let Some(store) = holding.next(urge, Instant::now(), &self.interrupt) {
            self.in_flight.push(Box::pin(async move { Ended::StoredHeld(store.await) }));
        }
    }

    /// Returns what the sink holds, where it may hold anything.
    pub(crate) fn open(&self) -> Option<Vec<OpenPartition>> {
        self.holding.as_ref().map(Holding::open)
    }

    /// Says whether nothing of what the sink holds is left to be stored at the end.
    pub(crate) fn is_held_stored(&self) -> bool {
        self.holding.as_ref().is_none_or(Holding::is_ended)
    }

    /// Lets records whose wait is over be put again, together with others.
    fn give_back_rested(&mut self, now: Instant) {
        if let Some(unconfirmed) = &mut self.unconfirmed {
            let rested = unconfirmed.rested(now);
            self.batcher.release(&rested);
            self.batcher.give_back(rested.into_iter().flat_map(Item::unfold));
        }
    }

    fn may_put(&self) -> bool {
        !self.is_moving && self.puts() < self.limits.max_in_flight.max(1)
    }

    /// Returns how many puts are in flight.
    fn puts(&self) -> usize {
        self.putting.len()
    }

    /// As many confirmations as puts may be in flight, beside these.
    fn may_confirm(&self) -> bool {
        self.confirmations < self.limits.max_in_flight.max(1)
    }

    /// Returns when the next put or confirmation is due, if one may go.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let batch = if self.may_put() { self.batcher.deadline() } else { None };
        let held = self.holding.as_ref().and_then(|holding| holding.wake_at(Instant::now()));
        let batch = [batch, held].into_iter().flatten().min();
        let Some(unconfirmed) = &self.unconfirmed else { return batch };
        let confirmation = if self.may_confirm() { unconfirmed.due_at() } else { None };
        [batch, confirmation, unconfirmed.rested_at()].into_iter().flatten().min()
    }

    /// Waits until records have their verdicts; for ever where nothing is in flight. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self, tracker: &Tracker) -> Outcome {
        let Some(ended) = self.in_flight.next().await else { return pending().await };
        let outcome = match ended {
            Ended::Put(batch_key, mut outcome) => {
                self.is_moving = false;
                if let Some(index) = self.putting.iter().position(|putting| *putting == batch_key) {
                    self.putting.swap_remove(index);
                }
                if let Some(unconfirmed) = &mut self.unconfirmed {
                    unconfirmed.accept(&mut outcome, tracker);
                }
                if let Some((stands, stored)) = self.stands.as_mut().zip(outcome.stands.take()) {
                    self.moved.extend(stands.note(stored));
                }
                if let Some(holding) = &mut self.holding {
                    holding.note(outcome.stored_partitions());
                }
                outcome
            }
            Ended::StoredHeld(stored) => {
                if let Some(holding) = &mut self.holding {
                    holding.settle(&stored);
                }
                Outcome { stop: stored.stop.map(Stop::from), ..Outcome::default() }
            }
            Ended::Confirmation(confirmed) => {
                self.confirmations -= 1;
                let unconfirmed = self.unconfirmed.as_mut();
                unconfirmed.map(|unconfirmed| unconfirmed.settle(confirmed, tracker)).unwrap_or_default()
            }
        };
        self.batcher.release(outcome.items());
        outcome
    }

    /// Sums up the failures of puts that nothing was said of yet.
    pub(crate) fn sum_up(&self) {
        self.delivery.sum_up();
    }

    /// Says whether nothing is in flight.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Says whether nothing waits, neither for a put nor for being confirmed.
    pub(crate) fn is_empty(&self) -> bool {
        self.batcher.is_empty() && self.unconfirmed.as_ref().is_none_or(Unconfirmed::is_empty)
    }

    /// Puts records that were not stored back where they stood, but for those of partitions that went meanwhile.
    pub(crate) fn give_back(&mut self, items: Vec<Item>, tracker: &Tracker) {
        let items = items.into_iter().flat_map(Item::unfold);
        self.batcher.give_back(items.filter(|item| tracker.is_ours(item.meta.ticket)));
    }

    /// Drops the waiting records for which `keep` does not hold. Older ones that would have been superseded by one of
    /// them are to be put after all.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&Item) -> bool) {
        self.batcher.retain(&mut keep);
        if let Some(unconfirmed) = &mut self.unconfirmed {
            let gone = unconfirmed.take_out(&mut keep);
            self.batcher.release(&gone);
            self.batcher.give_back(gone.into_iter().flat_map(Item::unfold).filter(keep));
        }
    }

    /// Has the sink drop what it holds of partitions, for their next owner.
    pub(crate) fn forget_held(&mut self, partitions: &[TopicPartition]) {
        if let Some(holding) = &mut self.holding {
            holding.forget(partitions);
        }
    }

    /// Drops the waiting records of partitions, for their next owner.
    pub(crate) fn drop_partitions(&mut self, partitions: &[TopicPartition]) {
        let going: HashSet<&TopicPartition> = partitions.iter().collect();
        self.retain(|item| !going.contains(item.record.origin().topic_partition()));
    }

    /// Drops the waiting records of partitions that went: they may have been given back since.
    pub(crate) fn drop_void(&mut self, tracker: &Tracker) {
        self.retain(|item| tracker.is_ours(item.meta.ticket));
    }

    /// Cuts the waits of what is in flight short. What is launched later may wait again.
    pub(crate) fn interrupt(&mut self) {
        std::mem::take(&mut self.interrupt).cancel();
    }
}
