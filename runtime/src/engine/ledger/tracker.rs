//! Which offsets may be committed.
//!
//! Invariant 1: no offset is committed before every record up to it is done. The tracker holds, for each
//! partition, the records that were read and are not done, in the order read. The *watermark* is the lowest
//! offset among them, or the one behind the last record read.

use std::collections::{HashSet, VecDeque};

use foldhash::HashMap;
use sluice_connector_api::{Origin, TopicPartition};

use crate::source::Offsets;

/// How far a partition was read, and what of it is not done.
#[derive(Debug, Default)]
pub(crate) struct ReadSoFar {
    /// The offset behind the last record read; `None` before the first.
    pub(crate) next: Option<i64>,
    /// The offsets that were read and are not done.
    pub(crate) pending: HashSet<i64>,
}

/// What became of a record; of the parts of one record the highest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Dropped on purpose.
    Filtered,
    /// Not put, since a newer record of the same thing is stored.
    Superseded,
    /// Stored.
    Delivered,
    /// Rejected and tolerated.
    Skipped,
    /// Rejected, and stored in the dead letter queue.
    DeadLettered,
}

/// A record whose every part is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The bytes that are free now.
    pub bytes: usize,
    /// What became of it.
    pub verdict: Verdict,
}

/// Stands for one record read, until it is done.
///
/// A ticket is good for one assignment of its partition, which its epoch stands for. One that outlives the assignment
/// does nothing, so that a put which ends after its partition was lost commits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    epoch: u64,
    /// The record's number among those of the epoch. Not its offset: those of a topic that was made anew go back.
    number: u64,
}

/// Tracks what is read and not done.
#[derive(Debug, Default)]
pub struct Tracker {
    /// The partitions that are ours, by the epoch of their tickets.
    partitions: HashMap<u64, Partition>,
    /// Each partition's epoch.
    epochs: HashMap<TopicPartition, u64>,
    next_epoch: u64,
}

#[derive(Debug)]
struct Partition {
    name: TopicPartition,
    pending: VecDeque<Pending>,
    /// The number of the first of them.
    first: u64,
    /// The offset behind the last record read; `None` before the first.
    next: Option<i64>,
    committed: Option<i64>,
    /// Something was committed once.
    pinned: bool,
}

#[derive(Debug)]
struct Pending {
    /// What may be committed at most while this is not done.
    offset: i64,
    bytes: usize,
    /// Records that came of this one and are not done.
    parts: usize,
    verdict: Verdict,
}

impl Tracker {
    /// Makes a tracker without partitions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts to track a partition. One that is tracked already goes on as it is.
    pub fn assign(&mut self, partition: &TopicPartition) {
        if self.epochs.contains_key(partition) {
            return;
        }
        let epoch = self.next_epoch;
        self.next_epoch += 1;
        self.epochs.insert(partition.clone(), epoch);
        let (name, pending) = (partition.clone(), VecDeque::new());
        let fresh = Partition { name, pending, first: 0, next: None, committed: None, pinned: false };
        self.partitions.insert(epoch, fresh);
    }

    /// Notes a record that was read and takes `bytes`. `None` where its partition is not ours: then the record is
    /// somebody else's to read.
    pub fn read(&mut self, origin: &Origin, bytes: usize) -> Option<Ticket> {
        let offset = origin.offset();
        let epoch = *self.epochs.get(origin.topic_partition())?;
        let partition = self.partitions.get_mut(&epoch)?;
        if partition.next.is_some_and(|next| offset < next) {
            partition.go_back(offset);
        }
        let number = partition.first + partition.pending.len() as u64;
        partition.pending.push_back(Pending { offset, bytes, parts: 1, verdict: Verdict::Filtered });
        partition.next = Some(offset + 1);
        Some(Ticket { epoch, number })
    }

    /// Notes that a partition holds no record any more before this offset: reading begins there, or what lies between were
    /// no records.
    pub fn passed(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(partition) = self.named(partition) {
            partition.next = Some(partition.next.map_or(offset, |next| next.max(offset)));
        }
    }

    /// Notes that the offsets of a partition mean something else from now on, and that it is read from this one on. What was
    /// read before is still to be done, but moves no watermark any more.
    pub fn restart(&mut self, partition: &TopicPartition, offset: i64) {
        if let Some(partition) = self.named(partition) {
            for pending in &mut partition.pending {
                pending.offset = offset;
            }
            (partition.next, partition.committed) = (Some(offset), None);
        }
    }

