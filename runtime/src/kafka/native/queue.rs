//! The records of a consumer, taken many at a time.
//!
//! rdkafka polls for one record after the other, and librdkafka looks at the clock twice for each poll: half of what reading
//! takes. It also hands over many at once, from a queue of its caller's own to which those of the partitions are forwarded.
//! Rebalances and errors go on to come where rdkafka looks for them.
#![allow(unsafe_code, reason = "foreign functions that rdkafka does not wrap; see the safety comments")]

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::Timestamp;
use rdkafka::bindings as librdkafka;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{IsError, KafkaError};
use rdkafka::message::BorrowedMessage;
use rdkafka::types::{RDKafkaHeaders, RDKafkaMessage, RDKafkaQueue};
use sluice_connector_api::TopicPartition;

/// A queue to which partitions of a consumer are forwarded.
pub(in crate::kafka) struct ConsumerQueue<C: ConsumerContext> {
    /// Goes before the consumer does.
    native: Arc<Native>,
    consumer: Arc<BaseConsumer<C>>,
}

struct Native(NonNull<RDKafkaQueue>);

// SAFETY: librdkafka guards its queues with locks of their own; any thread may use and destroy them.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

impl Drop for Native {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and nobody else has it. Its consumer is alive: `ConsumerQueue` holds it for longer, and who
        // wakes the queue is called by it.
        unsafe { librdkafka::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

impl Native {
    /// Ends a wait for records that is under way, or else the next one.
    fn wake(&self) {
        // SAFETY: the queue is alive.
        unsafe { librdkafka::rd_kafka_queue_yield(self.0.as_ptr()) }
    }
}

impl<C: ConsumerContext> ConsumerQueue<C> {
    /// Makes a queue; `None` where there is no memory. Whatever else comes to the consumer ends a wait for records.
    pub(in crate::kafka) fn from_consumer(mut consumer: BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the consumer is alive.
        let queue = unsafe { librdkafka::rd_kafka_queue_new(consumer.client().native_ptr()) };
        let native = Arc::new(Native(NonNull::new(queue)?));
        let woken = Arc::downgrade(&native);
        consumer.set_nonempty_callback(move || {
            if let Some(native) = woken.upgrade() {
                native.wake();
            }
        });
        Some(Self { native, consumer: Arc::new(consumer) })
    }

    pub(in crate::kafka) fn consumer(&self) -> &Arc<BaseConsumer<C>> {
        &self.consumer
    }

    /// Lets the records of a partition come here, until it is taken away. Has to be called before it is assigned, or some
    /// come to the consumer itself. Says whether they will come here.
    pub(in crate::kafka) fn forward(&self, partition: &TopicPartition) -> bool {
        let Ok(topic) = CString::new(&*partition.topic) else { return false };
        let client = self.consumer.client().native_ptr();
        // SAFETY: the consumer is alive, and the name outlives the call.
        let from =
            unsafe { librdkafka::rd_kafka_queue_get_partition(client, topic.as_ptr(), partition.partition) };
        if from.is_null() {
            return false;
        }
        // SAFETY: both queues are alive; the partition keeps a reference of its own to ours, and the handle to its queue,
        // which is ours, is not used any more.
        unsafe {
            librdkafka::rd_kafka_queue_forward(from, self.native.0.as_ptr());
            librdkafka::rd_kafka_queue_destroy(from);
        }
        true
    }

    /// Takes so many records, or what there is when the time is up, or something else comes to the consumer. What else there
    /// is to say of a partition comes among them.
    pub(in crate::kafka) fn take(&self, most: usize, time: Duration, mut each: impl FnMut(Taken<'_>)) {
        let mut taken: Vec<*mut RDKafkaMessage> = vec![null_mut(); most];
        let millis = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive, and there is room for so many.
        let count = unsafe {
            let queue = self.native.0.as_ptr();
            librdkafka::rd_kafka_consume_batch_queue(queue, millis, taken.as_mut_ptr(), most)
        };
        let taken = taken.into_iter().take(usize::try_from(count).unwrap_or_default());
        for message in taken.filter_map(NonNull::new) {
            let message = Message(message);
            each(message.taken());
        }
    }
}

/// What comes out of a queue.
pub(in crate::kafka) enum Taken<'a> {
    /// A record.
    Record(&'a Message),
    /// What went wrong. librdkafka takes it for a record of the offset where it happened: it has to be told where to go on.
    Fault(PartitionError),
}

/// What went wrong, with a partition where it is said with which.
pub(in crate::kafka) struct PartitionError {
    pub(in crate::kafka) error: KafkaError,
    /// librdkafka's own words.
    pub(in crate::kafka) reason: String,
    /// The partition, and the offset where it happened.
    pub(in crate::kafka) place: Option<(TopicPartition, i64)>,
}

/// A record in librdkafka's memory.
pub(in crate::kafka) struct Message(NonNull<RDKafkaMessage>);

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it was handed over to us, and nothing of it is borrowed any more.
        unsafe { librdkafka::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

impl Message {
    fn native(&self) -> &RDKafkaMessage {
        // SAFETY: it is ours until it is dropped, and nobody writes to it.
        unsafe { self.0.as_ref() }
    }

    fn taken(&self) -> Taken<'_> {
        let code = self.native().err;
        if !code.is_error() {
            return Taken::Record(self);
        }
        let is_of_partition = !self.native().rkt.is_null() && self.partition() >= 0;
        let partition = || TopicPartition::new(self.topic(), self.partition());
        let place = is_of_partition.then(|| (partition(), self.offset()));
        // Where there is an error, its words stand in the place of the value.
        let reason = self.payload().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
        Taken::Fault(PartitionError { error: KafkaError::MessageConsumption(code.into()), reason, place })
    }

    /// Returns the epoch of the leader that wrote it; -1 if it is not known.
    pub(in crate::kafka) fn leader_epoch(&self) -> i32 {
        // SAFETY: the message is alive.
        unsafe { librdkafka::rd_kafka_message_leader_epoch(self.0.as_ptr()) }
    }

    /// Tells topics apart, while the message is alive.
    pub(in crate::kafka) fn topic_id(&self) -> usize {
        self.native().rkt.addr()
    }

    pub(in crate::kafka) fn topic(&self) -> &str {
        // SAFETY: a record has a topic, as a fault has that says so, which it keeps alive, and whose name ends with a zero.
        let name = unsafe { CStr::from_ptr(librdkafka::rd_kafka_topic_name(self.native().rkt)) };
        // Names of topics are ASCII.
        name.to_str().unwrap_or_default()
    }

    pub(in crate::kafka) fn partition(&self) -> i32 {
        self.native().partition
    }

    pub(in crate::kafka) fn offset(&self) -> i64 {
        self.native().offset
    }

    pub(in crate::kafka) fn key(&self) -> Option<&[u8]> {
        // SAFETY: the message has so many bytes of key, or a null.
        unsafe { bytes(self.native().key.cast(), self.native().key_len) }
    }

    pub(in crate::kafka) fn payload(&self) -> Option<&[u8]> {
        // SAFETY: the message has so many bytes of payload, or a null.
        unsafe { bytes(self.native().payload.cast(), self.native().len) }
    }

    pub(in crate::kafka) fn timestamp(&self) -> Timestamp {
        use librdkafka::rd_kafka_timestamp_type_t as Kind;

        let mut kind = Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive; the kind is written to.
        let millis = unsafe { librdkafka::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) };
        match kind {
            _ if millis == -1 => Timestamp::NotAvailable,
            Kind::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => Timestamp::NotAvailable,
            Kind::RD_KAFKA_TIMESTAMP_CREATE_TIME => Timestamp::CreateTime(millis),
            Kind::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => Timestamp::LogAppendTime(millis),
        }
    }

    /// Walks the headers; a name that is not valid UTF-8 has replacement characters.
    pub(in crate::kafka) fn headers(&self) -> MessageHeaders<'_> {
        // SAFETY: the message is alive and keeps its headers.
        unsafe { headers_at(self.0.as_ptr()) }
    }
}

/// Walks the headers of a record that rdkafka handed over; rdkafka itself panics where a name is not valid UTF-8.
pub(in crate::kafka) fn headers_of<'a>(message: &'a BorrowedMessage<'_>) -> MessageHeaders<'a> {
    // SAFETY: the message is alive for as long as it is borrowed, and keeps its headers.
    unsafe { headers_at(message.ptr()) }
}

/// # Safety
///
/// The message is alive for as long as is said.
unsafe fn headers_at<'a>(message: *mut RDKafkaMessage) -> MessageHeaders<'a> {
    let mut headers: *mut RDKafkaHeaders = null_mut();
    // SAFETY: the caller's; a pointer to the headers is written.
    let found = unsafe { librdkafka::rd_kafka_message_headers(message, &raw mut headers) };
    let list = NonNull::new(headers).filter(|_| !found.is_error());
    MessageHeaders { list, next: 0, message: PhantomData }
}

/// The headers of a message, by name and value.
pub(in crate::kafka) struct MessageHeaders<'a> {
    list: Option<NonNull<RDKafkaHeaders>>,
    next: usize,
    message: PhantomData<&'a RDKafkaMessage>,
}

