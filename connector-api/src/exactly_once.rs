//! Exactly once: a sink that stores how far partitions are together with their records.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Failure, PutError, Record, TopicPartition};

/// How far a partition is stored: every record before it is stored, or needs not be; none from it on is.
///
/// A sink keeps all three and gives them back as they were; it interprets none of them.
///
/// ```
/// use sluice_connector_api::StoredPosition;
///
/// let position = StoredPosition::new(42, 0, "");
/// assert_eq!(position.to_string(), "42");
/// assert_eq!(StoredPosition::new(42, 3, "").to_string(), "42 and 3 parts");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StoredPosition {
    /// The offset of the record that comes next.
    pub offset: i64,
    /// So many parts of that record are stored already. 0, but where transforms made several records of one and a batch ended
    /// between them.
    pub parts: u32,
    /// What the source needs to know the position by, such as the id of the topic: opaque, printable, at most 255 bytes, and
    /// empty where it needs nothing.
    pub mark: Arc<str>,
}

impl StoredPosition {
    /// Names a position.
    pub fn new(offset: i64, parts: u32, mark: impl Into<Arc<str>>) -> Self {
        Self { offset, parts, mark: mark.into() }
    }

    /// Returns what goes with the offset where it is committed for the consumer group, with [`ExactlyOnce::keeps_group_offsets`]:
    /// the mark, and `;parts=3` behind it where there are parts.
    pub fn to_metadata(&self) -> String {
        match self.parts {
            0 => self.mark.to_string(),
            parts => format!("{};parts={parts}", self.mark),
        }
    }
}

impl fmt::Display for StoredPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts {
            0 => write!(f, "{}", self.offset),
            parts => write!(f, "{} and {parts} parts", self.offset),
        }
    }
}

/// What tells the owner of a partition from those before it. The sink makes it up, and the engine hands it back with each put:
/// a put with any but the newest one of a partition stores nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FencingToken(Arc<str>);

impl FencingToken {
    /// Makes a token of a text that only the sink understands.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A partition that was taken over; see [`ExactlyOnce::take_over`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenOver {
    /// Which.
    pub partition: TopicPartition,
    /// What its new owner puts with.
    pub token: FencingToken,
    /// How far it is stored; `None` where the sink knows of no put, or where the offsets of the consumer group say it (see
    /// [`ExactlyOnce::keeps_group_offsets`]).
    pub position: Option<StoredPosition>,
}

/// How far a put takes a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionStep {
    /// Which partition.
    pub partition: TopicPartition,
    /// How far it is stored before the put; `None` where nothing of it was ever put.
    pub from: Option<StoredPosition>,
    /// How far it is stored after it. It may be lower than `from`: the offsets of a topic that was made anew begin again.
    pub to: StoredPosition,
    /// What its owner puts with.
    pub token: FencingToken,
}

/// Who reads, in the words of the source's consumer group: opaque to the engine. For Apache Kafka it is a
/// `rdkafka::consumer::ConsumerGroupMetadata`, which a Kafka transaction takes along with offsets.
#[derive(Clone)]
pub struct GroupMember(Arc<dyn Any + Send + Sync>);

impl GroupMember {
    /// Keeps what a source has.
    pub fn new(member: impl Any + Send + Sync) -> Self {
        Self(Arc::new(member))
    }

    /// Returns what the source gave, if it is of this type.
    ///
    /// ```
    /// use sluice_connector_api::GroupMember;
    ///
    /// assert_eq!(GroupMember::new(7_u64).get::<u64>(), Some(&7));
    /// assert_eq!(GroupMember::new(7_u64).get::<String>(), None);
    /// ```
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for GroupMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMember").finish_non_exhaustive()
    }
}

/// What goes with a batch that is stored exactly once.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PutProgress {
    /// How far it takes each partition: one step for every partition in the batch, and possibly for others.
    pub steps: Vec<PositionStep>,
    /// Who reads, as it is at the moment of the put; `None` where the source has nothing to say.
    pub member: Option<GroupMember>,
}

impl PutProgress {
    /// Makes the progress of these steps.
    pub fn new(steps: Vec<PositionStep>) -> Self {
        Self { steps, member: None }
    }

