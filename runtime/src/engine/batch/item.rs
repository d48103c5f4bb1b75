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
    /// How far its partition is stored once it is, where it is stored exactly once.
    pub behind: Option<Box<StoredPosition>>,
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
            behind: None,
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
