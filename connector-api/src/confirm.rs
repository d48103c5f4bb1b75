//! How the engine finds out what became of records that a put accepted.

use std::time::Duration;

use async_trait::async_trait;

use crate::{Failure, Pace, Record};

/// Finds out what became of records that a put accepted, for a target that stores later than it answers.
///
/// The engine asks until each record is stored or failed. Until then its offset waits, and so do later records of its
/// ordering key; a place among the puts in flight it does not take. A sink that is such returns one from
/// [`Sink::confirmation`](crate::Sink::confirmation).
///
/// ```
/// use std::time::Duration;
///
/// use async_trait::async_trait;
/// use sluice_connector_api::{Confirm, ConfirmLimits, Confirmation, Failure, Record};
///
/// struct Ledger;
///
/// #[async_trait]
/// impl Confirm for Ledger {
///     fn limits(&self) -> ConfirmLimits {
///         ConfirmLimits::new(100, Duration::from_secs(1), Duration::from_secs(60))
///     }
///
///     async fn confirm(&self, batch: &[Record]) -> Result<Vec<Confirmation>, Failure> {
///         Ok(batch.iter().map(|_| Confirmation::Stored).collect())
///     }
/// }
/// ```
#[async_trait]
pub trait Confirm: Send + Sync {
    /// Returns how the engine is to ask; asked once, at the start.
    fn limits(&self) -> ConfirmLimits;

    /// Looks at what became of records, one answer for each, in order; never for more than
    /// [`ConfirmLimits::max_records`]. A failure is that of the question and says nothing of the records: a *retriable*
    /// question is asked again, any other stops the connector.
    ///
    /// The future may be dropped at any await.
    async fn confirm(&self, batch: &[Record]) -> Result<Vec<Confirmation>, Failure>;
}

/// How the engine asks what became of records.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ConfirmLimits {
    /// Records per question, at least 1.
    pub max_records: usize,
    /// How long after the put, and then after each answer that says [`Confirmation::Pending`], a record is asked for.
    pub interval: Duration,
    /// How long after its put a record may be pending before it counts as not stored and is put again.
    pub timeout: Duration,
    /// How many questions per second. Default: as many as there are.
    pub pace: Option<Pace>,
}

impl ConfirmLimits {
    /// Asks for so many records at once, so long after the put and after each answer, for so long.
    pub fn new(max_records: usize, interval: Duration, timeout: Duration) -> Self {
        Self { max_records, interval, timeout, pace: None }
    }

    /// Sets a budget of questions.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = Some(pace);
        self
    }
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
