//! Records at fault that do not stop the run, and are left undone.

use foldhash::HashMap;
use sluice_connector_api::Origin;

/// Records that were rejected and not tolerated, where that does not stop the run: what comes later of their ordering
/// keys is not put any more, and counts as not done even if it was. Else it would be overwritten by what is older,
/// when that is put at last (invariant 3).
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// The first record at fault of each key.
    keys: HashMap<u64, Origin>,
    /// The first record at fault, and why.
    pub(super) first: Option<String>,
}

impl Undone {
    /// Takes note of a record at fault and of what orders it.
    pub(super) fn add(&mut self, order: Option<u64>, origin: &Origin) {
        if let Some(order) = order {
            self.keys.entry(order).or_insert_with(|| origin.clone());
        }
    }

    /// Says whether a record comes later than one at fault of its key. Of two partitions nobody knows what is later.
    pub(super) fn is_behind(&self, order: Option<u64>, origin: &Origin) -> bool {
        let Some(first) = order.and_then(|order| self.keys.get(&order)) else { return false };
        first.topic_partition() != origin.topic_partition() || first.offset() < origin.offset()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(partition: i32, offset: i64) -> Origin {
        Origin::new("t", partition, offset)
    }

    #[test]
    fn only_what_comes_later_of_the_same_key_is_held_back() {
        let mut undone = Undone::default();
        undone.add(None, &origin(0, 1));
        assert!(undone.keys.is_empty());
        undone.add(Some(7), &origin(0, 5));
        undone.add(Some(7), &origin(0, 9));
        let is_behind = |order, partition, offset| undone.is_behind(order, &origin(partition, offset));
        assert!(is_behind(Some(7), 0, 6) && is_behind(Some(7), 1, 0));
        assert!(!is_behind(Some(7), 0, 5) && !is_behind(Some(7), 0, 4));
        assert!(!is_behind(Some(8), 0, 6) && !is_behind(None, 0, 6));
    }
}
