//! One confirmation: the sink is asked what became of records that a put accepted.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_connector_api::{Confirm, Confirmation, Failure, FailureKind, Record};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::batch::item::Item;
use crate::guard;
use crate::pace::pacer::{Pacer, Turn};
use crate::retry::policy::{Retries, RetryPolicy};

/// Records of one ordering key that a put accepted, in the order read.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) items: VecDeque<Item>,
    /// When the put was over.
    pub(super) since: Instant,
    /// When the sink is to be asked for them; `None` for never.
    pub(super) due: Option<Instant>,
}

/// What came of a confirmation.
pub(super) struct Confirmed {
    pub(super) accepted: Vec<Accepted>,
    /// What became of the records, in order. Without an answer: why the connector cannot go on, if so.
    pub(super) answer: Result<Vec<Confirmation>, Option<String>>,
}

/// How the sink is asked.
#[derive(Clone)]
pub(super) struct Confirmer {
    pub(super) confirmation: Arc<dyn Confirm>,
    pub(super) retry: RetryPolicy,
    /// The pace of confirmations, where the sink asks for one.
    pub(super) pacer: Option<Pacer>,
    /// Records per confirmation.
    pub(super) max_records: usize,
}

impl Confirmer {
    /// Asks until there is an answer, the sink says stop, the time is up, or `interrupt` is cancelled. A call that has
    /// begun is never cut short; a wait is, and no other call begins (invariant 6).
    pub(super) async fn confirm(self, accepted: Vec<Accepted>, interrupt: CancellationToken) -> Confirmed {
        // Copies: the bytes of payloads are shared, and confirmations are few.
        let mut records = Vec::new();
        for item in accepted.iter().flat_map(|accepted| &accepted.items).take(self.max_records) {
            records.push(item.record.clone());
        }
        let answer = self.ask(&records, &interrupt).await;
        Confirmed { accepted, answer }
    }

    async fn ask(
        &self,
        records: &[Record],
        interrupt: &CancellationToken,
    ) -> Result<Vec<Confirmation>, Option<String>> {
        let mut retries = Retries::default();
        while let Some(turn) = Turn::wait_for(self.pacer.as_ref(), interrupt).await {
            let answer = guard::wait_for(async { self.confirmation.confirm(records).await }).await;
            let result =
                answer.unwrap_or_else(|panicked| Err(Failure::retriable(format!("the sink {panicked}"))));
            turn.answered(result.as_ref().err());
            match result {
                Ok(answers) if answers.len() == records.len() => return Ok(answers),
                Ok(answers) => return Err(Some(miscounted(records.len(), answers.len()))),
                Err(failure) => self.wait(&mut retries, &failure, interrupt).await?,
            }
        }
        Err(None)
    }

    /// Waits for the next try, where there is one.
    async fn wait(
        &self,
        retries: &mut Retries,
        failure: &Failure,
        interrupt: &CancellationToken,
    ) -> Result<(), Option<String>> {
        if failure.kind() != FailureKind::Retriable {
            return Err(Some(unknown(&failure.to_string())));
        }
        if interrupt.is_cancelled() {
            return Err(None);
        }
        let wait = retries.failed(self.retry, failure).map_err(|reason| Some(unknown(&reason)))?;
        let failures = retries.failures;
        tracing::warn!(failures, ?wait, "confirmation failed and is tried again: {failure}");
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = interrupt.cancelled() => Err(None),
        }
    }
}

fn unknown(reason: &str) -> String {
    format!("it is not known what became of accepted records: {reason}")
}

fn miscounted(asked: usize, answered: usize) -> String {
    format!(
        "the sink was asked what became of {asked} records and answered for {answered}, which is its fault"
    )
}
