//! `explode`: a record for each item of an array.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FieldKind, FieldNeed, FormNeed, Json, KnownFields, Payload, PayloadForm, Record, RecordFields,
    RecordForms, Rejection, SettingsError, Side, Transform, TransformSettings, Transformed,
};
use sluice_template::shape;

use crate::absence::OnAbsence;
use crate::field_path::FieldPath;
use crate::subject::Of;

/// Makes a record of each item of an array.
///
/// Each record keeps the other fields, and has the item in the place of the array; with `only: true` the item is the whole
/// value. Key, headers and timestamp are those of the record. The records are numbered: a sink that makes ids of a record's
/// origin makes the same ones at every reading. They share the key, so that with ids made of the key the last one would
/// win: make the ids of a field, or of `index_field`. An empty array makes no record, and a tombstone passes unchanged: it
/// says nothing of the items that its key once had.
///
/// ```yaml
/// transforms:
///   - explode:
///       field: lines
///       index_field: line
/// ```
///
/// Before:
///
/// ```json
/// {"key": "o-1", "value": {"order": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}}
/// ```
///
/// After:
///
/// ```json
/// {"key": "o-1", "value": {"order": 1, "lines": {"sku": "a"}, "line": 0}}
/// {"key": "o-1", "value": {"order": 1, "lines": {"sku": "b"}, "line": 1}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["split", "unarchive", "unnest", "flat_map"]))]
#[schemars(extend("x-written" = "{ field: NAME }"))]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplodeSettings {
    /// The array. Names within names are separated by dots; an item of an array is a number from 0; a name that has a
    /// dot stands in brackets (`quote.[trade.time]`) or between backticks. Default: the whole value is the array.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["path", "array"]))]
    field: Option<String>,
    /// Whether the item alone becomes the value. Default `false`.
    #[serde(default)]
    only: bool,
    /// A field for the item's number, from 0, a path like that of `field`. The records have to be objects then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index_field: Option<String>,
    /// What becomes of a record without the array, or with null in its place: `skip` lets it pass as it is, `null` with
    /// null. Default `reject`.
    #[serde(default)]
    on_missing: OnAbsence,
    /// How many records may come of one; one with more items is rejected. Default 10000.
    #[serde(default = "ten_thousand")]
    #[schemars(range(min = 1))]
    max_records: usize,
}

fn ten_thousand() -> usize {
    10_000
}

/// The most bytes of all records that come of one: what each keeps of the others' fields adds up.
const MAX_BYTES: usize = 64 << 20;

impl TransformSettings for ExplodeSettings {
    const NAME: &'static str = "explode";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.max_records == 0 {
            return Err(SettingsError::at("max_records", "is 0, so that every record would be rejected"));
        }
        let field = self.field.map(|field| FieldPath::parse("field", field)).transpose()?;
        let index_field = self.index_field.map(|field| FieldPath::parse("index_field", field)).transpose()?;
        let (only, on_missing, max_records) = (self.only, self.on_missing, self.max_records);
        Ok(Box::new(Explode { field, only, index_field, on_missing, max_records }))
    }
}

struct Explode {
    /// None: the whole value.
    field: Option<FieldPath>,
    only: bool,
    index_field: Option<FieldPath>,
    on_missing: OnAbsence,
    max_records: usize,
}

