//! A record on its way to the sink.

use std::iter::once;
use std::sync::Arc;

use sluice_connector_api::Record;
use tokio::time::Instant;

use crate::engine::ledger::tracker::Ticket;
use crate::retry::policy::Retries;

/// A record on its way to the sink.
#[derive(Clone, Debug)]
pub struct Item {
    /// The record as it is to be put.
    pub record: Record,
    /// What the engine knows of it.
    pub meta: Meta,
}

/// What the engine knows of a record on its way.
#[derive(Clone, Debug)]
pub struct Meta {
    /// Stands for the record read, in the tracker.
    pub ticket: Ticket,
    /// Its size as the sink measures it, in bytes.
    pub size: usize,
    /// What orders it: two records with the same key never overtake each other. `None`: it is free.
    pub order: Option<u64>,
    /// Two records with different batch keys never share a batch.
    pub batch_key: u64,
    /// The thing that it overwrites in the target, where the newest record of a batch wins.
    pub id: Option<String>,
    /// Older records of that thing, in the order read: they are superseded once this one is stored.
    pub older: Vec<Item>,
    /// Where it stands among all that came. The batcher numbers them.
    pub number: u64,
    /// When it came.
    pub since: Instant,
    /// The record as it was read, where a dead letter queue may want it.
    pub read: Option<Arc<Record>>,
    /// How often it was put.
    pub attempts: u32,
    /// Since when its puts have failed. It keeps this when a rebalance gives it back to the batcher, so that it gets no
    /// more time.
    pub failing_since: Option<Instant>,
    /// How often it turned out not to be stored after a put had accepted it.
    pub lost: Retries,
}

impl Meta {
    /// Knows what is true of every record that came at `since`.
    pub fn new(ticket: Ticket, size: usize, since: Instant) -> Self {
        Self {
            ticket,
            size,
            order: None,
            batch_key: 0,
            id: None,
            older: Vec::new(),
            number: 0,
            since,
            read: None,
            attempts: 0,
            failing_since: None,
            lost: Retries::default(),
        }
    }
}

impl Item {
    /// Returns the record and the older ones that wait with it.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        once(self).chain(&self.meta.older)
    }

    /// Separates the record from the older ones that wait with it.
    pub fn unfold(mut self) -> impl Iterator<Item = Self> {
        std::mem::take(&mut self.meta.older).into_iter().chain(once(self))
    }

    /// Lets an older record of the same thing, and those that wait with it, wait with this one.
    pub fn supersede(&mut self, older: Self) {
        self.meta.older.extend(older.unfold());
    }
}