impl<'a> Iterator for MessageHeaders<'a> {
    type Item = (String, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let (mut name, mut value, mut length) = (null(), null(), 0);
        // SAFETY: the message keeps its headers; name, value and length are written to, if there are so many.
        unsafe {
            let found = librdkafka::rd_kafka_header_get_all(
                self.list?.as_ptr(),
                self.next,
                &raw mut name,
                &raw mut value,
                &raw mut length,
            );
            if found.is_error() {
                return None;
            }
            self.next += 1;
            Some((CStr::from_ptr(name).to_string_lossy().into_owned(), bytes(value.cast(), length)))
        }
    }
}

/// # Safety
///
/// There are so many bytes, or a null, and they live as long as is said.
unsafe fn bytes<'a>(start: *const u8, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's.
    (!start.is_null()).then(|| unsafe { slice::from_raw_parts(start, length) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_whose_name_is_no_utf8_is_read_all_the_same() {
        // SAFETY: the names end with a zero, the value has one byte, and the list is alive until it is destroyed.
        unsafe {
            let list = librdkafka::rd_kafka_headers_new(2);
            librdkafka::rd_kafka_header_add(list, c"caf\xe9".as_ptr(), -1, b"1".as_ptr().cast(), 1);
            librdkafka::rd_kafka_header_add(list, c"none".as_ptr(), -1, null(), 0);
            let headers = MessageHeaders { list: NonNull::new(list), next: 0, message: PhantomData };
            let expected = [("caf\u{fffd}".to_owned(), Some(b"1".as_slice())), ("none".to_owned(), None)];
            assert_eq!(headers.collect::<Vec<_>>(), expected);
            librdkafka::rd_kafka_headers_destroy(list);
        }
    }
}
