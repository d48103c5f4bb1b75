//! Reads the newest records of topics, apart from any consumer group.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure};
use rdkafka::{Message, Offset, TopicPartitionList};
use sluice_connector_api::{BoxError, Record};

use crate::kafka::patterns::TopicEntry;
use crate::kafka::record::record_of;
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;

/// How many times as far back it is looked where a partition had too few records, since offsets may hold none.
const FURTHER: i64 = 8;

/// Reads the newest records of topics, at most `count` of them, by topic, partition and offset. It joins no group and commits
/// nothing. `topics` are names and patterns. Records are newer by their timestamps; a partition gives its last ones.
///
/// What the topics held when it began is what it reads. Fails where that takes longer than `within`.
pub async fn newest(
    mut access: Access,
    topics: Vec<String>,
    count: usize,
    within: Duration,
) -> Result<Vec<Record>, BoxError> {
    access.set("enable.partition.eof", "true");
    access.set("isolation.level", "read_committed");
    let consumer = access.consumer("sluice-preview").await?;
    let deadline = Instant::now() + within;
    tokio::task::spawn_blocking(move || Reading { consumer, within, deadline }.newest(&topics, count)).await?
}

/// What of a partition is read: from `from` on up to `high`.
#[derive(Clone, Copy)]
struct Range {
    low: i64,
    from: i64,
    high: i64,
}

/// By the partition's number.
type Ranges = BTreeMap<i32, Range>;

struct Reading {
    consumer: BaseConsumer<Identity>,
    within: Duration,
    deadline: Instant,
}

impl Reading {
    fn newest(&self, topics: &[String], count: usize) -> Result<Vec<Record>, BoxError> {
        let mut records = Vec::new();
        for (topic, ranges) in self.topics(topics)? {
            records.extend(self.newest_of(&topic, ranges, count)?);
        }
        Ok(last(records, count))
    }

    /// Reads the last records of each partition of a topic, further back where too few of its offsets hold one.
    fn newest_of(&self, topic: &str, mut ranges: Ranges, count: usize) -> Result<Vec<Record>, BoxError> {
        let mut back = i64::try_from(count)?;
        let mut records = Vec::new();
        while !ranges.is_empty() {
            for range in ranges.values_mut() {
                range.from = range.high.saturating_sub(back).max(range.low);
            }
            let mut read = self.read(topic, &ranges)?;
            ranges.retain(|partition, range| {
                let found = read.get(partition).map_or(0, Vec::len);
                let is_enough = found >= count || range.from == range.low;
                if is_enough {
                    records.extend(read.remove(partition).unwrap_or_default());
                }
                !is_enough
            });
            back = back.saturating_mul(FURTHER);
        }
        Ok(records)
    }

    /// The topics that are meant, with the partitions that hold something.
    fn topics(&self, topics: &[String]) -> Result<BTreeMap<String, Ranges>, BoxError> {
        let wanted = TopicEntry::from_texts(topics);
        let metadata = self.consumer.fetch_metadata(None, self.left()?)?;
        let mut found = BTreeMap::new();
        for topic in metadata.topics() {
            if topic.error().is_some() || !wanted.iter().any(|entry| entry.means(topic.name())) {
                continue;
            }
            let mut ranges = Ranges::new();
            for partition in topic.partitions() {
                let number = partition.id();
                let (low, high) = self.consumer.fetch_watermarks(topic.name(), number, self.left()?)?;
                if low < high {
                    ranges.insert(number, Range { low, from: low, high });
                }
            }
            found.insert(topic.name().to_owned(), ranges);
        }
        if found.is_empty() {
            return Err(format!("there is no topic {}, or it may not be seen", topics.join(", ")).into());
        }
        Ok(found)
    }

    /// Reads partitions of a topic to their ends. Behind the last record there may be offsets without one.
    fn read(&self, topic: &str, ranges: &Ranges) -> Result<HashMap<i32, Vec<Record>>, BoxError> {
        let name: Arc<str> = topic.into();
        let mut starts = TopicPartitionList::new();
        for (partition, range) in ranges {
            starts.add_partition_offset(topic, *partition, Offset::Offset(range.from))?;
        }
        self.consumer.assign(&starts)?;
        let mut open = ranges.clone();
        let mut read: HashMap<i32, Vec<Record>> = HashMap::new();
        while !open.is_empty() {
            let message = match self.consumer.poll(self.left()?) {
                None | Some(Err(KafkaError::MessageConsumption(AllBrokersDown | BrokerTransportFailure))) => {
                    continue;
                }
                Some(Ok(message)) => message,
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                    continue;
                }
                Some(Err(error)) => return Err(error.into()),
            };
            let (partition, offset) = (message.partition(), message.offset());
            // Of partitions that are at their ends here more may come.
            let Some(high) = open.get(&partition).map(|range| range.high) else { continue };
            if offset < high {
                read.entry(partition).or_default().push(record_of(&message, Arc::clone(&name)));
            }
            if offset.saturating_add(1) >= high {
                open.remove(&partition);
            }
        }
        Ok(read)
    }

    fn left(&self) -> Result<Duration, BoxError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(
                format!("the brokers did not send the newest records within {:?}", self.within).into()
            );
        }
        Ok(left)
    }
}

/// Returns the newest records, in the order of their places.
fn last(mut records: Vec<Record>, count: usize) -> Vec<Record> {
    let age = |record: &Record| record.timestamp.map(|timestamp| timestamp.millis);
    records.sort_by(|one, other| age(one).cmp(&age(other)).then_with(|| one.origin().cmp(other.origin())));
    let mut newest = records.split_off(records.len().saturating_sub(count));
    newest.sort_by(|one, other| one.origin().cmp(other.origin()));
    newest
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::{Origin, Timestamp, TimestampType};

    use super::*;

    #[test]
    fn the_newest_are_picked_by_their_timestamps_and_keep_the_order_of_their_offsets() {
        let record = |partition, offset, millis| {
            let mut record = Record::new(Origin::new("t", partition, offset));
            record.timestamp = Some(Timestamp { millis, kind: TimestampType::CreateTime });
            record
        };
        let records = vec![record(1, 8, 30), record(1, 7, 40), record(0, 5, 10), record(0, 6, 20)];
        let picked: Vec<_> = last(records, 3).iter().map(|record| record.origin().to_string()).collect();
        assert_eq!(picked, ["t-0-6", "t-1-7", "t-1-8"]);
    }
}