    /// Says who reads.
    #[must_use]
    pub fn with_member(mut self, member: Option<GroupMember>) -> Self {
        self.member = member;
        self
    }
}

/// The task that reads, and so the one that will put; see [`Sink::exactly_once`](crate::Sink::exactly_once).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadingTask {
    /// The connector's name.
    pub connector: String,
    /// The task's number in its process, from 0. Other processes have tasks of the same number.
    pub task: usize,
    /// The consumer group.
    pub group: String,
    /// Where the source's cluster is reached, as the file has it: `broker-1:9092,broker-2:9092`.
    pub bootstrap_servers: String,
}

impl ReadingTask {
    /// Names a task of a connector that reads with a group.
    pub fn new(connector: impl Into<String>, task: usize, group: impl Into<String>) -> Self {
        Self { connector: connector.into(), task, group: group.into(), bootstrap_servers: String::new() }
    }

    /// Says where the source's cluster is reached.
    #[must_use]
    pub fn with_bootstrap_servers(mut self, servers: impl Into<String>) -> Self {
        self.bootstrap_servers = servers.into();
        self
    }
}

/// A sink that stores how far partitions are together with their records, in one step that happens as a whole or not at all.
///
/// Three kinds fit: a row in the same transaction as the data, offsets sent to a Kafka transaction, and the name of an object
/// that says which offsets it holds.
///
/// The engine takes partitions over when they are assigned, and reads on from where the sink says. It then puts in order: one
/// put in flight for each partition, whose records follow each other and whose step begins where the one before ended. A
/// record that goes to a dead letter queue is there before anything behind it is put. `sluice-plugin-testing` holds a sink to
/// this with `exactly_once_contract`.
#[async_trait]
pub trait ExactlyOnce: Send + Sync {
    /// Says in a few words where positions are stored, such as `offsets are in table sluice_offsets, in the same transaction`.
    fn how(&self) -> String;

    /// Says that the positions are the committed offsets of the consumer group itself, as with a Kafka transaction that offsets
    /// are sent to. The engine then commits none of its own. Default: they are the sink's.
    fn keeps_group_offsets(&self) -> bool {
        false
    }

    /// Takes partitions over from whoever had them: returns for each of them a new token, with which alone it can be put from now
    /// on, and how far it is stored. A put of the predecessor that is under way is either part of that position, or fails.
    ///
    /// It is called for each assignment before anything is read. A retriable failure is tried again for a minute; any other
    /// fails the connector.
    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure>;

    /// Stores a batch and its progress together, or nothing of both. Beyond what holds for [`Sink::put`](crate::Sink::put):
    ///
    /// - where a step's token is not the newest of its partition, it stores nothing and fails as [`Failure::fatal`];
    /// - where the stored positions are those of all the steps' `to` already, the batch is stored, and it says so: an answer
    ///   was lost;
    /// - where a stored position is anything else than `from`, it stores nothing and fails as [`Failure::fatal`]: the
    ///   connector starts again from what is stored;
    /// - [`PutError::Records`] says which records are at fault, and that *nothing* of the batch was stored;
    /// - the batch may be empty, where records were filtered or are dead letters. A sink that can store no position without
    ///   records says `Ok`, and a restart reads these once more.
    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError>;
}

/// What a put does with a record that is stored already, as after a restart of a connector that is at least once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// It changes nothing, for this reason, such as `a document has the id of its record`: the sink is idempotent.
    ChangesNothing(String),
    /// It stores the record once more, in these words, such as `each record is a line more`.
    StoresAgain(String),
    /// What holds the record follows from the records alone, name included, and is stored once, as the objects of a
    /// [`Hold`](crate::Hold) may be: a connector is exactly once with it.
    IsStoredOnce(String),
}

impl Repetition {
    /// The sink is idempotent, for this reason.
    pub fn changes_nothing(why: impl Into<String>) -> Self {
        Self::ChangesNothing(why.into())
    }

    /// What holds a record is stored once, in these words.
    pub fn is_stored_once(how: impl Into<String>) -> Self {
        Self::IsStoredOnce(how.into())
    }

    /// The sink stores a record again, in these words.
    pub fn stores_again(how: impl Into<String>) -> Self {
        Self::StoresAgain(how.into())
    }
}
