//! What `@record` can name: everything of a record that is not a field of its JSON value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sluice_connector_api::{Header, Payload, Record, Rejection};

/// The part of the template's context that holds the record's value.
pub(super) const ROOT: &str = "value";
/// The part of the template's context that holds what `@record` names.
pub(super) const RECORD: &str = "record";

const NAMES: &str = "key, value, topic, partition, offset, timestamp, headers, headers.NAME";

/// A thing that `@record` can name, the value aside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Key,
    Topic,
    Partition,
    Offset,
    Timestamp,
    Header(String),
    Headers,
}

impl Part {
    /// Finds what the names after `@record` stand for; `raw` is what the user wrote.
    pub(super) fn find(names: &[&str], raw: &str) -> Result<Self, String> {
        match names {
            ["key", ..] => Ok(Self::Key),
            ["topic"] => Ok(Self::Topic),
            ["partition"] => Ok(Self::Partition),
            ["offset"] => Ok(Self::Offset),
            ["timestamp"] => Ok(Self::Timestamp),
            ["headers"] => Ok(Self::Headers),
            ["headers", name] => Ok(Self::Header((*name).to_owned())),
            _ => Err(format!("unknown `{raw}`; known under `@record` are: {NAMES}")),
        }
    }

    fn put(&self, record: &Record, fields: &mut Map<String, Value>) -> Result<(), Rejection> {
        let mut put = |name: &str, value: Option<Value>| {
            fields.extend(value.map(|value| (name.to_owned(), value)));
        };
        match self {
            Self::Key => put("key", record.key.clone().map(|key| json(key, "key")).transpose()?),
            Self::Topic => put("topic", Some(record.topic().into())),
            Self::Partition => put("partition", Some(record.origin().partition().into())),
            Self::Offset => put("offset", Some(record.origin().offset().into())),
            Self::Timestamp => put("timestamp", record.timestamp.map(|timestamp| timestamp.millis.into())),
            Self::Header(name) => put_header(fields, record.headers.last(name))?,
            Self::Headers => put_headers(fields, record)?,
        }
        Ok(())
    }
}

/// Collects the parts that a template uses.
pub(super) fn collect(parts: &BTreeSet<Part>, record: &Record) -> Result<Value, Rejection> {
    let mut fields = Map::new();
    for part in parts {
        part.put(record, &mut fields)?;
    }
    Ok(Value::Object(fields))
}

/// Turns a key or a value into JSON: text and UTF-8 bytes into a string.
pub(super) fn json(payload: Payload, name: &str) -> Result<Value, Rejection> {
    match payload {
        Payload::Json(json) => Ok(json.into_value()),
        Payload::Text(text) => Ok(Value::String(text)),
        Payload::Bytes(bytes) => utf8(&bytes, name),
    }
}

fn utf8(bytes: &[u8], name: &str) -> Result<Value, Rejection> {
    let text = std::str::from_utf8(bytes);
    text.map(Value::from)
        .map_err(|_| Rejection::new(format!("`@record.{name}` is bytes that are no UTF-8 text")))
}

fn put_header(fields: &mut Map<String, Value>, header: Option<&Header>) -> Result<(), Rejection> {
    let headers = fields.entry("headers").or_insert_with(|| Value::Object(Map::new()));
    if let (Value::Object(headers), Some(header)) = (headers, header) {
        headers.insert(header.name.clone(), header_value(header)?);
    }
    Ok(())
}

/// Puts all headers; of those that share a name the newest, which comes last, counts.
fn put_headers(fields: &mut Map<String, Value>, record: &Record) -> Result<(), Rejection> {
    fields.entry("headers").or_insert_with(|| Value::Object(Map::new()));
    record.headers.iter().try_for_each(|header| put_header(fields, Some(header)))
}

fn header_value(header: &Header) -> Result<Value, Rejection> {
    let text = header.value.as_ref().map(|bytes| utf8(bytes, &format!("headers.{}", header.name)));
    Ok(text.transpose()?.unwrap_or(Value::Null))
}
