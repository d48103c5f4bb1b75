//! What is wrong with the database, before anything is put.

use std::collections::HashSet;

use sluice_connector_api::{Failure, Finding};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::postgres::growth::are_types;
use crate::postgres::names::TableName;
use crate::postgres::offsets::OffsetsTable;
use crate::postgres::settings::{PostgresSettings, RowKey, WriteMode};
use crate::postgres::store::RowStore;
use crate::postgres::tables::{TableShape, missing};
use crate::postgres::verdict::failure;
use crate::postgres::whole::unfilled;
use crate::record::on_null::OnNull;

/// Looks at the database, its tables and the rights.
pub(super) async fn check(store: &RowStore, offsets: Option<&OffsetsTable>) -> Vec<Finding> {
    let database = format!("database {}", store.connections.place());
    let mut lease = match store.lease().await {
        Ok(lease) => lease,
        Err(failure) => return vec![of_connection(database, &failure)],
    };
    let client = match lease.get() {
        Ok(client) => client,
        Err(failure) => return vec![of_connection(database, &failure)],
    };
    let mut findings = vec![Finding::good(database, "is there")];
    for table in store.settings.all_tables() {
        if let Ok(name) = TableName::parse(&table) {
            let subject = format!("table {table}");
            match look(store, client, &name).await {
                Ok(good) => findings.push(Finding::good(subject, good)),
                Err(Look::Failed(failure)) => findings.push(Finding::from_failure(subject, &failure)),
                Err(Look::Wrong(wrong)) => findings.push(Finding::wrong(subject, wrong)),
            }
        }
    }
    if let Some(offsets) = offsets {
        findings.push(look_at_offsets(client, offsets).await);
    }
    lease.give_back();
    findings
}

/// A login that is refused contradicts the settings: no put does without it.
fn of_connection(subject: String, failure: &Failure) -> Finding {
    if failure.is_forbidden() {
        Finding::wrong(subject, failure.to_string())
    } else {
        Finding::from_failure(subject, failure)
    }
}

enum Look {
    Failed(Failure),
    Wrong(String),
}

impl From<Failure> for Look {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Looks at a table, and says what is good about it.
async fn look(store: &RowStore, client: &Client, name: &TableName) -> Result<&'static str, Look> {
    let settings = &store.settings;
    are_types(client, "looking at `column_types`", settings.column_types.values()).await?;
    store.tables.forget(name);
    let Some(table) = store.tables.find(client, name).await? else {
        if !settings.auto_create {
            return Err(missing(name).into());
        }
        may_create(client, name).await?;
        return Ok("is made with the first records");
    };
    if settings.auto_evolve {
        may_alter(client, name).await?;
    }
    for column in settings.known_key_columns().iter().chain(&settings.value_column) {
        if table.place(column).is_none() {
            return Err(Look::Wrong(format!(
                "has no column `{column}`; add it, or mend the settings that name it"
            )));
        }
    }
    rows_may_be_whole(settings, &table)?;
    if settings.mode != WriteMode::Update {
        is_unique(&table, &settings.known_key_columns())?;
    }
    let mut rights = match settings.mode {
        WriteMode::Insert => vec!["INSERT"],
        WriteMode::Upsert => vec!["SELECT", "INSERT", "UPDATE"],
        WriteMode::Update => vec!["SELECT", "UPDATE"],
    };
    if settings.on_null == OnNull::Delete {
        rights.push("DELETE");
    }
    let missing = missing_rights(client, name, &rights).await?;
    if missing.is_empty() {
        return Ok("has the columns and the rights");
    }
    Err(Look::Wrong(format!("the right to {} is missing; grant it to the user", missing.join(", "))))
}

/// Looks, where it is known which columns are filled, whether these are all that have to be.
fn rows_may_be_whole(settings: &PostgresSettings, table: &TableShape) -> Result<(), Look> {
    let key = settings.known_key_columns();
    let is_of_each_record = settings.key == RowKey::RecordKey && key.is_empty();
    let Some(value) = settings.value_column.as_ref().filter(|_| !is_of_each_record) else { return Ok(()) };
    let is_filled = |name: &String| name == value || key.contains(name);
    let empty = table.columns.iter().find(|column| column.is_required && !is_filled(&column.name));
    match empty {
        Some(column) if settings.mode != WriteMode::Update => {
            Err(Look::Wrong(unfilled(&table.name, &column.name)))
        }
        _ => Ok(()),
    }
}

