//! `extract_field`: one field in the place of the whole.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FormNeed, Found, Payload, PayloadForm, Record, RecordFields, RecordForms, Rejection, SchemaType,
    SettingsError, Transform, TransformSettings, Transformed,
};

use crate::absence::OnAbsence;
use crate::field_path::FieldPath;
use crate::subject::{Of, plain_payload};

/// Puts one field in the place of the whole key or value.
///
/// A string becomes text, without quotes; all else stays JSON. A field that is null leaves nothing: the record becomes a
/// tombstone, or has no key. A tombstone passes unchanged. It is Kafka Connect's `ExtractField`; where that takes a missing
/// field for null in JSON without a schema, the record is rejected here unless `on_missing` says otherwise, since a tombstone
/// is a delete to many sinks.
///
/// ```yaml
/// transforms:
///   - extract_field:
///       field: after.name
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"after": {"id": 7, "name": "Ada"}}}
/// ```
///
/// After:
///
/// ```json
/// {"value": "Ada"}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtractFieldSettings {
    /// The field. Names within names are separated by dots; an item of an array is a number from 0; a name that has a
    /// dot stands in brackets (`quote.[trade.time]`) or between backticks.
    field: String,
    /// What becomes of a record without the field; `null` takes it for null. Default `reject`.
    #[serde(default)]
    on_missing: OnAbsence,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

impl TransformSettings for ExtractFieldSettings {
    const NAME: &'static str = "extract_field";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let field = FieldPath::parse("field", self.field)?;
        Ok(Box::new(ExtractField { field, on_missing: self.on_missing, of: self.of }))
    }
}

struct ExtractField {
    field: FieldPath,
    on_missing: OnAbsence,
    of: Of,
}

/// Hands on what the schema says of a part, where the part is a document.
fn typed(part: Value, of: Option<SchemaType>) -> Payload {
    match plain_payload(part) {
        Payload::Json(json) => Payload::Json(json.with_schema_type(of.map(Arc::new))),
        other => other,
    }
}

impl Transform for ExtractField {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let object = self.of.object(&mut record, ExtractFieldSettings::NAME, self.field.as_str())?;
        let Some(json) = object else { return Ok(record.into()) };
        let extracted = match (self.field.find(json), self.on_missing) {
            (Some(Found::Null), _) | (None, OnAbsence::Null) => None,
            (Some(found), _) => Some(typed(found.to_value(), self.field.schema_type(json))),
            (None, OnAbsence::Skip) => return Ok(record.into()),
            (None, OnAbsence::Reject) => {
                return Err(Rejection::new(format!("field `{}` is missing", self.field.as_str())));
            }
        };
        *self.of.get_mut(&mut record) = extracted;
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        vec![self.on_missing.needs(self.of, &self.field)]
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        let made = PayloadForm::Text | PayloadForm::Json;
        let made = self.of.with_forms(forms, made | PayloadForm::Number.into());
        if self.on_missing == OnAbsence::Skip { made | forms } else { made }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| {
            let below = before.below(self.field.names()).unwrap_or_default();
            if self.on_missing == OnAbsence::Skip { below | before } else { below }
        })
    }
}
