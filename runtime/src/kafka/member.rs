//! What others than its poller ask of a consumer: commits, and how far the group is behind. Both wait for the brokers,
//! which the thread that polls must not.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionListElem};
use sluice_connector_api::TopicPartition;

use crate::kafka::context::GroupContext;
use crate::meter::source_meter::SourceMeter;
use crate::source::Offsets;

/// How often the brokers are asked for the ends of partitions.
const EVERY: Duration = Duration::from_secs(10);
/// How soon after partitions came.
const SOON: Duration = Duration::from_secs(1);
/// How long the brokers may take to say them.
const WAIT: Duration = Duration::from_secs(3);

/// How long one waits for the other's commit to end. During an outage of the brokers none does.
const TURN: Duration = Duration::from_secs(5);

/// Commits what is given, and keeps the meter up to date, for as long as the poller has the consumer. Blocks.
pub(super) fn serve(consumer: &Weak<BaseConsumer<GroupContext>>, commits: &Commits, meter: &SourceMeter) {
    let (mut known, mut looked) = (Vec::new(), Instant::now());
    loop {
        commits.wait(SOON);
        let Some(consumer) = consumer.upgrade() else { return };
        commits.run(&consumer);
        let assigned = meter.assigned();
        if !assigned.is_empty() && (assigned != known || looked.elapsed() >= EVERY) {
            (known, looked) = (assigned, Instant::now());
            look_at_lag(&consumer, meter);
        }
    }
}

/// Asks for the ends of the partitions. What a consumer has fetched says nothing about one that is paused, and a sink
/// that stalls is when the lag matters.
fn look_at_lag(consumer: &BaseConsumer<GroupContext>, meter: &SourceMeter) {
    let all = |partitions: Vec<TopicPartition>| {
        list(partitions.into_iter().map(|partition| (partition, Offset::End)))
    };
    let unknown = meter.without_commit();
    if !unknown.is_empty() {
        let committed = all(unknown).and_then(|list| consumer.committed_offsets(list, WAIT));
        note(committed, |committed| meter.known(committed));
    }
    // A question for the offset of a time, and the time is that of the end.
    let ends = all(meter.assigned()).and_then(|list| consumer.offsets_for_times(list, WAIT));
    note(ends, |ends| meter.ends(ends));
}

fn note(answer: KafkaResult<TopicPartitionList>, take: impl FnOnce(&Offsets)) {
    match answer {
        Ok(answer) => take(&offsets(&answer)),
        Err(error) => tracing::debug!("the lag is not known for now: {error}"),
    }
}

/// Offsets that are to be committed, one commit at a time.
#[derive(Debug, Default)]
pub(super) struct Commits {
    waiting: Mutex<BTreeMap<TopicPartition, i64>>,
    came: Condvar,
    turn: Mutex<()>,
}

impl Commits {
    /// Adds offsets to what waits; the later of a partition counts.
    pub(super) fn add(&self, offsets: Offsets) {
        self.waiting().extend(offsets);
        self.came.notify_one();
    }

    /// Forgets what waits for partitions that are somebody else's now.
    pub(super) fn forget(&self, partitions: &[TopicPartition]) {
        self.waiting().retain(|partition, _| !partitions.contains(partition));
    }

    /// Waits until there is something to commit, but no longer than this.
    fn wait(&self, timeout: Duration) {
        let waited = self.came.wait_timeout_while(self.waiting(), timeout, |waiting| waiting.is_empty());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Commits what waits, and waits for the broker's answer. What is refused is told to the pipeline.
    pub(super) fn run(&self, consumer: &BaseConsumer<GroupContext>) {
        let Some(_turn) = self.turn() else {
            tracing::warn!(
                "offsets are not committed, their records will be read again: the brokers do not answer"
            );
            return;
        };
        let offsets: Offsets = std::mem::take(&mut *self.waiting()).into_iter().collect();
        if offsets.is_empty() {
            return;
        }
        let begun = Instant::now();
        let sent =
            list(offsets.iter().map(|(partition, offset)| (partition.clone(), Offset::Offset(*offset))));
        let committed = sent.and_then(|list| consumer.commit(&list, CommitMode::Sync));
        consumer.context().committed(offsets, committed, begun.elapsed());
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

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, i64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(offsets: impl Iterator<Item = (TopicPartition, Offset)>) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (TopicPartition { topic, partition }, offset) in offsets {
        list.add_partition_offset(&topic, partition, offset)?;
    }
    Ok(list)
}

/// Takes the offsets out of a list; a partition without one is left out.
fn offsets(list: &TopicPartitionList) -> Offsets {
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
        assert_eq!(*commits.waiting(), [(partition(0), 9)].into());
    }
}
