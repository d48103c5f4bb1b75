//! What a template can name of a record. These names stand here and nowhere else.

/// A thing of a record that a template can name: under `@record`, or, for the value, as a plain field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordName {
    /// `@record.value`, the whole value, and any field of it.
    Value,
    /// `@record.key`, and any field of it.
    Key,
    /// `@record.topic`: where the record is meant to go.
    Topic,
    /// `@record.partition`, as read.
    Partition,
    /// `@record.offset`, as read.
    Offset,
    /// `@record.timestamp`, in milliseconds since 1970.
    Timestamp,
    /// `@record.headers.NAME`: the newest of that name.
    Header(String),
    /// `@record.headers`: all of them.
    Headers,
}

const NAMES: &str = "key, value, topic, partition, offset, timestamp, headers, headers.NAME";

impl RecordName {
    /// Finds what the names after `@record` stand for; `written` is what the author wrote.
    pub(crate) fn find(names: &[&str], written: &str) -> Result<Self, String> {
        match names {
            ["value", ..] => Ok(Self::Value),
            ["key", ..] => Ok(Self::Key),
            ["topic"] => Ok(Self::Topic),
            ["partition"] => Ok(Self::Partition),
            ["offset"] => Ok(Self::Offset),
            ["timestamp"] => Ok(Self::Timestamp),
            ["headers"] => Ok(Self::Headers),
            ["headers", name] => Ok(Self::Header((*name).to_owned())),
            _ => Err(format!("unknown `{written}`; known under `@record` are: {NAMES}")),
        }
    }

    /// Says whether no two records of one key share it: the offset, the timestamp.
    pub fn is_of_one_record(&self) -> bool {
        matches!(self, Self::Offset | Self::Timestamp)
    }
}
