//! An event as a source.

use std::collections::VecDeque;

use sluice_connector_api::{Record, TopicPartition};

use crate::lambda::event::Records;
use crate::lambda::parts::Readable;
use crate::source::budget::{Budget, footprint};
use crate::source::{Event, Offsets, Source};
use crate::transform::chain::StageError;

/// Records that are handed over at once: few enough that a stop is not kept waiting while they are transformed.
const AT_ONCE: usize = 500;

/// Yields the records of one event, and then its end. Nothing is committed: the answer says what is done.
#[derive(Debug)]
pub(super) struct EventSource {
    partitions: Option<Vec<TopicPartition>>,
    records: VecDeque<Readable>,
    budget: Budget,
}

impl EventSource {
    pub(super) fn new(Records { partitions, records }: Records, budget: Budget) -> Self {
        Self { partitions: Some(partitions), records: records.into(), budget }
    }

    fn take_if(&mut self, wanted: impl Fn(&Readable) -> bool) -> Option<(Record, Option<StageError>)> {
        let readable = self.records.pop_front_if(|readable| wanted(readable))?;
        self.budget.take(footprint(&readable.0));
        Some(readable)
    }

    fn event(&mut self) -> Event {
        if let Some(partitions) = self.partitions.take() {
            return Event::Assigned(partitions);
        }
        if let Some((record, Some(error))) = self.take_if(|(_, error)| error.is_some()) {
            return Event::Unreadable(Box::new((record, error)));
        }
        let good = std::iter::from_fn(|| self.take_if(|(_, error)| error.is_none()));
        let records: Vec<_> = good.take(AT_ONCE).map(|(record, _)| record).collect();
        if records.is_empty() { Event::End } else { Event::Records(records) }
    }
}

impl Source for EventSource {
    async fn next(&mut self) -> Event {
        self.event()
    }

    fn commit(&mut self, _offsets: Offsets) {}

    async fn close(self, _offsets: Offsets) {}
}
