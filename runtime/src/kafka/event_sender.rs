//! The way of records and events from the poller to the pipeline.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sluice_connector_api::{Record, TopicPartition};
use tokio::sync::mpsc::UnboundedSender;

use crate::kafka::stamp::Stamp;
use crate::meter::reading::Obstacle;
use crate::source::Event;
use crate::source::budget::Budget;

/// So many records may wait for the pipeline before the poller waits for it: enough to keep every core busy, and few enough to stay in its caches. The
/// byte budget bounds memory, and is far larger.
const BACKLOG_RECORDS: usize = 4000;

/// What is handed over.
#[derive(Debug)]
pub(super) enum Handed {
    /// As it is.
    Event(Event),
    /// [`Event::Restarted`], and what the offsets are positions in from then on.
    Restarted(TopicPartition, i64, Stamp),
    /// librdkafka gave the client up for this, and another one is to take its place.
    GivenUp(Obstacle),
}

/// Hands records and events over, in order.
#[derive(Debug)]
pub(super) struct EventSender {
    events: UnboundedSender<Handed>,
    /// Records read and not handed over yet. They belong before whatever happens next: a rebalance comes in the
    /// middle of a poll, and a record that arrived behind the loss of its partition would be taken for ours.
    outbox: Mutex<Outbox>,
    budget: Budget,
    backlog: Arc<Backlog>,
}

#[derive(Debug, Default)]
struct Outbox {
    records: Vec<Record>,
    /// What they take.
    footprint: usize,
}

impl EventSender {
    pub(super) fn new(events: UnboundedSender<Handed>, budget: Budget) -> Self {
        Self { events, outbox: Mutex::default(), budget, backlog: Arc::default() }
    }

    /// Returns the count of what was handed over, for whoever takes it.
    pub(super) fn backlog(&self) -> Arc<Backlog> {
        Arc::clone(&self.backlog)
    }

    /// Waits until the pipeline has taken enough of what was handed over, though not longer than `most`.
    pub(super) fn wait_for_room(&self, most: Duration) {
        self.backlog.wait_for_room(most);
    }

    /// Keeps records for the next hand-over. `footprint` is what they take together, in bytes.
    pub(super) fn keep(&self, records: impl IntoIterator<Item = Record>, footprint: usize) {
        let mut outbox = self.outbox();
        outbox.records.extend(records);
        outbox.footprint += footprint;
    }

    /// Hands over what was kept, and takes its bytes from the budget. Says whether there was something.
    pub(super) fn hand_over(&self) -> bool {
        let Outbox { records, footprint } = std::mem::take(&mut *self.outbox());
        if records.is_empty() {
            return false;
        }
        self.budget.take(footprint);
        self.backlog.add(records.len());
        self.events.send(Handed::Event(Event::Records(records))).is_ok()
    }

    /// Sends an event behind the records kept. Says whether somebody listens.
    pub(super) fn send(&self, event: Event) -> bool {
        self.hand_over();
        self.events.send(Handed::Event(event)).is_ok()
    }

    /// Says that the offsets of a partition mean something else behind the records kept. At the end nobody listens.
    pub(super) fn restart(&self, partition: &TopicPartition, offset: i64, stamp: Stamp) {
        self.hand_over();
        let _unheard = self.events.send(Handed::Restarted(partition.clone(), offset, stamp)).is_err();
    }

    /// Says that librdkafka gave the client up, and why. At the end nobody listens.
    pub(super) fn give_up(&self, why: Obstacle) {
        let _unheard = self.events.send(Handed::GivenUp(why)).is_err();
    }

    /// Says whether nobody listens any more.
    pub(super) fn is_over(&self) -> bool {
        self.events.is_closed()
    }

    /// Sends an event of which it does not matter where it comes among the records. At the end nobody listens.
    pub(super) fn send_aside(&self, event: Event) {
        let _unheard = self.events.send(Handed::Event(event)).is_err();
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        // Only the poller's thread ever takes the lock; a poisoned list is still a list.
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts the records that the pipeline was handed and has not taken yet.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    records: Mutex<usize>,
    taken: Condvar,
}

impl Backlog {
    /// Counts records that are handed over.
    pub(super) fn add(&self, records: usize) {
        *self.records() += records;
    }

    /// Counts records that were taken.
    pub(super) fn take(&self, records: usize) {
        *self.records() -= records;
        self.taken.notify_one();
    }

    /// Waits until there is room for more, though not longer than `most`.
    pub(super) fn wait_for_room(&self, most: Duration) {
        let waiting =
            self.taken.wait_timeout_while(self.records(), most, |records| *records >= BACKLOG_RECORDS);
        drop(waiting);
    }

    fn records(&self) -> MutexGuard<'_, usize> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
