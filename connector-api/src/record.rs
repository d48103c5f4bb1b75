//! A record, where it was read, and its headers.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use crate::{Payload, RepeatKey, SchemaMetadata, Side};

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Where a record was read: topic, partition and offset. It identifies the record for good.
///
/// Its [`Display`](fmt::Display) form is `topic-partition-offset`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    topic_partition: TopicPartition,
    offset: i64,
}

impl Clone for Origin {
    fn clone(&self) -> Self {
        Self { topic_partition: self.topic_partition.clone(), offset: self.offset }
    }

    /// Keeps the topic's name where it is shared already: threads that count the same thing wait for each other.
    fn clone_from(&mut self, source: &Self) {
        if !Arc::ptr_eq(&self.topic_partition.topic, &source.topic_partition.topic) {
            self.topic_partition.topic = Arc::clone(&source.topic_partition.topic);
        }
        (self.topic_partition.partition, self.offset) = (source.partition(), source.offset);
    }
}

impl Origin {
    /// Names a record's place. Only sources and tests have a reason to call this.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32, offset: i64) -> Self {
        Self { topic_partition: TopicPartition::new(topic, partition), offset }
    }

    /// Returns the topic that the record was read from.
    pub fn topic(&self) -> &str {
        &self.topic_partition.topic
    }

    /// Returns the partition that the record was read from.
    pub fn partition(&self) -> i32 {
        self.topic_partition.partition
    }

    /// Returns topic and partition together.
    pub fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Returns the record's offset in its partition.
    pub fn offset(&self) -> i64 {
        self.offset
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic_partition, self.offset)
    }
}

/// Who set a record's timestamp, in Kafka's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer (`CreateTime`).
    CreateTime,
    /// The broker, when it appended the record (`LogAppendTime`).
    LogAppendTime,
}

/// A record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp {
    /// Milliseconds since the Unix epoch.
    pub millis: i64,
    /// Who set it.
    pub kind: TimestampType,
}

/// One header. Kafka allows a name to repeat and a value to be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name; not unique.
    pub name: String,
    /// The value; `None` is distinct from an empty one.
    pub value: Option<Bytes>,
}

/// The headers of a record, in the order read, duplicates included.
///
/// ```
/// use sluice_connector_api::Headers;
///
/// let mut headers = Headers::new();
/// headers.push("trace", Some("a".into()));
/// headers.push("trace", None);
/// assert_eq!(headers.len(), 2);
/// assert_eq!(headers.last("trace").map(|header| header.value.is_none()), Some(true));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<Header>);

impl Headers {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a header, beside others of its name.
    pub fn push(&mut self, name: impl Into<String>, value: Option<Bytes>) {
        self.0.push(Header { name: name.into(), value });
    }

    /// Removes every header of this name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|header| header.name != name);
    }

    /// Returns the newest header of this name, which is the one that counts in Kafka.
    pub fn last(&self, name: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.name == name)
    }

    /// Walks the headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// Returns how many there are, duplicates counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Says whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A record on its way from a source to a sink. It is one pointer wide, because it goes through many hands; what it holds
/// are its [`Fields`].
///
/// Transforms may change everything but the [`Origin`]. A routing transform sets
/// [`target_topic`](Fields::target_topic); where the record came from stays what it was.
///
/// ```
/// use sluice_connector_api::{Origin, Payload, Record};
///
/// let mut record = Record::new(Origin::new("streamtopic", 0, 42));
/// assert!(record.is_tombstone());
///
/// record.value = Some(Payload::from(""));
/// assert!(!record.is_tombstone(), "an empty value is a value");
/// assert_eq!(record.origin().to_string(), "streamtopic-0-42");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Record(Box<Fields>);

/// What a [`Record`] is made of. The record gives access to it: `record.value`, and `record.value.take()` to have it.
#[derive(Clone, Debug, PartialEq)]
pub struct Fields {
    origin: Origin,
    part: Option<u32>,
    /// What the mapping says about the schemas of key and value: rare, so that it takes one pointer.
    schemas: Option<Box<[Option<SchemaMetadata>; 2]>>,
    repeat_keys: Vec<RepeatKey>,
    /// The key, if the record has one.
    pub key: Option<Payload>,
    /// The value; `None` makes the record a *tombstone*.
    pub value: Option<Payload>,
    /// The headers.
    pub headers: Headers,
    /// The timestamp, if the source knows one.
    pub timestamp: Option<Timestamp>,
    /// Where a routing transform wants the record to go; see [`Record::topic`].
    pub target_topic: Option<String>,
}

