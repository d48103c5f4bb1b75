//! One batch, as it is being filled.

use std::time::Duration;

use super::item::Item;

/// How large a batch may grow and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Records a batch.
    pub max_records: usize,
    /// Bytes a batch, as the sink measures them.
    pub max_bytes: usize,
    /// How long a record waits for others.
    pub linger: Duration,
}

/// So many records of so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

impl Load {
    pub(super) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.records -= other.records;
        self.bytes -= other.bytes;
    }

    /// Says whether a batch has no room for more.
    pub(super) fn fills(self, limits: BatchLimits) -> bool {
        self.records >= limits.max_records || self.bytes >= limits.max_bytes
    }
}

/// Records of one batch key that are to be put together.
#[derive(Debug)]
pub(super) struct Batch {
    key: u64,
    limits: BatchLimits,
    items: Vec<Item>,
    load: Load,
    full: bool,
}

impl Batch {
    pub(super) fn new(batch_key: u64, limits: BatchLimits) -> Self {
        Self { key: batch_key, limits, items: Vec::new(), load: Load::default(), full: false }
    }

    /// Says whether the record may come in. One that has no room closes the batch; one that is larger than a batch
    /// goes alone.
    pub(super) fn admits(&mut self, item: &Item) -> bool {
        if item.meta.batch_key != self.key {
            return false;
        }
        let fits = self.load.bytes + item.meta.size <= self.limits.max_bytes || self.items.is_empty();
        self.full |= !fits;
        !self.full
    }

    pub(super) fn push(&mut self, item: Item) {
        self.load.add(Load { records: 1, bytes: item.meta.size });
        self.full = self.load.fills(self.limits);
        self.items.push(item);
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }
}
