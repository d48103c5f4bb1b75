//! Tables that are made and columns that are added, where the settings say so. Nothing is dropped, narrowed or changed.

use sluice_connector_api::{Failure, FailureKind};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use crate::postgres::names::{TableName, quoted};
use crate::postgres::sample::{NewColumn, RecordSample};
use crate::postgres::verdict::failure;

/// What goes before a change: whoever waits for its lock holds everybody up who comes later, and so does not wait for long.
const WAIT: &str = "set local lock_timeout = '5s'";

/// Writes the statement that makes a table for records.
fn create_sql(name: &TableName, sample: &RecordSample<'_>) -> String {
    let mut parts: Vec<String> = sample.columns().iter().map(column_sql).collect();
    if !sample.key().is_empty() {
        let key: Vec<String> = sample.key().iter().map(|column| quoted(column)).collect();
        parts.push(format!("primary key ({})", key.join(", ")));
    }
    format!("create table if not exists {} ({})", name.quoted(), parts.join(", "))
}

/// Writes the statement that adds columns to a table.
fn add_sql(name: &TableName, columns: &[NewColumn]) -> String {
    let add = |column: &NewColumn| format!("add column if not exists {}", column_sql(column));
    let parts: Vec<String> = columns.iter().map(add).collect();
    format!("alter table {} {}", name.quoted(), parts.join(", "))
}

fn column_sql(column: &NewColumn) -> String {
    format!("{} {}", quoted(&column.name), column.type_name)
}

/// Makes a table for records. One that somebody else makes at the same moment is there.
pub(super) async fn create(
    client: &Client,
    name: &TableName,
    sample: &RecordSample<'_>,
) -> Result<(), Failure> {
    let what = format!("making the table {}", name.written());
    are_types(client, &what, sample.columns().iter().map(|column| &column.type_name)).await?;
    change(client, &what, &create_sql(name, sample)).await
}

/// Adds columns to a table. Those that somebody else adds at the same moment are there.
pub(super) async fn add_columns(
    client: &Client,
    name: &TableName,
    columns: &[NewColumn],
) -> Result<(), Failure> {
    let what = format!("adding columns to the table {}", name.written());
    are_types(client, &what, columns.iter().map(|column| &column.type_name)).await?;
    change(client, &what, &add_sql(name, columns)).await
}

/// Looks whether these are types, and nothing else: they go into a statement as they are.
pub(super) async fn are_types<'a>(
    client: &Client,
    what: &str,
    types: impl Iterator<Item = &'a String>,
) -> Result<(), Failure> {
    let types: Vec<&String> = types.collect();
    if types.is_empty() {
        return Ok(());
    }
    let sql = "select t::regtype from unnest($1::text[]) as t";
    let answer = client.query_typed(sql, &[(&types, Type::TEXT_ARRAY)]).await.map(|_| ());
    answer.map_err(|error| {
        let failed = failure(what, error);
        if failed.kind() == FailureKind::Retriable {
            return failed;
        }
        Failure::fatal(format!("{failed}; mend `column_types`, or create what has the type"))
    })
}

async fn change(client: &Client, what: &str, sql: &str) -> Result<(), Failure> {
    match client.batch_execute(&format!("{WAIT}; {sql}")).await {
        Ok(()) => Ok(()),
        Err(error) if is_done(&error) => Ok(()),
        Err(error) => Err(explained(failure(what, error), sql)),
    }
}

/// Somebody else did the same at the same moment: the table, its type or the column is there, or the row of the catalogue is.
fn is_done(error: &Error) -> bool {
    error.code().is_some_and(|state| matches!(state.code(), "42P07" | "42710" | "42701" | "23505"))
}

fn explained(failed: Failure, sql: &str) -> Failure {
    let reason = format!("{failed}; have it done: {sql}");
    match failed.kind() {
        FailureKind::Fatal if failed.is_forbidden() => Failure::forbidden(reason),
        FailureKind::Fatal => Failure::fatal(reason),
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_nothing_is_taken_away() {
        let Ok(name) = TableName::parse("s.t") else { return };
        let column = |name: &str, type_name: &str| NewColumn {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
        };
        let columns = [column("a\" int; drop table t; --", "bigint"), column("B", "numeric(10,2)")];
        assert_eq!(
            add_sql(&name, &columns),
            "alter table \"s\".\"t\" add column if not exists \"a\"\" int; drop table t; --\" bigint, \
             add column if not exists \"B\" numeric(10,2)"
        );
    }
}