impl Deref for Record {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.0
    }
}

impl DerefMut for Record {
    fn deref_mut(&mut self) -> &mut Fields {
        &mut self.0
    }
}

impl Record {
    /// Makes a record without key, value, headers and timestamp.
    pub fn new(origin: Origin) -> Self {
        Self(Box::new(Fields {
            origin,
            part: None,
            schemas: None,
            repeat_keys: Vec::new(),
            key: None,
            value: None,
            headers: Headers::new(),
            timestamp: None,
            target_topic: None,
        }))
    }

    /// Returns where the record was read.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the record's number among those that transforms made of one record read; `None` where they
    /// made no more than one. Origin and part together are unique and the same at every reading.
    pub fn part(&self) -> Option<u32> {
        self.part
    }

    /// Numbers the record among its siblings. The engine calls this once, after the last transform.
    #[must_use]
    pub fn with_part(mut self, part: u32) -> Self {
        self.part = Some(part);
        self
    }

    /// Returns what an AWS Lambda event source mapping says about the schema of one side.
    pub fn schema(&self, side: Side) -> Option<&SchemaMetadata> {
        let [key, value] = self.schemas.as_deref()?;
        match side {
            Side::Key => key.as_ref(),
            Side::Value => value.as_ref(),
        }
    }

    /// Keeps what a mapping says about the schemas. Only sources and tests have a reason to call this.
    #[must_use]
    pub fn with_schemas(mut self, key: Option<SchemaMetadata>, value: Option<SchemaMetadata>) -> Self {
        self.schemas = (key.is_some() || value.is_some()).then(|| Box::new([key, value]));
        self
    }

    /// Returns what makes the record a repeat of others; see [`RepeatKey`].
    pub fn repeat_keys(&self) -> &[RepeatKey] {
        &self.repeat_keys
    }

    /// Has the engine drop the record where one with an equal key was stored before; one of several such keys is enough.
    #[must_use]
    pub fn with_repeat_key(mut self, key: RepeatKey) -> Self {
        self.repeat_keys.push(key);
        self
    }

    /// Returns the topic that the record is meant for: the target topic, else the topic it was read from.
    pub fn topic(&self) -> &str {
        self.target_topic.as_deref().unwrap_or_else(|| self.origin.topic())
    }

    /// Says whether the record has no value, which in a compacted topic means "deleted".
    pub fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    /// Returns the value as text; `None` for a tombstone, JSON, or bytes that are not valid UTF-8.
    pub fn value_text(&self) -> Option<&str> {
        self.value.as_ref().and_then(Payload::as_text)
    }

    /// Returns the bytes of key, value and headers together.
    pub fn size(&self) -> usize {
        let headers =
            self.headers.iter().map(|header| header.name.len() + header.value.as_ref().map_or(0, Bytes::len));
        self.key.as_ref().map_or(0, Payload::len)
            + self.value.as_ref().map_or(0, Payload::len)
            + headers.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routing_leaves_the_origin_alone() {
        let mut record = Record::new(Origin::new("orders", 3, 7));
        record.target_topic = Some("orders-eu".to_owned());
        assert_eq!((record.topic(), record.origin().topic()), ("orders-eu", "orders"));
    }

    #[test]
    fn size_counts_key_value_and_headers() {
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.key = Some(Payload::from("key"));
        record.value = Some(Payload::from("value"));
        record.headers.push("ab", Some(Bytes::from_static(b"c")));
        record.headers.push("d", None);
        assert_eq!(record.size(), 3 + 5 + 3 + 1);
    }

    #[test]
    fn removing_a_header_removes_its_duplicates() {
        let mut headers = Headers::new();
        headers.push("a", None);
        headers.push("b", None);
        headers.push("a", Some(Bytes::new()));
        headers.remove("a");
        assert_eq!(headers.iter().map(|header| header.name.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
