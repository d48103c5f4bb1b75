//! The way of records to one sink: what waits, what is in flight, what orders them.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sluice_connector_api::{Limits, OrderedBy, Record, Sink};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::batcher::Batcher;
use super::delivery::{Delivery, Outcome};
use super::item::{Item, Meta};
use super::put_meter::PutMeter;
use super::settings::PipelineSettings;
use super::tracker::{Ticket, Tracker};

type InFlight = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// A sink, with the batches on their way to it.
pub(super) struct Lane {
    sink: Arc<dyn Sink>,
    limits: Limits,
    batcher: Batcher,
    delivery: Delivery,
    in_flight: FuturesUnordered<InFlight>,
    /// Cuts the waits of puts in flight short, for a stop or a revoke.
    interrupt: CancellationToken,
}

impl Lane {
    pub(super) fn new(sink: Arc<dyn Sink>, settings: &PipelineSettings, meter: Arc<PutMeter>) -> Self {
        Self {
            batcher: Batcher::new(settings.batch),
            delivery: Delivery {
                sink: Arc::clone(&sink),
                backoff: settings.backoff,
                timeout: settings.retry_timeout,
                pacer: settings.pacer.clone(),
                meter,
            },
            sink,
            limits: settings.limits.clone(),
            in_flight: FuturesUnordered::new(),
            interrupt: CancellationToken::new(),
        }
    }

    /// Adds a record behind all others, or says why the sink would never take it.
    pub(super) fn push(
        &mut self,
        ticket: Ticket,
        record: Record,
        read: Option<Arc<Record>>,
    ) -> Result<(), String> {
        let size = self.sink.size_of(&record);
        let limit = self.limits.max_record_bytes;
        if size > limit {
            return Err(format!("the record takes {size} bytes, and the sink takes no more than {limit}"));
        }
        let order = self.order_of(&record);
        let batch_key = self.sink.batch_key(&record);
        let meta = Meta {
            ticket,
            size,
            order,
            batch_key,
            number: 0,
            since: Instant::now(),
            read,
            attempts: 0,
            failing_since: None,
        };
        self.batcher.push(Item { record, meta });
        Ok(())
    }

    /// Returns what orders a record here.
    pub(super) fn order_of(&self, record: &Record) -> Option<u64> {
        order_key(self.limits.ordered_by, &*self.sink, record)
    }

    /// Starts as many puts as there are batches due and places free. `flush` does not wait for full batches.
    pub(super) fn launch(&mut self, flush: bool) {
        while self.has_place() {
            let Some(batch) = self.batcher.take(Instant::now(), flush) else { return };
            let (delivery, interrupt) = (self.delivery.clone(), self.interrupt.clone());
            self.in_flight.push(Box::pin(async move { delivery.deliver(batch, &interrupt).await }));
        }
    }

    fn has_place(&self) -> bool {
        self.in_flight.len() < self.limits.max_in_flight.max(1)
    }

    /// Returns when the next batch is due, if there is a place for it.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if self.has_place() { self.batcher.deadline() } else { None }
    }

    /// Waits until a batch has its verdicts; for ever where none is in flight. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Outcome {
        let Some(outcome) = self.in_flight.next().await else { return pending().await };
        self.batcher.release(outcome.items());
        outcome
    }

    /// Says whether nothing is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Says whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.batcher.is_empty()
    }

    /// Puts records that were not stored back where they stood, but for those of partitions that went meanwhile.
    pub(super) fn give_back(&mut self, items: Vec<Item>, tracker: &Tracker) {
        self.batcher.give_back(items.into_iter().filter(|item| tracker.is_ours(item.meta.ticket)));
    }

    /// Drops the waiting records for which `keep` does not hold.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Item) -> bool) {
        self.batcher.retain(keep);
    }

    /// Cuts the waits of what is in flight short. What is launched later may wait again.
    pub(super) fn interrupt(&mut self) {
        std::mem::take(&mut self.interrupt).cancel();
    }
}

/// Folds what orders a record into a number. Two keys that fold alike wait for each other, which is harmless.
fn order_key(ordered_by: OrderedBy, sink: &dyn Sink, record: &Record) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    match ordered_by {
        OrderedBy::Partition => record.origin().topic_partition().hash(&mut hasher),
        OrderedBy::Key => record.key.as_ref()?.to_bytes().hash(&mut hasher),
        OrderedBy::Id => sink.id(record)?.hash(&mut hasher),
    }
    Some(hasher.finish())
}
