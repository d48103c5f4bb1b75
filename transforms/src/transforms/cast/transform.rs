//! The transform and its settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    FieldKinds, FieldNeed, FormNeed, Found, Payload, PayloadForm, PayloadForms, Record, RecordFields,
    RecordForms, Rejection, Scalar, SettingsError, Transform, TransformSettings, Transformed,
};

use super::kind::CastType;
use super::written::WrittenNumbers;
use crate::field_fault::FieldFault;
use crate::field_path::FieldPattern;
use crate::subject::{Of, plain_payload};

/// Casts fields, or the whole key or value, to another type.
///
/// The types are `int8`, `int16`, `int32`, `int64`, `float32`, `float64`, `boolean` and `string`, as in Kafka Connect's
/// `Cast`, and `number`, which keeps every digit. The fraction of a number that becomes whole is cut off; a boolean is 1 or
/// 0; a number is true unless it is 0. A field that is missing or null, and a tombstone, pass unchanged. A number that is
/// too large is rejected, where Kafka Connect would keep its lowest bits, and so is a text that is neither `true` nor
/// `false`, which becomes false there.
///
/// ```yaml
/// transforms:
///   - cast:
///       spec: { price: number, qty: int32, "lines.*.sku": string }
///       numbers: point
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"price": "$1,234.50", "qty": "3", "lines": [{"sku": 7}, {"sku": 8}]}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"price": 1234.50, "qty": 3, "lines": [{"sku": "7"}, {"sku": "8"}]}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CastSettings {
    /// Types by the fields that get them: a map, a list of `field:type` or one text of these with commas between them, or one
    /// type alone for the whole key or value. Names within names are separated by dots; an item of an array is a number
    /// from 0, and `*` is every item or field; a name that has a dot stands in brackets or between backticks.
    #[schemars(extend("x-also" = ["fields", "types"]))]
    spec: CastSpec,
    /// How texts that become numbers are written. Default `plain`.
    #[serde(default)]
    numbers: WrittenNumbers,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum CastSpec {
    Map(Map<String, Value>),
    List(Vec<String>),
    Text(String),
}

impl CastSpec {
    fn casts(self) -> Result<Casts, SettingsError> {
        let mut fields = Vec::new();
        match self {
            Self::Text(text) if !text.contains(':') => {
                return CastType::from_name(text.trim())
                    .map(Casts::Whole)
                    .map_err(|reason| SettingsError::at("spec", reason));
            }
            Self::Text(text) => {
                for pair in text.split(',') {
                    fields.push(field_of_pair("spec", pair)?);
                }
            }
            Self::List(pairs) => {
                for (index, pair) in pairs.iter().enumerate() {
                    fields.push(field_of_pair(&format!("spec.{index}"), pair)?);
                }
            }
            Self::Map(map) => {
                for (field, kind) in map {
                    let key = format!("spec.{field}");
                    fields.push(field_cast(&key, &field, kind.as_str().unwrap_or_default())?);
                }
            }
        }
        if fields.is_empty() {
            return Err(SettingsError::at("spec", "names no field"));
        }
        Ok(Casts::Fields(fields))
    }
}

/// Reads `field:type`.
fn field_of_pair(key: &str, pair: &str) -> Result<(FieldPattern, CastType), SettingsError> {
    let (field, kind) = pair
        .rsplit_once(':')
        .ok_or_else(|| SettingsError::at(key, format!("`{pair}` is not `field:type`")))?;
    field_cast(key, field.trim(), kind.trim())
}

fn field_cast(key: &str, field: &str, kind: &str) -> Result<(FieldPattern, CastType), SettingsError> {
    let kind = CastType::from_name(kind).map_err(|reason| SettingsError::at(key, reason))?;
    Ok((FieldPattern::parse(key, field)?, kind))
}

impl TransformSettings for CastSettings {
    const NAME: &'static str = "cast";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        Ok(Box::new(Cast { casts: self.spec.casts()?, numbers: self.numbers, of: self.of }))
    }
}

struct Cast {
    casts: Casts,
    numbers: WrittenNumbers,
    of: Of,
}

enum Casts {
    Whole(CastType),
    Fields(Vec<(FieldPattern, CastType)>),
}

impl Transform for Cast {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        match &self.casts {
            Casts::Whole(kind) => self.cast_whole(&mut record, *kind)?,
            Casts::Fields(fields) => self.cast_fields(&mut record, fields)?,
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        match &self.casts {
            Casts::Whole(kind) => {
                let (side, why) = (self.of.side(), format!("casts the {}", self.of.side()));
                let need = FormNeed::new(side, PayloadForms::ANY, SettingsError::at("spec", why));
                vec![need.with_kind(self.takes(&[], *kind))]
            }
            Casts::Fields(fields) => {
                let mut needs = vec![self.of.needs_json("spec", "reads fields")];
                for (field, kind) in fields {
                    let does = format!("casts the field `{}`", field.as_str());
                    let need = self.of.seeks(&format!("spec.{}", field.as_str()), &does, field.start());
                    needs.push(match field.only_path() {
                        Some(path) => need.with_kind(self.takes(path, *kind)),
                        None => need,
                    });
                }
                needs
            }
        }
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        match &self.casts {
            Casts::Whole(CastType::String) => {
                self.of.with_forms(forms, PayloadForm::Text | PayloadForm::Json)
            }
            Casts::Whole(CastType::Boolean) => self.of.with_forms(forms, PayloadForm::Json),
            Casts::Whole(_) => self.of.with_forms(forms, PayloadForm::Number),
            Casts::Fields(_) => forms,
        }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        match &self.casts {
            Casts::Whole(kind) => fields.changed(self.of.side(), |before| kind.makes(before)),
            Casts::Fields(casts) => fields.changed(self.of.side(), |before| {
                let cast = |known, (field, kind): &(FieldPattern, CastType)| {
                    field.known_change(known, |before| kind.makes(before))
                };
                casts.iter().fold(before, cast)
            }),
        }
    }
}

impl Cast {
    /// Says what can be cast.
    fn takes(&self, path: &[String], kind: CastType) -> FieldNeed {
        let numbers = self.numbers;
        let need = FieldNeed::new(path, FieldKinds::SCALAR, format!("what can become {}", kind.name()));
        need.with_test(move |value| kind.cast(Found::from_value(value), numbers).is_ok())
    }

    fn cast_fields(&self, record: &mut Record, fields: &[(FieldPattern, CastType)]) -> Result<(), Rejection> {
        let first = fields.first().map_or("", |(field, _)| field.as_str());
        let Some(json) = self.of.object(record, CastSettings::NAME, first)? else { return Ok(()) };
        for (field, kind) in fields {
            field.edit(json, |found| {
                let cast = kind.cast(found, self.numbers);
                cast.map(Some).map_err(|fault| fault.of_field(field.as_str()))
            })?;
        }
        Ok(())
    }

    fn cast_whole(&self, record: &mut Record, kind: CastType) -> Result<(), Rejection> {
        let side = self.of.side();
        let payload = self.of.get_mut(record);
        let cast = match &*payload {
            None => return Ok(()),
            Some(Payload::Json(json)) => kind.cast(Found::from_value(json.value()), self.numbers),
            Some(text) => match text.as_text() {
                Some(text) => kind.cast(Found::Scalar(Scalar::Text(text)), self.numbers),
                None => Err(FieldFault::new("is bytes that are not valid UTF-8 text")),
            },
        };
        *payload = Some(plain_payload(cast.map_err(|fault| fault.of(&format!("the {side}")))?));
        Ok(())
    }
}
