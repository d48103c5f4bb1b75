//! What a sink keeps open past a put: things that outlive a batch.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Failure, TopicPartition};

/// Keeps what puts brought until it makes one thing with what comes later, such as an object of a gigabyte.
///
/// It is the third outcome of a put, beside *stored* and *accepted* ([`Confirm`](crate::Confirm)): *held by the sink*. `Ok` of
/// a put then means that the sink has the record. The engine lets go of its key and value, and commits no offset at or behind
/// [`OpenPartition::first`] of its partition until that is stored. What is lost with the process is read again from there. A
/// sink that is such returns one from [`Sink::hold`](crate::Sink::hold), and has [`Order::Partition`](crate::Order).
///
/// A put that fails must have taken none of its records, since all are put again.
#[async_trait]
pub trait Hold: Send + Sync {
    /// Returns what is open, a partition at a time. Called after each put; takes no time.
    fn open(&self) -> Vec<OpenPartition>;

    /// Returns how long it takes until something is to be stored though no record comes, such as one that is open for long
    /// enough; none where only records end it.
    fn due(&self) -> Option<Duration>;

    /// Stores what is open of these partitions, as far as `reach` says. A retriable failure is tried again, any other stops
    /// the connector, and so does one for longer than `errors.retry_timeout`.
    ///
    /// The future may be dropped at any await; what was not stored stays open.
    async fn store(&self, partitions: &[TopicPartition], reach: StoreReach) -> Result<(), Failure>;

    /// Drops what is open of partitions: they are somebody else's now, or are read again. A put of theirs that is under way
    /// fails, and takes nothing.
    fn forget(&self, partitions: &[TopicPartition]);
}

/// What is open of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenPartition {
    /// The partition.
    pub partition: TopicPartition,
    /// The lowest offset that a put brought and that is not stored.
    pub first: i64,
    /// The bytes that it takes in memory: they count in `buffer_memory`.
    pub bytes: usize,
}

impl OpenPartition {
    /// Says that so many bytes of a partition are open, from this offset on.
    pub fn new(partition: TopicPartition, first: i64, bytes: usize) -> Self {
        Self { partition, first, bytes }
    }
}

/// How much of what is open is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreReach {
    /// What is complete, or open for long enough.
    Due,
    /// `buffer_memory` is used up by what is open, and so no record comes that would end it: enough to make room.
    Room,
    /// All: no record comes any more.
    All,
}
