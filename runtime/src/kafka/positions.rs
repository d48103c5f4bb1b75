//! How far the partitions were read, and what those offsets are positions in.
//!
//! The offsets of a partition go back where its topic was made again, or where its end was lost with a broker. librdkafka
//! does not note that where it hands over many records at once: after a pause it would go on where it was before, and pass
//! over what lies between. So it has to be told. They jump where records were compacted or where a transaction ended, which
//! is as it should be, and where records were removed before they were read, which is not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use sluice_connector_api::{Record, TopicPartition};

use crate::kafka::stamp::Stamp;
use crate::meter::position_loss::{LostPosition, PositionLoss};

/// So many changes of a partition's leader are remembered, for offsets that are still to be committed.
const EPOCHS: usize = 16;

/// By partition how far it was read.
#[derive(Debug, Default)]
pub(super) struct Positions {
    partitions: Mutex<HashMap<TopicPartition, Position>>,
    /// Records are read: there is room for them.
    reads: AtomicBool,
    /// And the last look for some found none.
    quiet: AtomicBool,
}

#[derive(Debug, Default)]
struct Position {
    /// The offset that comes next, if it is known.
    next: Option<i64>,
    stamp: Stamp,
    /// From which offset on which leader wrote the records.
    epochs: Vec<(i64, i32)>,
}

/// A record that does not follow what was read before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// Its place among the records.
    pub(super) index: usize,
    pub(super) partition: TopicPartition,
    pub(super) lost: LostPosition,
}

impl Positions {
    /// Begins with a partition.
    pub(super) fn begin(&self, partition: &TopicPartition, next: i64, stamp: Stamp, epoch: Option<i32>) {
        let epochs = epoch.map(|epoch| (i64::MIN, epoch)).into_iter().collect();
        self.lock().insert(partition.clone(), Position { next: Some(next), stamp, epochs });
    }

    /// Forgets partitions that went.
    pub(super) fn forget(&self, partitions: &[TopicPartition]) {
        let mut positions = self.lock();
        for partition in partitions {
            positions.remove(partition);
        }
    }

    /// Returns the partitions, with the offset that comes next and what it is a position in.
    pub(super) fn held(&self) -> Vec<(TopicPartition, Option<i64>, Stamp)> {
        let held = |(partition, position): (&TopicPartition, &Position)| {
            (partition.clone(), position.next, position.stamp)
        };
        self.lock().iter().map(held).collect()
    }

    /// Returns the offset that comes next in a partition, and what it is a position in.
    pub(super) fn get(&self, partition: &TopicPartition) -> Option<(Option<i64>, Stamp)> {
        self.lock().get(partition).map(|position| (position.next, position.stamp))
    }

    /// Says what the offsets of a partition are positions in, and which comes next.
    pub(super) fn restart(&self, partition: &TopicPartition, next: i64, stamp: Stamp) {
        if let Some(position) = self.lock().get_mut(partition) {
            *position = Position { next: Some(next), stamp, epochs: Vec::new() };
        }
    }

    /// Says what the offsets of a partition are positions in, if they still are positions in what is not known.
    pub(super) fn learn(&self, partition: &TopicPartition, stamp: Stamp) {
        if let Some(position) = self.lock().get_mut(partition).filter(|position| position.stamp.id.is_none())
        {
            position.stamp = stamp;
        }
    }

    /// Returns the epoch of the leader that wrote the record before this offset.
    pub(super) fn epoch_before(&self, partition: &TopicPartition, offset: i64) -> Option<i32> {
        let positions = self.lock();
        let epochs = &positions.get(partition)?.epochs;
        epochs.iter().rev().find(|(from, _)| *from < offset).map(|(_, epoch)| *epoch)
    }

    /// Takes note of records, in the order taken, with the epochs of those who wrote them (-1 where it is not known), up to
    /// the first that does not follow; that one is expected then. `first` returns the first offset that a partition has.
    pub(super) fn follow(
        &self,
        records: &[Record],
        epochs: &[i32],
        first: impl Fn(&TopicPartition) -> Option<i64>,
    ) -> Option<Misfit> {
        let mut positions = self.lock();
        let mut index = 0;
        let runs =
            records.chunk_by(|one, other| one.origin().topic_partition() == other.origin().topic_partition());
        for run in runs {
            let Some(partition) = run.first().map(|record| record.origin().topic_partition()) else {
                continue;
            };
            if !positions.contains_key(partition) {
                positions.insert(partition.clone(), Position::default());
            }
            let Some(position) = positions.get_mut(partition) else { continue };
            // Asked for once for all gaps of a run: there are many in a topic that is compacted.
            let mut first_offset = None;
            for record in run {
                let offset = record.origin().offset();
                let first = || *first_offset.get_or_insert_with(|| first(partition));
                if let Some(lost) = position.misses(offset, first) {
                    position.go_on(lost, offset);
                    return Some(Misfit { index, partition: partition.clone(), lost });
                }
                position.next = Some(offset.saturating_add(1));
                position.note_epoch(offset, epochs.get(index).copied().unwrap_or(-1));
                index += 1;
            }
        }
        None
    }

    /// Takes note that a partition holds no record from one offset to the other. Says whether it was expected there.
    pub(super) fn pass(&self, partition: &TopicPartition, from: i64, to: i64) -> bool {
        let mut positions = self.lock();
        let Some(position) = positions.get_mut(partition).filter(|position| position.next == Some(from))
        else {
            return false;
        };
        position.next = Some(to);
        true
    }

    /// Takes note whether records are read, for which there is room, and whether the last look for some found none.
    pub(super) fn set_reading(&self, reads: bool, is_quiet: bool) {
        self.reads.store(reads, Ordering::Relaxed);
        self.quiet.store(reads && is_quiet, Ordering::Relaxed);
    }

