//! One question on its way to the sink: what became of records that a put accepted.

use std::collections::VecDeque;
use std::sync::Arc;

use sluice_connector_api::{Confirmation, Failure, FailureKind, Record, Sink};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::batch::item::Item;
use crate::pace::pacer::{Pacer, Turn};
use crate::retry::tries::{Patience, Tries};

/// Records of one ordering key that a put accepted, in the order read.
#[derive(Debug)]
pub(in crate::engine) struct Accepted {
    pub(in crate::engine) items: VecDeque<Item>,
    /// When the put was over.
    pub(in crate::engine) since: Instant,
    /// When they are to be asked for; `None` for never.
    pub(in crate::engine) due: Option<Instant>,
}

/// What came of a question.
pub(in crate::engine) struct Answered {
    pub(in crate::engine) asked: Vec<Accepted>,
    /// What became of the records, in order. Without an answer: why the connector cannot go on, if so.
    pub(in crate::engine) answer: Result<Vec<Confirmation>, Option<String>>,
}

/// How the sink is asked.
#[derive(Clone)]
pub(in crate::engine) struct Asker {
    pub(in crate::engine) sink: Arc<dyn Sink>,
    /// How long a question is tried.
    pub(in crate::engine) patience: Patience,
    /// The pace of questions, where the sink asks for one.
    pub(in crate::engine) pacer: Option<Pacer>,
    /// Records a question.
    pub(in crate::engine) max_records: usize,
}

impl Asker {
    /// Asks until there is an answer, the sink says stop, the time is up, or `interrupt` is cancelled. A question that
    /// has begun is never cut short; a wait is, and no other question begins (invariant 6).
    pub(in crate::engine) async fn ask(self, asked: Vec<Accepted>, interrupt: CancellationToken) -> Answered {
        // Copies: the bytes of payloads are shared, and questions are few.
        let records = asked.iter().flat_map(|accepted| &accepted.items).take(self.max_records);
        let records: Vec<Record> = records.map(|item| item.record.clone()).collect();
        let answer = self.answer(&records, &interrupt).await;
        Answered { asked, answer }
    }

    async fn answer(
        &self,
        records: &[Record],
        interrupt: &CancellationToken,
    ) -> Result<Vec<Confirmation>, Option<String>> {
        let mut tries = Tries::default();
        while let Some(turn) = Turn::of(self.pacer.as_ref(), interrupt).await {
            let result = self.sink.confirm(records).await;
            turn.answered(result.as_ref().err());
            match result {
                Ok(answers) if answers.len() == records.len() => return Ok(answers),
                Ok(answers) => return Err(Some(miscounted(records.len(), answers.len()))),
                Err(failure) => self.wait(&mut tries, &failure, interrupt).await?,
            }
        }
        Err(None)
    }

    /// Waits for the next try, where there is one.
    async fn wait(
        &self,
        tries: &mut Tries,
        failure: &Failure,
        interrupt: &CancellationToken,
    ) -> Result<(), Option<String>> {
        let stop =
            |reason: String| Some(format!("it is not known what became of accepted records: {reason}"));
        if failure.kind() != FailureKind::Retriable {
            return Err(stop(failure.to_string()));
        }
        if interrupt.is_cancelled() {
            return Err(None);
        }
        let wait = tries.failed(self.patience, failure).map_err(stop)?;
        tracing::warn!(failures = tries.failures, ?wait, "question failed and is tried again: {failure}");
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = interrupt.cancelled() => Err(None),
        }
    }
}

fn miscounted(asked: usize, answered: usize) -> String {
    format!(
        "the sink was asked what became of {asked} records and answered for {answered}, which is its fault"
    )
}
