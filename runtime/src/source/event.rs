//! Where records come from.
//!
//! A source is the engine's own trait and no plug-in: the daemon reads Kafka, tests read scripts.

use std::future::Future;
use std::sync::mpsc;

use sluice_connector_api::{BoxError, Record, TopicPartition};

use crate::transform::chain::StageError;

/// For each partition the offset to read next, which is what Kafka means by a committed offset.
pub type Offsets = Vec<(TopicPartition, i64)>;

/// Yields records and takes commits.
pub trait Source: Send {
    /// Waits for what happens next. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Event> + Send;

    /// Commits offsets without waiting; what fails comes back as [`Event::CommitFailed`].
    fn commit(&mut self, offsets: Offsets);

    /// Commits offsets, waits for that, and gives the partitions back.
    fn close(self, offsets: Offsets) -> impl Future<Output = ()> + Send;
}

/// What a source tells the pipeline.
#[derive(Debug)]
pub enum Event {
    /// Records were read; within a partition in order.
    Records(Vec<Record>),
    /// A record was read that cannot be had: it is rejected as if the chain had.
    Unreadable(Box<(Record, StageError)>),
    /// Partitions are ours now.
    Assigned(Vec<TopicPartition>),
    /// Partitions go to somebody else as soon as this is answered.
    Revoked(Revoked),
    /// These partitions hold no record any more before these offsets: reading begins there, which is to be committed, or what
    /// lies between were no records, such as the marks of transactions.
    Passed(Offsets),
    /// The offsets of a partition mean something else from now on, such as those of a topic that was made again, and it is
    /// read from this one on.
    Restarted(TopicPartition, i64),
    /// A commit was refused; these partitions are to be committed again.
    CommitFailed(Vec<TopicPartition>),
    /// There is nothing more to read, ever.
    End,
    /// The source cannot go on.
    Failed(BoxError),
}

/// Partitions that are being taken away.
#[derive(Debug)]
pub struct Revoked {
    /// Which.
    pub partitions: Vec<TopicPartition>,
    /// Somebody else has them already: nothing can be committed.
    pub lost: bool,
    /// Takes what is to be committed before they go. The source waits for it, though not for ever.
    pub done: mpsc::Sender<Offsets>,
}
