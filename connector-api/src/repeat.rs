//! What two records have alike of which the second is to be dropped.

use std::time::Duration;

/// What two records of a partition have alike that are the same, so that the engine drops the second one.
///
/// A transform that finds repeats is as pure as any other: it says what there is to compare, by
/// [`Record::with_repeat_key`](crate::Record::with_repeat_key). The engine compares, and forgets: a record is dropped where
/// another one with an equal digest, that was read at another offset of its partition, was stored within the time. What was
/// not stored is not remembered, and nothing is beyond a rebalance or a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatKey {
    /// A digest that two records only share if they are the same, such as one of SHA-256.
    pub digest: [u8; 32],
    /// How long a stored record is remembered.
    pub window: Duration,
    /// How many stored records of a partition are remembered; of more, the newest.
    pub max_records: usize,
}
