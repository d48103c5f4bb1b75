//! What an operator writes under `postgres`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, Secret, SettingsError};
use sluice_template::Template;
use sluice_wire::HttpTlsSettings;

use crate::postgres::names::{TableName, column_fault};
use crate::record::literal::{is_like_a_date, is_like_a_template};
use crate::record::on_null::OnNull;

/// Writes records as rows of PostgreSQL tables.
///
/// A batch is one statement for all of its rows (`unnest`), or a few where rows have different columns. The fields of a JSON
/// object go into the columns of the same names, each converted to the column's type as the database would read it as text: numbers
/// keep their digits, objects and arrays go into `json` and `jsonb` as they are, arrays also into array columns and into the `vector`
/// of pgvector, base64 into `bytea`, and numbers into `timestamp` (since 1970, in the parts of a second that the schema says, or else milliseconds),
/// `time` (the same, since midnight) and `date` (days since 1970). A column
/// that a record has no field for gets its default, or stays as it is in an upsert. How tables are built is read once, and again
/// when they change. Of the rows of one key in a batch the last one counts.
///
/// A batch that the database refuses for its data (SQLSTATE classes 22, 23 and 44, a text that a type does not read, or an exception of a
/// trigger, whatever its code) is narrowed down to the record at fault. What may pass, such as a restart, a failover, a deadlock or a
/// lack of connections, is tried again. A missing table, column or right stops the connector.
///
/// With `offsets_table` each record is stored exactly once: the offsets are rows in the same transaction, and the connector reads on
/// from there. The table is made where it is missing. To read records again, stop the connector and change its rows.
///
/// A table that is not there is made with `auto_create`, and a field without a column gets one with `auto_evolve`. Where the converter
/// reads by a schema (`avro`, `protobuf`, `json_schema`, `connect_json`), the columns are those of the schema, with its types:
/// `smallint`, `integer`, `bigint`, `real`, `double precision`, `numeric(p,s)`, `boolean`, `text`, `uuid`, `bytea`, `date`, `time`,
/// `timestamp`, `timestamptz`, and `jsonb` for what is nested. All others, such as fields that a transform made or changed, get a type
/// that holds what the records of the batch have: `bigint` for whole numbers of up to 64 bits, `numeric` for all others, `boolean`, `text`,
/// and `jsonb` for objects and arrays; where values differ, the type that holds all of them. `column_types` names other types,
/// such as `timestamptz` or `vector(384)`. The columns of the key are the primary key. A field that is null gets its column with its
/// first value. Columns are added and never dropped, narrowed or changed: a later value that the type does not hold is rejected.
///
/// Statements are not prepared, so that poolers such as PgBouncer may stand in between. A batch holds up to 2000 records and 5MiB.
///
/// ```yaml
/// sink:
///   postgres:
///     url: postgres://sluice@db.example.com:5432/shop?sslmode=require
///     password: ${env:PGPASSWORD}
///     table: orders
///     mode: upsert
///     key: record_key
///     key_columns: [id]
///     on_null: delete
///     offsets_table: sluice_offsets
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["postgresql", "pg", "jdbc"]))]
#[schemars(extend("x-instead" = {
    "fields_whitelist, columns, columns_mapping, args_mapping": "each field of the value is the column of its name; the transform `replace_field` leaves fields out and renames them",
    "dialect_name, quote_identifiers, quote_sql_identifiers, db_timezone": "it is PostgreSQL, and names are taken as they are written; leave this out",
    "query, sql, statement, prefix, suffix": "the statement is made of `table`, `mode` and `key`",
}))]
#[serde(deny_unknown_fields)]
pub struct PostgresSettings {
    /// Where the database is, such as `postgres://sluice@db.example.com:5432/shop?sslmode=verify-full`, or `host=... user=... dbname=...`.
    /// `sslmode` is `disable`, `prefer` (TLS where the server has it, the default), `require`, `verify-ca` or `verify-full`. With TLS
    /// the certificate of the server is always verified, by the authorities of `tls`, and has to be for its host name: `require` is
    /// `verify-full`, and `verify-ca` takes the certificate of any host. Never shown.
    #[schemars(extend("x-also" = ["host", "hostname", "uri", "dsn", "database", "dbname", "port", "user", "username", "connection_url", "connection_user", "connection_username", "schema", "ssl_mode", "sslmode"]))]
    pub url: Secret,
    /// The password, if it is not in `url`. Default: none.
    #[serde(default)]
    #[schemars(extend("x-also" = ["connection_password", "pass", "passwd"]))]
    pub password: Option<Secret>,
    /// The table, such as `orders` or `sales.orders`; it may have tags, such as `{{@record.topic}}`, and then `tables` says which
    /// there are. A name is taken as it is written, upper case included.
    #[schemars(extend("x-also" = ["table_name", "table_name_format"]))]
    pub table: String,
    /// The tables that a `table` with tags may come out as; a record for another one is rejected. Default: none.
    #[serde(default)]
    pub tables: Vec<String>,
    /// What a write does: `insert`, `upsert` or `update`. Default: `insert`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["insert_mode", "write_mode", "on_conflict", "sync_mode"]))]
    pub mode: WriteMode,
    /// What names a row: `none`, `record_key`, `fields` or `origin`. Default: `none`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["pk", "primary_key", "pk_mode", "id"]))]
    pub key: RowKey,
    /// The columns of the key. With `record_key` the fields of a JSON key to take (default: all), or the one column for a key that
    /// is text or a number; with `fields` the fields of the value; with `origin` the columns for topic, partition and offset
    /// (default: `kafka_topic`, `kafka_partition`, `kafka_offset`).
    #[serde(default)]
    #[schemars(extend("x-also" = ["pk_fields", "pk_columns", "key_fields", "keys"]))]
    pub key_columns: Vec<String>,
    /// The column that takes the whole value, `jsonb`, `json` or `text`, instead of a column for each field. Default: none.
    #[serde(default)]
    pub value_column: Option<String>,
    /// What a field does that the table has no column for: `reject` the record, or `ignore` the field. Default: `reject`.
    #[serde(default)]
    pub unknown_fields: UnknownFields,
    /// Makes a table that is not there, from the records of the first batch for it and from `column_types`: see above. Default:
    /// `false`.
    #[serde(default)]
    pub auto_create: bool,
    /// Adds a column for a field that the table has none for. Default: `false`.
    #[serde(default)]
    pub auto_evolve: bool,
    /// Types of PostgreSQL for columns that are made, by the columns' names, such as `{ placed_at: timestamptz, total: "numeric(12,2)" }`.
    /// Default: types that hold what the records of the batch have.
    #[serde(default)]
    pub column_types: BTreeMap<String, String>,
    /// What becomes of a tombstone, a record without a value: `reject`, `ignore`, or `delete`, which deletes the row of its key and
    /// needs `key: record_key`. Default: `reject`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["delete", "deletes", "delete_enabled"]))]
    pub on_null: OnNull,
    /// The table in which the offsets are stored, in the transaction of the rows: each record is stored exactly once then. Default:
    /// none, and at least once.
    #[serde(default)]
    pub offsets_table: Option<String>,
    /// Certificates for TLS. Default: the system's authorities, and no certificate of ours.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ssl"]))]
    pub tls: HttpTlsSettings,
    /// How long a connection may take to open, such as `5s`. Default: `5s`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: HumanDuration,
    /// How long a batch may take before it counts as failed and is tried again. Default: `30s`.
    #[serde(default = "request_timeout")]
    pub request_timeout: HumanDuration,
    /// Batches in flight at once, each on a connection of its own, from 1 to 32. With more than one, order holds for the rows of a key
    /// only; set 1 where rows refer to others by a foreign key. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 32))]
    pub max_in_flight: usize,
}

