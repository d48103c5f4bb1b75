//! The whole value of a record in one column. Pure.

use sluice_connector_api::{Failure, Payload};

use crate::postgres::names::TableName;
use crate::postgres::tables::TableShape;
use crate::postgres::text::{ColumnKind, ValueKind, text_of};

/// Makes the cell of the whole value: the place of its column, and its text.
pub(super) fn whole_cell(
    table: &TableShape,
    column: &str,
    value: &Payload,
) -> Result<(usize, Option<String>), Failure> {
    let place = table.place(column).ok_or_else(|| {
        Failure::fatal(format!(
            "the table {} has no column `{column}`, the `value_column`",
            table.name.written()
        ))
    })?;
    let refused = |why: &str| Failure::rejected(format!("the value {why}"));
    let text = match (value, value.as_text()) {
        // A null is a value here, and not the want of one.
        (Payload::Json(json), _)
            if table.column(place).is_some_and(|column| column.kind == ColumnKind::One(ValueKind::Json)) =>
        {
            Some(String::from_utf8_lossy(&json.to_bytes()).into_owned())
        }
        (Payload::Json(json), _) => text_of(json.value(), ValueKind::Other, None).map_err(refused)?,
        (_, Some(text)) if text.contains('\0') => {
            return Err(refused("has the character U+0000, which no text of PostgreSQL can hold"));
        }
        (_, Some(text)) => Some(text.to_owned()),
        (_, None) => return Err(refused("is not valid UTF-8")),
    };
    Ok((place, text))
}

/// Looks whether all columns that have to be filled are: where the whole value goes into one, they are the same for every record.
pub(super) fn all_are_filled(table: &TableShape, cells: &[(usize, Option<String>)]) -> Result<(), Failure> {
    let is_filled = |place: usize| cells.iter().any(|(cell, _)| *cell == place);
    let mut columns = table.columns.iter().enumerate();
    match columns.find(|(place, column)| column.is_required && !is_filled(*place)) {
        Some((_, column)) => Err(Failure::fatal(unfilled(&table.name, &column.name))),
        None => Ok(()),
    }
}

/// Says that a column keeps every row out.
pub(super) fn unfilled(table: &TableName, column: &str) -> String {
    format!(
        "the table {} has the column `{column}`, which takes no null and has no default, and nothing fills it; give it a default, or \
         let it be null",
        table.written()
    )
}
