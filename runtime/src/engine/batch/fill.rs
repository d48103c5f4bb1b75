//! One batch, as it is being filled.

use std::collections::HashMap;
use std::time::Duration;

use crate::engine::batch::item::Item;

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
pub(in crate::engine) struct Load {
    pub(in crate::engine) records: usize,
    pub(in crate::engine) bytes: usize,
}

impl Load {
    pub(in crate::engine) fn add(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
    }

    pub(in crate::engine) fn subtract(&mut self, other: Self) {
        self.records -= other.records;
        self.bytes -= other.bytes;
    }

    /// Says whether a batch has no room for more.
    pub(in crate::engine) fn fills(self, limits: BatchLimits) -> bool {
        self.records >= limits.max_records || self.bytes >= limits.max_bytes
    }
}

/// Records of one batch key that are to be put together.
#[derive(Debug)]
pub(in crate::engine) struct Batch {
    key: u64,
    limits: BatchLimits,
    items: Vec<Item>,
    /// Where the newest record of each thing stands, by the thing's id. Ids are compared, not their hashes.
    newest: HashMap<String, usize>,
    load: Load,
    full: bool,
}

impl Batch {
    pub(in crate::engine) fn new(batch_key: u64, limits: BatchLimits) -> Self {
        let (items, newest) = (Vec::new(), HashMap::new());
        Self { key: batch_key, limits, items, newest, load: Load::default(), full: false }
    }

    /// Says whether the record may come in. One that has no room closes the batch; one that is larger than a batch
    /// goes alone. One that takes the place of an older one needs no other place, also in a full batch.
    pub(in crate::engine) fn admits(&mut self, item: &Item) -> bool {
        if item.meta.batch_key != self.key {
            return false;
        }
        let (replaced, bytes) = match self.older(item).and_then(|index| self.items.get(index)) {
            Some(older) => (1, older.meta.size),
            None if self.full => return false,
            None => (0, 0),
        };
        let fits = self.load.bytes - bytes + item.meta.size <= self.limits.max_bytes;
        let admitted = fits || self.items.len() == replaced;
        self.full |= !admitted;
        admitted
    }

    pub(in crate::engine) fn push(&mut self, mut item: Item) {
        self.load.bytes += item.meta.size;
        let older = self.older(&item);
        if let Some(place) = older.and_then(|index| self.items.get_mut(index)) {
            self.load.bytes -= place.meta.size;
            std::mem::swap(place, &mut item);
            place.supersede(item);
        } else {
            self.load.records += 1;
            self.newest.extend(item.meta.id.clone().map(|id| (id, self.items.len())));
            self.items.push(item);
        }
        self.full |= self.load.fills(self.limits);
    }

    /// Finds the record that this one would supersede.
    fn older(&self, item: &Item) -> Option<usize> {
        self.newest.get(item.meta.id.as_ref()?).copied()
    }

    pub(in crate::engine) fn is_full(&self) -> bool {
        self.full
    }

    pub(in crate::engine) fn into_items(self) -> Vec<Item> {
        self.items
    }
}
