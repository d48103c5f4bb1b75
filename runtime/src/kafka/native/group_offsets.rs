//! Takes a group's offsets back, which librdkafka can and its safe wrapper does not hand on.
#![allow(unsafe_code, reason = "foreign functions that rdkafka does not wrap; see the safety comments")]

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as librdkafka;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError, KafkaError};
use rdkafka::types::{RDKafkaEvent, RDKafkaRespErr};

/// Deletes the offsets that a group has committed for these partitions. Nobody may be a member of the group that reads their
/// topics. One that has no offset is passed over.
///
/// The brokers have to know the request, as Kafka does from 2.4 on: librdkafka ends the process, or worse, where they do not
/// (<https://github.com/confluentinc/librdkafka/issues/3663>), and has no way to ask whether they do.
pub(in crate::kafka) fn delete_group_offsets<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    partitions: &TopicPartitionList,
    timeout: Duration,
) -> Result<(), KafkaError> {
    let failed = |code: RDKafkaRespErr| KafkaError::AdminOp(code.into());
    let group =
        CString::new(group).map_err(|_| failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_GROUP_ID))?;
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: the client is alive, as it is borrowed; the name and the list are copied. What is made here is destroyed here, the
    // event after its error was read. An answer that comes after the queue is gone is dropped by librdkafka.
    unsafe {
        let answers = NonNull::new(librdkafka::rd_kafka_queue_new(client.native_ptr()))
            .ok_or_else(|| failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE))?;
        let mut request =
            librdkafka::rd_kafka_DeleteConsumerGroupOffsets_new(group.as_ptr(), partitions.ptr());
        librdkafka::rd_kafka_DeleteConsumerGroupOffsets(
            client.native_ptr(),
            &raw mut request,
            1,
            ptr::null(),
            answers.as_ptr(),
        );
        let result = match NonNull::new(librdkafka::rd_kafka_queue_poll(answers.as_ptr(), millis)) {
            Some(event) => {
                let result = outcome(event);
                librdkafka::rd_kafka_event_destroy(event.as_ptr());
                result
            }
            None => Err(failed(RDKafkaRespErr::RD_KAFKA_RESP_ERR__TIMED_OUT)),
        };
        librdkafka::rd_kafka_DeleteConsumerGroupOffsets_destroy(request);
        librdkafka::rd_kafka_queue_destroy(answers.as_ptr());
        result
    }
}

/// # Safety
///
/// The event is alive, and is the answer to a request to delete offsets of one group.
unsafe fn outcome(event: NonNull<RDKafkaEvent>) -> Result<(), KafkaError> {
    let check = |code: RDKafkaRespErr| {
        if code.is_error() { Err(KafkaError::AdminOp(code.into())) } else { Ok(()) }
    };
    // SAFETY: the caller's; all that is read belongs to the event.
    unsafe {
        check(librdkafka::rd_kafka_event_error(event.as_ptr()))?;
        let result = librdkafka::rd_kafka_event_DeleteConsumerGroupOffsets_result(event.as_ptr());
        if result.is_null() {
            return check(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL);
        }
        let mut count = 0;
        let groups = librdkafka::rd_kafka_DeleteConsumerGroupOffsets_result_groups(result, &raw mut count);
        if groups.is_null() || count == 0 {
            return check(RDKafkaRespErr::RD_KAFKA_RESP_ERR__FAIL);
        }
        let error = librdkafka::rd_kafka_group_result_error(*groups);
        if !error.is_null() {
            check(librdkafka::rd_kafka_error_code(error))?;
        }
        let partitions = librdkafka::rd_kafka_group_result_partitions(*groups);
        if partitions.is_null() {
            return Ok(());
        }
        for index in 0..usize::try_from((*partitions).cnt).unwrap_or_default() {
            check((*(*partitions).elems.add(index)).err)?;
        }
        Ok(())
    }
}