impl Transform for Explode {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if Of::Value.is_absent(&record) {
            return Ok(record.into());
        }
        let Some(items) = self.take_items(&mut record)? else { return Ok(record.into()) };
        if items.len() > self.max_records {
            let (count, most) = (items.len(), self.max_records);
            return Err(Rejection::new(format!(
                "{} has {count} items, more than the {most} of `max_records`",
                self.what()
            )));
        }
        if record.size().saturating_mul(items.len()) > MAX_BYTES {
            let reason = format!("the records of {} would take more than 64 MiB together", self.what());
            return Err(Rejection::new(reason));
        }
        let mut made = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            made.push(self.one(&record, item, index)?);
        }
        Ok(Transformed::Several(made))
    }

    fn needs(&self) -> Vec<FormNeed> {
        let (key, what) = match &self.field {
            Some(field) => ("field", format!("reads the field `{}`", field.as_str())),
            None => ("", "reads the items".to_owned()),
        };
        let path = self.field.as_ref().map_or(&[][..], FieldPath::names);
        let kind = FieldNeed::new(path, FieldKind::Array, "an array");
        let need = Of::Value.needs_json(key, &what).with_kind(kind);
        vec![match (&self.field, self.on_missing) {
            (Some(field), OnAbsence::Reject) => need.with_fields([field.names()]),
            (Some(field), OnAbsence::Skip) => need.with_sought([field.names()]),
            _ => need,
        }]
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        let is_item = self.field.is_none() || self.only;
        let made = PayloadForm::Json | PayloadForm::Number;
        if is_item { RecordForms::new(forms.key, made) } else { forms }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(Side::Value, |before| {
            let item = match &self.field {
                Some(field) if !self.only => before.clone().with(field.names()),
                _ => KnownFields::default(),
            };
            let item = match &self.index_field {
                Some(index) => item.with_known(index.names(), KnownFields::of(FieldKind::Number)),
                None => item,
            };
            if self.on_missing == OnAbsence::Reject { item } else { item | before }
        })
    }
}

impl Explode {
    fn what(&self) -> String {
        self.field
            .as_ref()
            .map_or_else(|| "the value".to_owned(), |field| format!("field `{}`", field.as_str()))
    }

    /// Takes the items out of the value; `None` where the record passes.
    fn take_items(&self, record: &mut Record) -> Result<Option<Vec<Value>>, Rejection> {
        let Some(field) = &self.field else {
            return match record.value.take() {
                Some(Payload::Json(json)) => self.items_of(json.into_value()).map(Some),
                Some(other) => {
                    Err(Rejection::new(shape::no_object(&other, "value", "explode transform", "items")))
                }
                None => Ok(None),
            };
        };
        let Some(json) = Of::Value.object(record, ExplodeSettings::NAME, field.as_str())? else {
            return Ok(None);
        };
        let found =
            field.find(json).map(sluice_connector_api::Found::to_value).filter(|found| !found.is_null());
        let items = match (found, self.on_missing) {
            (Some(found), _) => self.items_of(found)?,
            (None, OnAbsence::Reject) => {
                return Err(Rejection::new(format!("field `{}` is missing or null", field.as_str())));
            }
            (None, OnAbsence::Skip) => return Ok(None),
            (None, OnAbsence::Null) => {
                field.set(json, Value::Null)?;
                return Ok(None);
            }
        };
        field.set(json, Value::Null)?;
        Ok(Some(items))
    }

    fn items_of(&self, value: Value) -> Result<Vec<Value>, Rejection> {
        match value {
            Value::Array(items) => Ok(items),
            other => {
                let shape = shape::of_json(&other);
                Err(Rejection::new(format!("{} is {shape}, not an array", self.what())))
            }
        }
    }

    fn one(&self, rest: &Record, item: Value, index: usize) -> Result<Record, Rejection> {
        let mut record = rest.clone();
        match (&self.field, &mut record.value) {
            (Some(field), Some(Payload::Json(json))) if !self.only => field.set(json, item)?,
            (_, value) => *value = Some(item.into()),
        }
        if let (Some(field), Some(Payload::Json(json))) = (&self.index_field, &mut record.value) {
            set_index(field, json, index)?;
        }
        Ok(record)
    }
}

fn set_index(field: &FieldPath, json: &mut Json, index: usize) -> Result<(), Rejection> {
    if json.is_object() {
        return field.set(json, index.into());
    }
    let shape = shape::of_json(json.value());
    Err(Rejection::new(format!("item {index} is {shape}, which has no room for `{}`", field.as_str())))
}
