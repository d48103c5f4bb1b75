//! The transform and its settings.

use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    FormNeed, Json, KnownFields, MadeTombstones, Payload, PayloadForm, Record, RecordFields, RecordForms,
    Rejection, SchemaFields, SettingsError, Side, Transform, TransformSettings, Transformed,
};

use super::change::{CdcFormat, Change, ChangeOp, without_schema};
use super::row_types::{row_types, typed};
use crate::field_fault::FieldFault;
use crate::subject::Of;

/// Makes of change data what it is about: inserts and updates become the row, and deletes become tombstones.
///
/// With `on_null: delete` and ids made of the key, a sink then mirrors the table. The value has to be JSON: `source.value` is
/// `json`, or the converter of a schema's format. A key that is JSON (`source.key: json`, `avro` and the like) loses the
/// envelope of schema and payload where it has one; one that is read as bytes or as text stays as it is. Where the topic has no
/// keys, `key` makes one of fields of the row. A delete without a key is rejected. What the envelope says of the change itself
/// can go into fields or headers. A tombstone passes unchanged: Debezium writes one behind each delete, which deletes the same
/// once more.
///
/// A key that is made here comes too late for the topic's partitions, which the producer has chosen by its own key, or by
/// none. The changes of a row have an order only where they are in one partition: let the producer write the row's key, as
/// Debezium does, or give the topic one partition.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: "localhost:9092", topics: [shop.people] }
///   key: json
///   value: json
/// transforms:
///   - unwrap_cdc:
///       format: debezium
///       add_fields: [op, table]
/// ```
///
/// Before:
///
/// ```json
/// {"key": {"id": 7}, "value": {"before": null, "after": {"id": 7, "name": "Ada"}, "op": "c", "source": {"table": "people"}}}
/// {"key": {"id": 7}, "value": {"before": {"id": 7, "name": "Ada"}, "after": null, "op": "d", "source": {"table": "people"}}}
/// ```
///
/// After:
///
/// ```json
/// {"key": {"id": 7}, "value": {"id": 7, "name": "Ada", "__op": "c", "__table": "people"}}
/// {"key": {"id": 7}, "value": null}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-also" = ["extractnewrecordstate", "extract_new_record_state", "unwrap", "debezium", "flatten_cdc"]))]
pub(crate) struct UnwrapCdcSettings {
    /// Who writes the records. Default `debezium`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["source", "type"]))]
    format: CdcFormat,
    /// What a delete becomes. Default `tombstone`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["deletes", "delete_handling_mode", "delete_tombstone_handling_mode", "drop_tombstones"]))]
    on_delete: OnDelete,
    /// What becomes of a record that says that the table was emptied. Default `reject`.
    #[serde(default)]
    on_truncate: OnOther,
    /// What becomes of a record that is about no row, such as a change of the table's form or a heartbeat. Default `drop`.
    #[serde(default = "drop")]
    on_control: OnOther,
    /// Fields of the row that make the key, an object of these; the partition was chosen before, see above. Default: the key of
    /// the record, or for Canal the fields that the record itself names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    key: Vec<String>,
    /// What of the envelope becomes fields of the row, by Debezium's names: `op` (`c`, `u`, `r`, `d`), `ts_ms`, `table`,
    /// `db`, `schema`, and with dots whatever is in it, such as `source.lsn`. Dots become underscores. What is not there
    /// is null.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    add_fields: Vec<String>,
    /// The same as headers, which deletes have, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    add_headers: Vec<String>,
    /// What the names of these fields and headers begin with. Default `__`.
    #[serde(default = "prefix")]
    prefix: String,
}

fn drop() -> OnOther {
    OnOther::Drop
}

fn prefix() -> String {
    "__".to_owned()
}

/// What a delete becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnDelete {
    /// A tombstone of the row's key.
    #[default]
    Tombstone,
    /// Nothing: the record is dropped, and counts as filtered.
    Drop,
    /// The row as it was, with `__deleted: "true"`; all others have `__deleted: "false"`.
    Rewrite,
}

/// What a record becomes that is about no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnOther {
    /// The record is dropped, and counts as filtered.
    Drop,
    /// The record is rejected.
    #[default]
    Reject,
}

