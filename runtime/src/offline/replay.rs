//! Sends dead letters straight through the connector that they are of, with all that its engine does for a record.

use std::sync::Arc;

use sluice_connector_api::{Origin, Record};
use tokio_util::sync::CancellationToken;

use crate::connector::load::Connector;
use crate::dead_letter::{is_reason, timestamp_of_record};
use crate::engine::{Counters, Failed};
use crate::offline::given::GivenRecords;
use crate::offline::rejections::{RejectedRecord, Rejections};
use crate::pace::pacer::Pacers;
use crate::source::budget::Budget;

/// Records that are handed over at once.
const AT_ONCE: usize = 500;
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
    let (partition, offset) = (text("partition")?.parse::<i32>().ok()?, text("offset")?.parse::<i64>().ok()?);
    // Whoever writes to the queue writes its headers; Kafka gives no record these.
    if partition < 0 || !(0..i64::MAX).contains(&offset) {
        return None;
    }
    let mut record = Record::new(Origin::new(text("topic")?, partition, offset));
    record.key.clone_from(&letter.key);
    record.value.clone_from(&letter.value);
    record.timestamp = timestamp_of_record(letter);
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
    let (connector, rejections) = Rejections::of(connector);
    let budget = Budget::new(connector.buffer_memory.bytes());
    let source = GivenRecords::new(records, AT_ONCE, budget.clone());
    let result = connector.pipeline(0, source, budget, counters, &Pacers::default()).run(stop).await;
    let mut rejected = Vec::new();
    for RejectedRecord { origin, reason, .. } in rejections.take() {
        rejected.push((origin, reason));
    }
    Replayed { result, rejected }
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
        for nowhere in [None, Some("-1"), Some("9223372036854775807"), Some("42x")] {
            queued.headers.remove("__connect.errors.offset");
            queued.headers.push("__connect.errors.offset", nowhere.map(|text| Bytes::from(text.to_owned())));
            assert_eq!(as_read(&queued), None, "nobody knows where it was read: {nowhere:?}");
        }
    }
}
