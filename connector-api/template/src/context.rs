//! A record as Handlebars sees it: an object with the value, and with what `@record` names, as far as a template reads them.

use handlebars::Context;
use serde_json::{Map, Value};
use sluice_connector_api::{Header, Payload, Record};

use crate::error::Unprintable;
use crate::record_name::RecordName;
use crate::uses::Uses;

/// The part of the context that holds the record's value. What the record lacks is missing in the context, too.
pub(crate) const ROOT: &str = "value";
/// The part of the context that holds what else `@record` names.
pub(crate) const RECORD: &str = "record";

/// Collects what a template reads.
pub(crate) fn context(uses: &Uses, record: &Record) -> Result<Context, Unprintable> {
    let (mut context, mut named) = (Map::new(), Map::new());
    for each in &uses.all {
        match &each.name {
            RecordName::Value if !context.contains_key(ROOT) => {
                put(&mut context, ROOT, payload(record.value.as_ref(), "value")?);
            }
            RecordName::Value => {}
            RecordName::Key => put(&mut named, "key", payload(record.key.as_ref(), "key")?),
            RecordName::Topic => put(&mut named, "topic", Some(record.topic().into())),
            RecordName::Partition => put(&mut named, "partition", Some(record.origin().partition().into())),
            RecordName::Offset => put(&mut named, "offset", Some(record.origin().offset().into())),
            RecordName::Timestamp => {
                put(&mut named, "timestamp", record.timestamp.map(|timestamp| timestamp.millis.into()));
            }
            RecordName::Header(name) => put_headers(&mut named, record.headers.last(name))?,
            RecordName::Headers => put_headers(&mut named, record.headers.iter())?,
        }
    }
    if !named.is_empty() {
        context.insert(RECORD.to_owned(), Value::Object(named));
    }
    Ok(Value::Object(context).into())
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), value);
    }
}

/// Turns a key or a value into JSON: text and UTF-8 bytes into a string.
fn payload(payload: Option<&Payload>, name: &str) -> Result<Option<Value>, Unprintable> {
    match payload {
        None => Ok(None),
        // A clone that nobody has read yet is cheap, and is read once.
        Some(Payload::Json(json)) => Ok(Some(json.clone().into_value())),
        Some(Payload::Text(text)) => Ok(Some(text.as_str().into())),
        Some(Payload::Bytes(bytes)) => utf8(bytes, name).map(|text| Some(text.into())),
    }
}

/// Reads bytes as text; `name` is what stands behind `@record`.
pub(crate) fn utf8<'a>(bytes: &'a [u8], name: &str) -> Result<&'a str, Unprintable> {
    std::str::from_utf8(bytes).map_err(|_| {
        Unprintable::unreadable(format!("`@record.{name}` is bytes that are not valid UTF-8 text"))
    })
}

/// Puts headers; of those that share a name the newest, which comes last, counts.
fn put_headers<'a>(
    named: &mut Map<String, Value>,
    headers: impl IntoIterator<Item = &'a Header>,
) -> Result<(), Unprintable> {
    let object = named.entry("headers").or_insert_with(|| Value::Object(Map::new()));
    for header in headers {
        let value = match &header.value {
            Some(bytes) => utf8(bytes, &format!("headers.{}", header.name))?.into(),
            None => Value::Null,
        };
        if let Value::Object(object) = &mut *object {
            object.insert(header.name.clone(), value);
        }
    }
    Ok(())
}
