//! Which statements a batch becomes. Pure.
//!
//! Rows with the same columns of the same table share a statement. A row goes into an earlier one of its kind only where no later
//! statement has its key, so that what happens to a row happens in the order read; within a statement the last row of a key counts.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;

use foldhash::HashMap;
use foldhash::quality::RandomState;
use sluice_connector_api::{Failure, FailureKind, Record};

use crate::postgres::names::TableName;
use crate::postgres::row::{RowRule, Since, TableRow};
use crate::postgres::settings::WriteMode;
use crate::postgres::statement::{Filled, delete_sql, write_sql};
use crate::postgres::tables::TableShape;

/// The texts that name a row in its table.
type KeyTexts = Vec<Option<String>>;

/// Rows that one statement writes or deletes.
#[derive(Debug)]
pub(super) struct RowStatement {
    pub(super) table: Arc<TableShape>,
    is_delete: bool,
    /// The columns, by their places in the table.
    places: Vec<usize>,
    key: Vec<usize>,
    /// By column the texts of all rows.
    pub(super) lists: Vec<Vec<Option<String>>>,
    rows: HashMap<KeyTexts, usize>,
}

/// What a batch becomes.
#[derive(Debug, Default)]
pub(super) struct BatchPlan {
    pub(super) statements: Vec<RowStatement>,
    /// Records that are no rows, by their places in the batch.
    pub(super) rejected: Vec<(usize, Failure)>,
    /// Tables that had no column for a field.
    pub(super) outgrown: Vec<TableName>,
    /// Tables that had a column of a type that does not hold a value.
    pub(super) unfit: Vec<TableName>,
    /// The statement that the last row went into: most are of one kind.
    last: usize,
    /// The last statement for rows of a kind.
    of_kind: HashMap<(String, bool, Vec<usize>), usize>,
    keys: LastOfKey,
}

/// The last statement that has a key, and the hash of that one, by the hash of what keys have in common that the table may take for one:
/// where two keys share it, no more comes of it than a statement too many.
#[derive(Debug, Default)]
struct LastOfKey {
    statements: HashMap<u64, (usize, u64)>,
    hasher: RandomState,
}

impl BatchPlan {
    /// Plans a batch, for tables that were looked at. A fatal failure is that of the batch.
    pub(super) fn new(
        rule: &RowRule,
        batch: &[Record],
        table_of: impl Fn(&TableName) -> Option<Arc<TableShape>>,
    ) -> Result<Self, Failure> {
        let mut plan = Self::default();
        let mut last: Option<(&TableName, Option<Arc<TableShape>>)> = None;
        for (index, record) in batch.iter().enumerate() {
            if rule.passes_over(record) {
                continue;
            }
            if let Some(failure) = rule.rejected(record) {
                plan.reject(index, failure)?;
                continue;
            }
            let name = match rule.table(record) {
                Ok(name) => name,
                Err(failure) => {
                    plan.reject(index, failure)?;
                    continue;
                }
            };
            let (_, table) = match last.take() {
                Some(known) if std::ptr::eq(known.0, name) => last.insert(known),
                _ => last.insert((name, table_of(name))),
            };
            let Some(table) = table else {
                if let Some(failure) = rule.without_table(record, name) {
                    plan.reject(index, failure)?;
                }
                continue;
            };
            match rule.row(record, table) {
                Ok(row) => {
                    if row.has_unknown {
                        note(&mut plan.outgrown, name);
                    }
                    plan.add(rule.mode, table, row);
                }
                Err(unfit) => {
                    match unfit.since {
                        Since::Record => {}
                        Since::NoColumn => note(&mut plan.outgrown, name),
                        Since::OtherType => note(&mut plan.unfit, name),
                    }
                    plan.reject(index, unfit.failure)?;
                }
            }
        }
        Ok(plan)
    }

    fn reject(&mut self, index: usize, failure: Failure) -> Result<(), Failure> {
        if failure.kind() != FailureKind::Rejected {
            return Err(failure);
        }
        self.rejected.push((index, failure));
        Ok(())
    }

    fn add(&mut self, mode: WriteMode, table: &Arc<TableShape>, row: TableRow) {
        let key = row.key_texts();
        let hashes = (!key.is_empty()).then(|| self.keys.hashes(table, &row));
        let first = hashes.map_or(0, |(loose, exact)| self.keys.first_after(loose, exact));
        let index = self.last_of_kind(table, &row).filter(|index| *index >= first);
        let index = index.unwrap_or_else(|| self.begin(table, &row));
        if let Some(statement) = self.statements.get_mut(index) {
            statement.add(mode, key, row);
        }
        self.last = index;
        if let Some((loose, exact)) = hashes {
            self.keys.statements.insert(loose, (index, exact));
        }
    }