    /// Notes that one record became `parts` records, each of which is to be done. At least one.
    pub fn split(&mut self, ticket: Ticket, parts: usize) {
        if let Some(pending) = self.pending(ticket) {
            pending.parts = parts.max(1);
        }
    }

    /// Notes that a record, or one of its parts, is done. Tells when the record as a whole is.
    pub fn done(&mut self, ticket: Ticket, verdict: Verdict) -> Option<Done> {
        let pending = self.pending(ticket).filter(|pending| pending.parts > 0)?;
        pending.verdict = pending.verdict.max(verdict);
        pending.parts -= 1;
        if pending.parts > 0 {
            return None;
        }
        let done = Done { bytes: std::mem::take(&mut pending.bytes), verdict: pending.verdict };
        let partition = self.partition(ticket)?;
        while partition.pending.front().is_some_and(|first| first.parts == 0) {
            partition.pending.pop_front();
            partition.first += 1;
        }
        Some(done)
    }

    /// Says whether the ticket's partition is still ours.
    pub fn is_ours(&self, ticket: Ticket) -> bool {
        self.partitions.contains_key(&ticket.epoch)
    }

    /// Returns each partition's watermark that moved since the last call, and counts it as committed.
    pub fn commits(&mut self) -> Offsets {
        self.commits_of(|_| true)
    }

    /// Returns the first watermark of each partition that never had one, and counts it as committed. A group that
    /// has no offset begins at the end of the topic, if so told: what it read before a crash would be lost.
    pub fn first_commits(&mut self) -> Offsets {
        self.commits_of(|partition| !partition.pinned)
    }

    fn commits_of(&mut self, wanted: impl Fn(&Partition) -> bool) -> Offsets {
        let mut commits = Vec::new();
        for partition in self.partitions.values_mut().filter(|partition| wanted(partition)) {
            if let Some(watermark) = partition.uncommitted() {
                (partition.committed, partition.pinned) = (Some(watermark), true);
                commits.push((partition.name.clone(), watermark));
            }
        }
        commits
    }

    /// Notes that a commit was refused, so that the partition is committed again.
    pub fn commit_failed(&mut self, partition: &TopicPartition) {
        if let Some(partition) = self.named(partition) {
            partition.committed = None;
        }
    }

    /// Stops tracking partitions. Returns what is to be committed for them, and the bytes that are free now.
    pub fn revoke(&mut self, partitions: &[TopicPartition]) -> (Offsets, usize) {
        let (mut commits, mut bytes) = (Vec::new(), 0);
        for name in partitions {
            let epoch = self.epochs.remove(name);
            let Some(partition) = epoch.and_then(|epoch| self.partitions.remove(&epoch)) else { continue };
            commits.extend(partition.uncommitted().map(|watermark| (name.clone(), watermark)));
            bytes += partition.bytes();
        }
        (commits, bytes)
    }

    /// Returns the bytes of the records that are read and not done.
    pub fn pending_bytes(&self) -> usize {
        self.partitions.values().map(Partition::bytes).sum()
    }

    /// Returns how many records are read and not done.
    pub fn pending_records(&self) -> usize {
        let pending =
            |partition: &Partition| partition.pending.iter().filter(|pending| pending.parts > 0).count();
        self.partitions.values().map(pending).sum()
    }

    /// Returns how far each partition was read, and which of its records are not done.
    pub(crate) fn read_so_far(&self) -> HashMap<TopicPartition, ReadSoFar> {
        let read = |partition: &Partition| ReadSoFar {
            next: partition.next,
            pending: partition.pending.iter().filter(|one| one.parts > 0).map(|one| one.offset).collect(),
        };
        self.partitions.values().map(|partition| (partition.name.clone(), read(partition))).collect()
    }

    fn named(&mut self, partition: &TopicPartition) -> Option<&mut Partition> {
        let epoch = self.epochs.get(partition)?;
        self.partitions.get_mut(epoch)
    }

    fn partition(&mut self, ticket: Ticket) -> Option<&mut Partition> {
        self.partitions.get_mut(&ticket.epoch)
    }