/// The field that says whether a row was deleted.
const DELETED: &str = "__deleted";

impl TransformSettings for UnwrapCdcSettings {
    const NAME: &'static str = "unwrap_cdc";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        for (key, names) in
            [("key", &self.key), ("add_fields", &self.add_fields), ("add_headers", &self.add_headers)]
        {
            if let Some(index) = names.iter().position(String::is_empty) {
                return Err(SettingsError::at(format!("{key}.{index}"), "a name cannot be empty"));
            }
        }
        let named = |name: &String| (name.clone(), format!("{}{}", self.prefix, name.replace('.', "_")));
        let (fields, headers) =
            (self.add_fields.iter().map(named).collect(), self.add_headers.iter().map(named).collect());
        Ok(Box::new(UnwrapCdc { fields, headers, settings: self }))
    }
}

struct UnwrapCdc {
    /// What is asked of the envelope, and the name that it gets.
    fields: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    settings: UnwrapCdcSettings,
}

impl Transform for UnwrapCdc {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if let Some(Payload::Json(key)) = record.key.take_if(|key| matches!(key, Payload::Json(_))) {
            let of = key.schema_type().cloned().map(Arc::new);
            let key = Json::from(without_schema(key.into_value())).with_schema_type(of);
            record.key = Some(Payload::Json(key)).filter(|key| !is_null(key));
        }
        if Of::Value.is_absent(&record) {
            record.value = None;
            return Ok(record.into());
        }
        Of::Value.object(&mut record, UnwrapCdcSettings::NAME, "the change")?;
        let Some(Payload::Json(json)) = record.value.take() else { return Ok(record.into()) };
        let types = json.schema_type().and_then(row_types);
        match without_schema(json.into_value()) {
            Value::Null => Ok(record.into()),
            Value::Object(envelope) => self.unwrap(record, envelope, types.as_ref()),
            _ => Err(Rejection::new("the value's `payload` is no object")),
        }
    }

    fn needs(&self) -> Vec<FormNeed> {
        vec![Of::Value.needs_json("", "reads the change")]
    }

    /// A key is made of the row where fields of it are named, and for Canal where the record itself names them. What a
    /// tombstone has for a key stays.
    fn makes(&self, forms: RecordForms) -> RecordForms {
        let is_made = !self.settings.key.is_empty() || self.settings.format == CdcFormat::Canal;
        if is_made { forms | RecordForms::new(PayloadForm::Json, forms.value) } else { forms }
    }

    /// The row may have a column of any name, but those of Debezium's envelope hold no rows behind it.
    fn leaves(&self, fields: RecordFields) -> RecordFields {
        let fields = self.headers.iter().fold(fields, |fields, (_, name)| fields.with_header(name));
        let fields = fields.changed(Side::Key, |_| KnownFields::default());
        fields.changed(Side::Value, |_| {
            let mut row = KnownFields::default();
            if self.settings.format == CdcFormat::Debezium {
                for gone in ["before", "after"] {
                    row = row.with_known(&[gone], KnownFields::none());
                }
            }
            self.fields.iter().fold(row, |row, (_, name)| row.with(&[name]))
        })
    }

    fn warnings(&self) -> Vec<SettingsError> {
        let text = "makes the key here, when the producer has chosen the partition: changes of one row keep their order only \
                    where all of them are in one partition, as they are where the producer writes this key itself, or where \
                    the topic has one partition";
        let is_made = !self.settings.key.is_empty();
        if is_made { vec![SettingsError::at("key", text)] } else { Vec::new() }
    }

    fn makes_tombstones(&self) -> Option<MadeTombstones> {
        let why = SettingsError::at("on_delete", "makes a tombstone of each delete");
        let way_out = "`on_delete: drop` or `on_delete: rewrite` makes none";
        (self.settings.on_delete == OnDelete::Tombstone).then(|| MadeTombstones::new(why, way_out))
    }
}

fn is_null(payload: &Payload) -> bool {
    payload.as_json().is_some_and(Value::is_null)
}