    fn last_of_kind(&self, table: &Arc<TableShape>, row: &TableRow) -> Option<usize> {
        let is_of_kind = |statement: &RowStatement| statement.is_for(table, row);
        if self.statements.get(self.last).is_some_and(is_of_kind) {
            return Some(self.last);
        }
        self.of_kind.get(&kind(table, row)).copied()
    }

    fn begin(&mut self, table: &Arc<TableShape>, row: &TableRow) -> usize {
        let index = self.statements.len();
        self.statements.push(RowStatement::new(table, row));
        self.of_kind.insert(kind(table, row), index);
        index
    }
}

impl LastOfKey {
    /// Returns the hashes of a row's key: of what it has in common with others, and of itself.
    fn hashes(&self, table: &TableShape, row: &TableRow) -> (u64, u64) {
        let (mut loose, mut exact) = (self.hasher.build_hasher(), self.hasher.build_hasher());
        table.name.written().hash(&mut loose);
        for (place, text) in row.cells.iter().filter(|(place, _)| row.key.contains(place)) {
            let (Some(text), Some(column)) = (text, table.column(*place)) else { continue };
            if let Some(in_common) = column.equality.in_common(text) {
                in_common.hash(&mut loose);
                text.hash(&mut exact);
            }
        }
        (loose.finish(), exact.finish())
    }

    /// Returns the first statement that a row may go into: not one before the last of its key, and not that one where its key is
    /// another one there, since the database takes no row twice in a statement.
    fn first_after(&self, loose: u64, exact: u64) -> usize {
        match self.statements.get(&loose) {
            Some((last, of)) => last + usize::from(*of != exact),
            None => 0,
        }
    }
}

fn kind(table: &TableShape, row: &TableRow) -> (String, bool, Vec<usize>) {
    (table.name.written().to_owned(), row.is_delete, row.places().collect())
}

fn note(names: &mut Vec<TableName>, name: &TableName) {
    if !names.contains(name) {
        names.push(name.clone());
    }
}

impl TableRow {
    fn places(&self) -> impl Iterator<Item = usize> {
        self.cells.iter().map(|(place, _)| *place)
    }

    fn key_texts(&self) -> KeyTexts {
        let is_key = |(place, _): &&(usize, Option<String>)| self.key.contains(place);
        self.cells.iter().filter(is_key).map(|(_, text)| text.clone()).collect()
    }
}

impl RowStatement {
    fn new(table: &Arc<TableShape>, row: &TableRow) -> Self {
        let places: Vec<usize> = row.places().collect();
        let lists = places.iter().map(|_| Vec::new()).collect();
        let (table, key) = (Arc::clone(table), row.key.clone());
        Self { table, is_delete: row.is_delete, places, key, lists, rows: HashMap::default() }
    }

    fn is_for(&self, table: &Arc<TableShape>, row: &TableRow) -> bool {
        Arc::ptr_eq(&self.table, table)
            && self.is_delete == row.is_delete
            && row.places().eq(self.places.iter().copied())
    }

    fn add(&mut self, mode: WriteMode, key: KeyTexts, row: TableRow) {
        if key.is_empty() {
            for (list, (_, text)) in self.lists.iter_mut().zip(row.cells) {
                list.push(text);
            }
            return;
        }
        let count = self.lists.first().map_or(0, Vec::len);
        match self.rows.get(&key).copied() {
            // A row that is there stays as it is.
            Some(_) if mode == WriteMode::Insert && !self.is_delete => {}
            Some(place) => {
                for (list, (_, text)) in self.lists.iter_mut().zip(row.cells) {
                    if let Some(before) = list.get_mut(place) {
                        *before = text;
                    }
                }
            }
            None => {
                self.rows.insert(key, count);
                for (list, (_, text)) in self.lists.iter_mut().zip(row.cells) {
                    list.push(text);
                }
            }
        }
    }

    /// Returns the columns that it fills, by name and type.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let columns = self.places.iter().filter_map(|place| self.table.column(*place));
        columns.map(|column| (column.name.as_str(), column.type_name.as_str()))
    }

    /// Writes the statement.
    pub(super) fn sql(&self, mode: WriteMode) -> String {
        let mut columns = Vec::with_capacity(self.places.len());
        for place in &self.places {
            if let Some(column) = self.table.column(*place) {
                let is_key = self.key.contains(place);
                columns.push(Filled { name: &column.name, type_name: &column.type_name, is_key });
            }
        }
        if self.is_delete {
            delete_sql(&self.table.name, &columns)
        } else {
            write_sql(&self.table.name, mode, &columns)
        }
    }
}
