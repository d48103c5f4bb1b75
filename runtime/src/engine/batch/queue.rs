//! Where records wait for a batch, and the batch that is filled from there.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::engine::batch::item::{Item, Meta};

/// Which queue a record waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum QueueKey {
    /// The records of an ordering key, which never overtake each other.
    Order(u64),
    /// The records of a batch key that nothing orders.
    Free(u64),
}

impl QueueKey {
    pub(super) fn from_meta(meta: &Meta) -> Self {
        meta.order.map_or(Self::Free(meta.batch_key), Self::Order)
    }
}

/// Records that wait for a batch, in the order they came.
#[derive(Debug, Default)]
pub(super) struct RecordQueue {
    items: VecDeque<Item>,
    /// The records at the front that share a batch key: what a batch may take at most.
    lead: Load,
    /// Records of an ordering key that were taken and are not done. Until there is none, the queue stands still.
    taken: usize,
}

impl RecordQueue {
    /// Returns the first record, if it may go.
    pub(super) fn ready(&self) -> Option<&Meta> {
        self.items.front().filter(|_| self.taken == 0).map(|first| &first.meta)
    }

    /// Returns what a batch would take, if it had room. Of the records of one thing that is the newest.
    pub(super) fn offer(&self) -> Load {
        let newest_wins = self.items.front().is_some_and(|first| first.meta.id().is_some());
        if !newest_wins {
            return self.lead;
        }
        let newest = self.lead.records.checked_sub(1).and_then(|index| self.items.get(index));
        newest.map_or(self.lead, load)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Says whether nothing is left of it, neither here nor on its way.
    pub(super) fn is_done(&self) -> bool {
        self.items.is_empty() && self.taken == 0
    }

    /// Inserts a record where its number says.
    pub(super) fn insert(&mut self, item: Item) {
        let number = item.meta.number;
        let is_last = self.items.back().is_none_or(|last| last.meta.number < number);
        let at = if is_last {
            self.items.len()
        } else {
            self.items.partition_point(|other| other.meta.number < number)
        };
        let of_lead = self.items.front().is_some_and(|first| first.meta.batch_key == item.meta.batch_key);
        let load = load(&item);
        if self.items.capacity() == 0 {
            // Most ordering keys have one record; the default would be room for four.
            self.items.reserve_exact(1);
        }
        self.items.insert(at, item);
        if at == 0 && !of_lead {
            self.lead = load;
        } else if at <= self.lead.records && of_lead {
            self.lead.add(load);
        } else if at < self.lead.records {
            self.count_lead();
        }
    }

    /// Moves records into the batch, up to the first one that it does not admit or whose number is not below `until`.
    /// Newer records of a thing come along with the older ones, whatever their number.
    pub(super) fn fill(&mut self, batch: &mut Batch, until: u64) {
        let comes = |item: &Item| item.meta.number < until || item.meta.id().is_some();
        while let Some(item) = self.items.pop_front_if(|item| comes(item) && batch.admits(item)) {
            self.lead.subtract(load(&item));
            batch.push(item);
            if self.lead.records == 0 {
                self.count_lead();
            }
        }
    }

    /// Notes that so many more of its records were taken.
    pub(super) fn take(&mut self, records: usize) {
        self.taken += records;
    }

    /// Notes that so many records that were taken are done, or come back.
    pub(super) fn release(&mut self, records: usize) {
        self.taken = self.taken.saturating_sub(records);
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Item) -> bool) {
        self.items.retain(keep);
        self.count_lead();
    }

    fn count_lead(&mut self) {
        self.lead = Load::default();
        let key = self.items.front().map(|first| first.meta.batch_key);
        let lead = self.items.iter().take_while(|item| Some(item.meta.batch_key) == key);
        lead.for_each(|item| self.lead.add(load(item)));
    }
}

fn load(item: &Item) -> Load {
    Load { records: 1, bytes: item.meta.size }
}

/// How large a batch may grow and how long it may wait.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Records per batch.
    pub max_records: usize,
    /// Bytes per batch, as the sink measures them.
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
    /// Where the newest record of each thing stands, by the thing's id. Ids are compared, not their hashes.
    newest: HashMap<String, usize>,
    load: Load,
    full: bool,
}

impl Batch {
    /// Begins a batch, for which so many records are offered.
    pub(super) fn new(batch_key: u64, limits: BatchLimits, offered: usize) -> Self {
        Self {
            key: batch_key,
            limits,
            items: Vec::with_capacity(offered.min(limits.max_records)),
            newest: HashMap::new(),
            load: Load::default(),
            full: false,
        }
    }

    /// Says whether the record may come in. One that has no room closes the batch; one that is larger than a batch
    /// goes alone. One that replaces an older one needs no room for another record, also in a full batch.
    pub(super) fn admits(&mut self, item: &Item) -> bool {
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

    pub(super) fn push(&mut self, mut item: Item) {
        self.load.bytes += item.meta.size;
        let older = self.older(&item);
        if let Some(newest) = older.and_then(|index| self.items.get_mut(index)) {
            self.load.bytes -= newest.meta.size;
            std::mem::swap(newest, &mut item);
            newest.supersede(item);
        } else {
            self.load.records += 1;
            self.newest.extend(item.meta.id().map(|id| (id.to_owned(), self.items.len())));
            self.items.push(item);
        }
        self.full |= self.load.fills(self.limits);
    }

    /// Finds the record that this one would supersede.
    fn older(&self, item: &Item) -> Option<usize> {
        self.newest.get(item.meta.id()?).copied()
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }
}
