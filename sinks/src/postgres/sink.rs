//! The sink.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use sluice_connector_api::{
    ExactlyOnce, Finding, FormNeed, Limits, Order, PayloadForm, PayloadForms, PutError, ReadingTask, Record,
    Repetition, SettingsError, Side, Sink, SinkSettings, TombstoneFate,
};

use crate::postgres::check::check;
use crate::postgres::connection::DatabasePool;
use crate::postgres::offsets::OffsetsTable;
use crate::postgres::positions::TablePositions;
use crate::postgres::row::RowRule;
use crate::postgres::settings::{PostgresSettings, RowKey, WriteMode};
use crate::postgres::store::RowStore;
use crate::postgres::tables::Tables;
use crate::record::FROM_TEXT;

/// Records per batch.
const MAX_RECORDS: usize = 2000;

struct Postgres {
    store: Arc<RowStore>,
    offsets: Option<OffsetsTable>,
}

impl SinkSettings for PostgresSettings {
    const NAME: &'static str = "postgres";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        self.validate()?;
        let offsets = match &self.offsets_table {
            Some(table) => {
                Some(OffsetsTable::new(table).map_err(|why| SettingsError::at("offsets_table", why))?)
            }
            None => None,
        };
        let (rule, connections) = (RowRule::new(&self)?, DatabasePool::new(&self)?);
        let store = RowStore { settings: self, rule, connections, tables: Tables::default() };
        Ok(Box::new(Postgres { store: Arc::new(store), offsets }))
    }
}

#[async_trait]
impl Sink for Postgres {
    fn limits(&self) -> Limits {
        let settings = &self.store.settings;
        let limits =
            Limits::default().with_max_records(MAX_RECORDS).with_max_in_flight(settings.max_in_flight);
        match settings.max_in_flight {
            1 => limits,
            _ => limits.with_order(Order::Id { newest_wins: false }),
        }
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        self.store.store(batch, None).await
    }

    fn id(&self, record: &Record) -> Option<String> {
        self.store.rule.id(record)
    }

    fn exactly_once(&self, task: &ReadingTask) -> Result<Arc<dyn ExactlyOnce>, String> {
        match &self.offsets {
            Some(table) => Ok(Arc::new(TablePositions::new(&self.store, table, &task.group))),
            None => {
                Err("set `offsets_table`, which stores the offsets in the transaction of the rows".to_owned())
            }
        }
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.store.settings.on_null.fate()
    }

    fn repetition(&self) -> Repetition {
        match (self.store.settings.mode, self.store.settings.key) {
            (WriteMode::Insert, RowKey::None) => Repetition::stores_again("each record becomes a row more"),
            (WriteMode::Insert, _) => Repetition::changes_nothing("a row that is there stays as it is"),
            _ => Repetition::changes_nothing("a row is found by its key, and written over"),
        }
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let mut rows = Vec::new();
        for record in batch.iter().filter(|record| !self.store.rule.passes_over(record)) {
            if let Some(failure) = self.store.rule.rejected(record) {
                return Err(PutError::from(failure));
            }
            let table = self.store.rule.table(record).map_err(PutError::from)?;
            let value = record.value.as_ref();
            rows.push(json!({
                "table": table.written(),
                "operation": if record.is_tombstone() { "delete" } else { self.store.settings.mode.name() },
                "key": record.key.as_ref().map(|key| key.to_display()),
                "row": value.map(|value| value.as_json().cloned().unwrap_or_else(|| value.to_display().into())),
            }));
        }
        Ok(Value::Array(rows))
    }

    fn needs(&self) -> Vec<FormNeed> {
        let settings = &self.store.settings;
        let mut needs = Vec::new();
        if settings.key == RowKey::RecordKey && settings.key_columns.len() != 1 {
            let why = SettingsError::at("key", "takes the fields of a JSON key as columns");
            let way_out = "name the one column of the key in `key_columns`";
            needs.push(FormNeed::new(Side::Key, PayloadForm::Json, why).with_way_out(way_out));
        }
        if settings.value_column.is_none() {
            let why = SettingsError::at("table", "takes the fields of a JSON object as columns");
            let need = FormNeed::new(Side::Value, PayloadForm::Json, why);
            needs.push(need.with_way_out(format!("{FROM_TEXT}, or set `value_column`")));
        }
        if settings.key == RowKey::Fields {
            let why = SettingsError::at("key_columns", "takes fields of the value for the key");
            let need = FormNeed::new(Side::Value, PayloadForm::Json, why);
            needs.push(need.with_fields(settings.key_columns.iter().map(|name| [name])));
        }
        if settings.key == RowKey::RecordKey {
            let columns = settings.key_columns.iter().enumerate();
            needs.extend(columns.map(|(index, name)| {
                let why = SettingsError::at(format!("key_columns.{index}"), "takes a field of the key");
                FormNeed::new(Side::Key, PayloadForms::ANY, why).with_fields([[name]])
            }));
        }
        needs.extend(self.store.rule.table_needs());
        needs
    }

    async fn check(&self) -> Vec<Finding> {
        check(&self.store, self.offsets.as_ref()).await
    }
}
