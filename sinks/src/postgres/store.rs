//! Stores a batch: connections, the shapes of tables, statements and positions put together.

use std::collections::HashSet;

use deadpool_postgres::Object;
use sluice_connector_api::{Failure, PutError, Record, Trouble};
use tokio_postgres::Client;

use crate::postgres::connection::DatabasePool;
use crate::postgres::growth::{add_columns, create};
use crate::postgres::lease::Lease;
use crate::postgres::names::TableName;
use crate::postgres::offsets::{BatchOffsets, Stepped};
use crate::postgres::plan::BatchPlan;
use crate::postgres::row::RowRule;
use crate::postgres::run::{NotRun, run, run_all};
use crate::postgres::sample::RecordSample;
use crate::postgres::settings::{PostgresSettings, UnknownFields};
use crate::postgres::tables::{Tables, missing};
use crate::postgres::verdict::may_be_of_shape;

/// Stores batches.
pub(super) struct RowStore {
    pub(super) settings: PostgresSettings,
    pub(super) rule: RowRule,
    pub(super) connections: DatabasePool,
    pub(super) tables: Tables,
}

impl RowStore {
    /// Returns a connection.
    pub(super) async fn lease(&self) -> Result<Lease, Failure> {
        self.connections.lease().await
    }

    /// Stores a batch, with the positions that go with it. A table that was changed since it was looked at is looked at again.
    pub(super) async fn store(
        &self,
        batch: &[Record],
        offsets: Option<&BatchOffsets<'_>>,
    ) -> Result<(), PutError> {
        if offsets.is_none()
            && let Some(settled) = self.settled_without_database(batch)
        {
            return settled;
        }
        let limit = self.settings.request_timeout.get();
        let stored = tokio::time::timeout(limit, async {
            match self.store_once(batch, offsets).await {
                Err(NotStored::Changed(_)) => self.store_once(batch, offsets).await,
                other => other,
            }
        });
        if let Ok(stored) = stored.await {
            return stored.map_err(PutError::from);
        }
        // The statement was cancelled with its lease, which has to be over before another may follow.
        self.connections.cancelled().await;
        let reason = format!("the database did not take the batch within {limit:?}");
        Err(Failure::retriable(reason).because(Trouble::TimedOut).into())
    }

    /// Says what came of a batch of which the database hears nothing.
    fn settled_without_database(&self, batch: &[Record]) -> Option<Result<(), PutError>> {
        let mut rejected = Vec::new();
        for (index, record) in batch.iter().enumerate() {
            match self.rule.rejected(record) {
                Some(failure) => rejected.push((index, failure)),
                None if self.rule.passes_over(record) => {}
                None => return None,
            }
        }
        Some(if rejected.is_empty() { Ok(()) } else { Err(PutError::Records(rejected)) })
    }

    async fn store_once(
        &self,
        batch: &[Record],
        offsets: Option<&BatchOffsets<'_>>,
    ) -> Result<(), NotStored> {
        let mut lease = self.lease().await?;
        let client = lease.get()?;
        let plan = self.plan(client, batch).await;
        let plan = match plan {
            Ok(plan) => plan,
            Err(failure) => {
                lease.give_back_after(&failure);
                return Err(failure.into());
            }
        };
        // Nothing of it, or the position would pass a record that is not dealt with yet.
        if offsets.is_some() && !plan.rejected.is_empty() {
            lease.give_back();
            return Err(NotStored::Put(PutError::Records(plan.rejected)));
        }
        let ran = self.run(client, &plan, offsets).await;
        let has_changed = match &ran {
            Err(Unrun::Statement(not_run)) if may_be_of_shape(&not_run.error) => {
                self.has_changed(client, &plan).await?
            }
            _ => false,
        };
        match &ran {
            Ok(()) => lease.give_back(),
            Err(Unrun::Statement(not_run)) => lease.give_back_after(&not_run.error),
            Err(Unrun::Position(failure)) => lease.give_back_after(failure),
        }
        match ran {
            Ok(()) if plan.rejected.is_empty() => Ok(()),
            Ok(()) => Err(NotStored::Put(PutError::Records(plan.rejected))),
            Err(Unrun::Statement(not_run)) if has_changed => Err(NotStored::Changed(not_run.into())),
            Err(Unrun::Statement(not_run)) => Err(Failure::from(not_run).into()),
            Err(Unrun::Position(failure)) => Err(failure.into()),
        }
    }

    /// Plans a batch, and looks at its tables before that. A table that has outgrown what is known of it is looked at again, and
    /// one that the batch has outgrown gets the columns, where the settings say so.
    async fn plan(&self, client: &Client, batch: &[Record]) -> Result<BatchPlan, Failure> {
        let names = self.table_names(batch);
        for name in &names {
            self.find_or_create(client, name, batch).await?;
        }
        let plan = match self.plan_of_known(batch) {
            Ok(plan) => plan,
            // A table may have been mended since it was looked at, or was looked at before it was changed.
            Err(_) => self.plan_anew(client, &names, batch).await?,
        };
        if !self.look_again(client, &plan, batch).await? {
            return Ok(plan);
        }
        let plan = self.plan_of_known(batch)?;
        if self.settings.auto_evolve && self.evolve(client, &plan.outgrown, batch).await? {
            return self.plan_of_known(batch);
        }
        Ok(plan)
    }

    /// Returns the tables of a batch, each once.
    fn table_names(&self, batch: &[Record]) -> HashSet<&TableName> {
        let mut names = HashSet::new();
        let mut last = None;
        for name in batch.iter().filter_map(|record| self.rule.table(record).ok()) {
            if !last.replace(name).is_some_and(|last| std::ptr::eq(last, name)) {
                names.insert(name);
            }
        }
        names
    }

