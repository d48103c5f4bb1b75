//! A record on its way to the sink, with what the engine knows of it, and the numbers that stand for batch keys.

use std::iter::once;
use std::sync::Arc;

use foldhash::HashMap;
use sluice_connector_api::{BatchKey, Record, StoredPosition, TopicPartition};
use tokio::time::Instant;

use crate::engine::ledger::tracker::Ticket;
use crate::retry::policy::Retries;

/// Batch keys that are remembered at most (invariant 7).
const MOST_BATCH_KEYS: usize = 1024;

/// A record on its way to the sink.
#[derive(Clone, Debug)]
pub struct Item {
    /// The record as it is to be put.
    pub record: Record,
    /// What the engine knows of it.
    pub meta: Meta,
}

/// What the engine knows of a record on its way. It is moved with the record from queue to batch and back, so that what few
/// records have stands apart.
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
    /// Where it stands among all that came. The batcher numbers them.
    pub number: u64,
    /// When it came.
    pub since: Instant,
    /// The record as it was read, where a dead letter queue may want it.
    pub read: Option<Arc<Record>>,
    /// How often it was put.
    pub attempts: u32,
    rare: Option<Box<RareMeta>>,
}

/// What the engine knows of few records.
#[derive(Clone, Debug, Default)]
struct RareMeta {
    id: Option<String>,
    older: Vec<Item>,
    failing_since: Option<Instant>,
    behind: Option<StoredPosition>,
    lost: Retries,
}

impl Meta {
    /// Knows what is true of every record that came at `since`.
    pub fn new(ticket: Ticket, size: usize, since: Instant) -> Self {
        Self {
            ticket,
            size,
            order: None,
            batch_key: 0,
            number: 0,
            since,
            read: None,
            attempts: 0,
            rare: None,
        }
    }

    /// Orders the record by a key.
    #[must_use]
    pub fn with_order(mut self, order: Option<u64>) -> Self {
        self.order = order;
        self
    }

    fn rare_mut(&mut self) -> &mut RareMeta {
        self.rare.get_or_insert_default()
    }

    /// Returns the thing that the record overwrites in the target, where the newest record of a batch wins.
    pub fn id(&self) -> Option<&str> {
        self.rare.as_ref()?.id.as_deref()
    }

    /// Names the thing that the record overwrites in the target.
    pub fn set_id(&mut self, id: String) {
        self.rare_mut().id = Some(id);
    }

    /// Returns older records of that thing, in the order read: they are superseded once this one is stored.
    pub fn older(&self) -> &[Item] {
        self.rare.as_ref().map_or(&[], |rare| &rare.older)
    }

    /// Takes the older records of that thing.
    pub fn take_older(&mut self) -> Vec<Item> {
        self.rare.as_mut().map(|rare| std::mem::take(&mut rare.older)).unwrap_or_default()
    }

    /// Returns since when its puts have failed. It keeps this when a rebalance gives it back to the batcher, so that it gets no
    /// more time.
    pub fn failing_since(&self) -> Option<Instant> {
        self.rare.as_ref()?.failing_since
    }

    /// Notes since when its puts have failed, or that they have not.
    pub fn set_failing_since(&mut self, since: Option<Instant>) {
        if since.is_some() || self.rare.is_some() {
            self.rare_mut().failing_since = since;
        }
    }

    /// Returns how far its partition is stored once it is, where it is stored exactly once.
    pub fn behind(&self) -> Option<&StoredPosition> {
        self.rare.as_ref()?.behind.as_ref()
    }

    /// Notes how far its partition is stored once it is, where that is stored.
    pub fn set_behind(&mut self, behind: Option<StoredPosition>) {
        if behind.is_some() {
            self.rare_mut().behind = behind;
        }
    }

    /// Returns how often it turned out not to be stored after a put had accepted it.
    pub fn lost(&self) -> Retries {
        self.rare.as_ref().map(|rare| rare.lost).unwrap_or_default()
    }

    /// Notes how often it turned out not to be stored.
    pub fn set_lost(&mut self, lost: Retries) {
        self.rare_mut().lost = lost;
    }
}

impl Item {
    /// Returns the record and the older ones that wait with it.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        once(self).chain(self.meta.older())
    }

    /// Separates the record from the older ones that wait with it.
    pub fn unfold(mut self) -> impl Iterator<Item = Self> {
        self.meta.take_older().into_iter().chain(once(self))
    }

    /// Lets an older record of the same thing, and those that wait with it, wait with this one.
    pub fn supersede(&mut self, older: Self) {
        self.meta.rare_mut().older.extend(older.unfold());
    }
}

/// Gives each batch key a number, which is shorter to carry and to compare than what a sink says. Two keys never have the same number, since keys are compared, and not their hashes.
///
/// Record data may make keys without end, so that all are forgotten when there are too many. A key that comes again then
/// has another number: its records make batches of their own, which harms nobody.
#[derive(Debug, Default)]
pub struct BatchKeys {
    partitions: HashMap<TopicPartition, u64>,
    texts: HashMap<String, u64>,
    /// The number that was given last; none is given twice. 0 is that of records that are all alike.
    last: u64,
}

impl BatchKeys {
    /// Returns the number of a key.
    pub fn number(&mut self, key: &BatchKey<'_>) -> u64 {
        let known = match key {
            BatchKey::Same => return 0,
            BatchKey::Partition(partition) => self.partitions.get(*partition),
            BatchKey::Text(text) => self.texts.get(text.as_ref()),
        };
        match known {
            Some(number) => *number,
            None => self.add(key),
        }
    }

    fn add(&mut self, key: &BatchKey<'_>) -> u64 {
        if self.partitions.len() + self.texts.len() >= MOST_BATCH_KEYS {
            self.partitions.clear();
            self.texts.clear();
        }
        self.last += 1;
        match key {
            BatchKey::Same => return 0,
            BatchKey::Partition(partition) => self.partitions.insert((*partition).clone(), self.last),
            BatchKey::Text(text) => self.texts.insert(text.as_ref().to_owned(), self.last),
        };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_key_has_one_number_and_two_keys_have_two() {
        let mut keys = BatchKeys::default();
        let partitions =
            [TopicPartition::new("a", 1), TopicPartition::new("a", 2), TopicPartition::new("b", 1)];
        let mut all = vec![BatchKey::Same, "".into(), "a-1".into(), "delete".into()];
        all.extend(partitions.iter().map(BatchKey::Partition));
        let numbers: Vec<_> = all.iter().map(|key| keys.number(key)).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), all.len(), "{numbers:?}");
        assert_eq!(all.iter().map(|key| keys.number(key)).collect::<Vec<_>>(), numbers);
        assert_eq!(keys.number(&String::from("delete").into()), keys.number(&"delete".into()));
        assert_eq!(numbers.first(), Some(&0));
    }

    #[test]
    fn keys_without_end_take_bounded_memory_and_never_share_a_number() {
        let mut keys = BatchKeys::default();
        let mut given = HashSet::new();
        for number in 0..10 * MOST_BATCH_KEYS {
            assert!(given.insert(keys.number(&number.to_string().into())), "{number}");
            assert!(keys.texts.len() <= MOST_BATCH_KEYS);
        }
        assert!(
            given.insert(keys.number(&"0".into())),
            "it was forgotten, and its number is not given again"
        );
    }
}
