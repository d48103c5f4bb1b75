//! How tables are built, kept until they change.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use foldhash::HashMap;
use sluice_connector_api::Failure;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Row};

use crate::postgres::equality::Equality;
use crate::postgres::names::TableName;
use crate::postgres::text::{ColumnKind, IntegerWidth, ValueKind};
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
    pub(super) equality: Equality,
    /// A row without it is refused.
    pub(super) is_required: bool,
    /// The database alone fills it: it is generated, always.
    pub(super) is_generated: bool,
}

/// A table as it is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableShape {
    pub(super) name: TableName,
    pub(super) columns: Vec<Column>,
    /// The columns of each primary key and unique index that finds a row. `None` for a view, whose tables have them.
    pub(super) unique: Option<Vec<HashSet<String>>>,
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

/// Which columns a table has, and how their types, those behind a domain, are written and read.
const COLUMNS: &str = "with recursive step(type, base) as (select oid, oid from pg_type union all \
     select step.type, d.typbasetype from step join pg_type d on d.oid = step.base where d.typtype = 'd'), \
     based(type, base) as (select step.type, step.base from step join pg_type b on b.oid = step.base where b.typtype <> 'd') \
     select a.attname::text, format_type(t.oid, -1), t.typname::text, e.typname::text, \
     a.attnotnull and not a.atthasdef and a.attidentity = '', a.attgenerated <> '' or a.attidentity = 'a', c.relkind = 'v' \
     from pg_attribute a join pg_class c on c.oid = a.attrelid \
     join based on based.type = a.atttypid join pg_type t on t.oid = based.base \
     left join based as item on t.typcategory = 'A' and item.type = t.typelem left join pg_type e on e.oid = item.base \
     where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum";

/// Which columns together find a row: neither those that an index only includes, nor those of a rule that is held later.
const UNIQUE: &str = "select array_agg(a.attname::text) from pg_index i \
     join unnest(i.indkey) with ordinality as k(attnum, place) on k.place <= i.indnkeyatts \
     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum \
     where i.indrelid = to_regclass($1) and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null \
     and i.indexprs is null group by i.indexrelid";

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
    let is_view = rows.first().is_some_and(|row| row.try_get(6).unwrap_or(false));
    let unique = (!is_view).then_some(sets);
    let places = columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
    Ok(Some(TableShape { name: name.clone(), columns, unique, places }))
}

fn column(row: &Row) -> Result<Column, tokio_postgres::Error> {
    let (type_name, of_items): (String, Option<String>) = (row.try_get(2)?, row.try_get(3)?);
    Ok(Column {
        name: row.try_get(0)?,
        type_name: row.try_get(1)?,
        // `vector` of pgvector is no array, and takes the text of a JSON array.
        kind: match of_items {
            Some(of_items) => ColumnKind::Array(kind(&of_items)),
            None => ColumnKind::One(kind(&type_name)),
        },
        equality: Equality::of(&type_name),
        is_required: row.try_get(4)?,
        is_generated: row.try_get(5)?,
    })
}

fn kind(type_name: &str) -> ValueKind {
    match type_name {
        "json" | "jsonb" => ValueKind::Json,
        "int2" => ValueKind::Integer(IntegerWidth::Two),
        "int4" => ValueKind::Integer(IntegerWidth::Four),
        "int8" => ValueKind::Integer(IntegerWidth::Eight),
        "bytea" => ValueKind::Bytes,
        "timestamp" | "timestamptz" => ValueKind::Timestamp,
        "date" => ValueKind::Date,
        "time" | "timetz" => ValueKind::Time,
        _ => ValueKind::Other,
    }
}
