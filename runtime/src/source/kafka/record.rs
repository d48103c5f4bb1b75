//! From librdkafka's record to ours.

use std::sync::Arc;

use bytes::Bytes;
use rdkafka::Message as _;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers as _};
use sluice_connector_api::{Headers, Origin, Payload, Record, Timestamp, TimestampType};

use super::queue::Message;

/// Copies a record out of librdkafka's memory. `topic` is its topic's name, shared by all its records.
pub(super) fn record_of(message: &BorrowedMessage<'_>, topic: Arc<str>) -> Record {
    let mut record = Record::new(Origin::new(topic, message.partition(), message.offset()));
    record.key = message.key().map(payload);
    record.value = message.payload().map(payload);
    record.timestamp = timestamp(message.timestamp());
    record.headers = message.headers().map(headers).unwrap_or_default();
    record
}

/// Copies a record that was taken from a queue.
pub(super) fn record_taken(message: &Message<'_>, topic: Arc<str>) -> Record {
    let mut record = Record::new(Origin::new(topic, message.partition(), message.offset()));
    record.key = message.key().map(payload);
    record.value = message.payload().map(payload);
    record.timestamp = timestamp(message.timestamp());
    for (name, value) in message.headers() {
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

fn headers(borrowed: &BorrowedHeaders) -> Headers {
    let mut headers = Headers::new();
    for header in borrowed.iter() {
        headers.push(header.key, header.value.map(Bytes::copy_from_slice));
    }
    headers
}