    /// Looks at all tables again for a batch that they do not fit. Where they do not fit it still, the next put looks once more,
    /// so that it is enough to mend the table.
    async fn plan_anew(
        &self,
        client: &Client,
        names: &HashSet<&TableName>,
        batch: &[Record],
    ) -> Result<BatchPlan, Failure> {
        for name in names {
            self.tables.forget(name);
            self.find_or_create(client, name, batch).await?;
        }
        self.plan_of_known(batch)
    }

    fn plan_of_known(&self, batch: &[Record]) -> Result<BatchPlan, Failure> {
        BatchPlan::new(&self.rule, batch, |name| self.tables.known(name))
    }

    /// Looks at a table, and makes it of the records of a batch where it is missing and the settings say so. It may be missing
    /// still, where the batch has nothing to make it of.
    async fn find_or_create(
        &self,
        client: &Client,
        name: &TableName,
        batch: &[Record],
    ) -> Result<(), Failure> {
        if self.tables.find(client, name).await?.is_some() {
            return Ok(());
        }
        if !self.settings.auto_create {
            return Err(missing(name));
        }
        let sample = self.sample(name, batch);
        if sample.columns().is_empty() {
            return Ok(());
        }
        create(client, name, &sample).await?;
        match self.tables.find(client, name).await? {
            Some(_) => Ok(()),
            None => {
                Err(Failure::retriable(format!("the table {} was made, and is gone again", name.written())))
            }
        }
    }

    fn sample<'a>(&'a self, name: &TableName, batch: &[Record]) -> RecordSample<'a> {
        let is_for = |record: &&Record| self.rule.table(record).is_ok_and(|of| of == name);
        RecordSample::new(&self.settings.column_types, &self.rule, batch.iter().filter(is_for))
    }

    /// Looks at tables again that a record does not fit, before it is rejected for that. Says whether that was worth it.
    async fn look_again(&self, client: &Client, plan: &BatchPlan, batch: &[Record]) -> Result<bool, Failure> {
        let mut is_looked_at_again = false;
        for name in plan.unfit.iter().chain(&plan.outgrown) {
            // A field that is left out is not worth a look each time.
            let is_forgotten =
                if plan.unfit.contains(name) || self.settings.unknown_fields == UnknownFields::Reject {
                    self.tables.forget(name);
                    true
                } else {
                    self.tables.forget_if_old(name)
                };
            if is_forgotten {
                self.find_or_create(client, name, batch).await?;
                is_looked_at_again = true;
            }
        }
        Ok(is_looked_at_again)
    }

    /// Adds the columns that tables lack for a batch. Says whether there were any.
    async fn evolve(
        &self,
        client: &Client,
        outgrown: &[TableName],
        batch: &[Record],
    ) -> Result<bool, Failure> {
        let mut has_changed = false;
        for name in outgrown {
            let Some(table) = self.tables.known(name) else { continue };
            let columns = self.sample(name, batch).missing(|column| table.place(column).is_some());
            if columns.is_empty() {
                continue;
            }
            add_columns(client, name, &columns).await?;
            self.tables.forget(name);
            self.find_or_create(client, name, batch).await?;
            has_changed = true;
        }
        Ok(has_changed)
    }

    /// Looks at the tables of a plan again, and says whether one is built otherwise now, or gone and to be made.
    async fn has_changed(&self, client: &Client, plan: &BatchPlan) -> Result<bool, Failure> {
        let mut has_changed = false;
        for statement in &plan.statements {
            let name = &statement.table.name;
            self.tables.forget(name);
            has_changed |= match self.tables.find(client, name).await? {
                Some(now) => *now != *statement.table,
                None if self.settings.auto_create => true,
                None => return Err(missing(name)),
            };
        }
        Ok(has_changed)
    }

    async fn run(
        &self,
        client: &mut Object,
        plan: &BatchPlan,
        offsets: Option<&BatchOffsets<'_>>,
    ) -> Result<(), Unrun> {
        let mode = self.settings.mode;
        match (plan.statements.as_slice(), offsets) {
            ([], None) => return Ok(()),
            // A statement by itself is a transaction.
            ([statement], None) => return Ok(run(client, statement, mode).await?),
            _ => {}
        }
        let begun = client.build_transaction().start().await;
        let transaction = begun.map_err(NotRun::of("beginning a transaction"))?;
        if let Some(offsets) = offsets
            && offsets.step(transaction.client()).await.map_err(Unrun::Position)? == Stepped::StoredAlready
        {
            return Ok(());
        }
        run_all(transaction.client(), &plan.statements, mode).await?;
        transaction.commit().await.map_err(NotRun::of("committing a batch"))?;
        Ok(())
    }
}

/// Why a batch was not stored.
enum NotStored {
    /// A table is not what it was when it was looked at.
    Changed(Failure),
    Put(PutError),
}

impl From<Failure> for NotStored {
    fn from(failure: Failure) -> Self {
        Self::Put(failure.into())
    }
}

impl From<NotStored> for PutError {
    fn from(not_stored: NotStored) -> Self {
        match not_stored {
            NotStored::Changed(failure) => failure.into(),
            NotStored::Put(error) => error,
        }
    }
}

/// Why statements did not run.
enum Unrun {
    Statement(NotRun),
    Position(Failure),
}

impl From<NotRun> for Unrun {
    fn from(not_run: NotRun) -> Self {
        Self::Statement(not_run)
    }
}
