//! Numbers for batch keys, which are shorter to carry and to compare than what a sink says.

use foldhash::HashMap;
use sluice_connector_api::{BatchKey, TopicPartition};

/// Keys that are remembered at most (invariant 7).
const MOST_KEYS: usize = 1024;

/// Gives each batch key a number. Two keys never have the same number, since keys are compared, and not their hashes.
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
        if self.partitions.len() + self.texts.len() >= MOST_KEYS {
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
        for number in 0..10 * MOST_KEYS {
            assert!(given.insert(keys.number(&number.to_string().into())), "{number}");
            assert!(keys.texts.len() <= MOST_KEYS);
        }
        assert!(
            given.insert(keys.number(&"0".into())),
            "it was forgotten, and its number is not given again"
        );
    }
}
