//! Asks the brokers what topics are (KIP-516, KIP-430), which librdkafka knows and its safe wrapper does not hand on.
#![allow(unsafe_code, reason = "foreign functions that rdkafka does not wrap; see the safety comments")]

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::slice;
use std::time::Duration;

use rdkafka::bindings as librdkafka;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError, KafkaResult};
use rdkafka::types::{RDKafkaAdminOptions, RDKafkaEvent, RDKafkaQueue, RDKafkaRespErr};

/// How much longer than the brokers librdkafka may take to say that they did not answer.
const GRACE: Duration = Duration::from_secs(1);

/// A question that was sent, and waits for its answer.
#[derive(Debug)]
pub struct TopicQuery {
    answers: NonNull<RDKafkaQueue>,
    timeout: Duration,
}

impl Drop for TopicQuery {
    fn drop(&mut self) {
        // SAFETY: the queue is ours and nobody else has it; an answer that comes later is dropped by librdkafka.
        unsafe { librdkafka::rd_kafka_queue_destroy(self.answers.as_ptr()) }
    }
}

impl TopicQuery {
    /// Sends the question, and does not wait. `with_rights` asks for what the client may do to the topics, too. `None` where
    /// there is no memory, or a name that no topic can have.
    pub fn new<C: ClientContext>(
        client: &Client<C>,
        topics: &[&str],
        timeout: Duration,
        with_rights: bool,
    ) -> Option<Self> {
        let names: Vec<CString> =
            topics.iter().map(|topic| CString::new(*topic)).collect::<Result<_, _>>().ok()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: the client is alive, as it is borrowed, and all that is handed over outlives the calls: librdkafka copies
        // the names and the options.
        unsafe {
            let answers = NonNull::new(librdkafka::rd_kafka_queue_new(client.native_ptr()))?;
            let query = Self { answers, timeout };
            let options = options(client, timeout, with_rights)?;
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
            Some(query)
        }
    }

    /// Waits for the answer, but no longer than this, and hands over what is said of each topic.
    pub fn wait(&self, most: Duration, each: impl FnMut(TopicAnswer<'_>)) -> KafkaResult<()> {
        let millis = i32::try_from(most.min(self.timeout + GRACE).as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is ours to destroy, which is done after all of it was read.
        unsafe {
            let event = NonNull::new(librdkafka::rd_kafka_queue_poll(self.answers.as_ptr(), millis));
            let event = event
                .ok_or_else(|| KafkaError::AdminOp(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT.into()))?;
            let read = read(event, each);
            librdkafka::rd_kafka_event_destroy(event.as_ptr());
            read
        }
    }
}

fn options<C: ClientContext>(
    client: &Client<C>,
    timeout: Duration,
    with_rights: bool,
) -> Option<NonNull<RDKafkaAdminOptions>> {
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive; no reason is asked for. A time that librdkafka does not take leaves its default.
    unsafe {
        let operation = librdkafka::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = NonNull::new(librdkafka::rd_kafka_AdminOptions_new(client.native_ptr(), operation))?;
        librdkafka::rd_kafka_AdminOptions_set_request_timeout(options.as_ptr(), millis, ptr::null_mut(), 0);
        if with_rights {
            let refused =
                librdkafka::rd_kafka_AdminOptions_set_include_authorized_operations(options.as_ptr(), 1);
            if !refused.is_null() {
                librdkafka::rd_kafka_error_destroy(refused);
            }
        }
        Some(options)
    }
}

/// # Safety
///
/// The event is alive, and is the answer to a question for topics.
unsafe fn read(event: NonNull<RDKafkaEvent>, mut each: impl FnMut(TopicAnswer<'_>)) -> KafkaResult<()> {
    // SAFETY: the caller's; what is handed over belongs to the event, and is given back before this returns.
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
        if !topics.is_null() {
            for topic in slice::from_raw_parts(topics, count) {
                each(TopicAnswer { topic: *topic, event: PhantomData });
            }
        }
        Ok(())
    }
}

/// What the brokers say of a topic.
#[derive(Debug)]
pub struct TopicAnswer<'e> {
    topic: *const librdkafka::rd_kafka_TopicDescription_t,
    event: PhantomData<&'e RDKafkaEvent>,
}

impl TopicAnswer<'_> {
    /// Returns why nothing is said of it, if so.
    pub fn error(&self) -> Option<RDKafkaRespErr> {
        // SAFETY: the description is alive, as its event is, and so is its error.
        let code = unsafe {
            let error = librdkafka::rd_kafka_TopicDescription_error(self.topic);
            if error.is_null() {
                return None;
            }
            librdkafka::rd_kafka_error_code(error)
        };
        code.is_error().then_some(code)
    }

    /// Returns its name.
    pub fn name(&self) -> String {
        // SAFETY: the description is alive, and its name ends with a zero.
        let name = unsafe { CStr::from_ptr(librdkafka::rd_kafka_TopicDescription_name(self.topic)) };
        name.to_string_lossy().into_owned()
    }

    /// Returns the halves of its id, the higher one first; zeros where the brokers have no ids.
    pub fn id(&self) -> (i64, i64) {
        // SAFETY: the description is alive, and its id belongs to it.
        unsafe {
            let id = librdkafka::rd_kafka_TopicDescription_topic_id(self.topic);
            let high = librdkafka::rd_kafka_Uuid_most_significant_bits(id);
            (high, librdkafka::rd_kafka_Uuid_least_significant_bits(id))
        }
    }

    /// Returns how many partitions it has.
    pub fn partitions(&self) -> usize {
        let mut partitions = 0;
        // SAFETY: the description is alive; the count is written to.
        unsafe { librdkafka::rd_kafka_TopicDescription_partitions(self.topic, &raw mut partitions) };
        partitions
    }

    /// Says whether the brokers keep it for themselves.
    pub fn is_internal(&self) -> bool {
        // SAFETY: the description is alive.
        unsafe { librdkafka::rd_kafka_TopicDescription_is_internal(self.topic) != 0 }
    }

    /// Says whether the client may write it; `None` where the brokers do not say.
    pub fn may_write(&self) -> Option<bool> {
        let write = librdkafka::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_WRITE as u32;
        let mut count = 0;
        // SAFETY: the description is alive, and so are the operations, which belong to it; the count is written to.
        unsafe {
            let allowed =
                librdkafka::rd_kafka_TopicDescription_authorized_operations(self.topic, &raw mut count);
            // As numbers: newer brokers may know of more operations than the names here.
            (!allowed.is_null() && count > 0)
                .then(|| slice::from_raw_parts(allowed.cast::<u32>(), count).contains(&write))
        }
    }
}
