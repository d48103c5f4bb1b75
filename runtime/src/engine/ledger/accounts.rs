//! The ledger: what keeps the tracker in step with the counts and the byte budget.

use std::iter::{once, repeat_n};
use std::sync::Arc;

use foldhash::HashMap;
use sluice_connector_api::{OpenPartition, Record, TopicPartition};

use crate::engine::ledger::counters::{Counters, Verdict};
use crate::engine::ledger::held::NowStored;
use crate::engine::ledger::tracker::{ReadSoFar, Ticket, Tracker};
use crate::engine::ledger::withholding::Withholding;
use crate::source::Offsets;
use crate::source::budget::{Budget, footprint};

/// Keeps what is not done, the counts and the byte budget in step.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) tracker: Tracker,
    pub(crate) counters: Arc<Counters>,
    budget: Budget,
    /// Bytes that the sink holds.
    held: usize,
    /// Bytes that are free and not given back yet: that is done once for all that happened together.
    freed: usize,
    /// Whether nothing is committed any more.
    withholding: Withholding,
    /// The sink commits, and nobody else.
    commits_elsewhere: bool,
}

impl Ledger {
    /// Opens a ledger. `budget` is what the source takes bytes from.
    pub(crate) fn new(counters: Arc<Counters>, budget: Budget) -> Self {
        Self {
            tracker: Tracker::new(),
            counters,
            budget,
            held: 0,
            freed: 0,
            withholding: Withholding::default(),
            commits_elsewhere: false,
        }
    }

    /// Enters a record. `None` where its partition is not ours: then it counts as abandoned.
    pub(crate) fn enter(&mut self, record: &Record) -> Option<Ticket> {
        let ticket = self.tracker.read(record.origin(), footprint(record));
        if ticket.is_none() {
            self.abandon(record);
        }
        ticket
    }

    /// Leaves a record for the next reading.
    pub(crate) fn abandon(&mut self, record: &Record) {
        self.counters.abandoned(1);
        self.freed += footprint(record);
    }

    /// Invariant 2: a record is counted here, once, when the last of its parts is done; one that the sink holds is counted when
    /// it is stored. Returns its verdict when its last part is done.
    pub(crate) fn done(&mut self, ticket: Ticket, verdict: Verdict) -> Option<Verdict> {
        let done = self.tracker.done(ticket, verdict)?;
        self.freed += done.bytes;
        if !done.is_held {
            self.counters.done(done.verdict, 1);
        }
        Some(done.verdict)
    }

    /// Measures the way of a record that the sink has taken: to now, or to when what holds it is stored.
    pub(crate) fn note_taken(&mut self, record: &Record) {
        if !self.tracker.note_held(record) {
            self.counters.stored(once(record.timestamp));
        }
    }

    /// Returns how many records are read, and neither stored nor otherwise done.
    fn left(&self) -> u64 {
        self.tracker.pending_records() as u64 + self.tracker.held_records()
    }

    /// Gives partitions up, and leaves their records for their next owner. Returns what is to be committed for them.
    pub(crate) fn revoke(&mut self, partitions: &[TopicPartition]) -> Offsets {
        let before = self.left();
        let (offsets, freed) = self.tracker.revoke(partitions);
        self.counters.abandoned(before - self.left());
        self.freed += freed;
        self.unless_withheld(offsets)
    }

    /// Shares with other tasks whether anything is committed.
    pub(crate) fn withhold_with(&mut self, withholding: &Withholding) {
        self.withholding = withholding.of_new_run();
    }

    /// Commits nothing any more, here and in the tasks that share it: all that was done since the last commit is to be read again.
    pub(crate) fn withhold(&mut self) {
        self.withholding.withhold();
    }

    /// Says whether nothing is committed any more, be it that another task said so.
    pub(crate) fn is_withheld(&self) -> bool {
        self.withholding.is_withheld()
    }

    /// Returns what is to be committed.
    pub(crate) fn commits(&mut self) -> Offsets {
        let offsets = self.tracker.commits();
        self.unless_withheld(offsets)
    }

    /// Returns what is to be committed of partitions that never had a commit.
    pub(crate) fn first_commits(&mut self) -> Offsets {
        let offsets = self.tracker.first_commits();
        self.unless_withheld(offsets)
    }

    /// Returns how far each partition was read, and which of its records are not done: nothing of it, where nothing is
    /// committed any more.
    pub(crate) fn read_so_far(&self) -> HashMap<TopicPartition, ReadSoFar> {
        if self.is_withheld() { HashMap::default() } else { self.tracker.read_so_far() }
    }

    /// Leaves all commits to the sink.
    pub(crate) fn leave_commits(&mut self) {
        self.commits_elsewhere = true;
    }

    /// Says whether all commits are left to the sink.
    pub(crate) fn leaves_commits(&self) -> bool {
        self.commits_elsewhere
    }

    fn unless_withheld(&self, offsets: Offsets) -> Offsets {
        if self.is_withheld() || self.commits_elsewhere { Vec::new() } else { offsets }
    }

    /// Notes what of our partitions the sink holds: its offsets wait, and its bytes count in the budget. What it held before and
    /// does not any more is stored.
    pub(crate) fn hold(&mut self, open: Vec<OpenPartition>) {
        let (mut first, mut bytes) = (HashMap::default(), 0);
        for open in open {
            if self.tracker.has(&open.partition) {
                bytes += open.bytes;
                first.insert(open.partition, open.first);
            }
        }
        for NowStored { count, oldest } in self.tracker.hold(&first) {
            self.counters.done(Verdict::Delivered, count);
            self.counters.stored(repeat_n(oldest, usize::try_from(count).unwrap_or(usize::MAX)));
        }
        self.budget.take(bytes.saturating_sub(self.held));
        self.freed += self.held.saturating_sub(bytes);
        self.held = bytes;
    }

    /// Says whether the sink holds so much that it has to let go of some: half of the room is for what comes.
    pub(crate) fn is_short_of_room(&self) -> bool {
        self.held > 0 && self.budget.is_half_used()
    }

    /// Says whether batches wait in vain for records: the source has stopped reading for want of room, or, where nothing is in flight
    /// that would give some back, may have.
    pub(crate) fn is_full(&self, is_idle: bool) -> bool {
        self.budget.is_full() || is_idle && self.budget.lacks_room()
    }

    /// Gives the bytes that are free back to the budget.
    pub(crate) fn give_back(&mut self) {
        self.budget.give(std::mem::take(&mut self.freed));
    }

    /// Closes the ledger: what is not done is left for the next reading. Returns what is to be committed.
    pub(crate) fn close(mut self) -> Offsets {
        let offsets = self.commits();
        self.counters.abandoned(self.left());
        self.budget.give(self.freed + self.held + self.tracker.pending_bytes());
        offsets
    }
}
