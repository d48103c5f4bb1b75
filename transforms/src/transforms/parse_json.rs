//! `parse_json`: JSON in a text, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FormNeed, Found, Json, KnownFields, Payload, PayloadForm, Record, RecordFields, RecordForms, Rejection,
    Scalar, SettingsError, Transform, TransformSettings, Transformed,
};

use crate::absence::OnAbsence;
use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::subject::Of;

/// Reads a field that holds JSON as text, and puts what it holds in its place.
///
/// Numbers keep their digits. A field that is no text is JSON already and stays as it is; a tombstone passes unchanged.
/// Without `field`, the whole value is read.
///
/// ```yaml
/// transforms:
///   - parse_json:
///       field: detail
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7, "detail": "{\"price\": 44.50, \"tags\": [\"a\"]}"}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "detail": {"price": 44.50, "tags": ["a"]}}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParseJsonSettings {
    /// The field. Names within names are separated by dots; an item of an array is a number from 0; a name that has a
    /// dot stands in brackets (`quote.[trade.time]`) or between backticks. Default: the whole key or value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["source", "source_field", "input"]))]
    field: Option<String>,
    /// The field to write, a path like that of `field`; objects on the way are made. Default: `field` itself.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["target", "target_field", "output", "output_field", "into"]))]
    target: Option<String>,
    /// What becomes of a record whose text is not JSON: `skip` leaves the text as it is. Default `reject`.
    #[serde(default)]
    on_invalid: OnAbsence,
    /// What becomes of a record without the field, or with null in it. Default `reject`.
    #[serde(default)]
    on_missing: OnAbsence,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

impl TransformSettings for ParseJsonSettings {
    const NAME: &'static str = "parse_json";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.field.is_none() && self.target.is_some() {
            return Err(SettingsError::at("as", "needs `field`; without it the whole value is read"));
        }
        let field = self.field.map(|field| FieldPath::parse("field", field)).transpose()?;
        let target = self.target.map(|target| FieldPath::parse("as", target)).transpose()?;
        let (on_invalid, on_missing, of) = (self.on_invalid, self.on_missing, self.of);
        Ok(Box::new(ParseJson { field, target, on_invalid, on_missing, of }))
    }
}

struct ParseJson {
    /// None: the whole key or value.
    field: Option<FieldPath>,
    target: Option<FieldPath>,
    on_invalid: OnAbsence,
    on_missing: OnAbsence,
    of: Of,
}

impl Transform for ParseJson {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        match &self.field {
            None => self.parse_whole(&mut record)?,
            Some(field) => {
                if let Some(json) = self.of.object(&mut record, ParseJsonSettings::NAME, field.as_str())? {
                    self.parse_field(field, json)?;
                }
            }
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.field.iter().map(|field| self.on_missing.needs(self.of, field)).collect()
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        let made = self.of.with_forms(forms, PayloadForm::Json);
        if self.on_invalid == OnAbsence::Reject { made } else { made | forms }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| match self.target.as_ref().or(self.field.as_ref()) {
            Some(target) => before.with(target.names()),
            None => KnownFields::default(),
        })
    }
}

impl ParseJson {
    fn parse_field(&self, field: &FieldPath, json: &mut Json) -> Result<(), Rejection> {
        let read = match field.find(json) {
            Some(Found::Scalar(Scalar::Text(text))) => self.read(text),
            Some(Found::Null) | None => absent(self.on_missing, || FieldFault::new("is missing or null")),
            Some(other) => Ok(self.target.is_some().then(|| other.to_value())),
        };
        match read.map_err(|fault| fault.of_field(field.as_str()))? {
            Some(value) => self.target.as_ref().unwrap_or(field).set(json, value),
            None => Ok(()),
        }
    }

    fn parse_whole(&self, record: &mut Record) -> Result<(), Rejection> {
        let side = self.of.side();
        let payload = self.of.get_mut(record);
        let text = match &*payload {
            None => return Ok(()),
            Some(Payload::Json(json)) => match json.find(&[""; 0]) {
                Some(Found::Scalar(Scalar::Text(text))) => text,
                _ => return Ok(()),
            },
            Some(text) => text.as_text().ok_or_else(|| {
                FieldFault::new("is bytes that are not valid UTF-8 text").of(&format!("the {side}"))
            })?,
        };
        let read = self.read(text).map_err(|fault| fault.of(&format!("the {side}")))?;
        if let Some(value) = read {
            *payload = Some(value.into());
        }
        Ok(())
    }

    /// Returns what the text holds; `None` where it stays as it is.
    fn read(&self, text: &str) -> Result<Option<Value>, FieldFault> {
        match Json::value_from_slice(text.as_bytes()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => absent(self.on_invalid, || {
                FieldFault::new("is not valid JSON").with_found(format!("{error}: {text}"))
            }),
        }
    }
}

/// Returns what is written where nothing can be read; `None` where nothing is.
fn absent(on_absence: OnAbsence, why: impl Fn() -> FieldFault) -> Result<Option<Value>, FieldFault> {
    match on_absence {
        OnAbsence::Reject => Err(why()),
        OnAbsence::Skip => Ok(None),
        OnAbsence::Null => Ok(Some(Value::Null)),
    }
}
