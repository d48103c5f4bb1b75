//! What keeps records out of one batch.

use std::borrow::Cow;

use crate::TopicPartition;

/// What a record may share a batch with: those that have the same key. The engine compares keys, never their hashes, so
/// that records of different keys never share a batch.
///
/// It costs nothing to say that all records are alike, and no allocation to borrow from the record or the sink.
///
/// ```
/// use sluice_connector_api::{BatchKey, Origin, Record};
///
/// let record = Record::new(Origin::new("prices", 3, 7));
/// let key = BatchKey::from(if record.is_tombstone() { "delete" } else { "write" });
/// assert_eq!(key, BatchKey::Text("delete".into()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum BatchKey<'a> {
    /// All records are alike.
    #[default]
    Same,
    /// Records of different partitions do not share a batch.
    Partition(&'a TopicPartition),
    /// Records for which the sink says different texts do not share a batch.
    Text(Cow<'a, str>),
}

impl<'a> From<&'a str> for BatchKey<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for BatchKey<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}