    /// Says whether records are read: there is room for them.
    pub(super) fn is_reading(&self) -> bool {
        self.reads.load(Ordering::Relaxed)
    }

    /// Says whether the last look for records found none.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TopicPartition, Position>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Position {
    /// Says what was lost if this offset comes now.
    fn misses(&self, offset: i64, first: impl FnOnce() -> Option<i64>) -> Option<LostPosition> {
        let from = self.next.filter(|next| *next != offset)?;
        if offset < from {
            return Some(LostPosition { from, to: offset, why: PositionLoss::LogTruncated });
        }
        let to = first()?.min(offset);
        (to > from).then_some(LostPosition { from, to, why: PositionLoss::LogTrimmed })
    }

    /// Expects this offset from now on. One that went back may be a position in another topic.
    fn go_on(&mut self, lost: LostPosition, offset: i64) {
        self.next = Some(offset);
        if lost.why == PositionLoss::LogTruncated {
            self.stamp.id = None;
            self.epochs.clear();
        }
    }

    fn note_epoch(&mut self, offset: i64, epoch: i32) {
        if epoch < 0 || self.epochs.last().is_some_and(|(_, last)| *last == epoch) {
            return;
        }
        if self.epochs.len() == EPOCHS {
            self.epochs.remove(0);
        }
        self.epochs.push((offset, epoch));
    }
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::Origin;

    use super::*;
    use crate::kafka::stamp::TopicId;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn record((partition, offset): &(i32, i64)) -> Record {
        Record::new(Origin::new("t", *partition, *offset))
    }

    /// Follows records of logs that begin at this offset; returns what does not fit as index, from, to and why.
    fn follow(
        positions: &Positions,
        first: i64,
        origins: &[(i32, i64)],
    ) -> Option<(usize, i64, i64, PositionLoss)> {
        let records: Vec<_> = origins.iter().map(record).collect();
        let misfit = positions.follow(&records, &[], |_| Some(first))?;
        Some((misfit.index, misfit.lost.from, misfit.lost.to, misfit.lost.why))
    }

    #[test]
    fn offsets_that_go_back_do_not_fit_and_are_followed_from_there_on() {
        use PositionLoss::LogTruncated;
        let positions = Positions::default();
        assert_eq!(follow(&positions, 0, &[(0, 7), (0, 8), (1, 3), (0, 12)]), None);
        assert_eq!(follow(&positions, 0, &[(0, 13), (1, 0), (1, 1), (0, 14)]), Some((1, 4, 0, LogTruncated)));
        assert_eq!(follow(&positions, 0, &[(1, 0), (1, 1), (0, 14)]), None, "the rest");
        assert_eq!(follow(&positions, 0, &[(0, 15), (0, 2), (0, 3)]), Some((1, 16, 2, LogTruncated)));
        assert_eq!(follow(&positions, 0, &[(0, 2), (0, 3)]), None);
        assert_eq!(positions.get(&partition(0)).unwrap().0, Some(4));
    }

    #[test]
    fn a_gap_is_a_loss_as_far_as_the_log_does_not_hold_it() {
        use PositionLoss::LogTrimmed;
        let positions = Positions::default();
        positions.begin(&partition(0), 10, Stamp::default(), None);
        assert_eq!(follow(&positions, 10, &[(0, 12), (0, 20)]), None, "compacted, or marks of transactions");
        assert_eq!(follow(&positions, 50, &[(0, 53)]), Some((0, 21, 50, LogTrimmed)));
        assert_eq!(follow(&positions, 50, &[(0, 53), (0, 54)]), None);
        assert_eq!(follow(&positions, 99, &[(0, 60)]), Some((0, 55, 60, LogTrimmed)), "removed since");
    }

    #[test]
    fn offsets_without_a_record_are_passed_unless_one_came_meanwhile() {
        let positions = Positions::default();
        positions.begin(&partition(0), 10, Stamp::default(), None);
        assert!(positions.pass(&partition(0), 10, 14));
        assert!(!positions.pass(&partition(0), 10, 20) && !positions.pass(&partition(1), 10, 20));
        assert_eq!(positions.get(&partition(0)).unwrap().0, Some(14));
    }

    #[test]
    fn offsets_that_went_back_are_positions_in_what_is_not_known_until_somebody_says_so() {
        let (positions, stamp) = (Positions::default(), |id| Stamp {
            id: TopicId::from_halves(0, id),
            partitions: Some(1),
            began: None,
        });
        positions.begin(&partition(0), 10, stamp(7), None);
        positions.learn(&partition(0), stamp(8));
        assert_eq!(positions.get(&partition(0)).unwrap().1, stamp(7), "it is known");
        follow(&positions, 0, &[(0, 3)]);
        assert_eq!(positions.get(&partition(0)), Some((Some(3), stamp(0))));
        positions.learn(&partition(0), stamp(8));
        assert_eq!(positions.held(), [(partition(0), Some(3), stamp(8))]);
    }

    #[test]
    fn an_offset_goes_with_the_epoch_of_the_record_before_it() {
        let positions = Positions::default();
        positions.begin(&partition(0), 5, Stamp::default(), Some(2));
        let records: Vec<_> = [(0, 5), (0, 6), (0, 7)].iter().map(record).collect();
        positions.follow(&records, &[2, 3, 3], |_| None);
        let epochs = [5, 6, 7, 8].map(|offset| positions.epoch_before(&partition(0), offset));
        assert_eq!(epochs, [Some(2), Some(2), Some(3), Some(3)]);
    }
}
