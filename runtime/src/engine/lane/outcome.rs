//! What became of each record of a batch.

use crate::engine::batch::item::Item;
use crate::engine::lane::fault::RecordFault;
use crate::engine::lane::progress::Stands;

/// What became of each record of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Stored for good, or accepted where the sink confirms later.
    pub stored: Vec<Item>,
    /// At fault, with the reason.
    pub rejected: Vec<(Item, RecordFault)>,
    /// Not stored and not at fault, in the order read: for another time.
    pub not_done: Vec<Item>,
    /// Why the connector cannot go on, if so.
    pub stop: Option<String>,
    /// How far the sink has the partitions of the batch now, where it stores that.
    pub stands: Option<Stands>,
}

impl Outcome {
    /// Returns all records of the batch, but for older ones that wait with a newer one.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.stored.iter().chain(self.rejected.iter().map(|(item, _)| item)).chain(&self.not_done)
    }

    /// Says whether nothing more may be put.
    pub(super) fn holds_back(&self) -> bool {
        self.stands.is_some() && !self.rejected.is_empty()
    }

    /// Takes a record at fault. Older ones that would have been superseded are to be put after all.
    pub fn reject(&mut self, mut item: Item, fault: RecordFault) {
        self.not_done.append(&mut item.meta.take_older());
        self.rejected.push((item, fault));
    }
}
