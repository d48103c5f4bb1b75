//! Partitions that hold more, and of which nothing comes: librdkafka says nothing of some batches that it cannot read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sluice_connector_api::TopicPartition;

use crate::meter::reading::{Obstacle, Reading};

/// How long nothing has to come of a partition before that is an obstacle; with the time that one has to stand it is said within a
/// minute.
const LONG: Duration = Duration::from_secs(15);
/// The same while other partitions are read: what is fetched of them may be in the way.
const LONG_BESIDE_OTHERS: Duration = Duration::from_mins(5);

/// Where partitions stand, and since when.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    standing: HashMap<TopicPartition, Standing>,
}

#[derive(Debug)]
struct Standing {
    next: i64,
    since: Instant,
    is_noted: bool,
}

impl Stalls {
    /// Takes note of a partition that has not been read to its end, and stands at this offset.
    pub(super) fn stand(&mut self, reading: &Reading, partition: &TopicPartition, next: i64, is_quiet: bool) {
        let fresh = || Standing { next, since: Instant::now(), is_noted: false };
        let standing = self.standing.entry(partition.clone()).or_insert_with(fresh);
        if standing.next != next {
            let before = std::mem::replace(standing, fresh());
            if before.is_noted {
                reading.clear_partition(partition);
            }
            return;
        }
        let long = if is_quiet { LONG } else { LONG_BESIDE_OTHERS };
        if standing.is_noted {
            reading.seen_again(partition);
        } else if standing.since.elapsed() >= long {
            standing.is_noted = reading.note_unexplained(obstacle(partition, next));
        }
    }

    /// Takes note of a partition that is read, or need not be.
    pub(super) fn go_on(&mut self, reading: &Reading, partition: &TopicPartition) {
        if self.standing.remove(partition).is_some_and(|before| before.is_noted) {
            reading.clear_partition(partition);
        }
    }

    /// Forgets partitions that are somebody else's.
    pub(super) fn keep(&mut self, assigned: &[TopicPartition]) {
        self.standing.retain(|partition, _| assigned.contains(partition));
    }
}

fn obstacle(partition: &TopicPartition, next: i64) -> Obstacle {
    Obstacle {
        reason: "nothing comes of a partition that holds more, and Kafka's client does not say why: a batch may be damaged; look at \
                 the brokers' logs and repair it, or stop the connector and pass over it with `sluice offsets reset`"
            .to_owned(),
        topic: Some(partition.topic.to_string()),
        partition: Some(partition.partition),
        offset: Some(next),
    }
}
