//! What is wrong with the database, before anything is put.

use std::collections::HashSet;

use sluice_connector_api::{Failure, Finding};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

use crate::postgres::names::TableName;
use crate::postgres::offsets::OffsetsTable;
use crate::postgres::settings::WriteMode;
use crate::postgres::store::RowStore;
use crate::postgres::tables::TableShape;
use crate::postgres::verdict::failure;
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
                Ok(()) => findings.push(Finding::good(subject, "has the columns and the rights")),
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

async fn look(store: &RowStore, client: &Client, name: &TableName) -> Result<(), Look> {
    store.tables.forget(name);
    let table = store.tables.get(client, name).await?;
    let settings = &store.settings;
    for column in settings.known_key_columns().iter().chain(&settings.value_column) {
        if table.place(column).is_none() {
            return Err(Look::Wrong(format!(
                "has no column `{column}`; add it, or mend the settings that name it"
            )));
        }
    }
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
        return Ok(());
    }
    Err(Look::Wrong(format!("the right to {} is missing; grant it to the user", missing.join(", "))))
}

/// What is there already is found by a unique index over the columns of the key.
fn is_unique(table: &TableShape, key: &[String]) -> Result<(), Look> {
    let key: HashSet<String> = key.iter().cloned().collect();
    if key.is_empty() || table.unique.contains(&key) {
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
