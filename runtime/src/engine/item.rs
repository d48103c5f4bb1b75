//! A record on its way to the sink.

use std::sync::Arc;

use sluice_connector_api::Record;
use tokio::time::Instant;

use super::tracker::Ticket;

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
    /// What parts it from others: two records with different keys never share a batch.
    pub batch_key: u64,
    /// Where it stands among all that came. The batcher numbers them.
    pub number: u64,
    /// When it came.
    pub since: Instant,
    /// The record as it was read, where a dead letter queue may want it.
    pub read: Option<Arc<Record>>,
    /// How often it was put.
    pub attempts: u32,
    /// Since when its puts have failed. A rebalance gives it back to the batcher, and gives it no more time.
    pub failing_since: Option<Instant>,
}