/// What a write does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// It adds a row. Where there is a key and the row is there already, that one stays as it is.
    #[default]
    Insert,
    /// It adds the row, or changes the columns of the one that is there. Needs a key, and a primary key or unique index over its
    /// columns.
    Upsert,
    /// It changes the row that is there, and adds none. Needs a key.
    Update,
}

/// What names a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RowKey {
    /// Nothing: each record is a row of its own.
    #[default]
    None,
    /// The record's key.
    RecordKey,
    /// Fields of the value.
    Fields,
    /// Topic, partition and offset.
    Origin,
}

/// What a field does that the table has no column for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownFields {
    /// It has its record rejected.
    #[default]
    Reject,
    /// It is left out.
    Ignore,
}

fn connect_timeout() -> HumanDuration {
    HumanDuration::secs(5)
}

fn request_timeout() -> HumanDuration {
    HumanDuration::secs(30)
}

fn max_in_flight() -> usize {
    4
}

/// Says whether a text has the form of a type's name. Whether it is one, the database says before the type is used.
fn is_like_a_type(text: &str) -> bool {
    let is_of_type =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '.' | ',' | '(' | ')' | '[' | ']');
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(is_of_type)
}

/// The columns of an origin, where the file names none.
const ORIGIN_COLUMNS: [&str; 3] = ["kafka_topic", "kafka_partition", "kafka_offset"];

