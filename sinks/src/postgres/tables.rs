//! How tables are built, kept until they change.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use sluice_connector_api::Failure;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::postgres::names::TableName;
use crate::postgres::text::{ColumnKind, IntegerWidth};
use crate::postgres::verdict::failure;

/// How long a table is taken for what it was where a record has a field that it has no column for.
const STANDS: Duration = Duration::from_secs(5);

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// The type that texts are read as, without a length: a cast to one would cut off silently what the column refuses.
    pub(super) type_name: String,
    pub(super) kind: ColumnKind,
    /// A row without it is refused.
    pub(super) is_required: bool,
}

/// A table as it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableShape {
    pub(super) name: TableName,
    pub(super) columns: Vec<Column>,
    /// The columns of each primary key and unique index.
    pub(super) unique: Vec<HashSet<String>>,
    places: HashMap<String, usize>,
}

impl TableShape {
    /// Returns the place of a column.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.places.get(column).copied()
    }

    /// Returns the column at a place.
    pub(super) fn column(&self, place: usize) -> Option<&Column> {
        self.columns.get(place)
    }
}

/// The tables that were looked at.
#[derive(Debug, Default)]
pub(super) struct Tables {
    known: Mutex<HashMap<String, (Arc<TableShape>, Instant)>>,
}

/// Which columns a table has, and how their types are written and read.
const COLUMNS: &str = "select a.attname::text, format_type(coalesce(b.oid, t.oid), -1), \
     coalesce(b.typname, t.typname)::text, coalesce(b.typcategory, t.typcategory)::text, \
     a.attnotnull and not a.atthasdef and a.attidentity = '' \
     from pg_attribute a join pg_type t on t.oid = a.atttypid \
     left join pg_type b on t.typtype = 'd' and b.oid = t.typbasetype \
     where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum";

/// Which columns together name a row.
const UNIQUE: &str = "select array_agg(a.attname::text) from pg_index i \
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) \
     where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null \
     group by i.indexrelid";

impl Tables {
    /// Returns how a table is built, if it is there. It is looked at once.
    pub(super) async fn find(
        &self,
        client: &Client,
        name: &TableName,
    ) -> Result<Option<Arc<TableShape>>, Failure> {
        if let Some(table) = self.known(name) {
            return Ok(Some(table));
        }
        let Some(table) = look(client, name).await? else { return Ok(None) };
        let table = Arc::new(table);
        self.lock().insert(name.written().to_owned(), (Arc::clone(&table), Instant::now()));
        Ok(Some(table))
    }

    /// Returns how a table is built, if it was looked at.
    pub(super) fn known(&self, name: &TableName) -> Option<Arc<TableShape>> {
        self.lock().get(name.written()).map(|(table, _)| Arc::clone(table))
    }

    /// Forgets a table, so that it is looked at again.
    pub(super) fn forget(&self, name: &TableName) {
        self.lock().remove(name.written());
    }

    /// Forgets a table that was not looked at for a while. Says whether that was so.
    pub(super) fn forget_if_old(&self, name: &TableName) -> bool {
        let mut known = self.lock();
        let is_old = known.get(name.written()).is_some_and(|(_, looked)| looked.elapsed() >= STANDS);
        if is_old {
            known.remove(name.written());
        }
        is_old
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Arc<TableShape>, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a table is not there.
pub(super) fn missing(name: &TableName) -> Failure {
    Failure::fatal(format!(
        "there is no table {}; create it, let `auto_create: true` do so, or mend `table`",
        name.written()
    ))
}

/// Looks at a table.
async fn look(client: &Client, name: &TableName) -> Result<Option<TableShape>, Failure> {
    let ask = |sql: &'static str| async move {
        let quoted = name.quoted();
        client.query_typed(sql, &[(&quoted, Type::TEXT)]).await
    };
    let what = || format!("looking at the table {}", name.written());
    let rows = ask(COLUMNS).await.map_err(|error| failure(&what(), error))?;
    if rows.is_empty() {
        return Ok(None);
    }
    let unique = ask(UNIQUE).await.map_err(|error| failure(&what(), error))?;
    let columns: Result<Vec<Column>, tokio_postgres::Error> = rows.iter().map(column).collect();
    let columns = columns.map_err(|error| failure(&what(), error))?;
    let mut sets = Vec::new();
    for row in &unique {
        let names: Vec<String> = row.try_get(0).map_err(|error| failure(&what(), error))?;
        sets.push(names.into_iter().collect());
    }
    let places = columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
    Ok(Some(TableShape { name: name.clone(), columns, unique: sets, places }))
}

fn column(row: &Row) -> Result<Column, tokio_postgres::Error> {
    let (type_name, category): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Column {
        name: row.try_get(0)?,
        type_name: row.try_get(1)?,
        kind: kind(&type_name, &category),
        is_required: row.try_get(4)?,
    })
}

fn kind(type_name: &str, category: &str) -> ColumnKind {
    match type_name {
        "json" | "jsonb" => ColumnKind::Json,
        "int2" => ColumnKind::Integer(IntegerWidth::Two),
        "int4" => ColumnKind::Integer(IntegerWidth::Four),
        "int8" => ColumnKind::Integer(IntegerWidth::Eight),
        "bytea" => ColumnKind::Bytes,
        "timestamp" | "timestamptz" => ColumnKind::Timestamp,
        "date" => ColumnKind::Date,
        "time" | "timetz" => ColumnKind::Time,
        // An array; `vector` of pgvector is none, and takes the text of a JSON array.
        _ if category == "A" => ColumnKind::Array,
        _ => ColumnKind::Other,
    }
}
