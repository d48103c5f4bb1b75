//! `header_from`: headers made of fields.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    FormNeed, Found, Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings,
    Transformed,
};

use crate::field_path::FieldPath;
use crate::subject::Of;

/// Copies or moves fields into headers.
///
/// A string becomes the header's text, all else its JSON; a field that is missing or null becomes a header without a value.
/// It is Kafka Connect's `HeaderFrom`, but that a tombstone passes unchanged, where that fails.
///
/// ```yaml
/// transforms:
///   - header_from:
///       fields: [tenant, meta.trace]
///       headers: [tenant, trace-id]
///       operation: move
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7, "tenant": "acme", "meta": {"trace": "7f", "n": 1}}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "meta": {"n": 1}}, "headers": [{"name": "tenant", "value": "acme"}, {"name": "trace-id", "value": "7f"}]}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeaderFromSettings {
    /// The fields. Names within names are separated by dots; an item of an array is a number from 0; a name that has a
    /// dot stands in brackets (`quote.[trade.time]`) or between backticks.
    #[schemars(length(min = 1))]
    fields: Vec<String>,
    /// The name of the header for each field, in the same order.
    #[schemars(length(min = 1))]
    headers: Vec<String>,
    /// What becomes of the fields.
    operation: HeaderOperation,
    /// Whether the fields are those of the key or of the value. Default `value`.
    #[serde(default)]
    of: Of,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeaderOperation {
    /// They are removed.
    Move,
    /// They stay.
    Copy,
}

impl TransformSettings for HeaderFromSettings {
    const NAME: &'static str = "header_from";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.fields.len() != self.headers.len() {
            let reason = format!("are {}, but `fields` are {}", self.headers.len(), self.fields.len());
            return Err(SettingsError::at("headers", reason));
        }
        if let Some(index) = self.headers.iter().position(String::is_empty) {
            return Err(SettingsError::at(format!("headers.{index}"), "a header's name cannot be empty"));
        }
        let mut made = Vec::with_capacity(self.fields.len());
        for (index, (field, header)) in self.fields.into_iter().zip(self.headers).enumerate() {
            let field = FieldPath::parse(&format!("fields.{index}"), field)?;
            made.push(HeaderField { field, header });
        }
        if made.is_empty() {
            return Err(SettingsError::at("fields", "names no field"));
        }
        Ok(Box::new(HeaderFrom { made, operation: self.operation, of: self.of }))
    }
}

struct HeaderFrom {
    made: Vec<HeaderField>,
    operation: HeaderOperation,
    of: Of,
}

struct HeaderField {
    field: FieldPath,
    header: String,
}

impl Transform for HeaderFrom {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let first = self.made.first().map_or("", |made| made.field.as_str());
        let Some(json) = self.of.object(&mut record, HeaderFromSettings::NAME, first)? else {
            return Ok(record.into());
        };
        let values: Vec<_> =
            self.made.iter().map(|made| made.field.find(json).and_then(header_value)).collect();
        if self.operation == HeaderOperation::Move {
            self.made.iter().for_each(|made| made.field.remove(json));
        }
        for (made, value) in self.made.iter().zip(values) {
            record.headers.push(made.header.as_str(), value);
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let mut needs = Vec::new();
        for (index, made) in self.made.iter().enumerate() {
            let does = format!("reads the field `{}`", made.field.as_str());
            if index == 0 {
                needs.push(self.of.needs_json("fields", &does));
            }
            needs.push(self.of.seeks(&format!("fields.{index}"), &does, made.field.names()));
        }
        needs
    }

    fn leaves(&self, mut fields: RecordFields) -> RecordFields {
        for made in &self.made {
            fields = fields.with_header(&made.header);
            if self.operation == HeaderOperation::Move {
                fields = fields.changed(self.of.side(), |left| left.without(made.field.names()));
            }
        }
        fields
    }
}

fn header_value(found: Found<'_>) -> Option<Bytes> {
    match found {
        Found::Null => None,
        Found::Scalar(scalar) => Some(Bytes::copy_from_slice(scalar.as_str().as_bytes())),
        Found::Nested(value) => Some(value.to_string().into()),
    }
}
