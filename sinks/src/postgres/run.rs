//! Statements of a batch, in one transaction where there are several.

use sluice_connector_api::Failure;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use crate::postgres::plan::RowStatement;
use crate::postgres::settings::WriteMode;
use crate::postgres::verdict::{columns_at_fault, failure, failure_of_rows};

/// Why statements did not run.
#[derive(Debug)]
pub(super) struct NotRun {
    /// What was being done.
    pub(super) what: String,
    pub(super) error: Error,
    /// Where it is about rows, which columns may be at fault, if that is known.
    place: Option<String>,
}

impl NotRun {
    pub(super) fn of(what: impl Into<String>) -> impl FnOnce(Error) -> Self {
        let what = what.into();
        move |error| Self { what, error, place: None }
    }
}

impl From<NotRun> for Failure {
    fn from(NotRun { what, error, place }: NotRun) -> Self {
        match place {
            Some(place) => failure_of_rows(&what, error, &place),
            None => failure(&what, error),
        }
    }
}

/// Runs one statement after the other.
pub(super) async fn run_all(
    client: &Client,
    statements: &[RowStatement],
    mode: WriteMode,
) -> Result<(), NotRun> {
    for statement in statements {
        run(client, statement, mode).await?;
    }
    Ok(())
}

/// Runs a statement. It is not prepared, so that a pooler may hand each to another connection.
pub(super) async fn run(client: &Client, statement: &RowStatement, mode: WriteMode) -> Result<(), NotRun> {
    let lists = statement.lists.iter();
    let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
        lists.map(|list| (list as &(dyn ToSql + Sync), Type::TEXT_ARRAY)).collect();
    let sql = statement.sql(mode);
    let ran = client.execute_typed(&sql, &parameters).await;
    ran.map(|_| ()).map_err(|error| {
        let place = Some(columns_at_fault(&error, statement.columns()));
        NotRun { what: format!("writing to the table {}", statement.table.name.written()), error, place }
    })
}
