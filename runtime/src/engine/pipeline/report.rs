//! What a run did and left, for a source that is told record by record.

#[cfg(test)]
use std::collections::HashSet;

use foldhash::HashMap;
use sluice_connector_api::{Origin, TopicPartition};

use crate::engine::batch::item::Item;
use crate::engine::ledger::tracker::Read;
use crate::engine::letters::rejection::Rejected;
use crate::engine::pipeline::phase::Failed;

/// How a run ended, and which of its records are done.
#[derive(Debug)]
pub struct Report {
    /// How it ended.
    pub result: Result<(), Failed>,
    /// The first record that was rejected and not tolerated, and why.
    pub rejected: Option<String>,
    pub(in crate::engine) read: HashMap<TopicPartition, Read>,
}

impl Report {
    /// Says whether a record is done: stored, dead-lettered, or dropped on purpose. One that was never read is not.
    pub fn is_done(&self, partition: &TopicPartition, offset: i64) -> bool {
        let is_done =
            |read: &Read| read.next.is_some_and(|next| offset < next) && !read.pending.contains(&offset);
        self.read.get(partition).is_some_and(is_done)
    }
}

/// Records that were rejected and not tolerated, where that does not stop the run: what comes later of their ordering
/// keys is not put any more, and counts as not done even if it was. Else it would be overwritten by what is older,
/// when that is put at last (invariant 3).
#[derive(Debug, Default)]
pub(in crate::engine) struct Held {
    /// The first record at fault of each key.
    keys: HashMap<u64, Origin>,
    pub(in crate::engine) first: Option<String>,
}

impl Held {
    /// Takes a record at fault, which is said once and then left undone.
    pub(in crate::engine) fn reject(&mut self, rejected: &Rejected) {
        let Rejected { origin, order, .. } = rejected;
        self.add(*order, origin);
        let (topic, partition, offset) = (origin.topic(), origin.partition(), origin.offset());
        tracing::warn!(topic, partition, offset, "record is reported as not done, {rejected}");
        self.first.get_or_insert_with(|| format!("record {origin} {rejected}"));
    }

    pub(in crate::engine) fn add(&mut self, order: Option<u64>, origin: &Origin) {
        if let Some(order) = order {
            self.keys.entry(order).or_insert_with(|| origin.clone());
        }
    }

    /// Says whether a record comes later than one at fault of its key. Of two partitions nobody knows what is later.
    pub(in crate::engine) fn holds(&self, order: Option<u64>, origin: &Origin) -> bool {
        let first = order.and_then(|order| self.keys.get(&order));
        first.is_some_and(|first| {
            first.topic_partition() != origin.topic_partition() || first.offset() < origin.offset()
        })
    }

    pub(in crate::engine) fn holds_item(&self, item: &Item) -> bool {
        self.holds(item.meta.order, item.record.origin())
    }

    /// Says whether anything is held back at all.
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(partition: i32, offset: i64) -> Origin {
        Origin::new("t", partition, offset)
    }

    #[test]
    fn what_was_never_read_is_not_done() {
        let partition = TopicPartition::new("t", 0);
        let read = Read { next: Some(5), pending: HashSet::from([3]) };
        let report = Report {
            result: Ok(()),
            rejected: None,
            read: [(partition.clone(), read)].into_iter().collect(),
        };
        let done: Vec<_> = (1..8).filter(|offset| report.is_done(&partition, *offset)).collect();
        assert_eq!(done, [1, 2, 4]);
        assert!(!report.is_done(&TopicPartition::new("t", 1), 1));
    }

    #[test]
    fn only_what_comes_later_of_the_same_key_is_held() {
        let mut held = Held::default();
        held.add(None, &origin(0, 1));
        assert!(held.is_empty());
        held.add(Some(7), &origin(0, 5));
        held.add(Some(7), &origin(0, 9));
        let holds = |order, partition, offset| held.holds(order, &origin(partition, offset));
        assert!(holds(Some(7), 0, 6) && holds(Some(7), 1, 0));
        assert!(!holds(Some(7), 0, 5) && !holds(Some(7), 0, 4));
        assert!(!holds(Some(8), 0, 6) && !holds(None, 0, 6));
    }
}
