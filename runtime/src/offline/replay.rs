//! Sends dead letters straight through the connector that they are of, with all that its engine does for a record.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::vec;

use async_trait::async_trait;
use sluice_connector_api::{Limits, Origin, PutError, Record, Sink, TopicPartition};
use tokio_util::sync::CancellationToken;

use crate::config::settings::ErrorSettings;
use crate::connector::load::Connector;
use crate::dead_letter::is_reason;
use crate::engine::letters::tolerance::{ThresholdSetting, Tolerance};
use crate::engine::{Counters, Failed};
use crate::pace::pacer::Pacers;
use crate::source::budget::{Budget, footprint};
use crate::source::{Event, Offsets, Source};

/// Records that are handed over at once.
const AT_ONCE: usize = 500;
/// How often it is looked whether there is room for more.
const LOOK: Duration = Duration::from_millis(10);

/// What became of dead letters.
#[derive(Debug)]
pub struct Replayed {
    /// How it ended; a record that is rejected again is no failure.
    pub result: Result<(), Failed>,
    /// The records that were rejected again, and why.
    pub rejected: Vec<(Origin, String)>,
}

/// Returns the record of a dead letter as it was read before it came into the queue, or nothing where the letter does
/// not say where that was.
pub fn as_read(letter: &Record) -> Option<Record> {
    let text = |name: &str| {
        let value = letter.headers.last(&format!("__connect.errors.{name}"))?.value.as_deref()?;
        std::str::from_utf8(value).ok()
    };
    let origin = Origin::new(text("topic")?, text("partition")?.parse().ok()?, text("offset")?.parse().ok()?);
    let mut record = Record::new(origin);
    record.key.clone_from(&letter.key);
    record.value.clone_from(&letter.value);
    record.timestamp = letter.timestamp;
    for header in letter.headers.iter().filter(|header| !is_reason(&header.name)) {
        record.headers.push(header.name.clone(), header.value.clone());
    }
    Some(record)
}

/// Sends records through a connector's converters, transforms and sink: with its retries, its pace and its order.
/// Nothing is read from or committed to its topics. `stop` finishes what is in flight; `counters` say how far it is.
pub async fn replay(
    connector: &Connector,
    records: Vec<Record>,
    counters: Arc<Counters>,
    stop: CancellationToken,
) -> Replayed {
    let again = Arc::<Again>::default();
    let errors = ErrorSettings {
        tolerance: Tolerance::All,
        threshold: ThresholdSetting::Off,
        ..connector.errors.clone()
    };
    let connector =
        Connector { errors, dead_letters: Some(Arc::<Again>::clone(&again)), ..connector.clone() };
    let budget = Budget::new(connector.buffer_memory.bytes());
    let source = Given::new(records, budget.clone());
    let result = connector.pipeline(0, source, budget, counters, &Pacers::default()).run(stop).await;
    Replayed { result, rejected: again.take() }
}

/// Stands for the dead letter queue: what is rejected again is in the real one already.
#[derive(Debug, Default)]
struct Again(Mutex<Vec<(Origin, String)>>);

impl Again {
    fn take(&self) -> Vec<(Origin, String)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Sink for Again {
    fn limits(&self) -> Limits {
        Limits::default().with_max_record_bytes(usize::MAX)
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let reason = |letter: &Record| {
            let header = letter.headers.last("__connect.errors.exception.message")?;
            header.value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let rejected =
            batch.iter().map(|letter| (letter.origin().clone(), reason(letter).unwrap_or_default()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(rejected);
        Ok(())
    }
}

/// Records that are there already, as a source.
#[derive(Debug)]
struct Given {
    partitions: Option<Vec<TopicPartition>>,
    records: vec::IntoIter<Record>,
    budget: Budget,
}

impl Given {
    fn new(records: Vec<Record>, budget: Budget) -> Self {
        let mut partitions: Vec<_> =
            records.iter().map(|record| record.origin().topic_partition().clone()).collect();
        partitions.sort();
        partitions.dedup();
        Self { partitions: Some(partitions), records: records.into_iter(), budget }
    }
}

impl Source for Given {
    async fn next(&mut self) -> Event {
        if let Some(partitions) = self.partitions.take() {
            return Event::Assigned(partitions);
        }
        while self.budget.is_used_up() {
            tokio::time::sleep(LOOK).await;
        }
        let records: Vec<Record> = self.records.by_ref().take(AT_ONCE).collect();
        self.budget.take(records.iter().map(footprint).sum());
        if records.is_empty() { Event::End } else { Event::Records(records) }
    }

    fn commit(&mut self, _offsets: Offsets) {}

    async fn close(self, _offsets: Offsets) {}
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::engine::lane::fault::RecordFault;
    use crate::engine::letters::letter::{Provenance, letter};
    use crate::transform::chain::Stage;

    #[test]
    fn a_record_is_what_it_was_before_it_came_into_the_queue() {
        let mut read = Record::new(Origin::new("orders", 3, 42));
        read.value = Some("v".into());
        read.headers.push("mine", Some(Bytes::from_static(b"kept")));
        let (stage, fault) = (Stage::TaskPut, RecordFault::new("bad"));
        let provenance =
            Provenance { connector: "c", task: 0, stage: &stage, plugin: "http", fault: &fault, attempts: 1 };
        let posted = letter(&read, &provenance);
        let mut queued = Record::new(Origin::new("queue", 0, 7));
        (queued.value, queued.headers) = (posted.value.clone(), posted.headers.clone());
        assert_eq!(as_read(&queued), Some(read));
        queued.headers.remove("__connect.errors.offset");
        assert_eq!(as_read(&queued), None, "nobody knows where it was read");
    }
}
