//! SQL. Names are quoted, and values are parameters, always.

use std::fmt::Write as _;

use crate::postgres::names::{TableName, quoted};
use crate::postgres::settings::WriteMode;

/// A column that a statement fills from a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filled<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// The type that its texts are read as.
    pub(super) type_name: &'a str,
    /// It is a part of the key.
    pub(super) is_key: bool,
}

/// Writes the statement for rows with these columns, of which parameter `$n` has column `n`.
pub(super) fn write_sql(table: &TableName, mode: WriteMode, columns: &[Filled<'_>]) -> String {
    match mode {
        WriteMode::Insert | WriteMode::Upsert => insert_sql(table, mode, columns),
        WriteMode::Update => update_sql(table, columns),
    }
}

fn insert_sql(table: &TableName, mode: WriteMode, columns: &[Filled<'_>]) -> String {
    let names: Vec<String> = columns.iter().map(|column| quoted(column.name)).collect();
    let mut sql = format!("insert into {} ({}) {}", table.quoted(), names.join(", "), rows_sql(columns));
    let keys: Vec<String> =
        columns.iter().filter(|column| column.is_key).map(|column| quoted(column.name)).collect();
    if keys.is_empty() {
        return sql;
    }
    let mut changes = Vec::new();
    for column in columns.iter().filter(|column| !column.is_key) {
        let name = quoted(column.name);
        changes.push(format!("{name} = excluded.{name}"));
    }
    let what = if mode == WriteMode::Insert || changes.is_empty() {
        "nothing".to_owned()
    } else {
        format!("update set {}", changes.join(", "))
    };
    // A text grows without failing.
    let _grown = write!(sql, " on conflict ({}) do {what}", keys.join(", ")).is_ok();
    sql
}

fn update_sql(table: &TableName, columns: &[Filled<'_>]) -> String {
    let mut changes = Vec::new();
    let mut found_by = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let name = quoted(column.name);
        if column.is_key {
            found_by.push(format!("t.{name} = u.c{index}"));
        } else {
            changes.push(format!("{name} = u.c{index}"));
        }
    }
    if changes.is_empty() {
        // There is nothing to change but the key, which stays as it is.
        changes.extend(columns.iter().take(1).map(|column| format!("{0} = t.{0}", quoted(column.name))));
    }
    format!(
        "update {} as t set {} from ({}) as u where {}",
        table.quoted(),
        changes.join(", "),
        rows_sql(columns),
        found_by.join(" and ")
    )
}

/// Writes the statement that deletes rows by their keys.
pub(super) fn delete_sql(table: &TableName, columns: &[Filled<'_>]) -> String {
    let found_by: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("t.{} = u.c{index}", quoted(column.name)))
        .collect();
    format!(
        "delete from {} as t using ({}) as u where {}",
        table.quoted(),
        rows_sql(columns),
        found_by.join(" and ")
    )
}

/// Makes rows of lists of texts, each read as the type of its column.
fn rows_sql(columns: &[Filled<'_>]) -> String {
    let (mut casts, mut lists, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (index, column) in columns.iter().enumerate() {
        casts.push(format!("v.c{index}::{} as c{index}", column.type_name));
        lists.push(format!("${}::text[]", index + 1));
        names.push(format!("c{index}"));
    }
    format!("select {} from unnest({}) as v({})", casts.join(", "), lists.join(", "), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [Filled<'static>; 2] {
        let id = Filled { name: "id", type_name: "bigint", is_key: true };
        [id, Filled { name: "a \"b\"", type_name: "jsonb", is_key: false }]
    }

    #[test]
    fn each_mode_has_its_statement() {
        let Ok(table) = TableName::parse("t") else { return };
        let rows =
            "select v.c0::bigint as c0, v.c1::jsonb as c1 from unnest($1::text[], $2::text[]) as v(c0, c1)";
        let into = format!("insert into \"t\" (\"id\", \"a \"\"b\"\"\") {rows} on conflict (\"id\") do ");
        assert_eq!(
            write_sql(&table, WriteMode::Upsert, &columns()),
            format!("{into}update set \"a \"\"b\"\"\" = excluded.\"a \"\"b\"\"\"")
        );
        assert_eq!(write_sql(&table, WriteMode::Insert, &columns()), format!("{into}nothing"));
        assert_eq!(
            write_sql(&table, WriteMode::Update, &columns()),
            format!("update \"t\" as t set \"a \"\"b\"\"\" = u.c1 from ({rows}) as u where t.\"id\" = u.c0")
        );
        let [id, _] = columns();
        assert_eq!(
            delete_sql(&table, &[id]),
            "delete from \"t\" as t using (select v.c0::bigint as c0 from unnest($1::text[]) as v(c0)) as u \
             where t.\"id\" = u.c0"
        );
    }
}
