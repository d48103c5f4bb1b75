//! What a record is in a table. Pure.

use std::collections::HashMap;

use serde_json::{Map, Value};
use sluice_connector_api::{
    Failure, FormNeed, Json, Payload, Record, SchemaFields, SchemaType, SettingsError,
};
use sluice_template::Template;

use crate::postgres::equality::loose_value;
use crate::postgres::names::{TableName, column_fault};
use crate::postgres::settings::{PostgresSettings, RowKey, UnknownFields, WriteMode};
use crate::postgres::tables::TableShape;
use crate::postgres::text::{ColumnKind, ValueKind, cell_of};
use crate::postgres::whole::{all_are_filled, whole_cell};
use crate::record::on_null::{OnNull, rejected_tombstone};

/// A record as a row: texts for the columns at these places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableRow {
    /// It is deleted.
    pub(super) is_delete: bool,
    /// What it has in which column, the key's first, in the order of the table's columns.
    pub(super) cells: Vec<(usize, Option<String>)>,
    /// The places of the key's columns.
    pub(super) key: Vec<usize>,
    /// The record has fields that the table has no column for.
    pub(super) has_unknown: bool,
}

/// Why a record is no row.
#[derive(Debug)]
pub(super) struct NotARow {
    pub(super) failure: Failure,
    /// What about the table may be otherwise by now, if anything.
    pub(super) since: Since,
}

/// What about a table keeps a record from being a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Nothing: it is the record alone.
    Record,
    /// There is no column for a field.
    NoColumn,
    /// The type of a column does not hold a value.
    OtherType,
}

impl From<Failure> for NotARow {
    fn from(failure: Failure) -> Self {
        Self { failure, since: Since::Record }
    }
}

impl NotARow {
    fn of_type(reason: String) -> Self {
        Self { failure: Failure::rejected(reason), since: Since::OtherType }
    }
}

/// Which table a record is for.
#[derive(Debug)]
enum Destination {
    Fixed(TableName),
    Chosen(Template, HashMap<String, TableName>),
}

/// Makes rows of records, as the settings say.
#[derive(Debug)]
pub(super) struct RowRule {
    destination: Destination,
    pub(super) mode: WriteMode,
    key: RowKey,
    key_columns: Vec<String>,
    value_column: Option<String>,
    unknown: UnknownFields,
    /// A field that is null needs no column: one that is made for it later has nulls.
    passes_over_nulls: bool,
    on_null: OnNull,
}

impl RowRule {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, SettingsError> {
        let template = Template::new("table", &settings.table)?;
        let name = |table: &str| TableName::parse(table).map_err(|reason| SettingsError::at("table", reason));
        let destination = if template.has_tags() {
            let mut tables = HashMap::new();
            for table in &settings.tables {
                tables.insert(table.clone(), name(table)?);
            }
            Destination::Chosen(template, tables)
        } else {
            Destination::Fixed(name(&settings.table)?)
        };
        Ok(Self {
            destination,
            mode: settings.mode,
            key: settings.key,
            key_columns: settings.known_key_columns(),
            value_column: settings.value_column.clone(),
            unknown: settings.unknown_fields,
            passes_over_nulls: settings.auto_create || settings.auto_evolve,
            on_null: settings.on_null,
        })
    }

    /// States the forms that naming the table needs.
    pub(super) fn table_needs(&self) -> Vec<FormNeed> {
        match &self.destination {
            Destination::Fixed(_) => Vec::new(),
            Destination::Chosen(template, _) => template.needs("table"),
        }
    }

    /// Returns the table of a record.
    pub(super) fn table(&self, record: &Record) -> Result<&TableName, Failure> {
        match &self.destination {
            Destination::Fixed(name) => Ok(name),
            Destination::Chosen(template, tables) => {
                let table = template
                    .render(record)
                    .map_err(|reason| Failure::rejected(format!("the record has no table: {reason}")))?;
                tables.get(&table).ok_or_else(|| {
                    Failure::rejected("the record is for a table that `tables` does not name")
                        .with_detail(table)
                })
            }
        }
    }

