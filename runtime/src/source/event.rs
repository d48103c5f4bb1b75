//! Where records come from.
//!
//! A source is the engine's own trait and no plug-in: the daemon reads Kafka, tests read scripts.

use std::future::Future;
use std::sync::{Arc, mpsc};

use sluice_connector_api::{BoxError, GroupMember, Record, TakenOver, TopicPartition};

use crate::transform::chain::StageError;

/// For each partition the offset to read next, which is what Kafka means by a committed offset.
pub type Offsets = Vec<(TopicPartition, i64)>;

/// Asks who reads, as it is at this moment.
pub type AskMember = Arc<dyn Fn() -> Option<GroupMember> + Send + Sync>;

/// Yields records and takes commits.
pub trait Source: Send {
    /// Waits for what happens next. Dropping the future loses nothing.
    fn next(&mut self) -> impl Future<Output = Event> + Send;

    /// Commits offsets without waiting; what fails comes back as [`Event::CommitFailed`].
    fn commit(&mut self, offsets: Offsets);

    /// Takes note of offsets that the sink has committed itself. Default: they are of no use.
    fn committed_elsewhere(&mut self, offsets: Offsets) {
        let _ = offsets;
    }

    /// Returns what the offsets of a partition that are read now are positions in: see
    /// [`StoredPosition::mark`](sluice_connector_api::StoredPosition). Default: nothing to tell.
    fn mark(&self, partition: &TopicPartition) -> Arc<str> {
        let _ = partition;
        "".into()
    }

    /// Returns what says who reads. Default: nothing to say.
    fn member(&self) -> Option<AskMember> {
        None
    }

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
    /// What the sink said of partitions that are ours now, before anything is read of them.
    TakenOver(Vec<Resumed>),
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

/// A partition that is read from where the sink said.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// What the sink said.
    pub taken: TakenOver,
    /// The offset of the first record that is read.
    pub first: i64,
    /// So many parts of that record are stored already.
    pub parts: u32,
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
