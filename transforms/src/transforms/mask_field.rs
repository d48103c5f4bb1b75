//! `mask_field`: fields whose values are hidden.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use sluice_connector_api::{
    Decimal, FieldKind, FieldNeed, FormNeed, Found, KnownFields, Record, RecordFields, Rejection, Scalar,
    SettingsError, Transform, TransformSettings, Transformed,
};
use sluice_template::shape;

use crate::field_fault::FieldFault;
use crate::field_path::FieldPattern;
use crate::subject::Of;

/// Hides the values of fields: by what is empty in their type, or by a replacement.
///
/// A number becomes 0, a string empty, a boolean false, an array or object one without items; a field that is null or
/// missing stays so. A `replacement` takes the place of strings and numbers, of numbers where it is one itself; an array,
/// object or boolean is rejected then. It is Kafka Connect's `MaskField`, but that a tombstone passes unchanged, where that
/// fails, and that a missing field is not added.
///
/// ```yaml
/// transforms:
///   - mask_field:
///       fields: [card, "lines.*.price"]
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7, "card": "4111 1111 1111 1111", "lines": [{"sku": "a", "price": 44.50}]}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "card": "", "lines": [{"sku": "a", "price": 0.0}]}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MaskFieldSettings {
    /// The fields. Names within names are separated by dots; an item of an array is a number from 0, and `*` is every item
    /// or field; a name that has a dot stands in brackets (`quote.[trade.time]`) or between backticks.
    #[schemars(length(min = 1))]
    fields: Vec<String>,
    /// What stands in the place of strings and numbers. Default: what is empty in the field's type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    replacement: Option<String>,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

impl TransformSettings for MaskFieldSettings {
    const NAME: &'static str = "mask_field";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.replacement.as_deref() == Some("") {
            let reason = "is empty; leave it out to have strings empty";
            return Err(SettingsError::at("replacement", reason));
        }
        let fields = FieldPattern::parse_all("fields", &self.fields)?;
        Ok(Box::new(MaskField { fields, replacement: self.replacement, of: self.of }))
    }
}

struct MaskField {
    fields: Vec<FieldPattern>,
    replacement: Option<String>,
    of: Of,
}

impl Transform for MaskField {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let first = self.fields.first().map_or("", FieldPattern::as_str);
        if let Some(json) = self.of.object(&mut record, MaskFieldSettings::NAME, first)? {
            for field in &self.fields {
                field.edit(json, |found| self.mask(found).map_err(|fault| fault.of_field(field.as_str())))?;
            }
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let mut needs = vec![self.of.needs_json("fields", "reads fields")];
        for (index, field) in self.fields.iter().enumerate() {
            let does = format!("masks the field `{}`", field.as_str());
            let need = self.of.seeks(&format!("fields.{index}"), &does, field.start());
            needs.push(match field.only_path().and_then(|path| self.takes(path)) {
                Some(kind) => need.with_kind(kind),
                None => need,
            });
        }
        needs
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| {
            self.fields
                .iter()
                .fold(before, |known, field| field.known_change(known, |before| self.made(&before)))
        })
    }
}

impl MaskField {
    /// Says what a replacement can stand for; without one, anything can be masked.
    fn takes(&self, path: &[String]) -> Option<FieldNeed> {
        let replacement = self.replacement.as_deref()?;
        let is_number = Decimal::parse(replacement).is_some();
        Some(if is_number {
            FieldNeed::new(path, FieldKind::Text | FieldKind::Number, "text or a number for a replacement")
        } else {
            FieldNeed::new(path, FieldKind::Text, "text for this replacement")
        })
    }

    fn made(&self, before: &KnownFields) -> KnownFields {
        match &self.replacement {
            None => KnownFields::of(before.kinds()),
            Some(text) if before.kinds() == FieldKind::Text.into() => {
                KnownFields::like([text.as_str().into()])
            }
            Some(_) => KnownFields::of(before.kinds().common(FieldKind::Text | FieldKind::Number)),
        }
    }

    fn mask(&self, found: Found<'_>) -> Result<Option<Value>, FieldFault> {
        match (&self.replacement, found) {
            (_, Found::Null) => Ok(None),
            (None, found) => Ok(Some(empty_like(found))),
            (Some(text), Found::Scalar(Scalar::Text(_))) => Ok(Some(text.as_str().into())),
            (Some(text), Found::Scalar(Scalar::Number(digits))) => replace_number(digits, text).map(Some),
            (Some(_), other) => Err(FieldFault::new(format!(
                "is {}, which a replacement cannot stand for",
                shape::of_found(other)
            ))),
        }
    }
}

fn is_whole(digits: &str) -> bool {
    !digits.contains(['.', 'e', 'E'])
}

fn empty_like(found: Found<'_>) -> Value {
    match found {
        Found::Null => Value::Null,
        Found::Scalar(Scalar::Text(_)) => "".into(),
        Found::Scalar(Scalar::Bool(_)) => false.into(),
        Found::Scalar(Scalar::Number(digits)) if is_whole(digits) => 0.into(),
        Found::Scalar(Scalar::Number(_)) => number("0.0"),
        Found::Nested(Value::Array(_)) => Value::Array(Vec::new()),
        Found::Nested(_) => Value::Object(Map::new()),
    }
}

/// A whole number is replaced by a whole number alone.
fn replace_number(digits: &str, replacement: &str) -> Result<Value, FieldFault> {
    let is_json = serde_json::from_str::<Number>(replacement).is_ok();
    let fits =
        is_json && Decimal::parse(replacement).is_some() && (!is_whole(digits) || is_whole(replacement));
    if fits {
        Ok(number(replacement))
    } else {
        Err(FieldFault::new("is a number, and the replacement is not one like it"))
    }
}

fn number(digits: &str) -> Value {
    Value::Number(Number::from_string_unchecked(digits.to_owned()))
}
