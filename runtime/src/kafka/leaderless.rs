//! Partitions without a leader: the brokers that keep them are away. A question about them has no answer, and they are named as what
//! cannot be read.

use std::collections::BTreeSet;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use sluice_connector_api::TopicPartition;

use crate::kafka::positions::Positions;
use crate::meter::reading::{Obstacle, Reading};

/// How long the brokers may take to answer.
const WAIT: Duration = Duration::from_secs(3);

/// Returns those of the partitions that have no leader; none where the brokers do not say.
pub(super) fn leaderless<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partitions: &[TopicPartition],
) -> BTreeSet<TopicPartition> {
    let mut found = BTreeSet::new();
    if partitions.is_empty() {
        return found;
    }
    // All topics: one that is asked for by its name may be made.
    let Ok(metadata) = consumer.fetch_metadata(None, WAIT) else { return found };
    for topic in metadata.topics() {
        for partition in topic.partitions().iter().filter(|partition| partition.leader() < 0) {
            found.insert(TopicPartition::new(topic.name(), partition.id()));
        }
    }
    found.retain(|partition| partitions.contains(partition));
    found
}

/// The partitions that were found without a leader, and not found with one since.
#[derive(Debug, Default)]
pub(super) struct Leaderless {
    noted: BTreeSet<TopicPartition>,
}

impl Leaderless {
    /// Looks which of the partitions, of which the brokers say nothing, have no leader, and notes that they cannot be read.
    pub(super) fn look<C: ConsumerContext>(
        &mut self,
        consumer: &BaseConsumer<C>,
        silent: &[TopicPartition],
        (reading, positions): (&Reading, &Positions),
    ) {
        let found = leaderless(consumer, silent);
        for partition in &found {
            let offset = positions.get(partition).and_then(|(next, _)| next);
            reading.note(obstacle(partition, offset));
        }
        self.noted.extend(found);
    }

    /// Says whether a partition has no leader, as far as is known.
    pub(super) fn has(&self, partition: &TopicPartition) -> bool {
        self.noted.contains(partition)
    }

    /// Takes note of partitions that the brokers answer for, and forgets those that are somebody else's.
    pub(super) fn keep(
        &mut self,
        reading: &Reading,
        assigned: &[TopicPartition],
        answered: impl Fn(&TopicPartition) -> bool,
    ) {
        self.noted.retain(|partition| {
            let is_without = assigned.contains(partition) && !answered(partition);
            if !is_without {
                reading.clear_partition(partition);
            }
            is_without
        });
    }
}

fn obstacle(TopicPartition { topic, partition }: &TopicPartition, offset: Option<i64>) -> Obstacle {
    Obstacle {
        reason: "the partition has no leader: the brokers that keep it are away, or are being chosen from; it is read on by itself \
                 once one leads it"
            .to_owned(),
        topic: Some(topic.to_string()),
        partition: Some(*partition),
        offset,
    }
}
