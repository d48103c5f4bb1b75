//! Asks the brokers for topics' ids (KIP-516), which librdkafka knows and its safe wrapper does not hand on.
#![allow(unsafe_code, reason = "foreign functions that rdkafka does not wrap; see the safety comments")]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as librdkafka;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError};
use rdkafka::types::{RDKafkaAdminOptions, RDKafkaEvent, RDKafkaQueue, RDKafkaRespErr};

use crate::kafka::stamp::TopicId;

/// How much longer than the brokers librdkafka may take to say that they did not answer.
const GRACE: Duration = Duration::from_secs(1);

/// What the brokers say of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct TopicFacts {
    /// Which topic of its name it is; none where the brokers have no ids.
    pub(in crate::kafka) id: Option<TopicId>,
    /// How many partitions it has.
    pub(in crate::kafka) partitions: i32,
    /// The brokers keep it for themselves.
    pub(in crate::kafka) is_internal: bool,
}

/// A question that was sent, and waits for its answer.
pub(in crate::kafka) struct TopicQuestion {
    answers: NonNull<RDKafkaQueue>,
    timeout: Duration,
}

impl Drop for TopicQuestion {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and nobody else has it; an answer that comes later is dropped by librdkafka.
        unsafe { librdkafka::rd_kafka_queue_destroy(self.answers.as_ptr()) }
    }
}

impl TopicQuestion {
    /// Sends the question, and does not wait. `None` where there is no memory, or a name that no topic can have.
    pub(in crate::kafka) fn new<C: ClientContext>(
        client: &Client<C>,
        topics: &[&str],
        timeout: Duration,
    ) -> Option<Self> {
        let names: Vec<CString> =
            topics.iter().map(|topic| CString::new(*topic)).collect::<Result<_, _>>().ok()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the client is alive, as it is borrowed, and all that is handed over outlives the calls: librdkafka copies
        // the names and the options.
        unsafe {
            let answers = NonNull::new(librdkafka::rd_kafka_queue_new(client.native_ptr()))?;
            let question = Self { answers, timeout };
            let options = options(client, timeout)?;
            let collection =
                librdkafka::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            librdkafka::rd_kafka_DescribeTopics(
                client.native_ptr(),
                collection,
                options.as_ptr(),
                answers.as_ptr(),
            );
            librdkafka::rd_kafka_TopicCollection_destroy(collection);
            librdkafka::rd_kafka_AdminOptions_destroy(options.as_ptr());
            Some(question)
        }
    }

    /// Waits for the answer, but no longer than this. A topic that does not exist is none; one that may not be seen is left
    /// out.
    pub(in crate::kafka) fn wait(
        &self,
        most: Duration,
    ) -> Result<HashMap<String, Option<TopicFacts>>, KafkaError> {
        let millis = i32::try_from(most.min(self.timeout + GRACE).as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is ours to destroy, which is done after all of it was copied.
        unsafe {
            let event = NonNull::new(librdkafka::rd_kafka_queue_poll(self.answers.as_ptr(), millis));
            let event = event
                .ok_or_else(|| KafkaError::AdminOp(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT.into()))?;
            let facts = facts(event);
            librdkafka::rd_kafka_event_destroy(event.as_ptr());
            facts
        }
    }
}

fn options<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Option<NonNull<RDKafkaAdminOptions>> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive; no reason is asked for. A time that librdkafka does not take leaves its default.
    unsafe {
        let operation = librdkafka::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = NonNull::new(librdkafka::rd_kafka_AdminOptions_new(client.native_ptr(), operation))?;
        librdkafka::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), millis, ptr::null_mut(), 0);
        Some(options)
    }
}

/// # Safety
///
/// The event is alive, and is the answer to a question for topics.
unsafe fn facts(event: NonNull<RDKafkaEvent>) -> Result<HashMap<String, Option<TopicFacts>>, KafkaError> {
    // SAFETY: the caller's; all that is read belongs to the event, and is copied.
    unsafe {
        let code = librdkafka::rd_kafka_event_error(event.as_ptr());
        if code.is_error() {
            return Err(KafkaError::AdminOp(code.into()));
        }
        let result = librdkafka::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        if result.is_null() {
            return Err(KafkaError::AdminOp(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL.into()));
        }
        let mut count = 0;
        let topics = librdkafka::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        let mut facts = HashMap::new();
        if topics.is_null() {
            return Ok(facts);
        }
        for topic in slice::from_raw_parts(topics, count) {
            let error = librdkafka::rd_kafka_TopicDescription_error(*topic);
            let code = if error.is_null() {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
            } else {
                librdkafka::rd_kafka_error_code(error)
            };
            let name = CStr::from_ptr(librdkafka::rd_kafka_TopicDescription_name(*topic));
            let name = name.to_string_lossy().into_owned();
            if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART {
                facts.insert(name, None);
                continue;
            }
            if code.is_error() {
                continue;
            }
            let id = librdkafka::rd_kafka_TopicDescription_topic_id(*topic);
            let high = librdkafka::rd_kafka_Uuid_most_significant_bits(id);
            let low = librdkafka::rd_kafka_Uuid_least_significant_bits(id);
            let mut partitions = 0;
            librdkafka::rd_kafka_TopicDescription_partitions(*topic, &raw mut partitions);
            let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
            let is_internal = librdkafka::rd_kafka_TopicDescription_is_internal(*topic) != 0;
            let found = TopicFacts { id: TopicId::from_halves(high, low), partitions, is_internal };
            facts.insert(name, Some(found));
        }
        Ok(facts)
    }
}
