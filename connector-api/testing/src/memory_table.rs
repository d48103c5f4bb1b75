//! A table in memory that stores records exactly once: what the contract asks for, in its plainest form.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use sluice_connector_api::{
    ExactlyOnce, Failure, FencingToken, Limits, PutError, PutProgress, ReadingTask, Record, Sink,
    StoredPosition, TakenOver, TopicPartition,
};

/// A table in memory that stores records together with how far their partitions are. It is a target for tests of whatever hands
/// records over, and shows what [`exactly_once_contract`](crate::exactly_once_contract) asks for. Clones are one table.
///
/// A record whose value is the text `bad` is rejected, and with it the batch that it is in.
#[derive(Clone, Debug, Default)]
pub struct MemoryTable(Arc<Mutex<Rows>>);

#[derive(Debug, Default)]
struct Rows {
    records: Vec<Record>,
    owners: HashMap<TopicPartition, Owner>,
    tokens: u64,
    answers_to_lose: usize,
    names_records: bool,
    keeps_group_offsets: bool,
}

#[derive(Clone, Debug)]
struct Owner {
    token: FencingToken,
    position: Option<StoredPosition>,
}

impl MemoryTable {
    /// Makes an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says of a rejected batch which records are at fault.
    #[must_use]
    pub fn naming_records(self) -> Self {
        self.rows().names_records = true;
        self
    }

    /// Takes its positions for the committed offsets of the consumer group.
    #[must_use]
    pub fn keeping_group_offsets(self) -> Self {
        self.rows().keeps_group_offsets = true;
        self
    }

    /// Has the answers of the next puts get lost: these are stored, and whoever put does not learn it.
    pub fn lose_answers(&self, count: usize) {
        self.rows().answers_to_lose = count;
    }

    /// Returns what is stored, in the order of the puts, each record as often as it was stored.
    pub fn records(&self) -> Vec<Record> {
        self.rows().records.clone()
    }

    /// Returns how far a partition is stored.
    pub fn position_of(&self, partition: &TopicPartition) -> Option<StoredPosition> {
        self.rows().owners.get(partition).and_then(|owner| owner.position.clone())
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.0.lock().unwrap()
    }
}

impl Rows {
    fn judge(&self, batch: &[Record]) -> Result<(), PutError> {
        let is_bad = |record: &Record| record.value_text() == Some("bad");
        let failure = || Failure::rejected("it is bad");
        match batch.iter().any(is_bad) {
            false => Ok(()),
            true if !self.names_records => Err(failure().into()),
            true => PutError::from_each(
                batch.iter().map(|record| if is_bad(record) { Err(failure()) } else { Ok(()) }),
            ),
        }
    }

    /// Says whether a batch is stored already, or why it may not be stored.
    fn is_stored(&self, progress: &PutProgress) -> Result<bool, Failure> {
        let mut behind = 0;
        for step in &progress.steps {
            let partition = &step.partition;
            let Some(owner) = self.owners.get(partition).filter(|owner| owner.token == step.token) else {
                return Err(Failure::fatal(format!("{partition} is somebody else's")));
            };
            match &owner.position {
                stored if *stored == step.from => behind += 1,
                Some(stored) if *stored == step.to => {}
                _ => return Err(Failure::fatal(format!("{partition} is out of step"))),
            }
        }
        if behind != 0 && behind != progress.steps.len() {
            return Err(Failure::fatal("a part of the batch is stored"));
        }
        Ok(behind == 0 && !progress.steps.is_empty())
    }
}

#[async_trait]
impl Sink for MemoryTable {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let mut rows = self.rows();
        rows.judge(batch)?;
        rows.records.extend_from_slice(batch);
        Ok(())
    }

    fn exactly_once(&self, _: &ReadingTask) -> Result<Arc<dyn ExactlyOnce>, String> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl ExactlyOnce for MemoryTable {
    fn how(&self) -> String {
        "positions are in the same memory".to_owned()
    }

    fn keeps_group_offsets(&self) -> bool {
        self.rows().keeps_group_offsets
    }

    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        let mut rows = self.rows();
        let mut taken = Vec::new();
        for partition in partitions {
            rows.tokens += 1;
            let token = FencingToken::new(rows.tokens.to_string());
            let position = rows.owners.get(partition).and_then(|owner| owner.position.clone());
            rows.owners.insert(partition.clone(), Owner { token: token.clone(), position: position.clone() });
            taken.push(TakenOver { partition: partition.clone(), token, position });
        }
        Ok(taken)
    }

    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError> {
        let mut rows = self.rows();
        if rows.is_stored(progress)? {
            return Ok(());
        }
        rows.judge(batch)?;
        rows.records.extend_from_slice(batch);
        for step in &progress.steps {
            let owner = Owner { token: step.token.clone(), position: Some(step.to.clone()) };
            rows.owners.insert(step.partition.clone(), owner);
        }
        if rows.answers_to_lose > 0 {
            rows.answers_to_lose -= 1;
            return Err(Failure::retriable("the answer got lost").into());
        }
        Ok(())
    }
}
