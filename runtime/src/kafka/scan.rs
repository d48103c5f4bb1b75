//! Reads what a topic holds now, apart from any consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Message, Offset, TopicPartitionList};
use sluice_connector_api::{BoxError, Record};

use crate::kafka::record::record_of;
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;

/// Reads every record that a topic holds at the moment of the call, by partition and offset. Fails if the brokers
/// keep silent for as long as `timeout`.
pub async fn scan(mut access: Access, topic: String, timeout: Duration) -> Result<Vec<Record>, BoxError> {
    // Behind the last record there may be offsets without one, such as the marks of transactions.
    access.set("enable.partition.eof", "true");
    let consumer = access.consumer("sluice-scan").await?;
    tokio::task::spawn_blocking(move || read(&consumer, &topic, timeout)).await?
}

fn read(consumer: &BaseConsumer<Identity>, topic: &str, timeout: Duration) -> Result<Vec<Record>, BoxError> {
    let mut ends = ends(consumer, topic, timeout)?;
    let mut list = TopicPartitionList::new();
    for (partition, (low, _)) in &ends {
        list.add_partition_offset(topic, *partition, Offset::Offset(*low))?;
    }
    consumer.assign(&list)?;
    let (name, mut records): (Arc<str>, _) = (topic.into(), Vec::new());
    while !ends.is_empty() {
        let message = match consumer.poll(timeout) {
            Some(Ok(message)) => message,
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                ends.remove(&partition);
                continue;
            }
            Some(Err(KafkaError::MessageConsumption(code))) if is_passing(code) => continue,
            Some(Err(error)) => return Err(error.into()),
            None => return Err(format!("the brokers sent nothing for {timeout:?}").into()),
        };
        let (partition, offset) = (message.partition(), message.offset());
        let Some((_, high)) = ends.get(&partition).copied() else { continue };
        if offset < high {
            records.push(record_of(&message, Arc::clone(&name)));
        }
        if offset.saturating_add(1) >= high {
            ends.remove(&partition);
        }
    }
    records.sort_by(|one: &Record, other| one.origin().cmp(other.origin()));
    Ok(records)
}

fn is_passing(code: rdkafka::types::RDKafkaErrorCode) -> bool {
    use rdkafka::types::RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
    matches!(code, AllBrokersDown | BrokerTransportFailure)
}

/// The partitions that hold something, with their first offset and the one behind their last.
fn ends(
    consumer: &BaseConsumer<Identity>,
    topic: &str,
    timeout: Duration,
) -> Result<BTreeMap<i32, (i64, i64)>, BoxError> {
    // Has no topic created by asking for it: see `Access::consumer`.
    let metadata = consumer.fetch_metadata(Some(topic), timeout)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let found = found.ok_or_else(|| format!("topic `{topic}` does not exist, or may not be seen"))?;
    let with_ends = |partition: i32| -> KafkaResult<_> {
        Ok((partition, consumer.fetch_watermarks(topic, partition, timeout)?))
    };
    let ends: KafkaResult<BTreeMap<_, _>> =
        found.partitions().iter().map(|partition| with_ends(partition.id())).collect();
    Ok(ends?.into_iter().filter(|(_, (low, high))| low < high).collect())
}
