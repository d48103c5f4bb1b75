//! Schemas that converters ask for: fetched between reading and the chain, and waited for in the order read.
//!
//! A converter is pure and says which schema it lacks. The engine fetches it, one at a time per task: a registry that is
//! away is waited for with the backoff of puts, and no record is to blame for it. The wait stands in the task of a chunk of
//! records, so that a stop aborts it and a revoke does not wait for it (invariant 6); chunks behind it keep their order.

use std::sync::Arc;

use sluice_connector_api::{Failure, FailureKind, Origin, Rejection, Side, Transformed};
use tokio::sync::Mutex;
use tokio::time::sleep;

use crate::retry::policy::{Retries, RetryPolicy};
use crate::transform::chain::{Chain, NotApplied, PendingRecord, Stage, StageError};

/// The most schemas that one record may ask for: each of its sides has one, and that may refer to others.
const MAX_SCHEMAS: usize = 16;

/// Why a record did not come out of the chain, after all that could be waited for.
#[derive(Debug)]
pub(super) enum NotChanged {
    /// It is at fault.
    Rejected(Origin, StageError),
    /// The connector cannot go on, and says why.
    Stop(Origin, String),
}

/// Takes records through the chain, and fetches the schemas that this takes.
pub(super) struct Schemas {
    chain: Arc<Chain>,
    retry: RetryPolicy,
    /// Held by the one that fetches.
    turn: Mutex<()>,
}

impl Schemas {
    pub(super) fn new(chain: Arc<Chain>, retry: RetryPolicy) -> Self {
        Self { chain, retry, turn: Mutex::new(()) }
    }

    pub(super) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Fetches what a record waits for, and takes it through the chain.
    pub(super) async fn go_on(
        &self,
        origin: Origin,
        pending: PendingRecord,
    ) -> Result<Transformed, Box<NotChanged>> {
        let _turn = self.turn.lock().await;
        let mut pending = pending;
        for _ in 0..=MAX_SCHEMAS {
            // Whoever had the turn before may have fetched the same.
            pending = match self.chain.go_on(&origin, pending) {
                Ok(transformed) => return Ok(transformed),
                Err(NotApplied::Rejected(error)) => {
                    return Err(Box::new(NotChanged::Rejected(origin, error)));
                }
                Err(NotApplied::NeedsSchema(pending)) => *pending,
            };
            self.fetch(&origin, &pending).await?;
        }
        let reason = format!("the converter asks for the schema `{}` again and again", pending.schema);
        Err(Box::new(rejected(origin, pending.side, &Failure::rejected(reason))))
    }

    /// Fetches a schema, for as long as that fails for a while.
    async fn fetch(&self, origin: &Origin, pending: &PendingRecord) -> Result<(), Box<NotChanged>> {
        let PendingRecord { side, schema, .. } = pending;
        let stop = |reason: String| {
            let reason = format!("record {origin} needs the schema `{schema}` for its {side}: {reason}");
            Box::new(NotChanged::Stop(origin.clone(), reason))
        };
        let mut retries = Retries::default();
        loop {
            let Err(failure) = self.chain.fetch(*side, schema).await else { return Ok(()) };
            match failure.kind() {
                FailureKind::Retriable => {
                    let wait = retries.failed(self.retry, &failure).map_err(stop)?;
                    let failures = retries.failures;
                    tracing::warn!(failures, ?wait, "schema `{schema}` cannot be fetched yet: {failure}");
                    sleep(wait).await;
                }
                FailureKind::Rejected => {
                    return Err(Box::new(rejected(origin.clone(), *side, &failure)));
                }
                FailureKind::Fatal => return Err(stop(failure.to_string())),
            }
        }
    }
}

fn rejected(origin: Origin, side: Side, failure: &Failure) -> NotChanged {
    let stage = match side {
        Side::Key => Stage::KeyConverter,
        Side::Value => Stage::ValueConverter,
    };
    let rejection = Rejection::new(failure.to_string()).with_detail(failure.detail().unwrap_or_default());
    NotChanged::Rejected(origin, StageError { stage, rejection })
}