/// Looks whether the user may make a table in the schema of its name.
async fn may_create(client: &Client, name: &TableName) -> Result<(), Look> {
    const SQL: &str = "select s.name, to_regnamespace(s.name) is not null, has_schema_privilege(to_regnamespace(s.name), 'CREATE') \
         from (select coalesce($1, quote_ident(current_schema()))) as s(name)";
    let asked = client.query_typed_one(SQL, &[(&name.schema(), Type::TEXT)]).await;
    let answer = asked.and_then(|row| {
        Ok((
            row.try_get::<_, Option<String>>(0)?,
            row.try_get::<_, bool>(1)?,
            row.try_get::<_, Option<bool>>(2)?,
        ))
    });
    let what = || format!("looking at the schema of {}", name.written());
    let (schema, is_there, may) = answer.map_err(|error| failure(&what(), error))?;
    let schema = schema.unwrap_or_else(|| "of the `search_path`".to_owned());
    match (is_there, may) {
        (false, _) => {
            Err(Look::Wrong(format!("there is no schema {schema} to make it in; create the schema")))
        }
        (true, Some(false)) => Err(Look::Wrong(format!(
            "there is no such table, and the right to make it is missing; grant create on schema {schema} to the user, or have it made"
        ))),
        _ => Ok(()),
    }
}

/// Looks whether the user may add columns, which takes the owner of the table.
async fn may_alter(client: &Client, name: &TableName) -> Result<(), Look> {
    const SQL: &str = "select pg_has_role(relowner, 'USAGE') from pg_class where oid = to_regclass($1)";
    let quoted = name.quoted();
    let asked = client.query_typed_opt(SQL, &[(&quoted, Type::TEXT)]).await;
    let may = asked.and_then(|row| row.map(|row| row.try_get::<_, bool>(0)).transpose());
    match may.map_err(|error| failure(&format!("looking at the owner of {}", name.written()), error))? {
        Some(false) => Err(Look::Wrong(
            "`auto_evolve` adds columns, which only the owner of the table may; grant the user the owner's role, or remove it".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// What is there already is found by a unique index over the columns of the key.
fn is_unique(table: &TableShape, key: &[String]) -> Result<(), Look> {
    let key: HashSet<String> = key.iter().cloned().collect();
    if key.is_empty() || table.unique.as_ref().is_none_or(|unique| unique.contains(&key)) {
        return Ok(());
    }
    let mut names: Vec<_> = key.into_iter().collect();
    names.sort();
    Err(Look::Wrong(format!("has no primary key and no unique index over ({}); add one", names.join(", "))))
}

async fn missing_rights(client: &Client, name: &TableName, rights: &[&str]) -> Result<Vec<String>, Failure> {
    const SQL: &str =
        "select has_table_privilege(to_regclass($1), $2) or has_any_column_privilege(to_regclass($1), $2)";
    let mut missing = Vec::new();
    for right in rights {
        let sql = if *right == "DELETE" { "select has_table_privilege(to_regclass($1), $2)" } else { SQL };
        let quoted = name.quoted();
        let row = client.query_typed_one(sql, &[(&quoted, Type::TEXT), (right, Type::TEXT)]).await;
        let has = row.and_then(|row| row.try_get::<_, Option<bool>>(0));
        let has =
            has.map_err(|error| failure(&format!("looking at the rights on {}", name.written()), error))?;
        if has == Some(false) {
            missing.push((*right).to_owned());
        }
    }
    Ok(missing)
}

async fn look_at_offsets(client: &Client, offsets: &OffsetsTable) -> Finding {
    let subject = format!("table {}", offsets.name.written());
    match missing_rights(client, &offsets.name, &["SELECT", "INSERT", "UPDATE"]).await {
        Ok(missing) if missing.is_empty() => {
            Finding::good(subject, "is there, or is made with the first records")
        }
        Ok(missing) => Finding::wrong(subject, format!("the right to {} is missing", missing.join(", "))),
        Err(failure) => Finding::from_failure(subject, &failure),
    }
}
