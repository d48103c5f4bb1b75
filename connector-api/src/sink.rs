//! The contract of sinks.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{BatchKey, Confirm, FormNeed, Limits, PutError, Record, SettingsError};

/// Stores batches of records.
///
/// A sink is dumb and honest: it neither waits, retries, buffers nor logs a failure. It says in
/// [`PutError`] what is to be done, and the engine does it.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Returns what the sink can take; asked once, at the start.
    fn limits(&self) -> Limits;

    /// Stores a batch; `Ok` means that every record is stored for good, or, with a [`Sink::confirmation`], accepted. The
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

    /// Says which records one put cannot take together, such as writes and deletes: those of different keys never share
    /// a batch. Default: all are alike.
    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        let _ = record;
        BatchKey::Same
    }

    /// Returns what finds out what became of records that a put accepted, for a target that stores later than it
    /// answers; each task asks once, at its start. Default: none, since `Ok` of a put says it all.
    fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
        None
    }

    /// Shows the request that [`Sink::put`] would send, without sending it. Default: the values.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let shown = batch
            .iter()
            .map(|record| record.value.as_ref().map_or(Value::Null, |value| value.to_display().into()));
        Ok(Value::Array(shown.collect()))
    }

    /// States the forms without which it rejects every record that has a key or a value; see [`Transform::needs`].
    /// Default: it takes every form.
    ///
    /// [`Transform::needs`]: crate::Transform::needs
    fn needs(&self) -> Vec<FormNeed> {
        Vec::new()
    }

    /// Looks at the target without writing: reachability, credentials, rights, ids. Default: nothing to say.
    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// One thing that [`Sink::check`] looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, such as `knowledge base KB12345678`.
    pub subject: String,
    /// What was seen, or what is wrong and the way out.
    pub outcome: Result<String, String>,
}

impl Finding {
    /// Reports what was seen, or what is wrong and the way out.
    pub fn new(subject: impl Into<String>, outcome: Result<String, String>) -> Self {
        Self { subject: subject.into(), outcome }
    }

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
