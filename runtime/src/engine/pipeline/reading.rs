//! From the source through the chain into the lane.

use std::sync::Arc;

use sluice_connector_api::{Record, Transformed};
use tokio::time::Instant;

use crate::engine::ledger::tracker::{Ticket, Verdict};
use crate::engine::letters::rejection::Rejected;
use crate::engine::pipeline::phase::Phase;
use crate::engine::pipeline::run::Pipeline;
use crate::engine::pipeline::transforming::{Changed, Fault};
use crate::source::Source;
use crate::source::budget::footprint;
use crate::transform::chain::{Stage, StageError};

impl<S: Source> Pipeline<S> {
    /// Says whether the source may go on. It waits while there is more to transform than the cores can take.
    pub(super) fn can_read(&self) -> bool {
        !self.source_ended && self.transforming.has_place()
    }

    pub(super) fn on_records(&mut self, records: Vec<Record>) {
        self.counters.read(records.len() as u64);
        let mut chunk = Vec::with_capacity(records.len());
        for record in records {
            if let Some(ticket) = self.admit(&record) {
                chunk.push((ticket, record));
            }
        }
        let changed = self.transforming.push(chunk);
        self.take(changed);
        let first = self.tracker.first_commits();
        self.commit(first);
    }

    /// Rejects a record that the source could not read, behind those that were read before it.
    pub(super) fn on_unreadable(&mut self, (record, error): (Record, StageError)) {
        self.counters.read(1);
        if let Some(ticket) = self.admit(&record) {
            let origin = record.origin().clone();
            let result = Err(Box::new(Fault { origin, error }));
            let changed = Changed { ticket, read: Some(Arc::new(record)), result };
            let changed = self.transforming.queue(changed);
            self.take(changed);
        }
    }

    /// Tracks a record. Behind one that stops the connector nothing more is taken: it will be read again.
    pub(super) fn admit(&mut self, record: &Record) -> Option<Ticket> {
        let running = self.phase == Phase::Running;
        let ticket = running.then(|| self.tracker.read(record.origin(), footprint(record))).flatten();
        if ticket.is_none() {
            self.counters.abandoned(1);
            self.freed += footprint(record);
        }
        ticket
    }

    /// Takes what became of records, up to one that stops the connector.
    pub(super) fn take(&mut self, chunk: Vec<Changed>) {
        let now = Instant::now();
        for changed in chunk {
            if self.transforming.is_closed() {
                return;
            }
            // Its partition may have gone meanwhile; then it is somebody else's.
            if self.tracker.is_ours(changed.ticket) {
                self.take_one(changed, now);
            }
        }
    }

    pub(super) fn take_one(&mut self, Changed { ticket, read, result }: Changed, now: Instant) {
        match result {
            Ok(Transformed::One(record)) => self.enqueue(ticket, record, read, now),
            Ok(Transformed::Dropped) => self.done(ticket, Verdict::Filtered),
            Ok(Transformed::Several(records)) => {
                self.tracker.split(ticket, records.len());
                for record in records {
                    self.enqueue(ticket, record, read.clone(), now);
                }
            }
            Err(fault) => self.reject_read(ticket, read, *fault),
        }
    }

    pub(super) fn enqueue(
        &mut self,
        ticket: Ticket,
        record: Record,
        read: Option<Arc<Record>>,
        now: Instant,
    ) {
        let held = self.held.as_ref().filter(|held| !held.is_empty());
        if held.is_some_and(|held| held.holds(self.lane.order_of(&record), record.origin())) {
            return;
        }
        match self.lane.measure(&record) {
            Ok(size) => self.lane.push(ticket, record, read, size, now),
            Err(reason) => {
                let order = self.held.is_some().then(|| self.lane.order_of(&record)).flatten();
                let origin = record.origin().clone();
                let stage = Stage::TaskPut;
                self.reject(&Rejected { ticket, origin, read, order, stage, reason, attempts: 0 });
            }
        }
    }
}
