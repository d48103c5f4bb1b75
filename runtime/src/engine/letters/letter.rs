//! What goes to the dead letter queue: the record as it was read, and why it is there.
//!
//! The queue is a sink like any other, a Kafka topic by default; its puts are retried like any other, and
//! the source offset waits for them (invariant 1). The headers are those of Kafka Connect to the letter, so that
//! tools for its dead letter queues go on working, and three of our own.

use bytes::Bytes;
use sluice_connector_api::Record;

use crate::dead_letter::RECORD_TIMESTAMP;
use crate::engine::lane::fault::RecordFault;
use crate::transform::chain::Stage;

/// Where in the file the transform is that rejected the record.
const TRANSFORM_INDEX: &str = "__sluice.errors.transform.index";

/// What the target said, or what was found in the record: content of it, for whoever asks to see the letter.
const DETAIL: &str = "__sluice.errors.detail";

/// The most bytes of a header that says why: what it adds to a record has a bound.
const MAX_HEADER_BYTES: usize = 4096;

/// What is known of a rejection.
#[derive(Clone, Debug)]
pub struct Provenance<'a> {
    /// The connector.
    pub connector: &'a str,
    /// The task's number, from 0.
    pub task: usize,
    /// Where the record was rejected.
    pub stage: &'a Stage,
    /// The plug-in or converter that rejected it.
    pub plugin: &'a str,
    /// Why.
    pub fault: &'a RecordFault,
    /// How often its batch was put; 0 where it never came to that.
    pub attempts: u32,
}

/// Makes the dead letter of a record: key, value, headers and timestamp byte for byte as read, and the headers that
/// say why. Headers of that kind that it has already, from an earlier time in such a queue, are replaced.
pub fn letter(read: &Record, provenance: &Provenance<'_>) -> Record {
    let mut letter = read.clone();
    // Not every letter has them, so that none would replace them.
    letter.headers.remove(TRANSFORM_INDEX);
    letter.headers.remove(DETAIL);
    letter.headers.remove(RECORD_TIMESTAMP);
    for (name, mut value) in headers(read, provenance) {
        value.truncate(value.floor_char_boundary(MAX_HEADER_BYTES));
        letter.headers.remove(name);
        letter.headers.push(name, Some(Bytes::from(value)));
    }
    letter
}

fn headers(read: &Record, provenance: &Provenance<'_>) -> Vec<(&'static str, String)> {
    let Provenance { connector, task, stage, plugin, fault: RecordFault { reason, detail }, attempts } =
        provenance;
    let origin = read.origin();
    let mut headers = vec![
        ("__connect.errors.topic", origin.topic().to_owned()),
        ("__connect.errors.partition", origin.partition().to_string()),
        ("__connect.errors.offset", origin.offset().to_string()),
        ("__connect.errors.connector.name", (*connector).to_owned()),
        ("__connect.errors.task.id", task.to_string()),
        ("__connect.errors.stage", connect_name(stage).to_owned()),
        ("__connect.errors.class.name", (*plugin).to_owned()),
        ("__connect.errors.exception.class.name", "Rejection".to_owned()),
        ("__connect.errors.exception.message", reason.clone()),
        (
            "__connect.errors.exception.stacktrace",
            format!("record {origin} was rejected by {stage}: {reason}"),
        ),
        ("__sluice.errors.attempts", attempts.to_string()),
    ];
    headers.extend(detail.clone().map(|detail| (DETAIL, detail)));
    if let Stage::Transformation { index, .. } = stage {
        headers.push((TRANSFORM_INDEX, index.to_string()));
    }
    headers
}

/// The stage in Kafka Connect's words (`org.apache.kafka.connect.runtime.errors.Stage`).
fn connect_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::KeyConverter => "KEY_CONVERTER",
        Stage::ValueConverter => "VALUE_CONVERTER",
        Stage::Transformation { .. } => "TRANSFORMATION",
        Stage::TaskPut => "TASK_PUT",
    }
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::{Origin, Payload, Timestamp, TimestampType};

    use super::*;

    fn provenance<'a>(stage: &'a Stage, fault: &'a RecordFault) -> Provenance<'a> {
        Provenance { connector: "prices", task: 1, stage, plugin: "template", fault, attempts: 0 }
    }

    fn fault() -> RecordFault {
        RecordFault::new("field `a` is missing")
    }

    fn detailed() -> RecordFault {
        RecordFault { detail: Some("b is 4111".to_owned()), ..fault() }
    }

    fn read() -> Record {
        let mut record = Record::new(Origin::new("orders", 3, 42));
        record.key = Some(Payload::Bytes(Bytes::from_static(b"\xff")));
        record.value = Some(Payload::Bytes(Bytes::from_static(b"{\"b\": 1}")));
        record.timestamp = Some(Timestamp { millis: 7, kind: TimestampType::CreateTime });
        record.headers.push("mine", None);
        record.headers.push("mine", Some(Bytes::from_static(b"\x00")));
        record
    }

    #[test]
    fn a_letter_is_the_record_as_read_with_the_ten_headers_of_kafka_connect_and_ours() {
        let stage = Stage::Transformation { index: 1, name: "template" };
        let fault = detailed();
        let letter = letter(&read(), &provenance(&stage, &fault));
        assert_eq!(
            (&letter.key, &letter.value, letter.timestamp),
            (&read().key, &read().value, read().timestamp)
        );
        let headers: Vec<_> = letter
            .headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.as_deref().map(String::from_utf8_lossy)))
            .map(|(name, value)| format!("{name}={}", value.unwrap_or("null".into())))
            .collect();
        assert_eq!(
            headers,
            [
                "mine=null",
                "mine=\0",
                "__connect.errors.topic=orders",
                "__connect.errors.partition=3",
                "__connect.errors.offset=42",
                "__connect.errors.connector.name=prices",
                "__connect.errors.task.id=1",
                "__connect.errors.stage=TRANSFORMATION",
                "__connect.errors.class.name=template",
                "__connect.errors.exception.class.name=Rejection",
                "__connect.errors.exception.message=field `a` is missing",
                "__connect.errors.exception.stacktrace=record orders-3-42 was rejected by transform 2 (template): field `a` is missing",
                "__sluice.errors.attempts=0",
                "__sluice.errors.detail=b is 4111",
                "__sluice.errors.transform.index=1",
            ]
        );
    }

    #[test]
    fn what_it_adds_to_a_record_has_a_bound() {
        let fault = RecordFault { reason: "é".repeat(100_000), detail: Some("d".repeat(100_000)) };
        let letter = letter(&read(), &provenance(&Stage::TaskPut, &fault));
        assert!(letter.size() < read().size() + 4 * MAX_HEADER_BYTES, "{}", letter.size());
    }

    #[test]
    fn a_second_time_in_the_queue_replaces_the_headers_of_the_first() {
        let fault = detailed();
        let once = letter(&read(), &provenance(&Stage::TaskPut, &fault));
        assert_eq!(letter(&once, &provenance(&Stage::TaskPut, &fault)).headers.len(), once.headers.len());
    }

    #[test]
    fn a_second_time_in_the_queue_keeps_nothing_of_the_first() {
        let stage = Stage::Transformation { index: 1, name: "template" };
        let (first, second) = (detailed(), fault());
        let once = letter(&read(), &provenance(&stage, &first));
        let twice = letter(&once, &provenance(&Stage::TaskPut, &second));
        assert_eq!(twice.headers, letter(&read(), &provenance(&Stage::TaskPut, &second)).headers);
    }
}
