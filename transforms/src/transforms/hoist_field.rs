//! `hoist_field`: the whole as a field of an object.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    Json, Payload, PayloadForm, Record, RecordFields, RecordForms, Rejection, SettingsError, Transform,
    TransformSettings, Transformed,
};

use crate::field_fault::FieldFault;
use crate::subject::Of;

/// Wraps the whole key or value in an object with one field.
///
/// Text becomes a string; bytes have to be valid UTF-8. It is Kafka Connect's `HoistField`, but that a tombstone passes
/// unchanged: there it becomes an object whose field is null, and a delete would be lost.
///
/// ```yaml
/// transforms:
///   - hoist_field:
///       field: line
/// ```
///
/// Before:
///
/// ```json
/// {"value": [1, 2]}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"line": [1, 2]}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoistFieldSettings {
    /// The name of the field; a dot in it is part of the name.
    #[schemars(length(min = 1))]
    field: String,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

impl TransformSettings for HoistFieldSettings {
    const NAME: &'static str = "hoist_field";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.field.is_empty() {
            return Err(SettingsError::at("field", "a field's name cannot be empty"));
        }
        Ok(Box::new(self))
    }
}

impl Transform for HoistFieldSettings {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let side = self.of.side();
        let payload = self.of.get_mut(&mut record);
        let Some(whole) = payload.take() else { return Ok(record.into()) };
        let whole = match whole {
            Payload::Json(json) => json,
            Payload::Text(text) => Json::from(Value::String(text)),
            Payload::Bytes(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => Json::from(Value::from(text)),
                Err(_) => {
                    return Err(
                        FieldFault::new("is bytes that are not valid UTF-8 text").of(&format!("the {side}"))
                    );
                }
            },
        };
        *payload = Some(Payload::Json(whole.hoisted(&self.field)));
        Ok(record.into())
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        self.of.with_forms(forms, PayloadForm::Json)
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |whole| whole.hoisted(&self.field))
    }
}
