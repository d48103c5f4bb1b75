//! Offsets that are to be committed, and the one commit at a time that takes them to the brokers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use rdkafka::types::RDKafkaErrorCode::{
    OffsetMetadataTooLarge, TopicAuthorizationFailed, UnknownTopicOrPartition,
};
use sluice_connector_api::TopicPartition;

use crate::kafka::native::epochs::set_leader_epoch;
use crate::kafka::positions::Positions;
use crate::kafka::stamp::{Stamp, TopicId};
use crate::source::Offsets;

/// How long one commit waits for another to end. During an outage of the brokers none does.
const TURN: Duration = Duration::from_secs(5);

/// What is said once where the brokers take no more than an offset.
const WITHOUT_STAMPS: &str = "the brokers keep too little beside a committed offset (`offset.metadata.max.bytes`): offsets are committed \
     alone, and a topic that is made again while nobody reads is not told from the one before";

/// Offsets, and what they are positions in.
type Waiting = BTreeMap<TopicPartition, (i64, Stamp)>;

/// Offsets that wait to be committed.
#[derive(Debug, Default)]
pub(super) struct Commits {
    waiting: Mutex<Waiting>,
    /// What the offsets that come from the engine are positions in.
    stamps: Mutex<HashMap<TopicPartition, Stamp>>,
    came: Condvar,
    turn: Mutex<()>,
}

/// What became of a commit.
pub(super) struct Committed {
    pub(super) offsets: Offsets,
    pub(super) result: KafkaResult<()>,
    pub(super) took: Duration,
}

impl Commits {
    /// Adds offsets to what waits; the later of a partition counts.
    pub(super) fn add(&self, offsets: Offsets) {
        let stamps = self.stamps();
        let mut waiting = self.waiting();
        for (partition, offset) in offsets {
            let stamp = stamps.get(&partition).copied().unwrap_or_default();
            waiting.insert(partition, (offset, stamp));
        }
        self.came.notify_one();
    }

    /// Says what the offsets of a partition that come from now on are positions in.
    pub(super) fn stamp(&self, partition: &TopicPartition, stamp: Stamp) {
        self.stamps().insert(partition.clone(), stamp);
    }

    /// Returns what the offsets of a partition that come now are positions in.
    pub(super) fn stamp_of(&self, partition: &TopicPartition) -> Stamp {
        self.stamps().get(partition).copied().unwrap_or_default()
    }

    /// Adds the id of the topic to a stamp that has none.
    pub(super) fn learn(&self, partition: &TopicPartition, id: TopicId) {
        if let Some(stamp) = self.stamps().get_mut(partition) {
            stamp.id.get_or_insert(id);
        }
    }

    /// Forgets what waits for partitions that are somebody else's now.
    pub(super) fn forget(&self, partitions: &[TopicPartition]) {
        self.waiting().retain(|partition, _| !partitions.contains(partition));
    }

    /// Waits until there is something to commit, but no longer than this.
    pub(super) fn wait(&self, timeout: Duration) {
        let waited = self.came.wait_timeout_while(self.waiting(), timeout, |waiting| waiting.is_empty());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Commits what waits, and waits for the broker's answer. Nothing where there was nothing to commit, or where another
    /// commit does not end; more than one commit where one topic of several is refused.
    pub(super) fn run<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        positions: &Positions,
    ) -> Vec<Committed> {
        let Some(_turn) = self.turn() else {
            tracing::warn!(
                "offsets are not committed, their records will be read again: the brokers do not answer"
            );
            return Vec::new();
        };
        let waiting = std::mem::take(&mut *self.waiting());
        if waiting.is_empty() {
            return Vec::new();
        }
        let all = commit(consumer, &waiting, positions);
        let topics: BTreeSet<_> = waiting.keys().map(|partition| Arc::clone(&partition.topic)).collect();
        if topics.len() == 1 || !is_of_one_topic(&all) {
            return vec![all];
        }
        // What one of them may not is no matter of the others.
        let mut each = Vec::new();
        for topic in topics {
            let mut own = waiting.clone();
            own.retain(|partition, _| partition.topic == topic);
            each.push(commit(consumer, &own, positions));
        }
        each
    }

