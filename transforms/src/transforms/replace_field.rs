//! `replace_field`: fields that go, fields that stay, and fields under other names.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    FormNeed, Json, Record, RecordFields, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

use crate::field_path::{FieldPath, FieldPattern};
use crate::subject::Of;

/// Removes fields, keeps some alone, and renames others.
///
/// First the fields of `exclude` go, then all but those of `include`, then the rest are renamed. A renamed field stands
/// behind the others of its object, and one that has that name already is replaced. A tombstone passes unchanged. It is
/// Kafka Connect's `ReplaceField`.
///
/// ```yaml
/// transforms:
///   - replace_field:
///       exclude: [secret, "lines.*.internal"]
///       renames: { id: order_id }
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"id": 7, "secret": "x", "lines": [{"sku": "a", "internal": true}]}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"lines": [{"sku": "a"}], "order_id": 7}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-also" = ["mutate", "drop_field", "drop_fields", "remove_field", "remove_fields", "delete_field", "rename", "rename_field", "rename_fields", "include_fields", "exclude_fields", "select", "project"]))]
pub(crate) struct ReplaceFieldSettings {
    /// Fields to remove. Names within names are separated by dots; an item of an array is a number from 0, and `*` is every
    /// item or field; a name that has a dot stands in brackets (`quote.[trade.time]`) or between backticks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-also" = ["blacklist", "drop", "remove", "denylist", "fields"]))]
    exclude: Vec<String>,
    /// Fields to keep, without `*`; all others are removed. Of a field within an object, the object keeps that alone.
    /// Default: every field is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-also" = ["whitelist", "keep", "allowlist"]))]
    include: Vec<String>,
    /// New names by the fields that get them: a map, or a list of `from:to` as Kafka Connect has it. A new name is that
    /// within the same object, and a dot in it is part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["rename"]))]
    renames: Option<Renames>,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Renames {
    Map(Map<String, Value>),
    List(Vec<String>),
}

impl Renames {
    /// Returns the setting's key, the field and its new name.
    fn pairs(self) -> Result<Vec<(String, String, String)>, SettingsError> {
        match self {
            Self::Map(map) => map.into_iter().map(|(from, to)| pair_of_map(from, &to)).collect(),
            Self::List(list) => {
                list.iter().enumerate().map(|(index, pair)| pair_of_list(index, pair)).collect()
            }
        }
    }
}

fn pair_of_map(from: String, to: &Value) -> Result<(String, String, String), SettingsError> {
    let key = format!("renames.{from}");
    match to {
        Value::String(to) if !to.is_empty() => Ok((key, from, to.clone())),
        _ => Err(SettingsError::at(key, "a new name is a text that is not empty")),
    }
}

fn pair_of_list(index: usize, pair: &str) -> Result<(String, String, String), SettingsError> {
    let key = format!("renames.{index}");
    match pair.split_once(':') {
        Some((from, to)) if !to.is_empty() && !to.contains(':') => Ok((key, from.to_owned(), to.to_owned())),
        _ => Err(SettingsError::at(key, format!("`{pair}` is not `from:to`"))),
    }
}

impl TransformSettings for ReplaceFieldSettings {
    const NAME: &'static str = "replace_field";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let patterns = |key, paths: &[String]| match paths {
            [] => Ok(Vec::new()),
            paths => FieldPattern::parse_all(key, paths),
        };
        let exclude = patterns("exclude", &self.exclude)?;
        let mut include = Vec::with_capacity(self.include.len());
        for (index, path) in self.include.into_iter().enumerate() {
            include.push(FieldPath::parse(&format!("include.{index}"), path)?);
        }
        let mut renames = Vec::new();
        let mut renamed = HashSet::new();
        for (key, from, to) in self.renames.map(Renames::pairs).transpose()?.unwrap_or_default() {
            if !renamed.insert(from.clone()) {
                return Err(SettingsError::at(key, format!("`{from}` is renamed twice")));
            }
            renames.push((FieldPath::parse(&key, from)?, to));
        }
        if exclude.is_empty() && include.is_empty() && renames.is_empty() {
            return Err(SettingsError::new(
                "changes nothing; name fields under `exclude`, `include` or `renames`",
            ));
        }
        Ok(Box::new(ReplaceField { exclude, include, renames, of: self.of }))
    }
}

struct ReplaceField {
    exclude: Vec<FieldPattern>,
    include: Vec<FieldPath>,
    renames: Vec<(FieldPath, String)>,
    of: Of,
}

impl Transform for ReplaceField {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if let Some(json) = self.of.object(&mut record, ReplaceFieldSettings::NAME, "fields")? {
            for field in &self.exclude {
                field.remove(json);
            }
            if !self.include.is_empty() {
                *json = self.included(json)?;
            }
            self.rename(json)?;
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let mut needs = vec![self.of.needs_json("", "changes fields")];
        for (index, field) in self.exclude.iter().enumerate() {
            let does = format!("removes the field `{}`", field.as_str());
            needs.push(self.of.seeks(&format!("exclude.{index}"), &does, field.start()));
        }
        for (index, field) in self.include.iter().enumerate() {
            let does = format!("keeps the field `{}`", field.as_str());
            needs.push(self.of.seeks(&format!("include.{index}"), &does, field.names()));
        }
        for (field, _) in &self.renames {
            let does = format!("renames the field `{}`", field.as_str());
            needs.push(self.of.seeks(&format!("renames.{}", field.as_str()), &does, field.names()));
        }
        needs
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |mut left| {
            for path in self.exclude.iter().filter_map(FieldPattern::only_path) {
                left = left.without(path);
            }
            if !self.include.is_empty() {
                left = left.narrowed_to(self.include.iter().map(FieldPath::names));
            }
            let mut renamed = Vec::new();
            for (field, new_name) in &self.renames {
                renamed.extend(left.below(field.names()).map(|known| (field, new_name, known)));
                left = left.without(field.names());
            }
            for (field, new_name, known) in renamed {
                left = left.with_known(field.with_last_name(new_name).names(), known);
            }
            left
        })
    }
}

impl ReplaceField {
    /// Returns an object with the fields to keep, in the order in which they are named.
    fn included(&self, json: &Json) -> Result<Json, Rejection> {
        let mut kept = Json::from(Value::Object(Map::new()));
        for field in &self.include {
            if let Some(found) = field.find(json) {
                field.set_typed(&mut kept, found.to_value(), field.schema_type(json))?;
            }
        }
        Ok(kept)
    }

    /// All are taken out before one is put back, so that two may swap their names.
    fn rename(&self, json: &mut Json) -> Result<(), Rejection> {
        let mut taken = Vec::new();
        for (field, new_name) in &self.renames {
            if let Some(found) = field.find(json) {
                taken.push((field, new_name, found.to_value(), field.schema_type(json)));
            }
        }
        for (field, ..) in &taken {
            field.remove(json);
        }
        for (field, new_name, value, of) in taken {
            field.with_last_name(new_name).set_typed(json, value, of)?;
        }
        Ok(())
    }
}