impl PostgresSettings {
    /// Checks what the schema cannot say.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        self.tls.validate()?;
        let wrong = |key: &str, reason: &str| Err(SettingsError::at(key, reason));
        let columns = self.key_columns.len();
        match self.key {
            RowKey::None if self.mode != WriteMode::Insert => {
                return wrong("mode", "needs a `key` to find the row by: `record_key`, `fields` or `origin`");
            }
            RowKey::None if columns > 0 => return wrong("key_columns", "needs a `key`"),
            RowKey::Fields if columns == 0 => {
                return wrong("key", "needs `key_columns`: the fields that name a row");
            }
            RowKey::Fields if self.value_column.is_some() => {
                return wrong("key", "takes fields of the value, which goes into `value_column` as a whole");
            }
            RowKey::Origin if columns != 0 && columns != ORIGIN_COLUMNS.len() => {
                return wrong("key_columns", "takes three columns: for topic, partition and offset");
            }
            _ => {}
        }
        if self.on_null == OnNull::Delete && self.key != RowKey::RecordKey {
            return wrong(
                "on_null",
                "`delete` needs `key: record_key`: a tombstone has nothing else that names a row",
            );
        }
        if let Some(table) = &self.offsets_table {
            TableName::parse(table).map_err(|reason| SettingsError::at("offsets_table", reason))?;
        }
        self.validate_growth()?;
        self.validate_tables()
    }

    fn validate_growth(&self) -> Result<(), SettingsError> {
        let wrong = |key: &str, reason: &str| Err(SettingsError::at(key, reason));
        if self.auto_create && self.mode == WriteMode::Update {
            return wrong("auto_create", "makes a table without rows, in which `mode: update` finds none");
        }
        if self.auto_evolve && self.value_column.is_some() {
            return wrong(
                "auto_evolve",
                "adds columns for fields, and the value goes into `value_column` as a whole",
            );
        }
        if self.auto_evolve && self.unknown_fields == UnknownFields::Ignore {
            return wrong(
                "auto_evolve",
                "adds a column for each field that `unknown_fields: ignore` leaves out; keep one",
            );
        }
        if !self.auto_create && !self.auto_evolve && !self.column_types.is_empty() {
            return wrong("column_types", "is for columns that are made: set `auto_create` or `auto_evolve`");
        }
        for (name, type_name) in &self.column_types {
            let key = format!("column_types.{name}");
            if let Some(fault) = column_fault(name) {
                return Err(SettingsError::at(key, format!("the name {fault}")));
            }
            if !is_like_a_type(type_name) {
                let reason = "write a type of PostgreSQL, such as `timestamptz`, `numeric(12,2)` or `text[]`, and nothing else";
                return Err(SettingsError::at(key, reason));
            }
        }
        Ok(())
    }

    fn validate_tables(&self) -> Result<(), SettingsError> {
        let template = Template::new("table", &self.table)?;
        let literals: String = template.literals().collect();
        if is_like_a_template(&literals) || is_like_a_date(&literals) {
            let reason = "looks like a template, and is taken as it is; a tag is written `{{field}}`, or `{{@record.topic}}`, and no \
                          table is named by a date";
            return Err(SettingsError::at("table", reason));
        }
        for (index, table) in self.tables.iter().enumerate() {
            TableName::parse(table).map_err(|reason| SettingsError::at(format!("tables.{index}"), reason))?;
        }
        match (template.has_tags(), self.tables.is_empty()) {
            (true, true) => Err(SettingsError::at(
                "table",
                "has tags, so that data would choose among all tables; name the ones that it may choose in `tables`",
            )),
            (false, false) => Err(SettingsError::at("tables", "is for a `table` with tags")),
            (false, true) => {
                TableName::parse(&self.table).map(|_| ()).map_err(|reason| SettingsError::at("table", reason))
            }
            (true, false) => Ok(()),
        }
    }

    /// Returns the columns of the key, where they are known without a record.
    pub(super) fn known_key_columns(&self) -> Vec<String> {
        match self.key {
            RowKey::Origin if self.key_columns.is_empty() => ORIGIN_COLUMNS.map(str::to_owned).to_vec(),
            _ => self.key_columns.clone(),
        }
    }

    /// Returns the tables that there may be.
    pub(super) fn all_tables(&self) -> Vec<String> {
        if self.tables.is_empty() { vec![self.table.clone()] } else { self.tables.clone() }
    }
}

impl WriteMode {
    /// Returns the name that the settings have for it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Upsert => "upsert",
            Self::Update => "update",
        }
    }
}