    fn pending(&mut self, ticket: Ticket) -> Option<&mut Pending> {
        let partition = self.partition(ticket)?;
        let index = ticket.number.checked_sub(partition.first)?;
        partition.pending.get_mut(usize::try_from(index).ok()?)
    }
}

impl Partition {
    /// The offsets go back: whatever is done from now on, the lower ones are not.
    fn go_back(&mut self, offset: i64) {
        for pending in &mut self.pending {
            pending.offset = pending.offset.min(offset);
        }
    }

    fn bytes(&self) -> usize {
        self.pending.iter().map(|pending| pending.bytes).sum()
    }

    /// The lowest offset not done; `None` before the first record.
    fn watermark(&self) -> Option<i64> {
        self.pending.front().map(|first| first.offset).or(self.next)
    }

    /// The watermark, if it is not committed yet. That of the first record read is committed before the record
    /// is done: it pins down where the group began, also where it began at the end of the topic.
    fn uncommitted(&self) -> Option<i64> {
        self.watermark().filter(|watermark| self.committed != Some(*watermark))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn origin(offset: i64) -> Origin {
        Origin::new("t", 0, offset)
    }

    fn partition() -> TopicPartition {
        TopicPartition::new("t", 0)
    }

    /// A tracker that has the partition.
    fn ours() -> Tracker {
        let mut tracker = Tracker::new();
        tracker.assign(&partition());
        tracker
    }

    fn read(tracker: &mut Tracker, offset: i64, bytes: usize) -> Ticket {
        tracker.read(&origin(offset), bytes).unwrap()
    }

    fn finish(tracker: &mut Tracker, ticket: Ticket) -> Option<Done> {
        tracker.done(ticket, Verdict::Delivered)
    }

    fn watermark(tracker: &mut Tracker) -> Option<i64> {
        tracker.commits().first().map(|(_, watermark)| *watermark)
    }

    #[test]
    fn the_watermark_waits_for_the_lowest_record() {
        let mut tracker = ours();
        let tickets: Vec<_> = (10..13).map(|offset| read(&mut tracker, offset, 1)).collect();
        finish(&mut tracker, tickets[1]);
        finish(&mut tracker, tickets[2]);
        assert_eq!(watermark(&mut tracker), Some(10), "10 itself is not done");
        finish(&mut tracker, tickets[0]);
        assert_eq!(watermark(&mut tracker), Some(13));
        assert_eq!(watermark(&mut tracker), None, "there is nothing new");
    }

    #[test]
    fn gaps_in_the_offsets_are_passed_over() {
        let mut tracker = ours();
        let tickets: Vec<_> = [3, 7, 20].map(|offset| read(&mut tracker, offset, 1)).into();
        finish(&mut tracker, tickets[0]);
        assert_eq!(watermark(&mut tracker), Some(7));
    }

    #[test]
    fn a_split_record_is_done_with_its_last_part() {
        let mut tracker = ours();
        let ticket = read(&mut tracker, 0, 5);
        tracker.split(ticket, 2);
        assert_eq!((tracker.done(ticket, Verdict::Skipped), watermark(&mut tracker)), (None, Some(0)));
        let done = Done { bytes: 5, verdict: Verdict::Skipped };
        assert_eq!(
            (tracker.done(ticket, Verdict::Delivered), watermark(&mut tracker)),
            (Some(done), Some(1))
        );
    }

    #[test]
    fn a_ticket_from_before_a_revoke_does_nothing_after_it() {
        let mut tracker = ours();
        let late = read(&mut tracker, 0, 7);
        assert_eq!(tracker.revoke(&[partition()]), (vec![(partition(), 0)], 7));
        assert_eq!(tracker.read(&origin(0), 7), None, "it is not ours");
        tracker.assign(&partition());
        let fresh = read(&mut tracker, 0, 7);
        assert_eq!(tracker.done(late, Verdict::Delivered), None);
        assert!(!tracker.is_ours(late) && tracker.is_ours(fresh));
        assert_eq!(watermark(&mut tracker), Some(0), "the record read anew is not done");
    }

    #[test]
    fn a_refused_commit_is_made_again() {
        let mut tracker = ours();
        let ticket = read(&mut tracker, 4, 1);
        finish(&mut tracker, ticket);
        assert_eq!(watermark(&mut tracker), Some(5));
        tracker.commit_failed(&partition());
        assert_eq!(watermark(&mut tracker), Some(5));
    }

    #[test]
    fn a_record_is_done_once() {
        let mut tracker = ours();
        let (first, second) = (read(&mut tracker, 0, 3), read(&mut tracker, 1, 4));
        assert!(finish(&mut tracker, second).is_some());
        assert_eq!((finish(&mut tracker, second), tracker.pending_bytes()), (None, 3));
        assert!(finish(&mut tracker, first).is_some());
        assert_eq!((finish(&mut tracker, first), tracker.pending_bytes()), (None, 0));
    }

    #[test]
    fn offsets_that_go_back_are_committed_as_low_as_they_are() {
        let mut tracker = ours();
        let (old, new) = (read(&mut tracker, 100, 1), read(&mut tracker, 0, 1));
        assert_eq!(watermark(&mut tracker), Some(0));
        finish(&mut tracker, old);
        assert_eq!(watermark(&mut tracker), None, "101 would pass over the new record");
        finish(&mut tracker, new);
        assert_eq!(watermark(&mut tracker), Some(1));
    }

    #[test]
    fn offsets_that_hold_no_record_are_passed_when_what_was_read_before_is_done() {
        let mut tracker = ours();
        tracker.passed(&partition(), 4);
        assert_eq!(tracker.first_commits(), [(partition(), 4)], "a start is pinned before anything is read");
        let ticket = read(&mut tracker, 4, 1);
        tracker.passed(&partition(), 9);
        assert_eq!(watermark(&mut tracker), None, "4 is not done");
        finish(&mut tracker, ticket);
        assert_eq!(watermark(&mut tracker), Some(9));
        tracker.passed(&partition(), 7);
        assert_eq!(watermark(&mut tracker), None, "it never goes back");
    }

    #[test]
    fn what_was_read_before_a_restart_moves_no_watermark() {
        let mut tracker = ours();
        let old: Vec<_> = [14, 15].map(|offset| read(&mut tracker, offset, 1)).into();
        tracker.restart(&partition(), 0);
        assert_eq!(watermark(&mut tracker), Some(0));
        finish(&mut tracker, old[0]);
        let new = read(&mut tracker, 0, 1);
        finish(&mut tracker, new);
        assert_eq!((watermark(&mut tracker), tracker.pending_records()), (None, 1), "15 is not done");
        finish(&mut tracker, old[1]);
        assert_eq!(watermark(&mut tracker), Some(1));
    }

    #[test]
    fn only_the_first_offset_of_a_partition_is_committed_at_once() {
        let mut tracker = ours();
        assert!(tracker.first_commits().is_empty(), "nothing is read");
        let ticket = read(&mut tracker, 4, 1);
        assert_eq!(tracker.first_commits(), [(partition(), 4)]);
        finish(&mut tracker, ticket);
        tracker.commit_failed(&partition());
        assert!(tracker.first_commits().is_empty());
        assert_eq!(watermark(&mut tracker), Some(5));
    }

    proptest! {
        /// Whatever the order in which records are done, and whenever a commit is asked for, the offset
        /// committed is the lowest that is not done (invariant 1).
        #[test]
        fn the_watermark_never_passes_a_record_that_is_not_done(
            gaps in prop::collection::vec(1_i64..4, 1..40),
            start in 0_i64..100,
            seed in prop::collection::vec(any::<prop::sample::Index>(), 40),
        ) {
            let mut tracker = ours();
            let mut offset = start;
            let mut open = Vec::new();
            for gap in gaps {
                offset += gap;
                open.push((offset, read(&mut tracker, offset, 1)));
            }
            let end = offset + 1;
            let mut left: BTreeSet<i64> = open.iter().map(|(offset, _)| *offset).collect();
            let mut last = i64::MIN;
            for pick in seed {
                if let Some(watermark) = watermark(&mut tracker) {
                    prop_assert_eq!(watermark, left.first().copied().unwrap_or(end));
                    prop_assert!(watermark > last);
                    last = watermark;
                }
                if open.is_empty() { break }
                let (offset, ticket) = open.swap_remove(pick.index(open.len()));
                prop_assert!(finish(&mut tracker, ticket).is_some());
                left.remove(&offset);
            }
            prop_assert_eq!(tracker.pending_records(), left.len());
        }
    }
}
