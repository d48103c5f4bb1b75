//! Leader epochs in lists of partitions and the log beginnings that fetches tell, which librdkafka has and its safe wrapper
//! does not hand on.
#![allow(unsafe_code, reason = "foreign functions that rdkafka does not wrap; see the safety comments")]

use std::ffi::CString;

use rdkafka::TopicPartitionList;
use rdkafka::bindings as librdkafka;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::IsError;
use sluice_connector_api::TopicPartition;

/// Returns the leader epoch that a list has for a partition.
pub(in crate::kafka) fn leader_epoch(list: &TopicPartitionList, partition: &TopicPartition) -> Option<i32> {
    let topic = CString::new(&*partition.topic).ok()?;
    // SAFETY: list and name outlive the calls; what is found belongs to the list.
    let epoch = unsafe {
        let found =
            librdkafka::rd_kafka_topic_partition_list_find(list.ptr(), topic.as_ptr(), partition.partition);
        if found.is_null() {
            return None;
        }
        librdkafka::rd_kafka_topic_partition_get_leader_epoch(found)
    };
    (epoch >= 0).then_some(epoch)
}

/// Sets the leader epoch that a list has for a partition, if it has that partition.
pub(in crate::kafka) fn set_leader_epoch(list: &TopicPartitionList, partition: &TopicPartition, epoch: i32) {
    let Ok(topic) = CString::new(&*partition.topic) else { return };
    // SAFETY: as above; the list is borrowed by nobody else, as it is used by one thread.
    unsafe {
        let found =
            librdkafka::rd_kafka_topic_partition_list_find(list.ptr(), topic.as_ptr(), partition.partition);
        if !found.is_null() {
            librdkafka::rd_kafka_topic_partition_set_leader_epoch(found, epoch);
        }
    }
}

/// Returns the first offset of a partition and the end of its log, transactions that are open included, as the last fetch
/// told them. Asks nobody.
pub(in crate::kafka) fn fetched_range<C: ClientContext>(
    client: &Client<C>,
    partition: &TopicPartition,
) -> Option<(i64, i64)> {
    let topic = CString::new(&*partition.topic).ok()?;
    let (mut first, mut end) = (-1, -1);
    // SAFETY: the client is alive, as it is borrowed; the offsets are written to.
    let code = unsafe {
        librdkafka::rd_kafka_get_watermark_offsets(
            client.native_ptr(),
            topic.as_ptr(),
            partition.partition,
            &raw mut first,
            &raw mut end,
        )
    };
    (!code.is_error() && first >= 0 && end >= 0).then_some((first, end))
}
