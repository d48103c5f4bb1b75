//! Looks whether the offsets between a position and the end of its partition hold a record at all.
//!
//! The marks of transactions, aborted records and compacted ones are no records: a consumer that has read everything stands
//! before them, and is behind for ever. Only who reads on to the end knows that there is nothing. The consumer of the group
//! cannot say so itself: where librdkafka hands over many records at once, as `native::queue` takes them, it takes the word
//! that a partition has ended for a record, and would pass over the next one after a pause. So another consumer looks, which
//! is not a member of the group, and only where somebody stands still before an end.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, Message};
use sluice_connector_api::{BoxError, TopicPartition};

use crate::kafka::commits::list;
use crate::source::Offsets;
use sluice_kafka_client::Identity;

/// How long it may take for the partitions of a topic.
const WAIT: Duration = Duration::from_secs(5);

/// How a consumer is made that is no member of a group.
#[derive(Clone)]
pub(super) struct Onlooker {
    config: ClientConfig,
    identity: Identity,
}

impl Onlooker {
    /// Makes it of the configuration of the consumer that is.
    pub(super) fn new(mut config: ClientConfig, identity: Identity) -> Self {
        config.remove("group.instance.id");
        config.set("enable.partition.eof", "true");
        // It only looks.
        config.set("allow.auto.create.topics", "false");
        // Where a position is none in the log any more, it is not for the onlooker to say where to go on.
        config.set("auto.offset.reset", "error");
        Self { config, identity }
    }

    /// Returns for these partitions and positions the offsets before which there is no record; `ends` are their ends. A
    /// partition that was not read to a record or its end in time is left out.
    pub(super) fn passed(
        &self,
        from: &Offsets,
        ends: &HashMap<TopicPartition, i64>,
    ) -> Result<Offsets, BoxError> {
        let mut passed = Vec::new();
        for topic in from.chunk_by(|(one, _), (other, _)| one.topic == other.topic) {
            passed.extend(self.passed_in_topic(topic, ends)?);
        }
        Ok(passed)
    }

    fn passed_in_topic(
        &self,
        from: &[(TopicPartition, i64)],
        ends: &HashMap<TopicPartition, i64>,
    ) -> Result<Offsets, BoxError> {
        let consumer: BaseConsumer<Identity> = self.config.create_with_context(self.identity.clone())?;
        self.identity.show_to(consumer.client())?;
        let starts = from.iter().map(|(partition, offset)| (partition.clone(), Offset::Offset(*offset)));
        consumer.assign(&list(starts)?)?;
        let mut open: HashMap<i32, &(TopicPartition, i64)> =
            from.iter().map(|one| (one.0.partition, one)).collect();
        let (mut passed, deadline) = (Vec::new(), Instant::now() + WAIT);
        while !open.is_empty() && Instant::now() < deadline {
            let (partition, to) = match consumer.poll(deadline.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) => (message.partition(), Some(message.offset())),
                Some(Err(KafkaError::PartitionEOF(partition))) => (partition, None),
                Some(Err(error)) => return Err(error.into()),
                None => break,
            };
            if let Some((partition, from)) = open.remove(&partition) {
                let to = to.or_else(|| ends.get(partition).copied());
                passed.extend(to.filter(|to| to > from).map(|to| (partition.clone(), to)));
            }
        }
        Ok(passed)
    }
}
