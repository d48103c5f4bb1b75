//! What an envelope of change data says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::field_fault::FieldFault;

/// Who wrote the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CdcFormat {
    /// Debezium: `before`, `after` and `op`, with or without `schema` and `payload` around them, and what its own transform
    /// made of them in the mode `rewrite`, with `__deleted`.
    #[default]
    Debezium,
    /// AWS Database Migration Service: `data` and `metadata`.
    Dms,
    /// Maxwell: `type`, `data` and `old`.
    Maxwell,
    /// Canal's flat form: `type`, `data` as a list of rows, and `pkNames`.
    Canal,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeOp {
    Create,
    Update,
    /// It was there when reading began.
    Read,
    Delete,
}

impl ChangeOp {
    /// Returns Debezium's letter.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Create => "c",
            Self::Update => "u",
            Self::Read => "r",
            Self::Delete => "d",
        }
    }
}

/// What an envelope says.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// Rows as they are now, or as they were before they were deleted.
    Rows {
        op: ChangeOp,
        rows: Vec<Value>,
        /// The names of the key's fields, where the envelope tells.
        key_names: Vec<String>,
    },
    /// The table was emptied.
    Truncate,
    /// Something that is about no row: a change of a table's form, a heartbeat, a transaction.
    Control,
}

impl Change {
    fn row(op: ChangeOp, row: Value) -> Self {
        Self::Rows { op, rows: vec![row], key_names: Vec::new() }
    }
}

/// What of an object that is a Connect envelope is the payload.
pub(super) fn without_schema(value: Value) -> Value {
    match value {
        Value::Object(mut fields) if fields.contains_key("payload") && has_only_envelope(&fields) => {
            fields.shift_remove("payload").unwrap_or_default()
        }
        other => other,
    }
}

fn has_only_envelope(fields: &Map<String, Value>) -> bool {
    fields.keys().all(|name| name == "schema" || name == "payload")
}

impl CdcFormat {
    /// Reads an envelope, which is taken apart.
    pub(super) fn read(self, mut envelope: Map<String, Value>) -> Result<Change, FieldFault> {
        match self {
            Self::Debezium => debezium(&mut envelope),
            Self::Dms => dms(&mut envelope),
            Self::Maxwell => maxwell(&mut envelope),
            Self::Canal => canal(&mut envelope),
        }
    }

    /// Finds what the envelope says beside the row. Names within names are separated by dots.
    pub(super) fn metadata<'a>(self, envelope: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
        let mut names = name.split('.');
        let first = names.next()?;
        let is_at_root =
            name.contains('.') || ["op", "ts_ms", "ts_us", "ts_ns", "transaction"].contains(&first);
        let (start, first) = match self {
            Self::Debezium if is_at_root => (envelope.get(first), None),
            Self::Debezium => (envelope.get("source"), Some(first)),
            Self::Dms => (envelope.get("metadata"), Some(dms_name(first))),
            Self::Maxwell | Self::Canal => (envelope.get(short_name(first)), None),
        };
        first.into_iter().chain(names).try_fold(start?, |value, name| value.get(name))
    }
}

/// What Debezium calls it, as Database Migration Service does.
fn dms_name(name: &str) -> &str {
    match name {
        "table" => "table-name",
        "schema" | "db" => "schema-name",
        "ts_ms" => "timestamp",
        other => other,
    }
}

/// What Debezium calls it, as Maxwell and Canal do.
fn short_name(name: &str) -> &str {
    match name {
        "db" => "database",
        "ts_ms" => "ts",
        other => other,
    }
}

