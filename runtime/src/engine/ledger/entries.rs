//! The ledger of a run: every record read, until it is counted what became of it.

use std::sync::Arc;

use foldhash::HashMap;
use sluice_connector_api::{Record, TopicPartition};

use crate::engine::ledger::counters::Counters;
use crate::engine::ledger::tracker::{ReadSoFar, Ticket, Tracker, Verdict};
use crate::source::Offsets;
use crate::source::budget::{Budget, footprint};

/// Keeps what is not done, the counts and the byte budget in step.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) tracker: Tracker,
    pub(crate) counters: Arc<Counters>,
    budget: Budget,
    /// Bytes that are free and not given back yet: that is done once for all that happened together.
    freed: usize,
    /// Nothing is committed any more.
    withheld: bool,
}

impl Ledger {
    /// Opens a ledger. `budget` is what the source takes bytes from.
    pub(crate) fn new(counters: Arc<Counters>, budget: Budget) -> Self {
        Self { tracker: Tracker::new(), counters, budget, freed: 0, withheld: false }
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

    /// Invariant 2: a record is counted here, once, when the last of its parts is done. Returns its verdict then.
    pub(crate) fn done(&mut self, ticket: Ticket, verdict: Verdict) -> Option<Verdict> {
        let done = self.tracker.done(ticket, verdict)?;
        self.freed += done.bytes;
        self.counters.done(done.verdict);
        Some(done.verdict)
    }

    /// Gives partitions up, and leaves their records for their next owner. Returns what is to be committed for them.
    pub(crate) fn revoke(&mut self, partitions: &[TopicPartition]) -> Offsets {
        let before = self.tracker.pending_records();
        let (offsets, freed) = self.tracker.revoke(partitions);
        self.counters.abandoned((before - self.tracker.pending_records()) as u64);
        self.freed += freed;
        self.unless_withheld(offsets)
    }

    /// Commits nothing any more: all that was done since the last commit is to be read again.
    pub(crate) fn withhold(&mut self) {
        self.withheld = true;
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
        if self.withheld { HashMap::default() } else { self.tracker.read_so_far() }
    }

    fn unless_withheld(&self, offsets: Offsets) -> Offsets {
        if self.withheld { Vec::new() } else { offsets }
    }

    /// Gives the bytes that are free back to the budget.
    pub(crate) fn give_back(&mut self) {
        self.budget.give(std::mem::take(&mut self.freed));
    }

    /// Closes the ledger: what is not done is left for the next reading. Returns what is to be committed.
    pub(crate) fn close(mut self) -> Offsets {
        let offsets = self.commits();
        self.counters.abandoned(self.tracker.pending_records() as u64);
        self.budget.give(self.freed + self.tracker.pending_bytes());
        offsets
    }
}
