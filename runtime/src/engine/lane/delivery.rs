//! One batch on its way into the sink: put, wait, try again, narrow down.

use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::{Blanks, Failure, Origin, PutError, Record, Sink, TraceParent};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::batch::item::Item;
use crate::engine::lane::group::{Next, Outcome, PutGroup, Stop};
use crate::engine::lane::progress::Stands;
use crate::guard;
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::meter::put_meter::PutMeter;
use crate::pace::pacer::{Pacer, Turn};
use crate::retry::policy::RetryPolicy;
use crate::tap::TapPoint;

/// How a batch is delivered.
#[derive(Clone)]
pub struct Delivery {
    /// Where to.
    pub sink: Arc<dyn Sink>,
    /// How long a batch is tried.
    pub retry: RetryPolicy,
    /// The pace of calls, where the sink asks for one.
    pub pacer: Option<Pacer>,
    /// Where puts are counted and measured.
    pub meter: Arc<PutMeter>,
    /// What was logged of puts that failed.
    pub throttle: LogThrottle,
    /// What is blanked in what the sink says (invariant 8).
    pub blanks: Blanks,
    /// Where whoever wants to see puts stands.
    pub tap: TapPoint,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("retry", &self.retry).finish_non_exhaustive()
    }
}

impl Delivery {
    /// Puts a batch until each record has a verdict, the sink says stop, the time is up, or `interrupt` is
    /// cancelled. A put that has begun is never cut short; a wait is, and no other put begins (invariant 6).
    ///
    /// With `stands` the batch is stored exactly once, and nothing is put behind a record at fault: what becomes of that one
    /// has to be known before a position passes it (invariant 1).
    pub async fn deliver(
        &self,
        batch: Vec<Item>,
        stands: Option<Stands>,
        interrupt: &CancellationToken,
    ) -> Outcome {
        let mut outcome = Outcome { stands, ..Outcome::default() };
        let mut groups = vec![PutGroup::new(batch)];
        while !interrupt.is_cancelled() && !outcome.holds_back() {
            let Some(group) = groups.pop() else { break };
            let Some(turn) = self.turn(interrupt).await else {
                groups.push(group);
                break;
            };
            match self.put(group, turn, &mut outcome).await {
                Next::Done => {}
                Next::Halves(first, second) => groups.extend([second, first]),
                Next::Rest(group) => groups.push(group),
                Next::Again(group, failure) => match self.wait(group, &failure, interrupt).await {
                    Ok(group) => groups.push(group),
                    Err((group, stop)) => {
                        groups.push(group);
                        outcome.stop = stop.map(Stop::from);
                        break;
                    }
                },
                Next::Stop(group, reason) => {
                    groups.push(group);
                    outcome.stop = Some(Stop::fatal(reason));
                    break;
                }
            }
        }
        // The last group is the earliest.
        outcome.not_done.extend(groups.into_iter().rev().flat_map(PutGroup::into_items));
        outcome
    }

    /// Sums up the failures that nothing was said of yet.
    pub(super) fn sum_up(&self) {
        for (reason, summary) in self.throttle.due() {
            tracing::warn!("puts failed {summary}: {reason}");
        }
    }

    /// Waits until a call may go. `None` where `interrupt` came first.
    async fn turn(&self, interrupt: &CancellationToken) -> Option<Turn> {
        let asked = Instant::now();
        let turn = Turn::wait_for(self.pacer.as_ref(), interrupt).await;
        self.meter.paced(asked.elapsed());
        turn
    }

    /// Puts a group once. Its turn ends with the call, so that no other waits for a backoff.
    async fn put(&self, mut group: PutGroup, turn: Turn, outcome: &mut Outcome) -> Next {
        for meta in &mut group.metas {
            meta.attempts += 1;
        }
        let result = match self.put_traced(&group, outcome.stands.as_mut()).await {
            Ok(result) => result,
            Err(reason) => return Next::Stop(group, reason),
        };
        let took = turn.since.elapsed();
        // One without records stores a position, and is none that anybody counts.
        if !group.records.is_empty() {
            self.meter.put(group.records.len(), took, &result);
        }
        log_put(&group.records, took, &result);
        self.tap.show_put(&group.records, took, &result);
        turn.answered(failures(&result));
        match result {
            Ok(()) => {
                if let Some(sum) = self.throttle.passed() {
                    tracing::info!("puts get through again, after they failed {sum}");
                }
                outcome.stored.extend(group.into_items());
                Next::Done
            }
            Err(PutError::Batch(failure)) => group.failed(failure, outcome),
            Err(PutError::Records(failures)) if outcome.stands.is_some() => {
                group.failed_as_one(failures, outcome)
            }
            Err(PutError::Records(failures)) => group.failed_in_part(failures, outcome),
        }
    }

