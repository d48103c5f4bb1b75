//! Runs connectors side by side and restarts the ones that fail.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::connector::Connector;
use crate::engine::backoff::Backoff;
use crate::engine::{Counters, Failed, Pipeline, PipelineSettings, Tally};
use crate::source::budget::Budget;
use crate::source::kafka::KafkaSource;

/// The waits before a failed connector is restarted.
const RESTART: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };
/// A connector that ran this long has recovered: its next failure counts as the first.
const RECOVERED: Duration = Duration::from_mins(2);

/// How a worker ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What became of the records of each connector.
    pub tallies: Vec<(Arc<str>, Tally)>,
    /// The connectors that did not end in time; what they had in flight is read again at the next start.
    pub late: usize,
}

/// Runs connectors until `stop` is cancelled, then waits up to `shutdown_timeout` for what is in flight.
pub async fn run(connectors: Vec<Connector>, stop: CancellationToken, shutdown_timeout: Duration) -> Ended {
    let counters: Vec<_> =
        connectors.iter().map(|connector| (Arc::clone(&connector.name), Arc::default())).collect();
    let mut tasks = JoinSet::new();
    for (connector, (_, counters)) in connectors.into_iter().zip(&counters) {
        tasks.spawn(supervise(connector, Arc::clone(counters), stop.clone()));
    }
    let all_ended = async { while tasks.join_next().await.is_some() {} };
    let time_is_up = async {
        stop.cancelled().await;
        tokio::time::sleep(shutdown_timeout).await;
    };
    tokio::select! {
        () = all_ended => {}
        () = time_is_up => {}
    }
    let tallies = counters.iter().map(|(name, counters)| (Arc::clone(name), counters.tally())).collect();
    Ended { tallies, late: tasks.len() }
}

/// Runs one connector, and runs it again when it fails (invariant 10).
#[tracing::instrument(name = "connector", skip_all, fields(name = %connector.name))]
async fn supervise(connector: Connector, counters: Arc<Counters>, stop: CancellationToken) {
    let mut failures = 0;
    while !stop.is_cancelled() {
        let started = Instant::now();
        let result = run_apart(connector.clone(), Arc::clone(&counters), stop.clone()).await;
        let Err(Failed(reason)) = result else { break };
        failures = if started.elapsed() > RECOVERED { 1 } else { failures + 1 };
        let wait = RESTART.wait(failures, Some(RESTART.longest(failures) / 2));
        tracing::error!(failures, ?wait, "connector failed and is restarted: {reason}");
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stop.cancelled() => {}
        }
    }
    tracing::info!("stopped: {}", counters.tally());
}

/// Runs one connector in a task of its own, so that a plug-in that panics takes only its connector down.
async fn run_apart(
    connector: Connector,
    counters: Arc<Counters>,
    stop: CancellationToken,
) -> Result<(), Failed> {
    use tracing::Instrument;
    let running = async move {
        let budget = Budget::new(connector.buffer_memory.bytes());
        let source = KafkaSource::start(&connector.name, &connector.source.kafka, budget.clone())
            .map_err(|error| Failed(format!("cannot make a Kafka consumer: {error}")))?;
        tracing::info!(sink = connector.sink_name, topics = ?connector.source.kafka.topics, "started");
        let settings = PipelineSettings::of(&connector);
        let (chain, sink) = (Arc::clone(&connector.chain), Arc::clone(&connector.sink));
        Pipeline::new(source, chain, sink, settings, budget, counters).run(stop).await
    };
    match tokio::spawn(running.in_current_span()).await {
        Ok(result) => result,
        Err(error) => Err(Failed(format!("a plug-in panicked: {error}"))),
    }
}