fn debezium(envelope: &mut Map<String, Value>) -> Result<Change, FieldFault> {
    let op = envelope.get("op").and_then(Value::as_str).map(str::to_owned);
    if let Some(op) = op {
        return match op.as_str() {
            "c" => row(ChangeOp::Create, envelope, "after"),
            "u" => row(ChangeOp::Update, envelope, "after"),
            "r" => row(ChangeOp::Read, envelope, "after"),
            "d" => Ok(Change::row(ChangeOp::Delete, take_row(envelope, "before").unwrap_or_default())),
            "t" => Ok(Change::Truncate),
            "m" => Ok(Change::Control),
            other => Err(FieldFault::new("has an unknown `op`").with_found(other)),
        };
    }
    if let Some(deleted) = envelope.shift_remove("__deleted") {
        let is_deleted = deleted == Value::Bool(true) || deleted.as_str() == Some("true");
        let op = if is_deleted { ChangeOp::Delete } else { ChangeOp::Update };
        return Ok(Change::row(op, Value::Object(std::mem::take(envelope))));
    }
    let has = |name: &str| envelope.contains_key(name);
    let is_heartbeat = envelope.len() == 1 && has("ts_ms");
    if has("ddl") || has("tableChanges") || (has("status") && has("id") && has("event_count")) || is_heartbeat
    {
        return Ok(Change::Control);
    }
    Err(FieldFault::new("is no envelope of Debezium: it has neither `op` nor `__deleted`"))
}

fn row(op: ChangeOp, envelope: &mut Map<String, Value>, name: &str) -> Result<Change, FieldFault> {
    match take_row(envelope, name) {
        Some(row) => Ok(Change::row(op, row)),
        None => Err(FieldFault::new(format!("has no row in `{name}`"))),
    }
}

/// Takes a row out; that of `MongoDB` is JSON as text.
fn take_row(envelope: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let row = std::mem::take(envelope.get_mut(name)?);
    let row = match row.as_str() {
        Some(text) => sluice_connector_api::Json::value_from_slice(text.as_bytes()).ok()?,
        None => row,
    };
    row.is_object().then_some(row)
}

fn dms(envelope: &mut Map<String, Value>) -> Result<Change, FieldFault> {
    let metadata = envelope.get("metadata").ok_or_else(|| {
        FieldFault::new("is no envelope of Database Migration Service: it has no `metadata`")
    })?;
    let text = |name: &str| metadata.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, operation) = (text("record-type"), text("operation"));
    match operation.as_str() {
        "truncate-table" => Ok(Change::Truncate),
        _ if kind == "control" => Ok(Change::Control),
        "load" => row(ChangeOp::Read, envelope, "data"),
        "insert" => row(ChangeOp::Create, envelope, "data"),
        "update" => row(ChangeOp::Update, envelope, "data"),
        "delete" => row(ChangeOp::Delete, envelope, "data"),
        _ => Err(FieldFault::new("has an unknown `metadata.operation`").with_found(operation)),
    }
}

fn maxwell(envelope: &mut Map<String, Value>) -> Result<Change, FieldFault> {
    let kind = envelope.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    match kind.as_str() {
        "insert" => row(ChangeOp::Create, envelope, "data"),
        "update" => row(ChangeOp::Update, envelope, "data"),
        "delete" => row(ChangeOp::Delete, envelope, "data"),
        "bootstrap-insert" => row(ChangeOp::Read, envelope, "data"),
        kind if ["bootstrap-", "table-", "database-"].iter().any(|start| kind.starts_with(start)) => {
            Ok(Change::Control)
        }
        "" => Err(FieldFault::new("is no envelope of Maxwell: it has no `type`")),
        other => Err(FieldFault::new("has an unknown `type`").with_found(other)),
    }
}

fn canal(envelope: &mut Map<String, Value>) -> Result<Change, FieldFault> {
    let kind = envelope.get("type").and_then(Value::as_str).unwrap_or_default().to_ascii_uppercase();
    let op = match kind.as_str() {
        "INSERT" => ChangeOp::Create,
        "UPDATE" => ChangeOp::Update,
        "DELETE" => ChangeOp::Delete,
        "TRUNCATE" => return Ok(Change::Truncate),
        "" => return Err(FieldFault::new("is no envelope of Canal: it has no `type`")),
        _ => return Ok(Change::Control),
    };
    let rows = envelope.get_mut("data").map(std::mem::take);
    let Some(Value::Array(rows)) = rows else { return Err(FieldFault::new("has no list of rows in `data`")) };
    if !rows.iter().all(Value::is_object) {
        return Err(FieldFault::new("has something in `data` that is no row"));
    }
    let names = envelope.get("pkNames").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let key_names = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
    Ok(Change::Rows { op, rows, key_names })
}