    /// Puts records, and makes a span of it where puts are traced.
    async fn put_traced(
        &self,
        group: &PutGroup,
        stands: Option<&mut Stands>,
    ) -> Result<Result<(), PutError>, String> {
        let Some(span) = self.tap.begin_span(&group.records) else {
            return self.call_sink(group, stands).await;
        };
        let answer = TraceParent::within(span.place(), self.call_sink(group, stands)).await;
        if let Ok(result) = &answer {
            span.end(result);
        }
        answer
    }

    /// Puts records. A sink that panics did not say that they are at fault: it is tried again, like one whose target is
    /// away. The outer error says why nothing can be put at all.
    async fn call_sink(
        &self,
        group: &PutGroup,
        stands: Option<&mut Stands>,
    ) -> Result<Result<(), PutError>, String> {
        let put = async {
            match stands {
                Some(stands) => stands.put(&group.records, &group.metas).await,
                None => Ok(self.sink.put(&group.records).await),
            }
        };
        let answer = match guard::wait_for(put).await {
            Ok(answer) => answer?,
            Err(panicked) => Err(Failure::retriable(format!("the sink {panicked}")).into()),
        };
        Ok(answer.map_err(|error| error.blanked(&self.blanks)))
    }

    /// Logs that a put failed, in full or as one of many. Its first record stands for all; one that only moves positions has none.
    fn log(&self, group: &PutGroup, wait: Duration, failure: &Failure) {
        let origin = group.records.first().map(Record::origin);
        let topic = origin.map(Origin::topic);
        let (partition, offset) = (origin.map(Origin::partition), origin.map(Origin::offset));
        let (records, failures) = (group.records.len(), group.retries.failures);
        match self.throttle.note(&failure.to_string()) {
            LogLine::Full => tracing::warn!(
                topic,
                partition,
                offset,
                records,
                failures,
                ?wait,
                "put failed and is tried again: {failure}"
            ),
            LogLine::Summary(sum) => {
                tracing::warn!(topic, partition, offset, "puts failed {sum} and are tried again: {failure}");
            }
            LogLine::Nothing => {
                tracing::debug!(topic, partition, offset, records, failures, ?wait, "put failed: {failure}");
            }
        }
    }

    /// Waits for the next try. Gives the group back with the reason where there is none.
    async fn wait(
        &self,
        mut group: PutGroup,
        failure: &Failure,
        interrupt: &CancellationToken,
    ) -> Result<PutGroup, (PutGroup, Option<String>)> {
        if interrupt.is_cancelled() {
            return Err((group, None));
        }
        let wait = match group.retries.failed(self.retry, failure) {
            Ok(wait) => wait,
            Err(reason) => return Err((group, Some(reason))),
        };
        self.meter.retry(failure.trouble());
        self.log(&group, wait, failure);
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(group),
            () = interrupt.cancelled() => Err((group, None)),
        }
    }
}

fn failures(result: &Result<(), PutError>) -> Vec<&Failure> {
    match result {
        Ok(()) => Vec::new(),
        Err(PutError::Batch(failure)) => vec![failure],
        Err(PutError::Records(failures)) => failures.iter().map(|(_, failure)| failure).collect(),
    }
}

/// Logs a put for who asks to see each of them. Never what is in a record (invariant 8).
fn log_put(records: &[Record], took: Duration, result: &Result<(), PutError>) {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
    let outcome = match result {
        Ok(()) => "stored",
        Err(PutError::Batch(_)) => "failed",
        Err(PutError::Records(_)) => "failed in part",
    };
    tracing::debug!(
        records = records.len(),
        first = %first.origin(),
        last = %last.origin(),
        ?took,
        "put: {outcome}"
    );
}
