//! A record of an event that is not as it should be: what can be read of it, and why it is rejected.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_connector_api::{
    AnyJson, Origin, Payload, Record, Rejection, SchemaMetadata, TopicPartition, expectation_of,
};

use crate::lambda::encoded::{Encoded, EncodedHeaders};
use crate::lambda::parts::{Readable, UNKNOWN, bytes, is_offset, origin, push_schema, timestamp};
use crate::transform::chain::{Stage, StageError};

/// Reads a record field by field, since it is not as `expected`. Where its offset cannot be told it stays unknown: the record is
/// rejected like any other, and where that is not tolerated the event as a whole is not done.
pub(super) fn read(record: &str, partition: &TopicPartition, expected: &str) -> Readable {
    let Ok(fields) = serde_json::from_str(record) else {
        let mut whole = Record::new(origin(partition, UNKNOWN));
        whole.value = Some(Payload::Text(record.to_owned()));
        return (whole, Some(unnamed(partition, expected)));
    };
    let mut fields = Fields { fields, odd: None };
    let offset = fields.number("offset").filter(|offset| is_offset(*offset));
    if offset.is_none() {
        fields.odd = Some(unnamed(partition, expected));
    }
    fields.read(origin(partition, offset.unwrap_or(UNKNOWN)))
}

fn unnamed(partition: &TopicPartition, expected: &str) -> StageError {
    let reason = format!("a record of `{partition}` cannot be told from the others: {expected}");
    StageError { stage: Stage::ValueConverter, rejection: Rejection::new(reason) }
}

/// The fields of a record, and why the first that is odd is so.
struct Fields {
    fields: BTreeMap<String, Box<RawValue>>,
    odd: Option<StageError>,
}

impl Fields {
    fn read(mut self, origin: Origin) -> Readable {
        let mut record = Record::new(origin);
        record.key = self.payload("key", &Stage::KeyConverter);
        record.value = self.payload("value", &Stage::ValueConverter);
        if let Some(EncodedHeaders { headers, unreadable }) = self.take_or_reject("headers") {
            record.headers = headers;
            if let Some(reason) = unreadable {
                self.reject(&Stage::ValueConverter, reason);
            }
        }
        let kind: Option<String> = self.take_or_reject("timestampType");
        record.timestamp = timestamp(self.take_or_reject("timestamp"), kind.as_deref());
        let key = self.take_or_reject("keySchemaMetadata").map(schema);
        let value = self.take_or_reject("valueSchemaMetadata").map(schema);
        push_schema(&mut record.headers, "key", key.as_ref());
        push_schema(&mut record.headers, "value", value.as_ref());
        (record.with_schemas(key, value), self.odd)
    }

    /// Reads a key or a value. An odd one stays the text it is, so that a dead letter shows it.
    fn payload(&mut self, name: &str, stage: &Stage) -> Option<Payload> {
        let text = self.fields.get(name).map(|raw| raw.get().to_owned());
        match self.take::<Encoded>(name) {
            Ok(encoded) => bytes(encoded, name, stage.clone(), &mut self.odd),
            Err(reason) => {
                self.reject(stage, reason);
                text.map(Payload::Text)
            }
        }
    }

    /// Reads a field. An odd one rejects the record, and is left out.
    fn take_or_reject<T: DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        match self.take(name) {
            Ok(value) => value,
            Err(reason) => {
                self.reject(&Stage::ValueConverter, reason);
                None
            }
        }
    }

    /// Reads a whole number, also one that is written as a text.
    fn number(&mut self, name: &str) -> Option<i64> {
        let raw = self.fields.remove(name)?;
        raw.get().trim_matches('"').parse().ok()
    }

    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Rejection> {
        let Some(raw) = self.fields.remove(name) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|error: serde_json::Error| {
            let reason = format!("`{name}` in the event cannot be read: {}", expectation_of(&error));
            Rejection::new(reason).with_detail(error.to_string())
        })
    }

    fn reject(&mut self, stage: &Stage, rejection: Rejection) {
        let error = || StageError { stage: stage.clone(), rejection };
        self.odd.get_or_insert_with(error);
    }
}

/// A registry names a schema by a text or by a number.
fn schema(mut fields: BTreeMap<String, AnyJson>) -> SchemaMetadata {
    let mut text = |name: &str| match fields.remove(name).map(AnyJson::into_value) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    SchemaMetadata::new(text("dataFormat"), text("schemaId"))
}
