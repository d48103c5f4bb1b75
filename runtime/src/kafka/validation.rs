//! Whether the records before the positions of a group are still those that were read.
//!
//! A leader that never had the last records of a partition, as by an unclean election, writes others in their place, in a later
//! epoch. The epoch that goes with a position tells it: the leader says where that epoch ends (KIP-320), and what was read
//! beyond that end is lost. librdkafka asks so where a leader changes while it reads, and where it seeks, but not where it begins.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::TopicPartition;

use crate::kafka::commits::list;
use crate::kafka::context::GroupContext;
use crate::kafka::native::epochs::set_leader_epoch;

/// How long librdkafka may take to begin with partitions that it was given.
const WAIT: Duration = Duration::from_secs(5);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(5);

/// A position, and the epoch of the leader that wrote the record before it.
struct Known {
    partition: TopicPartition,
    next: i64,
    epoch: i32,
}

/// Has the leaders of partitions that came asked whether the records before their positions are those that were read. Nothing of
/// them is read before the answer. Where they are not, records come from where the logs part, and do not fit what was read.
pub(super) fn validate(consumer: &BaseConsumer<GroupContext>, came: &[TopicPartition]) {
    let mut left = known(consumer, came);
    let deadline = Instant::now() + WAIT;
    while !left.is_empty() {
        match seek(consumer, &left) {
            Ok(answer) => left.retain(|known| !is_done(&answer, &known.partition)),
            Err(error) => tracing::debug!("the positions cannot be looked at: {error}"),
        }
        if left.is_empty() || Instant::now() >= deadline {
            break;
        }
        std::thread::sleep(AGAIN);
    }
    for Known { partition, next, .. } in left {
        tracing::warn!(%partition, next, "it cannot be asked whether the log is still the one that was read; the position is trusted");
    }
}

fn known(consumer: &BaseConsumer<GroupContext>, came: &[TopicPartition]) -> Vec<Known> {
    let positions = &consumer.context().positions;
    let mut known = Vec::new();
    for partition in came {
        let Some((Some(next), _)) = positions.get(partition) else { continue };
        if let Some(epoch) = positions.epoch_before(partition, next).filter(|_| next > 0) {
            known.push(Known { partition: partition.clone(), next, epoch });
        }
    }
    known
}

/// To go where it stands is for librdkafka the reason to ask.
fn seek(consumer: &BaseConsumer<GroupContext>, known: &[Known]) -> KafkaResult<TopicPartitionList> {
    let places = known.iter().map(|known| (known.partition.clone(), Offset::Offset(known.next)));
    let list = list(places)?;
    for known in known {
        set_leader_epoch(&list, &known.partition, known.epoch);
    }
    consumer.seek_partitions(list, WAIT)
}

/// Says whether a partition was asked for, or is somebody else's by now: one that librdkafka has not begun with is asked for again.
fn is_done(answer: &TopicPartitionList, partition: &TopicPartition) -> bool {
    let element = answer.find_partition(&partition.topic, partition.partition);
    let error = element.and_then(|element| element.error().err());
    !matches!(error.as_ref().and_then(KafkaError::rdkafka_error_code), Some(RDKafkaErrorCode::State))
}
