//! A record as programs see it.

use std::borrow::Cow;

use serde_json::{Map, Value};
use sluice_connector_api::{Payload, Record, Rejection, Side};

use crate::field_fault::FieldFault;

/// Returns a key or a value as JSON: text as a string, and nothing as null.
pub(crate) fn as_value(payload: Option<&Payload>, side: Side) -> Result<Cow<'_, Value>, Rejection> {
    match payload {
        None => Ok(Cow::Owned(Value::Null)),
        Some(Payload::Json(json)) => Ok(Cow::Borrowed(json.value())),
        Some(text) => match text.as_text() {
            Some(text) => Ok(Cow::Owned(text.into())),
            None => Err(FieldFault::new("is bytes that are not valid UTF-8 text").of(&format!("the {side}"))),
        },
    }
}

/// Returns what there is of a record. Of headers that share a name the newest counts; what is not valid UTF-8 is null.
pub(crate) fn as_record(record: &Record) -> Result<Value, Rejection> {
    let mut headers = Map::new();
    for header in &record.headers {
        let text = header.value.as_ref().and_then(|value| std::str::from_utf8(value).ok());
        headers.insert(header.name.clone(), text.map_or(Value::Null, Value::from));
    }
    let mut seen = Map::new();
    seen.insert("topic".to_owned(), record.topic().into());
    seen.insert("partition".to_owned(), record.origin().partition().into());
    seen.insert("offset".to_owned(), record.origin().offset().into());
    seen.insert("timestamp".to_owned(), record.timestamp.map(|timestamp| timestamp.millis).into());
    seen.insert("key".to_owned(), as_value(record.key.as_ref(), Side::Key)?.into_owned());
    seen.insert("value".to_owned(), as_value(record.value.as_ref(), Side::Value)?.into_owned());
    seen.insert("headers".to_owned(), Value::Object(headers));
    Ok(Value::Object(seen))
}
