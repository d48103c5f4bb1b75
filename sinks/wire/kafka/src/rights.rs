//! Asks the brokers what a client may do to a topic (KIP-430), which librdkafka knows and its safe wrapper does not hand on.
#![allow(unsafe_code, reason = "foreign functions that rdkafka does not wrap; see the safety comments")]

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as librdkafka;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError, KafkaResult};
use rdkafka::types::{RDKafkaAdminOptions, RDKafkaEvent, RDKafkaQueue, RDKafkaRespErr};

/// How much longer than the brokers librdkafka may take to say that they did not answer.
const GRACE: Duration = Duration::from_secs(1);

/// What a client may do to a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRights {
    /// The topic is not there.
    Missing,
    /// It may not even be seen.
    Hidden,
    /// It is there.
    Seen {
        /// How many partitions it has.
        partitions: usize,
        /// Whether the client may write; `None` where the brokers do not say.
        may_write: Option<bool>,
    },
}

/// Asks for a topic. It blocks for `timeout` at most, and a second more where nobody answers.
pub fn rights_of<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> KafkaResult<TopicRights> {
    let failed = || KafkaError::AdminOp(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL.into());
    let name = CString::new(topic).map_err(|_| failed())?;
    let millis = i32::try_from((timeout + GRACE).as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive, as it is borrowed, and so is the name; librdkafka copies what it is given. What is made here is
    // destroyed here, after all of it was copied.
    unsafe {
        let answers = NonNull::new(librdkafka::rd_kafka_queue_new(client.native_ptr())).ok_or_else(failed)?;
        let asked = ask(client, &name, timeout, answers);
        let event = asked.then(|| librdkafka::rd_kafka_queue_poll(answers.as_ptr(), millis));
        let event = NonNull::new(event.unwrap_or(ptr::null_mut()));
        let rights = event.map(|event| {
            let rights = read(event);
            librdkafka::rd_kafka_event_destroy(event.as_ptr());
            rights
        });
        librdkafka::rd_kafka_queue_destroy(answers.as_ptr());
        rights
            .unwrap_or_else(|| Err(KafkaError::AdminOp(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT.into())))
    }
}

/// Sends the question. Says whether it was sent.
fn ask<C: ClientContext>(
    client: &Client<C>,
    name: &CString,
    timeout: Duration,
    answers: NonNull<RDKafkaQueue>,
) -> bool {
    let Some(options) = options(client, timeout) else { return false };
    let mut names = [name.as_ptr()];
    // SAFETY: the client, the name, the options and the queue are alive; librdkafka copies the name and the options.
    unsafe {
        let topics = librdkafka::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        librdkafka::rd_kafka_DescribeTopics(client.native_ptr(), topics, options.as_ptr(), answers.as_ptr());
        librdkafka::rd_kafka_TopicCollection_destroy(topics);
        librdkafka::rd_kafka_AdminOptions_destroy(options.as_ptr());
    }
    true
}

fn options<C: ClientContext>(client: &Client<C>, timeout: Duration) -> Option<NonNull<RDKafkaAdminOptions>> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive; no reason is asked for. A time that librdkafka does not take leaves its default.
    unsafe {
        let operation = librdkafka::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = NonNull::new(librdkafka::rd_kafka_AdminOptions_new(client.native_ptr(), operation))?;
        librdkafka::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), millis, ptr::null_mut(), 0);
        let refused =
            librdkafka::rd_kafka_AdminOptions_set_include_authorized_operations(options.as_ptr(), 1);
        if !refused.is_null() {
            librdkafka::rd_kafka_error_destroy(refused);
        }
        Some(options)
    }
}

/// # Safety
///
/// The event is alive, and is the answer to a question for one topic.
unsafe fn read(event: NonNull<RDKafkaEvent>) -> KafkaResult<TopicRights> {
    let failed = |code: RDKafkaRespErr| Err(KafkaError::AdminOp(code.into()));
    // SAFETY: the caller's; all that is read belongs to the event, and is copied.
    unsafe {
        let code = librdkafka::rd_kafka_event_error(event.as_ptr());
        if code.is_error() {
            return failed(code);
        }
        let result = librdkafka::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        if result.is_null() {
            return failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL);
        }
        let mut count = 0;
        let topics = librdkafka::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Ok(TopicRights::Missing);
        }
        let topic = *topics;
        let error = librdkafka::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            return match librdkafka::rd_kafka_error_code(error) {
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(seen(topic)),
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART => Ok(TopicRights::Missing),
                RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => Ok(TopicRights::Hidden),
                code => failed(code),
            };
        }
        Ok(seen(topic))
    }
}

/// # Safety
///
/// The description is alive.
unsafe fn seen(topic: *const librdkafka::rd_kafka_TopicDescription_t) -> TopicRights {
    // SAFETY: the caller's; what is read belongs to the description.
    unsafe {
        let (mut partitions, mut count) = (0, 0);
        librdkafka::rd_kafka_TopicDescription_partitions(topic, &raw mut partitions);
        let allowed = librdkafka::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count);
        let write = librdkafka::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE as u32;
        // As numbers: newer brokers may know of more operations than the names here.
        let may_write = (!allowed.is_null() && count > 0)
            .then(|| slice::from_raw_parts(allowed.cast::<u32>(), count).contains(&write));
        TopicRights::Seen { partitions, may_write }
    }
}
