//! A source that yields what the test hands it.

use std::future::Future;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use sluice_connector_api::{Record, TopicPartition};
use sluice_runtime::source::budget::{Budget, footprint};
use sluice_runtime::source::{Event, Offsets, Resumed, Revoked, Source};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::journal::{Entry, Journal};
use super::partition;

/// Yields what the test's hand gives it, and notes what is committed.
pub(crate) struct ScriptedSource {
    events: UnboundedReceiver<Event>,
    journal: Journal,
    budget: Budget,
    mark: Arc<Mutex<String>>,
}

/// The test's end of a scripted source.
pub(crate) struct Hand {
    events: UnboundedSender<Event>,
    budget: Budget,
    mark: Arc<Mutex<String>>,
}

impl ScriptedSource {
    pub(crate) fn new(journal: Journal, budget: Budget) -> (Self, Hand) {
        let (sender, events) = unbounded_channel();
        let mark = Arc::<Mutex<String>>::default();
        let hand = Hand { events: sender, budget: budget.clone(), mark: Arc::clone(&mark) };
        (Self { events, journal, budget, mark }, hand)
    }
}

/// Returns what records take from the budget.
pub(crate) fn size(records: &[Record]) -> usize {
    records.iter().map(footprint).sum()
}

impl Source for ScriptedSource {
    async fn next(&mut self) -> Event {
        self.events.recv().await.unwrap_or(Event::End)
    }

    fn commit(&mut self, offsets: Offsets) {
        self.journal.note(Entry::Committed(offsets));
    }

    fn mark(&self, _: &TopicPartition) -> Arc<str> {
        self.mark.lock().unwrap().as_str().into()
    }

    fn committed_elsewhere(&mut self, offsets: Offsets) {
        self.journal.note(Entry::CommittedElsewhere(offsets));
    }

    /// Gives back the bytes of what nobody asked for.
    fn close(mut self, offsets: Offsets) -> impl Future<Output = ()> + Send {
        self.events.close();
        while let Ok(event) = self.events.try_recv() {
            if let Event::Records(records) = event {
                self.budget.give(size(&records));
            }
        }
        self.journal.note(Entry::Closed(offsets));
        std::future::ready(())
    }
}

impl Hand {
    fn send(&self, event: Event) {
        // A pipeline that has ended hears nothing, as in life.
        let _ended = self.events.send(event).is_err();
    }

    pub(crate) fn assign(&self, partitions: impl IntoIterator<Item = i32>) {
        self.send(Event::Assigned(partitions.into_iter().map(partition).collect()));
    }

    /// Tells what the sink said of partitions.
    pub(crate) fn take_over(&self, resumed: Vec<Resumed>) {
        self.send(Event::TakenOver(resumed));
    }

    /// Says what the offsets that are read from now on are positions in.
    pub(crate) fn set_mark(&self, mark: &str) {
        mark.clone_into(&mut self.mark.lock().unwrap());
    }

    /// Hands records over; as a source does, it takes their bytes from the budget.
    pub(crate) fn read(&self, records: Vec<Record>) {
        let bytes = size(&records);
        self.budget.take(bytes);
        if self.events.send(Event::Records(records)).is_err() {
            self.budget.give(bytes);
        }
    }

    /// Takes partitions away. The receiver gets what is to be committed for them before they go.
    pub(crate) fn revoke(&self, partitions: impl IntoIterator<Item = i32>) -> Receiver<Offsets> {
        self.take_away(partitions, false)
    }

    /// Tells that somebody else has the partitions already.
    pub(crate) fn lose(&self, partitions: impl IntoIterator<Item = i32>) -> Receiver<Offsets> {
        self.take_away(partitions, true)
    }

    pub(crate) fn take_away(
        &self,
        partitions: impl IntoIterator<Item = i32>,
        lost: bool,
    ) -> Receiver<Offsets> {
        let (done, wait) = channel();
        let partitions = partitions.into_iter().map(partition).collect();
        self.send(Event::Revoked(Revoked { partitions, lost, done }));
        wait
    }

    /// Tells that the partition holds no record before the offset.
    pub(crate) fn passed(&self, of: i32, offset: i64) {
        self.send(Event::Passed(vec![(partition(of), offset)]));
    }

    /// Tells that the partition's offsets mean something else from now on.
    pub(crate) fn restart(&self, of: i32, offset: i64) {
        self.send(Event::Restarted(partition(of), offset));
    }

    pub(crate) fn refuse_commit(&self, of: i32) {
        self.send(Event::CommitFailed(vec![partition(of)]));
    }

    pub(crate) fn end(&self) {
        self.send(Event::End);
    }

    pub(crate) fn fail(&self, reason: &str) {
        self.send(Event::Failed(reason.into()));
    }
}
