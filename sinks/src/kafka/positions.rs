//! How far partitions are stored: the committed offsets of the consumer group.

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use sluice_connector_api::{PositionStep, StoredPosition, TopicPartition};
use sluice_kafka_client::Identity;

use super::client::ASK;

/// What stands before the parts in what goes with an offset; see [`StoredPosition::to_metadata`].
const PARTS: &str = ";parts=";

/// Asks for the offsets of a group, without joining it. Every call blocks.
pub(super) struct GroupPositions {
    consumer: BaseConsumer<Identity>,
    identity: Identity,
}

impl GroupPositions {
    pub(super) fn open(config: &ClientConfig, identity: &Identity) -> KafkaResult<Self> {
        let consumer = config.create_with_context(identity.clone())?;
        Ok(Self { consumer, identity: identity.clone() })
    }

    /// Returns how far partitions are; one of which nothing is committed is `None`. Those of an open transaction are waited for.
    pub(super) fn of(&self, partitions: &[TopicPartition]) -> KafkaResult<Vec<Option<StoredPosition>>> {
        // Nobody polls this client, which would have it ask for a new token.
        let shown = self.identity.show_to(self.consumer.client());
        shown.map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        let committed = self.consumer.committed_offsets(list, ASK)?;
        let mut positions = Vec::with_capacity(partitions.len());
        for partition in partitions {
            let found = committed.find_partition(&partition.topic, partition.partition);
            positions.push(
                match found.map(|found| (found.offset(), found.error(), found.metadata().to_owned())) {
                    Some((_, Err(error), _)) => return Err(error),
                    Some((Offset::Offset(offset), Ok(()), metadata)) => Some(position(offset, &metadata)),
                    _ => None,
                },
            );
        }
        Ok(positions)
    }

    /// Returns who this client is to the group: nobody in particular.
    pub(super) fn member(&self) -> KafkaResult<ConsumerGroupMetadata> {
        self.consumer
            .group_metadata()
            .ok_or_else(|| KafkaError::ClientCreation("the group has no metadata".to_owned()))
    }
}

fn position(offset: i64, metadata: &str) -> StoredPosition {
    let parts = metadata.rsplit_once(PARTS).and_then(|(mark, parts)| Some((mark, parts.parse().ok()?)));
    let (mark, parts) = parts.unwrap_or((metadata, 0));
    StoredPosition::new(offset, parts, mark)
}

/// Lists where steps end, as a transaction takes it.
pub(super) fn ends(steps: &[PositionStep]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for step in steps {
        let mut element = list.add_partition(&step.partition.topic, step.partition.partition);
        element.set_offset(Offset::Offset(step.to.offset))?;
        element.set_metadata(step.to.to_metadata());
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written() {
        for stored in [
            StoredPosition::new(3, 0, ""),
            StoredPosition::new(0, 2, "m"),
            StoredPosition::new(7, 0, "sluice:1;id=AA;partitions=1"),
            StoredPosition::new(7, 9, "sluice:1;id=AA;partitions=1"),
        ] {
            assert_eq!(position(stored.offset, &stored.to_metadata()), stored);
        }
    }
}