    /// Says whether there is nothing to be done about a record.
    pub(super) fn passes_over(&self, record: &Record) -> bool {
        record.is_tombstone() && self.on_null == OnNull::Ignore
    }

    /// Rejects a record that needs no look at a table for that.
    pub(super) fn rejected(&self, record: &Record) -> Option<Failure> {
        match self.on_null {
            _ if !record.is_tombstone() => None,
            OnNull::Reject => Some(rejected_tombstone("row to write")),
            OnNull::Ignore => None,
            OnNull::Delete => self.record_key(record).err(),
        }
    }

    /// Makes the row of a record, which is not rejected.
    pub(super) fn row(&self, record: &Record, table: &TableShape) -> Result<TableRow, NotARow> {
        let mut row = TableRow::default();
        self.add_key(&mut row, record, table)?;
        let Some(value) = &record.value else {
            row.is_delete = true;
            return Ok(row);
        };
        match &self.value_column {
            Some(column) => {
                row.cells.push(whole_cell(table, column, value)?);
                if self.mode != WriteMode::Update {
                    all_are_filled(table, &row.cells)?;
                }
            }
            None => self.add_fields(&mut row, value, table)?,
        }
        row.cells.sort_by_key(|(place, _)| *place);
        Ok(row)
    }

    /// Names the row of a record, for the order among those of one name. `None` where each is a row of its own. Keys that the table
    /// may take for one have one name, such as `1`, `1.0` and `"1"`; that of others with it costs no more than a wait.
    pub(super) fn id(&self, record: &Record) -> Option<String> {
        if self.passes_over(record) || matches!(self.key, RowKey::None | RowKey::Origin) {
            return None;
        }
        let mut fields = self.key_fields(record).ok()?;
        fields.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        Some(fields.iter().map(|(_, value)| loose_value(value)).collect::<Vec<_>>().join("\u{1f}"))
    }

    fn add_key(&self, row: &mut TableRow, record: &Record, table: &TableShape) -> Result<(), NotARow> {
        let types = self.key_types(record);
        for (name, value) in self.key_fields(record)? {
            let place = key_place(table, &name)?;
            let of = types.and_then(|types| self.key_type(types, &name));
            let text = cell(table, place, &value, of)
                .map_err(|why| NotARow::of_type(format!("`{name}` of the key {why}")))?;
            if text.is_none() {
                return Err(
                    Failure::rejected(format!("`{name}` of the key is null, and names no row")).into()
                );
            }
            row.cells.push((place, text));
            row.key.push(place);
        }
        row.cells.sort_by_key(|(place, _)| *place);
        row.key.sort_unstable();
        Ok(())
    }

    /// Returns the fields of the key, by the names of their columns.
    pub(super) fn key_fields(&self, record: &Record) -> Result<Vec<(String, Value)>, Failure> {
        match self.key {
            RowKey::None => Ok(Vec::new()),
            RowKey::Origin => self.origin(record),
            RowKey::RecordKey => self.record_key(record),
            RowKey::Fields => self.fields_of_value(record),
        }
    }

