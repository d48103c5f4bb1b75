//! Records that are there already, as a source.

use std::time::Duration;
use std::vec;

use sluice_connector_api::{Record, TopicPartition};

use crate::source::budget::{Budget, footprint};
use crate::source::{Event, Offsets, Source};

/// How often it is looked whether there is room for more.
const LOOK: Duration = Duration::from_millis(10);

/// Records that are there already, as a source. Nothing is committed.
#[derive(Debug)]
pub(super) struct GivenRecords {
    partitions: Option<Vec<TopicPartition>>,
    records: vec::IntoIter<Record>,
    at_once: usize,
    budget: Budget,
}

impl GivenRecords {
    /// Hands over so many records at once.
    pub(super) fn new(records: Vec<Record>, at_once: usize, budget: Budget) -> Self {
        let mut partitions: Vec<_> =
            records.iter().map(|record| record.origin().topic_partition().clone()).collect();
        partitions.sort();
        partitions.dedup();
        Self { partitions: Some(partitions), records: records.into_iter(), at_once, budget }
    }
}

impl Source for GivenRecords {
    async fn next(&mut self) -> Event {
        if let Some(partitions) = self.partitions.take() {
            return Event::Assigned(partitions);
        }
        while self.budget.is_used_up() {
            tokio::time::sleep(LOOK).await;
        }
        let records: Vec<Record> = self.records.by_ref().take(self.at_once).collect();
        self.budget.take(records.iter().map(footprint).sum());
        if records.is_empty() { Event::End } else { Event::Records(records) }
    }

    fn commit(&mut self, _offsets: Offsets) {}

    async fn close(self, _offsets: Offsets) {}
}
