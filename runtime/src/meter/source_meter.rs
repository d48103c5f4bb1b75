//! What a source tells of itself: its partitions, how far it is behind, what it committed, and what rebalances took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use sluice_connector_api::TopicPartition;

use crate::meter::measure::{Measure, mean};
use crate::meter::position_loss::{LostPosition, PositionLoss};
use crate::meter::reading::Reading;
use crate::source::Offsets;

/// Counts and measures a task's source, over all restarts of the task.
#[derive(Debug, Default)]
pub struct SourceMeter {
    partitions: Mutex<BTreeMap<TopicPartition, Progress>>,
    commits: AtomicU64,
    failed_commits: AtomicU64,
    /// How long commits took until the broker acknowledged them.
    pub commit: Measure,
    rebalances: [AtomicU64; 3],
    lost_positions: [AtomicU64; 3],
    /// How long it took to give partitions up: what was in flight ended, and their offsets were committed.
    pub revoke: Measure,
    /// Whether it reads, and what keeps it from that.
    pub reading: Reading,
}

/// What a rebalance does to a member of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebalance {
    /// Partitions came.
    Assigned,
    /// Partitions go, and may be committed first.
    Revoked,
    /// Partitions are gone already.
    Lost,
}

#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    committed: Option<i64>,
    end: Option<i64>,
    /// The end of the log, transactions that are open included.
    log_end: Option<i64>,
    lost: Option<LostPosition>,
}

/// How far a partition is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset that the group has committed: the next to be read after a crash. None before the first.
    pub committed: Option<i64>,
    /// How many records the commit is behind the end of the partition. None before both are known.
    pub lag: Option<u64>,
    /// How many offsets behind that end belong to transactions that are open, or came after one: they are read when it
    /// ends. None where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_transactions: Option<u64>,
    /// The last time that the position stopped to mean what it meant, since the partition came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_position: Option<LostPosition>,
}