    /// Returns what a schema says of what the key is taken from.
    fn key_types<'r>(&self, record: &'r Record) -> Option<&'r SchemaType> {
        match self.key {
            RowKey::None | RowKey::Origin => None,
            RowKey::RecordKey => schema_type(record.key.as_ref()),
            RowKey::Fields => schema_type(record.value.as_ref()),
        }
    }

    /// Returns what it says of a column of the key. A key that is no object is the one column.
    pub(super) fn key_type<'r>(&self, types: &'r SchemaType, name: &str) -> Option<&'r SchemaType> {
        match types {
            SchemaType::Object(fields) => fields.get(name),
            of => (self.key == RowKey::RecordKey).then_some(of),
        }
    }

    /// Returns what schemas say of the columns: those of the key, and the fields of the value where these are columns.
    pub(super) fn types<'r>(&self, record: &'r Record) -> (Option<&'r SchemaType>, Option<&'r SchemaFields>) {
        let fields = match (&self.value_column, schema_type(record.value.as_ref())) {
            (None, Some(SchemaType::Object(fields))) => Some(fields),
            _ => None,
        };
        (self.key_types(record), fields)
    }

    /// Returns the column that takes the whole value.
    pub(super) fn value_column(&self) -> Option<&str> {
        self.value_column.as_deref()
    }

    /// Says why a record is rejected where there is no table for it and none can be made of it. `None` where there is nothing to be
    /// done: it deletes a row, of which there is none.
    pub(super) fn without_table(&self, record: &Record, name: &TableName) -> Option<Failure> {
        if let Err(failure) = self.key_fields(record) {
            return Some(failure);
        }
        if record.is_tombstone() {
            return (self.on_null != OnNull::Delete).then(|| rejected_tombstone("row to write"));
        }
        Some(Failure::rejected(format!(
            "there is no table {} yet, and nothing of the record to make it of: the value is not a JSON object with a field that is \
             not null",
            name.written()
        )))
    }

    fn origin(&self, record: &Record) -> Result<Vec<(String, Value)>, Failure> {
        if record.part().is_some() {
            let reason =
                "a transform made several records of one, which have one origin; choose another `key`";
            return Err(Failure::rejected(reason));
        }
        let origin = record.origin();
        let values = [Value::from(origin.topic()), origin.partition().into(), origin.offset().into()];
        Ok(self.key_columns.iter().cloned().zip(values).collect())
    }

    fn record_key(&self, record: &Record) -> Result<Vec<(String, Value)>, Failure> {
        const NO_COLUMN: &str = "the key is not a JSON object; name the one column that takes it in `key_columns`, or \
             read it with `source.key: json`";
        let Some(key) = &record.key else {
            return Err(Failure::rejected(
                "the record has no key, and `key: record_key` names its row by that",
            ));
        };
        if let Some(Value::Object(fields)) = key.as_json() {
            return if self.key_columns.is_empty() {
                Ok(fields.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
            } else {
                self.named(fields, "the key")
            };
        }
        let [column] = self.key_columns.as_slice() else { return Err(Failure::rejected(NO_COLUMN)) };
        let value = match (key.as_json(), key.as_text()) {
            (Some(value), _) => value.clone(),
            (None, Some(text)) if is_object_with(text, column) => {
                return Err(Failure::rejected(format!(
                    "the key is text that holds a JSON object with `{column}`, and not that field; read it with `source.key: json`"
                )));
            }
            (None, Some(text)) => Value::String(text.to_owned()),
            (None, None) => return Err(Failure::rejected("the key is not valid UTF-8, and names no row")),
        };
        Ok(vec![(column.clone(), value)])
    }

    fn fields_of_value(&self, record: &Record) -> Result<Vec<(String, Value)>, Failure> {
        match record.value.as_ref().and_then(Payload::as_json) {
            Some(Value::Object(fields)) => self.named(fields, "the value"),
            _ => Err(Failure::rejected("the value is not a JSON object, whose fields name the row")),
        }
    }

    fn named(&self, fields: &Map<String, Value>, of: &str) -> Result<Vec<(String, Value)>, Failure> {
        let mut named = Vec::with_capacity(self.key_columns.len());
        for name in &self.key_columns {
            let Some(value) = fields.get(name) else {
                return Err(Failure::rejected(format!(
                    "{of} has no field `{name}`, which is in `key_columns`"
                )));
            };
            named.push((name.clone(), value.clone()));
        }
        Ok(named)
    }

    fn add_fields(&self, row: &mut TableRow, value: &Payload, table: &TableShape) -> Result<(), NotARow> {
        let Some(Value::Object(fields)) = value.as_json() else {
            let reason = "the value is not a JSON object, whose fields are columns; set `value_column` for other values";
            return Err(Failure::rejected(reason).into());
        };
        let types = schema_type(Some(value));
        for (name, value) in fields {
            let Some(place) = table.place(name) else {
                row.has_unknown = true;
                if self.unknown == UnknownFields::Ignore || self.passes_over_nulls && value.is_null() {
                    continue;
                }
                return Err(NotARow { failure: no_column(table, name), since: Since::NoColumn });
            };
            if row.key.contains(&place) {
                continue;
            }
            if table.column(place).is_some_and(|column| column.is_generated) {
                if self.unknown == UnknownFields::Ignore || self.passes_over_nulls && value.is_null() {
                    continue;
                }
                return Err(NotARow { failure: generated(table, name), since: Since::NoColumn });
            }
            let of = types.and_then(|types| types.at(&[name]));
            let text = cell(table, place, value, of)
                .map_err(|why| NotARow::of_type(format!("field `{name}` {why}")))?;
            row.cells.push((place, text));
        }
        Ok(())
    }
}