impl UnwrapCdc {
    /// Makes records of what an envelope says; `record` has no value any more. `types` are those of a row, where a schema has them.
    fn unwrap(
        &self,
        mut record: Record,
        envelope: Map<String, Value>,
        types: Option<&SchemaFields>,
    ) -> Result<Transformed, Rejection> {
        let format = self.settings.format;
        let found = |names: &[(String, String)]| -> Vec<(String, Option<Value>)> {
            names
                .iter()
                .map(|(what, name)| (name.clone(), format.metadata(&envelope, what).cloned()))
                .collect()
        };
        let (mut fields, mut headers) = (found(&self.fields), found(&self.headers));
        let change = format.read(envelope).map_err(|fault| fault.of("the value"))?;
        let (op, rows, key_names) = match change {
            Change::Rows { op, rows, key_names } => (op, rows, key_names),
            Change::Truncate => {
                return other(self.settings.on_truncate, "says that the table was emptied", "on_truncate");
            }
            Change::Control => return other(self.settings.on_control, "is about no row", "on_control"),
        };
        set_op(&self.fields, &mut fields, op);
        set_op(&self.headers, &mut headers, op);
        for (name, value) in headers {
            record.headers.push(name, value.as_ref().and_then(header_text));
        }
        let mut made = Vec::with_capacity(rows.len());
        for row in rows {
            let mut next = record.clone();
            self.set_key(&mut next, &row, &key_names, types)?;
            made.extend(self.one(next, row, op, &fields, types)?);
        }
        Ok(match made.len() {
            1 => made.pop().map_or(Transformed::Dropped, Transformed::One),
            _ => Transformed::Several(made),
        })
    }

    /// Makes the record of a row; `record` has its key.
    fn one(
        &self,
        mut record: Record,
        row: Value,
        op: ChangeOp,
        fields: &[(String, Option<Value>)],
        types: Option<&SchemaFields>,
    ) -> Result<Option<Record>, Rejection> {
        let is_delete = op == ChangeOp::Delete;
        match self.settings.on_delete {
            OnDelete::Drop if is_delete => return Ok(None),
            OnDelete::Tombstone if is_delete => {
                if record.key.is_none() {
                    let reason = "the value is a delete, and the record has no key to delete by; name the row's fields under `key`";
                    return Err(Rejection::new(reason));
                }
                return Ok(Some(record));
            }
            _ => {}
        }
        let mut row = match row {
            Value::Object(row) => row,
            _ => Map::new(),
        };
        let mut types = types.cloned();
        for (name, value) in fields {
            row.insert(name.clone(), value.clone().unwrap_or_default());
            types = types.map(|types| types.without(name));
        }
        if self.settings.on_delete == OnDelete::Rewrite {
            row.insert(DELETED.to_owned(), if is_delete { "true" } else { "false" }.into());
        }
        record.value = Some(typed(row, types));
        Ok(Some(record))
    }

    /// Makes a key of the row, where one is asked for.
    fn set_key(
        &self,
        record: &mut Record,
        row: &Value,
        key_names: &[String],
        types: Option<&SchemaFields>,
    ) -> Result<(), Rejection> {
        let names = if self.settings.key.is_empty() { key_names } else { &self.settings.key };
        if names.is_empty() {
            return Ok(());
        }
        let mut key = Map::with_capacity(names.len());
        for name in names {
            let value =
                row.get(name).ok_or_else(|| FieldFault::new("is missing in the row").of_field(name))?;
            key.insert(name.clone(), value.clone());
        }
        record.key = Some(typed(key, types.cloned()));
        Ok(())
    }
}

/// Puts Debezium's letter where the kind of change is asked for, whatever the envelope calls it.
fn set_op(names: &[(String, String)], found: &mut [(String, Option<Value>)], op: ChangeOp) {
    for ((what, _), (_, value)) in names.iter().zip(found) {
        if what == "op" {
            *value = Some(op.letter().into());
        }
    }
}

fn other(choice: OnOther, what: &str, key: &str) -> Result<Transformed, Rejection> {
    match choice {
        OnOther::Drop => Ok(Transformed::Dropped),
        OnOther::Reject => {
            Err(Rejection::new(format!("the value {what}; `{key}: drop` lets such records go")))
        }
    }
}

fn header_text(value: &Value) -> Option<Bytes> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        other => Some(other.to_string().into()),
    }
}
