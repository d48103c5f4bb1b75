//! Records that stand in one line.

use std::collections::VecDeque;

use crate::engine::batch::fill::{Batch, Load};
use crate::engine::batch::item::{Item, Meta};

/// Whose line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::engine) enum Name {
    /// The records of an ordering key, which never overtake each other.
    Order(u64),
    /// The records of a batch key that nothing orders.
    Free(u64),
}

impl Name {
    pub(in crate::engine) fn of(meta: &Meta) -> Self {
        meta.order.map_or(Self::Free(meta.batch_key), Self::Order)
    }
}

/// Records that stand in one line, in the order they came.
#[derive(Debug, Default)]
pub(in crate::engine) struct Line {
    items: VecDeque<Item>,
    /// The records at the front that share a batch key: what a batch may take at most.
    lead: Load,
    /// Records of an ordering key that were taken and are not done. Until there is none, the line stands still.
    taken: usize,
}

impl Line {
    /// Returns the first record, if it may go.
    pub(in crate::engine) fn ready(&self) -> Option<&Meta> {
        self.items.front().filter(|_| self.taken == 0).map(|first| &first.meta)
    }

    /// Returns what a batch would take, if it had room. Of the records of one thing that is the newest.
    pub(in crate::engine) fn offer(&self) -> Load {
        let newest_wins = self.items.front().is_some_and(|first| first.meta.id.is_some());
        let newest = newest_wins.then(|| self.lead.records.checked_sub(1)).flatten();
        newest.and_then(|index| self.items.get(index)).map_or(self.lead, load)
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Says whether nothing is left of it, neither here nor on its way.
    pub(in crate::engine) fn is_done(&self) -> bool {
        self.items.is_empty() && self.taken == 0
    }

    /// Lets a record stand where its number says.
    pub(in crate::engine) fn insert(&mut self, item: Item) {
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
            // Most ordering keys have one record; four places for it would be the default.
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
    pub(in crate::engine) fn fill(&mut self, batch: &mut Batch, until: u64) {
        let comes = |item: &Item| item.meta.number < until || item.meta.id.is_some();
        while let Some(item) = self.items.pop_front_if(|item| comes(item) && batch.admits(item)) {
            self.lead.subtract(load(&item));
            batch.push(item);
            if self.lead.records == 0 {
                self.count_lead();
            }
        }
    }

    /// Notes that so many more of its records were taken.
    pub(in crate::engine) fn take(&mut self, records: usize) {
        self.taken += records;
    }

    /// Notes that so many records that were taken are done, or come back.
    pub(in crate::engine) fn release(&mut self, records: usize) {
        self.taken = self.taken.saturating_sub(records);
    }

    pub(in crate::engine) fn retain(&mut self, keep: impl FnMut(&Item) -> bool) {
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