/// Says whether a text is a JSON object with this field.
fn is_object_with(text: &str, field: &str) -> bool {
    text.starts_with('{') && Json::value_from_slice(text.as_bytes()).is_ok_and(|key| key.get(field).is_some())
}

fn no_column(table: &TableShape, field: &str) -> Failure {
    let reason = format!("the table {} has no column for the field `{field}`", table.name.written());
    Failure::rejected(match column_fault(field) {
        Some(fault) => format!("{reason}, which {fault}; set `unknown_fields: ignore`, or rename it"),
        None => format!("{reason}; add it, or set `unknown_fields: ignore`"),
    })
}

fn generated(table: &TableShape, field: &str) -> Failure {
    Failure::rejected(format!(
        "the column `{field}` of the table {} is generated always, and takes no value; set `unknown_fields: ignore`, or drop the field",
        table.name.written()
    ))
}

fn key_place(table: &TableShape, name: &str) -> Result<usize, Failure> {
    table.place(name).ok_or_else(|| {
        Failure::fatal(format!(
            "the table {} has no column `{name}`, which is in the key",
            table.name.written()
        ))
    })
}

fn cell(
    table: &TableShape,
    place: usize,
    value: &Value,
    of: Option<&SchemaType>,
) -> Result<Option<String>, &'static str> {
    let kind = table.column(place).map_or(ColumnKind::One(ValueKind::Other), |column| column.kind);
    cell_of(value, kind, of)
}

/// Returns what a schema says of a payload.
fn schema_type(payload: Option<&Payload>) -> Option<&SchemaType> {
    match payload? {
        Payload::Json(json) => json.schema_type(),
        Payload::Bytes(_) | Payload::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_connector_api::{Json, Origin};

    use super::*;

    fn id(key: &Value) -> Option<String> {
        let settings =
            json!({ "url": "postgres://u@h/d", "table": "t", "key": "record_key", "key_columns": ["id"] });
        let rule = RowRule::new(&serde_json::from_value(settings).unwrap()).unwrap();
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.key = Some(Payload::Json(Json::from(key.clone())));
        record.value = Some(Payload::Text("{}".to_owned()));
        rule.id(&record)
    }

    /// With several batches in flight nothing else keeps them in order.
    #[test]
    fn keys_that_a_table_may_take_for_one_have_one_id() {
        for (one, other) in [
            (json!({ "id": 1 }), json!({ "id": "1" })),
            (json!({ "id": 1.0 }), json!({ "id": 1 })),
            (json!({ "id": -0.0 }), json!({ "id": 0 })),
            (json!({ "id": "Ab " }), json!({ "id": "aB" })),
            (json!({ "id": 7, "other": 1 }), json!({ "other": 2, "id": 7 })),
            (json!(7), json!({ "id": "7" })),
        ] {
            assert_eq!(id(&one), id(&other), "{one} {other}");
        }
        assert_ne!(id(&json!({ "id": 1 })), id(&json!({ "id": 2 })));
        assert_ne!(id(&json!({ "id": "a" })), id(&json!({ "id": "b" })));
        assert_eq!(id(&json!({ "name": 1 })), None, "it is rejected, and writes no row");
    }
}
