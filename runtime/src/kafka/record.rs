//! From librdkafka's record to ours.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use sluice_connector_api::{Origin, Payload, Record, Timestamp, TimestampType};

use crate::kafka::native::queue::{Message, headers_of};

/// Copies a record out of librdkafka's memory. `topic` is its topic's name, shared by all its records.
pub(super) fn record_of(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Record {
    let origin = Origin::new(topic, message.partition(), message.offset());
    record(origin, message.key(), message.payload(), message.timestamp(), headers_of(message))
}

/// Copies a record that was taken from a queue.
pub(super) fn record_taken(message: &Message, topic: Arc<str>) -> Record {
    let origin = Origin::new(topic, message.partition(), message.offset());
    record(origin, message.key(), message.payload(), message.timestamp(), message.headers())
}

fn record<'a>(
    origin: Origin,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    time: rdkafka::Timestamp,
    headers: impl Iterator<Item = (String, Option<&'a [u8]>)>,
) -> Record {
    let mut record = Record::new(origin);
    record.key = key.map(payload);
    record.value = value.map(payload);
    record.timestamp = timestamp(time);
    for (name, value) in headers {
        record.headers.push(name, value.map(Bytes::copy_from_slice));
    }
    record
}

fn payload(bytes: &[u8]) -> Payload {
    Payload::Bytes(Bytes::copy_from_slice(bytes))
}

fn timestamp(timestamp: rdkafka::Timestamp) -> Option<Timestamp> {
    match timestamp {
        rdkafka::Timestamp::NotAvailable => None,
        rdkafka::Timestamp::CreateTime(millis) => Some(Timestamp { millis, kind: TimestampType::CreateTime }),
        rdkafka::Timestamp::LogAppendTime(millis) => {
            Some(Timestamp { millis, kind: TimestampType::LogAppendTime })
        }
    }
}
