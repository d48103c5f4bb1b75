//! `flatten`: fields within fields, brought to the root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    FormNeed, Record, RecordFields, Rejection, SchemaFields, SchemaType, SettingsError, Transform,
    TransformSettings, Transformed,
};

use crate::subject::Of;

/// Brings the fields of objects within objects to the root, under their joined names.
///
/// Arrays stay as they are, and an object without fields leaves none. Where two joined names are the same, the later one
/// counts. A tombstone passes unchanged. It is Kafka Connect's `Flatten`.
///
/// ```yaml
/// transforms:
///   - flatten:
///       delimiter: _
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7, "address": {"city": "Ulm", "geo": {"lat": 48.40}}, "tags": ["a"]}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "address_city": "Ulm", "address_geo_lat": 48.40, "tags": ["a"]}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FlattenSettings {
    /// What stands between the names. Default `.`.
    #[serde(default = "dot")]
    delimiter: String,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

fn dot() -> String {
    ".".to_owned()
}

impl TransformSettings for FlattenSettings {
    const NAME: &'static str = "flatten";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        Ok(Box::new(self))
    }
}

impl Transform for FlattenSettings {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let Some(json) = self.of.object(&mut record, Self::NAME, "fields")? else { return Ok(record.into()) };
        if json.is_flat_object() {
            return Ok(record.into());
        }
        let types = match json.schema_type() {
            Some(SchemaType::Object(fields)) => Some(SchemaType::Object(self.flat_types(fields))),
            _ => None,
        };
        if let Value::Object(fields) = json.value_mut() {
            let nested = std::mem::take(fields);
            self.flatten(&mut String::new(), nested, fields);
        }
        json.set_schema_type(types);
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        vec![self.of.needs_json("", "reads the fields")]
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |nested| nested.flattened(&self.delimiter))
    }
}

impl FlattenSettings {
    /// Returns what the schema says of the fields that come out, which is found out once.
    fn flat_types(&self, nested: &SchemaFields) -> SchemaFields {
        nested.derived(&format!("flatten {}", self.delimiter), |nested| {
            let mut flat = Vec::new();
            self.flatten_types(&mut String::new(), nested, &mut flat);
            flat.into_iter().collect()
        })
    }

    /// Lists what the schema says of the fields that come out. An object that is null, and so stays where it is, has no type.
    fn flatten_types(
        &self,
        prefix: &mut String,
        nested: &SchemaFields,
        flat: &mut Vec<(String, SchemaType)>,
    ) {
        let length = prefix.len();
        for (name, of) in nested.iter() {
            prefix.push_str(name);
            if let SchemaType::Object(fields) = of {
                prefix.push_str(&self.delimiter);
                self.flatten_types(prefix, fields, flat);
            } else {
                flat.push((prefix.clone(), of.clone()));
            }
            prefix.truncate(length);
        }
    }

    /// Moves fields into `flat`. `prefix` is what their names begin with; it is as it was afterwards.
    fn flatten(&self, prefix: &mut String, nested: Map<String, Value>, flat: &mut Map<String, Value>) {
        let length = prefix.len();
        for (name, value) in nested {
            prefix.push_str(&name);
            if let Value::Object(fields) = value {
                prefix.push_str(&self.delimiter);
                self.flatten(prefix, fields, flat);
            } else {
                flat.insert(prefix.clone(), value);
            }
            prefix.truncate(length);
        }
    }
}