    /// Waits for the end of the commit that is under way.
    fn turn(&self) -> Option<MutexGuard<'_, ()>> {
        let deadline = Instant::now() + TURN;
        loop {
            match self.turn.try_lock() {
                Ok(turn) => return Some(turn),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamps(&self) -> MutexGuard<'_, HashMap<TopicPartition, Stamp>> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn commit<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    waiting: &Waiting,
    positions: &Positions,
) -> Committed {
    let begun = Instant::now();
    let send = |list: TopicPartitionList| consumer.commit(&list, CommitMode::Sync);
    let mut result = stamped(waiting, positions).and_then(send);
    if result.as_ref().is_err_and(|error| error.rdkafka_error_code() == Some(OffsetMetadataTooLarge)) {
        static SAID: Once = Once::new();
        SAID.call_once(|| tracing::warn!("{WITHOUT_STAMPS}"));
        result = plain(waiting, positions).and_then(send);
    }
    let offsets = waiting.iter().map(|(partition, (offset, _))| (partition.clone(), *offset)).collect();
    Committed { offsets, result, took: begun.elapsed() }
}

/// Says whether a commit was refused for what may be the matter of one of its topics.
fn is_of_one_topic(committed: &Committed) -> bool {
    let code = committed.result.as_ref().err().and_then(KafkaError::rdkafka_error_code);
    matches!(code, Some(TopicAuthorizationFailed | UnknownTopicOrPartition))
}

/// Makes the list of a commit: with each offset goes what it is a position in.
fn stamped(waiting: &Waiting, positions: &Positions) -> KafkaResult<TopicPartitionList> {
    let list = plain(waiting, positions)?;
    for (partition, (_, stamp)) in waiting {
        if let Some(mut element) = list.find_partition(&partition.topic, partition.partition) {
            element.set_metadata(stamp.to_text());
        }
    }
    Ok(list)
}

/// Makes the list of a commit of offsets alone, with the epochs of the records before them.
fn plain(waiting: &Waiting, positions: &Positions) -> KafkaResult<TopicPartitionList> {
    let offsets = waiting.iter().map(|(partition, (offset, _))| (partition.clone(), Offset::Offset(*offset)));
    let list = list(offsets)?;
    for (partition, (offset, _)) in waiting {
        if let Some(epoch) = positions.epoch_before(partition, *offset) {
            set_leader_epoch(&list, partition, epoch);
        }
    }
    Ok(list)
}

/// Makes a list for librdkafka.
pub(super) fn list(
    offsets: impl Iterator<Item = (TopicPartition, Offset)>,
) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (TopicPartition { topic, partition }, offset) in offsets {
        list.add_partition_offset(&topic, partition, offset)?;
    }
    Ok(list)
}

/// Takes the offsets out of a list; a partition without one is left out.
pub(super) fn offsets(list: &TopicPartitionList) -> Offsets {
    let offset = |element: &TopicPartitionListElem<'_>| match element.offset() {
        Offset::Offset(offset) => Some((TopicPartition::new(element.topic(), element.partition()), offset)),
        _ => None,
    };
    list.elements().iter().filter_map(offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_offset_of_a_partition_counts_and_what_is_lost_is_forgotten() {
        let (commits, partition) = (Commits::default(), |number| TopicPartition::new("t", number));
        commits.add(vec![(partition(0), 5), (partition(1), 7)]);
        commits.add(vec![(partition(0), 9)]);
        commits.forget(&[partition(1)]);
        assert_eq!(*commits.waiting(), [(partition(0), (9, Stamp::default()))].into());
    }

    #[test]
    fn an_offset_keeps_the_stamp_of_the_moment_it_came() {
        let (commits, partition) = (Commits::default(), TopicPartition::new("t", 0));
        let stamp = |id| Stamp { id: TopicId::from_halves(0, id), ..Stamp::default() };
        commits.stamp(&partition, stamp(0));
        commits.learn(&partition, TopicId::from_halves(0, 7).unwrap());
        commits.learn(&partition, TopicId::from_halves(0, 9).unwrap());
        commits.add(vec![(partition.clone(), 25)]);
        commits.stamp(&partition, stamp(8));
        assert_eq!(*commits.waiting(), [(partition.clone(), (25, stamp(7)))].into(), "of the old topic");
        commits.add(vec![(partition.clone(), 0)]);
        assert_eq!(*commits.waiting(), [(partition, (0, stamp(8)))].into());
    }
}
