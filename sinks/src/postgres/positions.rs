//! Exactly once: a consumer group whose positions are rows of a table.

use std::sync::Arc;

use async_trait::async_trait;
use sluice_connector_api::{
    ExactlyOnce, Failure, FailureKind, PutError, PutProgress, Record, TakenOver, TopicPartition,
};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error};

use crate::postgres::offsets::{BatchOffsets, OffsetsTable, taken_over};
use crate::postgres::run::NotRun;
use crate::postgres::store::RowStore;
use crate::postgres::verdict::failure;

/// What stands for a table that is not there.
const UNDEFINED_TABLE: &str = "42P01";

/// The positions of a consumer group.
pub(super) struct TablePositions {
    store: Arc<RowStore>,
    table: OffsetsTable,
    group: String,
}

impl TablePositions {
    pub(super) fn new(store: &Arc<RowStore>, table: &OffsetsTable, group: &str) -> Self {
        Self { store: Arc::clone(store), table: table.clone(), group: group.to_owned() }
    }

    async fn ask(&self, client: &Client, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Error> {
        let topics: Vec<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.partition).collect();
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&self.group, Type::TEXT), (&topics, Type::TEXT_ARRAY), (&numbers, Type::INT4_ARRAY)];
        let rows = client.query_typed(&self.table.take_over, &parameters).await?;
        rows.iter().map(taken_over).collect()
    }

    /// Makes the table. One that somebody else makes at the same moment is there.
    async fn create(&self, client: &Client) -> Result<(), Failure> {
        let Err(error) = client.batch_execute(&self.table.create).await else { return Ok(()) };
        if error.code().is_some_and(|state| state.code().starts_with("23")) {
            return Ok(());
        }
        let what = format!("making the table {}", self.table.name.written());
        let failed = failure(&what, error);
        if failed.kind() == FailureKind::Retriable {
            return Err(failed);
        }
        Err(Failure::fatal(format!("{failed}; have it made: {}", &self.table.create)))
    }
}

#[async_trait]
impl ExactlyOnce for TablePositions {
    fn how(&self) -> String {
        format!("offsets are in the table {}, in the transaction of the rows", self.table.name.written())
    }

    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        let mut lease = self.store.lease().await?;
        let client = lease.get()?;
        let mut taken = self.ask(client, partitions).await;
        if let Err(error) = &taken
            && error.code().is_some_and(|state| state.code() == UNDEFINED_TABLE)
        {
            self.create(client).await?;
            taken = self.ask(client, partitions).await;
        }
        let what = format!("taking partitions over in the table {}", self.table.name.written());
        let taken = taken.map_err(NotRun::of(what)).map_err(Failure::from);
        match &taken {
            Ok(_) => lease.give_back(),
            Err(failure) => lease.give_back_after(failure),
        }
        taken
    }

    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError> {
        let offsets = BatchOffsets { table: &self.table, group: &self.group, steps: &progress.steps };
        self.store.store(batch, Some(&offsets)).await
    }
}
