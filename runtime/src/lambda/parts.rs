//! The parts of a record in an event, whether the whole is as it should be or not.

use sluice_connector_api::{
    Headers, Origin, Payload, Record, Rejection, SchemaMetadata, Timestamp, TimestampType, TopicPartition,
};

use crate::lambda::encoded::Encoded;
use crate::transform::chain::{Stage, StageError};

/// A record, and why it is rejected if it cannot be read.
pub type Readable = (Record, Option<StageError>);

/// Stands for the offset of a record that does not say which it has.
pub(super) const UNKNOWN: i64 = -1;

/// Says whether Kafka gives a record such an offset. What is behind the last one of all could not be named.
pub(super) fn is_offset(offset: i64) -> bool {
    (0..i64::MAX).contains(&offset)
}

/// Makes the origin of a record.
pub(super) fn origin(partition: &TopicPartition, offset: i64) -> Origin {
    Origin::new(partition.topic.clone(), partition.partition, offset)
}

/// An unreadable one stays the text it is, so that a dead letter shows it.
pub(super) fn bytes(
    encoded: Option<Encoded>,
    what: &str,
    stage: Stage,
    error: &mut Option<StageError>,
) -> Option<Payload> {
    match encoded? {
        Encoded::Bytes(bytes) => Some(Payload::Bytes(bytes)),
        Encoded::Unreadable(text, reason) => {
            let rejection =
                Rejection::new(format!("the {what} in the event is not valid base64")).with_detail(reason);
            error.get_or_insert(StageError { stage, rejection });
            Some(Payload::Text(text))
        }
    }
}

/// Keeps what a schema registry said, as headers of ours.
pub(super) fn push_schema(headers: &mut Headers, of: &str, schema: Option<&SchemaMetadata>) {
    let Some(schema) = schema else { return };
    for (what, value) in [("format", &schema.format), ("id", &schema.id)] {
        if let Some(value) = value {
            headers.push(format!("__sluice.{of}.schema.{what}"), Some(value.clone().into()));
        }
    }
}

/// Kafka's -1 stands for none.
pub(super) fn timestamp(millis: Option<i64>, kind: Option<&str>) -> Option<Timestamp> {
    let millis = millis.filter(|millis| *millis >= 0)?;
    let kind = match kind {
        Some("LOG_APPEND_TIME") => TimestampType::LogAppendTime,
        _ => TimestampType::CreateTime,
    };
    Some(Timestamp { millis, kind })
}
