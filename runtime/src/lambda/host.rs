//! One invocation after the other.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sluice_connector_api::{Failure, FailureKind, Origin};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::worker::BatchResponse;
use crate::connector::first_look::FirstLook;
use crate::connector::load::Connector;
use crate::engine::{Counters, RunReport, Window};
use crate::lambda::answer::{Answer, NotDone};
use crate::lambda::embedded_metrics;
use crate::lambda::event::{KafkaEvent, Records};
use crate::lambda::parts::UNKNOWN;
use crate::lambda::source::EventSource;
use crate::pace::pacer::{Pacer, Pacers};
use crate::source::budget::Budget;

/// What a function keeps to.
#[derive(Clone, Copy, Debug)]
pub struct HostSettings {
    /// How it says which records are not done.
    pub batch_response: BatchResponse,
    /// How long before an invocation's deadline nothing new begins.
    pub deadline_margin: Duration,
}

/// The connector of a function, and what it has learned.
pub struct Host {
    connector: Connector,
    look: Arc<FirstLook>,
    pacers: Pacers,
    window: Window,
    settings: HostSettings,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("connector", &self.connector.name).finish_non_exhaustive()
    }
}

impl Host {
    /// Makes the host of a connector. It opens nothing before the first invocation.
    pub fn new(connector: Connector, settings: HostSettings) -> Self {
        let (connector, look) = connector.looking_first();
        Self { window: connector.window(), connector, look, pacers: Pacers::default(), settings }
    }

    /// Looks at the target before there is anything to put, for no longer than this. The failure says what contradicts the
    /// settings. A target that cannot be reached now may be later: the puts look again, and wait as they do in an outage.
    pub async fn look(&self, within: Duration) -> Result<(), Failure> {
        match tokio::time::timeout(within, self.look.look()).await {
            Ok(Err(failure)) if failure.kind() == FailureKind::Fatal => Err(failure),
            Ok(Err(failure)) => {
                tracing::warn!(
                    "the target cannot be reached, and is looked at again before the first put: {failure}"
                );
                Ok(())
            }
            Ok(Ok(())) => Ok(()),
            Err(_) => {
                tracing::warn!(
                    "the target did not answer within {within:?}, and is looked at again before the first put"
                );
                Ok(())
            }
        }
    }

    /// Delivers the records of an event until all are done or the deadline is near, and says which are not done.
    /// `metrics` gets the invocation's metrics, a line for CloudWatch.
    pub async fn invoke(
        &self,
        event: KafkaEvent,
        request: &str,
        deadline: SystemTime,
        metrics: impl FnOnce(&str),
    ) -> Result<Answer, NotDone> {
        let bounds = Bounds::of(deadline, self.settings.deadline_margin);
        let records = event.into_records().map_err(|error| NotDone::NoEvent(error.to_string()))?;
        let origins: Vec<Origin> =
            records.records.iter().map(|(record, _)| record.origin().clone()).collect();
        let counters = Arc::<Counters>::default();
        let report = self.run(records, Arc::clone(&counters), bounds).await;
        let rate =
            self.connector.sink.limits().pace.map(|pace| self.pacers.of(&pace)).as_ref().map(Pacer::rate);
        metrics(&embedded_metrics::line(&self.connector.name, request, &counters, rate).to_string());
        let of = origins.len();
        let is_done = |origin: &Origin| report.is_done(origin.topic_partition(), origin.offset());
        let mut left: Vec<Origin> = origins.into_iter().filter(|origin| !is_done(origin)).collect();
        // Two that say the same offset are named once.
        left.dedup_by(|one, other| one == other && one.offset() != UNKNOWN);
        tracing::info!(left = left.len(), "{}", counters.tally());
        self.answer(&left, of, report)
    }

    /// Runs the pipeline, and stops it in time.
    async fn run(&self, records: Records, counters: Arc<Counters>, bounds: Bounds) -> RunReport {
        let budget = Budget::new(usize::MAX);
        let source = EventSource::new(records, budget.clone());
        let pipeline = self.connector.pipeline(0, source, budget, counters, &self.pacers);
        let stop = CancellationToken::new();
        let run = pipeline.with_window(self.window.clone()).run_and_report(stop.clone(), bounds.give_up_at);
        tokio::pin!(run);
        tokio::select! {
            report = &mut run => return report,
            () = tokio::time::sleep_until(bounds.stop_at) => stop.cancel(),
        }
        run.await
    }

    fn answer(&self, left: &[Origin], of: usize, report: RunReport) -> Result<Answer, NotDone> {
        if left.is_empty() {
            return Ok(Answer::default());
        }
        let reason = match (report.result, report.rejected) {
            (Err(failed), _) => failed.to_string(),
            (_, Some(rejected)) => rejected,
            _ => "the time of the invocation was up".to_owned(),
        };
        let not_done = NotDone::records(left, of, reason);
        let answer = match self.settings.batch_response {
            BatchResponse::Whole => None,
            BatchResponse::Partial => Answer::partial(left),
        };
        match answer {
            None => Err(not_done),
            Some(answer) => {
                tracing::error!("{not_done}");
                Ok(answer)
            }
        }
    }
}

/// Until when an invocation may do what.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Nothing new begins from then on, and no wait goes on.
    stop_at: Instant,
    /// What is in flight is left behind.
    give_up_at: Instant,
}

impl Bounds {
    /// Half of the margin is for what is in flight, the rest for the answer. Of a short invocation at most half goes.
    fn of(deadline: SystemTime, margin: Duration) -> Self {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let margin = margin.min(left / 2);
        let stop_at = Instant::now() + left.saturating_sub(margin);
        Self { stop_at, give_up_at: stop_at + margin / 2 }
    }
}
