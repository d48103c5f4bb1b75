//! A record as it is shown: JSON with only what it has.

use serde_json::{Map, Value, json};
use sluice_connector_api::{Header, Payload, Record};

/// Shows a record with only what it has: the topic where it is not that of its origin, the key, the value (null for a
/// tombstone), and headers as a list of `name` and `value`. Bytes that are not text are shown as nearly as they can be.
pub fn show(record: &Record) -> Value {
    let mut shown = Map::new();
    if record.topic() != record.origin().topic() {
        shown.insert("topic".to_owned(), record.topic().into());
    }
    if let Some(key) = &record.key {
        shown.insert("key".to_owned(), show_payload(key));
    }
    shown.insert("value".to_owned(), record.value.as_ref().map_or(Value::Null, show_payload));
    if !record.headers.is_empty() {
        shown.insert("headers".to_owned(), record.headers.iter().map(show_header).collect());
    }
    Value::Object(shown)
}

fn show_header(header: &Header) -> Value {
    let value = header.value.as_ref().map(|value| String::from_utf8_lossy(value).into_owned());
    json!({ "name": header.name, "value": value })
}

fn show_payload(payload: &Payload) -> Value {
    match payload {
        Payload::Json(json) => json.value().clone(),
        other => other.to_display().into(),
    }
}
