//! `value_to_key`: a key made of fields of the value.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    FormNeed, Json, KnownFields, Payload, PayloadForm, Record, RecordFields, RecordForms, Rejection,
    SchemaType, SettingsError, Side, Transform, TransformSettings, Transformed,
};

use crate::absence::OnAbsence;
use crate::field_path::FieldPath;
use crate::subject::Of;

/// Replaces the key by an object of fields of the value.
///
/// The value keeps them. Each field has its own name in the key, without those of the objects that it stands in. It is Kafka
/// Connect's `ValueToKey`, but that a tombstone passes unchanged with the key that it has, where that fails, and that a
/// record without one of the fields is rejected unless `on_missing` says otherwise: with null in the key, records that have
/// nothing to do with each other would share one. To have the plain value as the key, let
/// `extract_field: { field: NAME, of: key }` follow.
///
/// A key that is made here comes too late for the topic's partitions, which the producer has chosen by its own key, or by
/// none: records of one key may then be in several partitions, and have an order only within each.
///
/// ```yaml
/// transforms:
///   - value_to_key:
///       fields: [customer.id, region]
/// ```
///
/// Before:
///
/// ```json
/// {"key": "a", "value": {"customer": {"id": 7}, "region": "eu", "total": 44.50}}
/// ```
///
/// After:
///
/// ```json
/// {"key": {"id": 7, "region": "eu"}, "value": {"customer": {"id": 7}, "region": "eu", "total": 44.50}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueToKeySettings {
    /// The fields. Names within names are separated by dots; an item of an array is a number from 0; a name that has a
    /// dot stands in brackets (`quote.[trade.time]`) or between backticks.
    #[schemars(length(min = 1))]
    fields: Vec<String>,
    /// What becomes of a record without one of the fields: `null` puts null into the key, `skip` leaves the key as it is.
    /// Default `reject`.
    #[serde(default)]
    on_missing: OnAbsence,
}

impl TransformSettings for ValueToKeySettings {
    const NAME: &'static str = "value_to_key";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let mut fields: Vec<FieldPath> = Vec::with_capacity(self.fields.len());
        for (index, field) in self.fields.into_iter().enumerate() {
            let key = format!("fields.{index}");
            let field = FieldPath::parse(&key, field)?;
            if fields.iter().any(|other| other.last_name() == field.last_name()) {
                let reason = format!("would be the second `{}` of the key", field.last_name());
                return Err(SettingsError::at(key, reason));
            }
            fields.push(field);
        }
        if fields.is_empty() {
            return Err(SettingsError::at("fields", "names no field"));
        }
        Ok(Box::new(ValueToKey { fields, on_missing: self.on_missing }))
    }
}

struct ValueToKey {
    fields: Vec<FieldPath>,
    on_missing: OnAbsence,
}

impl Transform for ValueToKey {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let first = self.fields.first().map_or("", FieldPath::as_str);
        let Some(json) = Of::Value.object(&mut record, ValueToKeySettings::NAME, first)? else {
            return Ok(record.into());
        };
        let mut key = Map::with_capacity(self.fields.len());
        let mut types = Vec::new();
        for field in &self.fields {
            let value = match (field.find(json), self.on_missing) {
                (Some(found), _) => found.to_value(),
                (None, OnAbsence::Null) => Value::Null,
                (None, OnAbsence::Skip) => return Ok(record.into()),
                (None, OnAbsence::Reject) => {
                    return Err(Rejection::new(format!("field `{}` is missing", field.as_str())));
                }
            };
            key.insert(field.last_name().to_owned(), value);
            types.extend(field.schema_type(json).map(|of| (field.last_name().to_owned(), of)));
        }
        let of = (!types.is_empty()).then(|| Arc::new(SchemaType::Object(types.into_iter().collect())));
        record.key = Some(Payload::Json(Json::from(Value::Object(key)).with_schema_type(of)));
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let need = |(index, field): (usize, &FieldPath)| {
            let does = format!("reads the field `{}`", field.as_str());
            let need = Of::Value.needs_json(&format!("fields.{index}"), &does);
            match self.on_missing {
                OnAbsence::Reject => need.with_fields([field.names()]),
                OnAbsence::Skip => need.with_sought([field.names()]),
                OnAbsence::Null => need,
            }
        };
        let first = self.fields.first().map_or("", FieldPath::as_str);
        let mut needs = vec![Of::Value.needs_json("fields", &format!("reads the field `{first}`"))];
        needs.extend(self.fields.iter().enumerate().map(need));
        needs
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        let made = RecordForms::new(PayloadForm::Json, forms.value);
        if self.on_missing == OnAbsence::Skip { made | forms } else { made }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        let mut made = KnownFields::none();
        for field in &self.fields {
            let known = fields.value.below(field.names()).unwrap_or_default();
            made = made.with_known(&[field.last_name()], known);
        }
        let is_always = self.on_missing != OnAbsence::Skip;
        fields.changed(Side::Key, |before| if is_always { made } else { made | before })
    }
}