impl SourceMeter {
    /// The changes of a rebalance by the names that metrics have for them.
    const REBALANCES: [(Rebalance, &'static str); 3] =
        [(Rebalance::Assigned, "assigned"), (Rebalance::Revoked, "revoked"), (Rebalance::Lost, "lost")];

    /// Takes note of partitions that came or go.
    pub fn rebalanced(&self, change: Rebalance, partitions: &[TopicPartition]) {
        let counts = Self::REBALANCES.iter().zip(&self.rebalances);
        counts.filter(|((other, _), _)| *other == change).for_each(|(_, count)| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        if change == Rebalance::Assigned {
            self.reading.clear_source();
        }
        let mut held = self.lock();
        for partition in partitions {
            self.reading.clear_partition(partition);
            held.remove(partition);
            if change == Rebalance::Assigned {
                self.reading.clear_topic(&partition.topic);
                held.insert(partition.clone(), Progress::default());
            }
        }
    }

    /// Takes note that the source has no partitions any more.
    pub fn closed(&self) {
        self.lock().clear();
        self.reading.clear();
    }

    /// Takes note of a commit that the broker acknowledged.
    pub fn committed(&self, offsets: &Offsets, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.commit.observe(took);
        self.known(offsets);
    }

    /// Takes note of the offsets that the group has committed, whoever did it.
    pub fn known(&self, committed: &Offsets) {
        self.note(committed, |progress| &mut progress.committed);
    }

    /// Takes note of the ends of partitions: the offsets behind their last records.
    pub fn ends(&self, ends: &Offsets) {
        self.note(ends, |progress| &mut progress.end);
    }

    /// Takes note of the ends of logs, transactions that are open included.
    pub fn log_ends(&self, ends: &Offsets) {
        self.note(ends, |progress| &mut progress.log_end);
    }

    /// Counts a position that stopped to mean what it meant.
    pub fn position_lost(&self, partition: &TopicPartition, lost: LostPosition) {
        for (why, count) in PositionLoss::ALL.iter().zip(&self.lost_positions) {
            if *why == lost.why {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        if let Some(progress) = self.lock().get_mut(partition) {
            progress.lost = Some(lost);
        }
    }

    /// Returns how often positions stopped to mean what they meant, by why.
    pub fn lost_positions(&self) -> Vec<(&'static str, u64)> {
        let counts = self.lost_positions.iter().map(|count| count.load(Ordering::Relaxed));
        PositionLoss::ALL.iter().map(|why| why.name()).zip(counts).collect()
    }

    fn note(&self, offsets: &Offsets, place: fn(&mut Progress) -> &mut Option<i64>) {
        let mut held = self.lock();
        for (partition, offset) in offsets {
            if let Some(progress) = held.get_mut(partition) {
                *place(progress) = Some(*offset);
            }
        }
    }

    /// Counts a commit that failed.
    pub fn commit_failed(&self) {
        self.failed_commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many commits succeeded and how many failed.
    pub fn commits(&self) -> Vec<(&'static str, u64)> {
        vec![("success", self.succeeded()), ("failure", self.failed_commits.load(Ordering::Relaxed))]
    }

    /// Returns how many commits succeeded.
    pub fn succeeded(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Returns the share of commits that succeeded, from 0 to 1; none before the first.
    pub fn succeeding(&self) -> Option<f64> {
        let all = self.succeeded() + self.failed_commits.load(Ordering::Relaxed);
        (all > 0).then(|| mean(self.succeeded(), all))
    }

    /// Returns how often partitions came or went.
    pub fn rebalances(&self) -> Vec<(&'static str, u64)> {
        let counts = self.rebalances.iter().map(|count| count.load(Ordering::Relaxed));
        Self::REBALANCES.iter().map(|(_, name)| *name).zip(counts).collect()
    }

    /// Returns the partitions that are ours.
    pub fn assigned(&self) -> Vec<TopicPartition> {
        self.lock().keys().cloned().collect()
    }

    /// Says whether any partition is ours.
    pub fn is_assigned(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Returns the partitions of which it is not known what the group has committed.
    pub fn without_commit(&self) -> Vec<TopicPartition> {
        let held = self.lock();
        held.iter()
            .filter(|(_, progress)| progress.committed.is_none())
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Returns how far each partition is.
    pub fn partitions(&self) -> Vec<PartitionStatus> {
        let status = |(name, progress): (&TopicPartition, &Progress)| PartitionStatus {
            topic: name.topic.to_string(),
            partition: name.partition,
            committed: progress.committed,
            lag: progress.lag(),
            open_transactions: progress.open_transactions(),
            lost_position: progress.lost,
        };
        self.lock().iter().map(status).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<TopicPartition, Progress>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// A topic that was made anew ends before what was committed of the old one.
    fn lag(&self) -> Option<u64> {
        Some(u64::try_from(self.end? - self.committed?).unwrap_or_default())
    }

    /// The end that was asked for is that of the last transaction that has ended.
    fn open_transactions(&self) -> Option<u64> {
        u64::try_from(self.log_end? - self.end?).ok().filter(|open| *open > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn lags(meter: &SourceMeter) -> Vec<(i32, Option<u64>)> {
        meter.partitions().into_iter().map(|status| (status.partition, status.lag)).collect()
    }

    #[test]
    fn the_lag_is_from_the_commit_to_the_end() {
        let meter = SourceMeter::default();
        meter.rebalanced(Rebalance::Assigned, &[partition(0), partition(1)]);
        meter.ends(&vec![(partition(0), 100), (partition(1), 5), (partition(2), 9)]);
        assert_eq!(lags(&meter), [(0, None), (1, None)], "nothing is known to be committed");
        meter.committed(&vec![(partition(0), 60)], Duration::ZERO);
        assert_eq!(meter.without_commit(), [partition(1)]);
        meter.known(&vec![(partition(1), 7)]);
        assert_eq!(lags(&meter), [(0, Some(40)), (1, Some(0))]);
        assert_eq!(meter.commits(), [("success", 1), ("failure", 0)]);
    }

    #[test]
    fn what_lies_behind_an_open_transaction_is_told_apart_from_lag() {
        let meter = SourceMeter::default();
        meter.rebalanced(Rebalance::Assigned, &[partition(0), partition(1)]);
        meter.known(&vec![(partition(0), 7), (partition(1), 7)]);
        meter.ends(&vec![(partition(0), 7), (partition(1), 7)]);
        meter.log_ends(&vec![(partition(0), 12), (partition(1), 7)]);
        let open: Vec<_> = meter.partitions().iter().map(|status| status.open_transactions).collect();
        assert_eq!((open, lags(&meter)), (vec![Some(5), None], vec![(0, Some(0)), (1, Some(0))]));
    }

    #[test]
    fn lost_positions_are_counted_and_the_last_of_a_partition_is_kept() {
        let meter = SourceMeter::default();
        meter.rebalanced(Rebalance::Assigned, &[partition(0)]);
        let lost = LostPosition { from: 15, to: 0, why: PositionLoss::TopicRecreated };
        meter.position_lost(&partition(0), LostPosition { why: PositionLoss::LogTrimmed, ..lost });
        meter.position_lost(&partition(0), lost);
        let counts = [("topic_recreated", 1), ("log_trimmed", 1), ("log_truncated", 0)];
        assert_eq!(meter.lost_positions(), counts);
        assert_eq!(meter.partitions().first().unwrap().lost_position, Some(lost));
    }

    #[test]
    fn a_partition_that_went_is_forgotten() {
        let meter = SourceMeter::default();
        meter.rebalanced(Rebalance::Assigned, &[partition(0), partition(1)]);
        meter.rebalanced(Rebalance::Revoked, &[partition(0)]);
        assert_eq!(meter.assigned(), [partition(1)]);
        assert_eq!(meter.rebalances(), [("assigned", 1), ("revoked", 1), ("lost", 0)]);
        meter.closed();
        assert!(meter.assigned().is_empty());
    }
}
