//! The contract of sinks.

use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    Ask, BatchKey, Confirm, ExactlyOnce, Failure, FailureKind, FormNeed, Hold, Limits, PutError, ReadingTask,
    Record, Repetition, SettingsError, SourceTopics, TombstoneFate,
};

/// Stores batches of records.
///
/// A sink is dumb and honest: it neither waits, retries, buffers nor logs a failure. It says in
/// [`PutError`] what is to be done, and the engine does it.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Returns what the sink can take; asked once, at the start.
    fn limits(&self) -> Limits;

    /// Takes what only one process may have, such as a file, before the connector reads anything; it is kept until the sink is
    /// dropped. Called at each start of a task, so that it is a matter of course where it was taken before. A connector whose
    /// sink cannot have it fails, and tries again. Default: nothing to take.
    async fn claim(&self) -> Result<(), Failure> {
        Ok(())
    }

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

    /// Lets the sink know what its connector reads, before it runs. One that writes into Kafka refuses what would go round for
    /// ever: here, at the key at fault, where it can be told, and at the first such record otherwise. Pure. Default: it is no
    /// matter.
    fn meets(&self, source: Arc<dyn SourceTopics>) -> Result<(), SettingsError> {
        let _ = source;
        Ok(())
    }

    /// Returns what stores records together with how far their partitions are, for a target that can; each task asks once, at
    /// its start, and then puts through it alone. Pure, as [`SinkSettings::build`] is. The error says why not, and with which
    /// setting it would be otherwise, such as `set offsets_table`. Default: it cannot.
    fn exactly_once(&self, task: &ReadingTask) -> Result<Arc<dyn ExactlyOnce>, String> {
        let _ = task;
        Err("it does not store offsets together with the data".to_owned())
    }

    /// Says what a put of a record does that is stored already. `sluice check` and `/status` show it where the connector is not
    /// exactly once. Default: it stores the record again.
    fn repetition(&self) -> Repetition {
        Repetition::stores_again("a record that is put again is stored again")
    }

    /// Says what becomes of a tombstone, so that `sluice check` can tell where a transform makes them in vain. Default: the sink
    /// does not say.
    fn on_tombstone(&self) -> TombstoneFate {
        TombstoneFate::Unknown
    }

    /// Returns what answers questions from what is stored, for a target that can search. Default: none.
    fn asking(&self) -> Option<Arc<dyn Ask>> {
        None
    }

    /// Returns what keeps records open past their put, for a target whose things outlive a batch; each task asks once, at its
    /// start. Default: none, since `Ok` of a put says that all of it is stored.
    fn hold(&self) -> Option<Arc<dyn Hold>> {
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

    /// Says what works, but hardly as it is meant, at the keys that it is about, such as a port that asks for what no key says.
    /// `sluice check` shows it. Pure. Default: nothing.
    fn warnings(&self) -> Vec<SettingsError> {
        Vec::new()
    }

    /// Looks at the target without writing: reachability, credentials, rights, ids. Default: nothing to say.
    ///
    /// It is called by `sluice check --connect`, and once when a connector starts, before its first put. Whoever is in doubt
    /// whether a finding is [`FindingKind::Wrong`] reports [`FindingKind::Unseen`]: the puts will tell.
    async fn check(&self) -> Vec<Finding> {
        Vec::new()
    }
}

/// Characters of a target's words that a finding shows: it is logged, and stands in `/status`.
const SHOWN_CHARS: usize = 500;

/// One thing that [`Sink::check`] looked at.
///
/// ```
/// use sluice_connector_api::{Failure, Finding, FindingKind};
///
/// let away = Finding::from_failure("bucket archive", &Failure::retriable("the connection was refused"));
/// assert_eq!(away.kind, FindingKind::Unreachable);
/// assert_eq!(away.as_result(), Err("the connection was refused"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at, such as `knowledge base KB12345678`.
    pub subject: String,
    /// What came of it.
    pub kind: FindingKind,
    /// What was seen, or what is wrong and the way out.
    pub text: String,
}

/// What came of a look, and so what a connector does that looks before it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// It is as it should be.
    Good,
    /// It could not be looked at, as where a right to look is missing which no put needs. A connector says so and writes.
    Unseen,
    /// It was not reached, or is not ready: an outage, which may pass. A connector waits, and looks again.
    Unreachable,
    /// It contradicts the settings, so that no put can store anything. A connector fails before it writes.
    Wrong,
}

impl Finding {
    fn new(subject: impl Into<String>, kind: FindingKind, text: impl Into<String>) -> Self {
        Self { subject: subject.into(), kind, text: text.into() }
    }

    /// Reports that the subject is as it should be.
    pub fn good(subject: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(subject, FindingKind::Good, seen)
    }

    /// Reports that the subject could not be looked at, and what that would take.
    pub fn unseen(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(subject, FindingKind::Unseen, reason)
    }

    /// Reports that the subject was not reached, or is not ready.
    pub fn unreachable(subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(subject, FindingKind::Unreachable, reason)
    }

    /// Reports what is wrong, and the way out.
    pub fn wrong(subject: impl Into<String>, wrong: impl Into<String>) -> Self {
        Self::new(subject, FindingKind::Wrong, wrong)
    }

    /// Reports a look that failed: in an outage, for want of a right to look, or since the set-up is at fault. A look that
    /// was rejected says nothing of the set-up.
    pub fn from_failure(subject: impl Into<String>, failure: &Failure) -> Self {
        let kind = match failure.kind() {
            FailureKind::Retriable => FindingKind::Unreachable,
            FailureKind::Fatal if !failure.is_forbidden() => FindingKind::Wrong,
            FailureKind::Fatal | FailureKind::Rejected => FindingKind::Unseen,
        };
        // No record is in a look, so that all may be shown.
        let text = match failure.detail() {
            Some(detail) => {
                let shown: String = detail.chars().take(SHOWN_CHARS).collect();
                format!("{failure}: {shown}")
            }
            None => failure.to_string(),
        };
        Self::new(subject, kind, text)
    }

    /// Returns what was seen, or what keeps a connector from writing.
    pub fn as_result(&self) -> Result<&str, &str> {
        match self.kind {
            FindingKind::Good | FindingKind::Unseen => Ok(&self.text),
            FindingKind::Unreachable | FindingKind::Wrong => Err(&self.text),
        }
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
