//! What is taken of librdkafka at once: records, and what could not be read.

use std::sync::Arc;

use sluice_connector_api::Record;

use crate::kafka::native::queue::{Message, PartitionError, Taken};
use crate::kafka::record::record_taken;
use crate::source::budget::footprint;

/// Records to be handed over, and faults. What comes behind a fault of the same partition is left out: it comes again, behind
/// what could not be read.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) records: Vec<Record>,
    /// Of each record the epoch of the leader that wrote it.
    pub(super) epochs: Vec<i32>,
    /// What the records take of the budget.
    pub(super) bytes: usize,
    pub(super) faults: Vec<PartitionError>,
    /// One name for the records of a chunk. Not for those of all: threads that count the same thing wait for each other.
    topics: Vec<(usize, Arc<str>)>,
}

impl Chunk {
    /// Has room for so many records.
    pub(super) fn with_capacity(most: usize) -> Self {
        Self { records: Vec::with_capacity(most), epochs: Vec::with_capacity(most), ..Self::default() }
    }

    pub(super) fn take(&mut self, taken: Taken<'_>) {
        match taken {
            Taken::Record(message) if self.faults.iter().any(|fault| is_before(fault, message)) => {}
            Taken::Record(message) => {
                let topic = self.name_of(message);
                let record = record_taken(message, topic);
                self.bytes += footprint(&record);
                self.records.push(record);
                self.epochs.push(message.leader_epoch());
            }
            Taken::Fault(fault) => self.faults.push(fault),
        }
    }

    /// Returns the name of a record's topic, which it shares with others of the chunk.
    fn name_of(&mut self, message: &Message) -> Arc<str> {
        let id = message.topic_id();
        if let Some((_, topic)) = self.topics.iter().find(|(other, _)| *other == id) {
            return Arc::clone(topic);
        }
        let topic: Arc<str> = message.topic().into();
        self.topics.push((id, Arc::clone(&topic)));
        topic
    }
}

/// Says whether something that could not be read comes before a record of the same partition.
fn is_before(fault: &PartitionError, message: &Message) -> bool {
    let place = fault.place.as_ref().map(|(partition, _)| partition);
    place.is_some_and(|place| place.partition == message.partition() && &*place.topic == message.topic())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rdkafka::consumer::{BaseConsumer, Consumer, DefaultConsumerContext};
    use rdkafka::error::KafkaError;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
    use rdkafka::types::RDKafkaErrorCode;
    use rdkafka::{ClientConfig, Offset, TopicPartitionList};
    use sluice_connector_api::TopicPartition;

    use super::*;
    use crate::kafka::native::queue::ConsumerQueue;

    const PLACES: [(&str, i32); 3] = [("a", 0), ("a", 1), ("b", 0)];

    fn fault(place: Option<(&str, i32)>) -> Taken<'static> {
        Taken::Fault(PartitionError {
            error: KafkaError::MessageConsumption(RDKafkaErrorCode::BadMessage),
            reason: "MessageSet has invalid CRC32C".to_owned(),
            place: place.map(|(topic, partition)| (TopicPartition::new(topic, partition), 0)),
        })
    }

    /// Two records in each of the partitions, and a queue to which they come.
    fn queue(cluster: &MockCluster<'_, DefaultProducerContext>) -> ConsumerQueue<DefaultConsumerContext> {
        cluster.create_topic("a", 2, 1).unwrap();
        cluster.create_topic("b", 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", cluster.bootstrap_servers()).set("group.id", "g");
        let producer: BaseProducer = config.create().unwrap();
        for (topic, partition) in PLACES.into_iter().chain(PLACES) {
            producer.send(BaseRecord::<(), str>::to(topic).partition(partition).payload("x")).unwrap();
        }
        producer.flush(Duration::from_secs(30)).unwrap();
        let consumer: BaseConsumer = config.create().unwrap();
        let queue = ConsumerQueue::from_consumer(consumer).unwrap();
        let mut assigned = TopicPartitionList::new();
        for (topic, partition) in PLACES {
            assert!(queue.forward(&TopicPartition::new(topic, partition)));
            assigned.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        queue.consumer().assign(&assigned).unwrap();
        queue
    }

    /// Takes the records of all partitions behind these faults, and says of which partitions they are.
    fn taken_behind(faults: &[Option<(&str, i32)>]) -> Vec<(String, i32)> {
        let cluster = MockCluster::new(1).unwrap();
        let queue = queue(&cluster);
        let mut chunk = Chunk::with_capacity(10);
        for place in faults {
            chunk.take(fault(*place));
        }
        let (begun, mut seen) = (Instant::now(), 0);
        while seen < 2 * PLACES.len() {
            assert!(begun.elapsed() < Duration::from_mins(1), "{seen} records came");
            queue.take(10, Duration::from_millis(100), |taken| {
                seen += usize::from(matches!(taken, Taken::Record(_)));
                chunk.take(taken);
            });
        }
        assert_eq!((chunk.faults.len(), chunk.epochs.len()), (faults.len(), chunk.records.len()));
        assert_eq!(chunk.bytes, chunk.records.iter().map(footprint).sum::<usize>());
        let place = |record: &Record| (record.origin().topic().to_owned(), record.origin().partition());
        let mut places: Vec<_> = chunk.records.iter().map(place).collect();
        places.sort();
        places
    }

    #[test]
    fn a_record_behind_a_fault_of_its_partition_is_left_out_and_others_are_not() {
        let twice = |places: &[(&str, i32)]| -> Vec<(String, i32)> {
            places.iter().flat_map(|(topic, partition)| vec![((*topic).to_owned(), *partition); 2]).collect()
        };
        assert_eq!(taken_behind(&[]), twice(&PLACES));
        assert_eq!(taken_behind(&[Some(("a", 1))]), twice(&[("a", 0), ("b", 0)]));
        assert_eq!(taken_behind(&[Some(("b", 0)), Some(("a", 0))]), twice(&[("a", 1)]));
        assert_eq!(taken_behind(&[None]), twice(&PLACES), "a fault of no partition is before none");
    }
}
