//! The contract of sinks.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Failure, PutError, Record, SettingsError};

/// What must stay in the order read when several puts are in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderedBy {
    /// Records of one partition.
    Partition,
    /// Records of one key; records without a key are free.
    Key,
    /// Records of one [`Sink::id`]; records without an id are free.
    Id,
}

/// A budget of calls. The engine keeps to it, and learns the rate that the target really takes.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// What the budget belongs to, such as an account and region: in a process, sinks that name the same scope draw
    /// on the same budget.
    pub scope: String,
    /// Calls a second to begin with, which are never exceeded: the configured or the documented limit.
    pub calls_per_second: f64,
    /// Calls that may be under way at once, over all that draw on the budget; the least that one of them asks for
    /// holds. Default: as many as there are.
    pub max_concurrent: Option<usize>,
}

/// How the engine finds out what became of records that a put accepted, for a target that stores later than it
/// answers.
///
/// The engine asks [`Sink::confirm`] until each record is stored or failed. Until then its offset waits, and so do
/// later records of its ordering key; a place among the puts in flight it does not take.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfirmLimits {
    /// Records a question, at least 1.
    pub max_records: usize,
    /// How long after the put, and then after each answer that says [`Confirmation::Pending`], a record is asked for.
    pub interval: Duration,
    /// How long after its put a record may be pending before it counts as not stored and is put again.
    pub timeout: Duration,
    /// How many questions a second. Default: as many as there are.
    pub pace: Option<Pace>,
}

/// What became of a record that a put accepted.
#[derive(Debug)]
pub enum Confirmation {
    /// Not known yet.
    Pending,
    /// Stored for good.
    Stored,
    /// Not stored, and what to do about it: a *retriable* record is put again, a *rejected* one is at fault.
    Failed(Failure),
}

/// What a sink can take. The engine keeps to it, so that a sink need not check.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Records a batch, at least 1. Default 500.
    pub max_records: usize,
    /// Bytes a batch, as [`Sink::size_of`] measures them. Default 5 MiB.
    pub max_batch_bytes: usize,
    /// Bytes a record, measured alike; a larger one is rejected without a put. Default: the batch's.
    pub max_record_bytes: usize,
    /// Puts in flight at once, at least 1. Default 1.
    pub max_in_flight: usize,
    /// What two puts in flight may not share. Default: the partition.
    pub ordered_by: OrderedBy,
    /// How many calls a second; a put is a call. Default: as many as there are.
    pub pace: Option<Pace>,
    /// Of the records of a batch with one [`Sink::id`], only the newest is put. The older ones count as superseded
    /// once it is stored, and are put after all where it is rejected. Holds with [`OrderedBy::Id`]; with another order
    /// all are put. Default: all are put.
    pub newest_wins: bool,
    /// How to find out what became of records that a put accepted. Default: `Ok` of a put says it all.
    pub confirm: Option<ConfirmLimits>,
}

impl Default for Limits {
    fn default() -> Self {
        let max_batch_bytes = 5 * 1024 * 1024;
        Self {
            max_records: 500,
            max_batch_bytes,
            max_record_bytes: max_batch_bytes,
            max_in_flight: 1,
            ordered_by: OrderedBy::Partition,
            pace: None,
            newest_wins: false,
            confirm: None,
        }
    }
}

/// Stores batches of records.
///
/// A sink is dumb and honest: it neither waits, retries, buffers nor logs a failure. It says in
/// [`PutError`] what is to be done, and the engine does it.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Returns what the sink can take; asked once, at the start.
    fn limits(&self) -> Limits;

    /// Stores a batch; `Ok` means that every record is stored for good, or, with [`Limits::confirm`], accepted. The
    /// batch is never empty and keeps to the [`Limits`]; a record may be put again after a failure or a restart, so a
    /// put should overwrite.
    ///
    /// The future may be dropped at any await: the engine then counts the batch as not stored.
    async fn put(&self, batch: &[Record]) -> Result<(), PutError>;

    /// Measures what a record adds to a batch, in bytes. Default: [`Record::size`].
    fn size_of(&self, record: &Record) -> usize {
        record.size()
    }

    /// Names the thing that the record overwrites in the target, where the sink has such a thing.
    fn id(&self, record: &Record) -> Option<String> {
        let _ = record;
        None
    }

    /// Parts records that one put cannot take together, such as writes and deletes: those of different keys never
    /// share a batch. Default: all are alike.
    fn batch_key(&self, record: &Record) -> u64 {
        let _ = record;
        0
    }

    /// Looks at what became of records that a put accepted, one answer for each, in order. Asked only with
    /// [`Limits::confirm`], and never for more than [`ConfirmLimits::max_records`]. A failure is that of the question
    /// and says nothing of the records: a *retriable* question is asked again, any other stops the connector.
    async fn confirm(&self, batch: &[Record]) -> Result<Vec<Confirmation>, Failure> {
        Ok(batch.iter().map(|_| Confirmation::Stored).collect())
    }

    /// Shows the request that [`Sink::put`] would send, without sending it. Default: the values.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let shown = batch
            .iter()
            .map(|record| record.value.as_ref().map_or(Value::Null, |value| value.to_display().into()));
        Ok(Value::Array(shown.collect()))
    }

    /// Looks at the target without writing: reachability, credentials, rights, ids. Default: nothing to say.
    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// One thing that [`Sink::check`] looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, such as `knowledge base KB12345678`.
    pub subject: String,
    /// What was seen, or what is wrong and the way out.
    pub outcome: Result<String, String>,
}

impl Finding {
    /// Reports that the subject is as it should be.
    pub fn good(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Self { subject: subject.into(), outcome: Ok(seen.into()) }
    }

    /// Reports what is wrong, and the way out.
    pub fn bad(subject: impl Into<String>, wrong: impl Into<String>) -> Self {
        Self { subject: subject.into(), outcome: Err(wrong.into()) }
    }
}

/// The settings of a sink, which are also its factory.
///
/// The doc comment of the struct and of each field is what users read in errors, in the schema and in the
/// reference. Derive `Deserialize`, `Serialize` (for the defaults) and `JsonSchema`, and deny unknown fields.
pub trait SinkSettings: DeserializeOwned + JsonSchema + 'static {
    /// The key under `sink:` that picks this sink, in `snake_case`.
    const NAME: &'static str;

    /// Checks what the schema cannot say, and makes the sink. Pure: no network, no files, no credentials; a sink opens what
    /// it needs at its first [`Sink::put`] or [`Sink::check`].
    fn build(self) -> Result<Box<dyn Sink>, SettingsError>;
}
