//! Which offsets may be committed.
//!
//! Invariant 1: no offset is committed before every record up to it is done. The tracker holds, for each
//! partition, the records that were read and are not done, in the order read. The *watermark* is the lowest
//! offset among them, or the one behind the last record read.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use sluice_connector_api::{Origin, Record, TopicPartition};

use crate::engine::ledger::counters::Verdict;
use crate::engine::ledger::held::{HeldRecords, NowStored};
use crate::engine::ledger::marks::OffsetMarks;
use crate::source::Offsets;

/// How far a partition was read, and what of it is not done.
#[derive(Debug, Default)]
pub(crate) struct ReadSoFar {
    /// The offset behind the last record read; `None` before the first.
    pub(crate) next: Option<i64>,
    /// The offsets that were read and are not done.
    pub(crate) pending: HashSet<i64>,
}

/// A record whose every part is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// The bytes that are free now.
    pub bytes: usize,
    /// What became of it.
    pub verdict: Verdict,
    /// The sink has taken it and holds it: it is delivered once it is stored, and is read again otherwise.
    pub is_held: bool,
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
    /// The lowest offset that the sink holds and has not stored.
    held: Option<i64>,
    /// The records from there on that are done but for the sink.
    held_records: HeldRecords,
    /// Something was committed once.
    pinned: bool,
    marks: OffsetMarks,
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
        let (next, committed, held) = (None, None, None);
        let (held_records, marks) = (HeldRecords::default(), OffsetMarks::default());
        let fresh =
            Partition { name, pending, first: 0, next, committed, held, held_records, pinned: false, marks };
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
        // There is none behind the last that there can be.
        partition.next = Some(offset.saturating_add(1));
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
            partition.held_records.restart();
        }
    }

    /// Notes what the offsets of a partition are positions in from the next record on.
    pub fn mark(&mut self, partition: &TopicPartition, mark: Arc<str>) {
        if let Some(partition) = self.named(partition) {
            let next = partition.first + partition.pending.len() as u64;
            partition.marks.note(partition.first, next, mark);
        }
    }

    /// Returns what the offset of a record is a position in; empty where nothing was noted.
    pub fn mark_of(&self, ticket: Ticket) -> Arc<str> {
        let partition = self.partitions.get(&ticket.epoch);
        partition.map_or_else(|| "".into(), |partition| partition.marks.of(ticket.number))
    }

    /// Returns each partition's watermark, committed or not, and what it is a position in.
    pub fn watermarks(&self) -> impl Iterator<Item = (&TopicPartition, i64, Arc<str>)> {
        self.partitions.values().filter_map(|partition| {
            partition.watermark().map(|watermark| (&partition.name, watermark, partition.marks.last()))
        })
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
        let (offset, verdict, bytes) = (pending.offset, pending.verdict, std::mem::take(&mut pending.bytes));
        let partition = self.partition(ticket)?;
        let is_held = verdict == Verdict::Delivered && partition.holds(offset);
        if is_held {
            partition.held_records.add(offset);
        }
        while partition.pending.front().is_some_and(|first| first.parts == 0) {
            partition.pending.pop_front();
            partition.first += 1;
        }
        Some(Done { bytes, verdict, is_held })
    }

    /// Notes which of the records that are done the sink still holds: of these partitions those from an offset on, of all others
    /// none. Returns those that it held and does not any more.
    pub(crate) fn hold(&mut self, open: &HashMap<TopicPartition, i64>) -> Vec<NowStored> {
        let mut stored = Vec::new();
        for partition in self.partitions.values_mut() {
            partition.held = open.get(&partition.name).copied();
            stored.extend(partition.held_records.take_stored(partition.held));
        }
        stored
    }

    /// Takes note of when a record came that the sink has taken; says whether it holds it.
    pub(crate) fn note_held(&mut self, record: &Record) -> bool {
        let offset = record.origin().offset();
        let Some(partition) = self.named(record.origin().topic_partition()) else { return false };
        let holds = partition.holds(offset);
        if let Some(timestamp) = record.timestamp.filter(|_| holds) {
            partition.held_records.note_time(offset, timestamp);
        }
        holds
    }

    /// Returns how many records are done but for the sink, which holds them.
    pub(crate) fn held_records(&self) -> u64 {
        self.partitions.values().map(|partition| partition.held_records.count()).sum()
    }

    /// Says whether a partition is ours.
    pub fn has(&self, partition: &TopicPartition) -> bool {
        self.epochs.contains_key(partition)
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

    /// Returns how far each partition was read, and which of its records are not done: those that the sink holds are not.
    pub(crate) fn read_so_far(&self) -> HashMap<TopicPartition, ReadSoFar> {
        let read = |partition: &Partition| {
            let pending = partition.pending.iter().filter(|one| one.parts > 0).map(|one| one.offset);
            ReadSoFar {
                next: partition.next,
                pending: pending.chain(partition.held_records.offsets()).collect(),
            }
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

    /// Says whether the sink holds a record that it has taken.
    fn holds(&self, offset: i64) -> bool {
        self.held.is_some_and(|first| first <= offset)
    }

    fn bytes(&self) -> usize {
        self.pending.iter().map(|pending| pending.bytes).sum()
    }

    /// The lowest offset not done, or held by the sink; `None` before the first record.
    fn watermark(&self) -> Option<i64> {
        let done = self.pending.front().map(|first| first.offset).or(self.next)?;
        Some(self.held.map_or(done, |held| held.min(done)))
    }

    /// The watermark, if it is not committed yet. That of the first record read is committed before the record
    /// is done: it pins down where the group began, also where it began at the end of the topic.
    fn uncommitted(&self) -> Option<i64> {
        self.watermark().filter(|watermark| self.committed != Some(*watermark))
    }
}

#[cfg(test)]
mod tests;
