//! Runs one task of a connector, and runs it again when it fails (invariant 10).

use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::Origin;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::config::settings::TargetState;
use crate::connector::first_look::FirstLook;
use crate::connector::load::Connector;
use crate::engine::{Counters, Failed, NextStart, Window};
use crate::guard;
use crate::kafka::KafkaSource;
use crate::pace::pacer::Pacers;
use crate::retry::backoff::Backoff;
use crate::source::budget::Budget;
use crate::worker::desired::DesiredState;
use crate::worker::status::{State, TaskStatus};

/// The waits before a failed task is restarted.
const RESTART: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };
/// A task that ran this long has recovered, unless its puts fail: its next failure counts as the first.
const RECOVERED: Duration = Duration::from_mins(2);
/// How soon it is looked at again where they do.
const LOOK: Duration = Duration::from_secs(5);
/// How long a stop or a restart waits for puts in flight: as long as the stop of a worker does by default.
const DRAIN: Duration = Duration::from_secs(25);

/// What a task's supervisor knows.
pub(super) struct Supervisor {
    pub(super) connector: Connector,
    pub(super) counters: Arc<Counters>,
    pub(super) budget: Budget,
    pub(super) pacers: Pacers,
    pub(super) look: Arc<FirstLook>,
    pub(super) window: Window,
    /// The dead letter queue took no letter at the last start.
    pub(super) letters_first: bool,
    pub(super) desired: watch::Receiver<DesiredState>,
    pub(super) status: watch::Sender<TaskStatus>,
    /// The tasks of earlier versions of the connector, which have to leave the group first.
    pub(super) predecessors: Vec<watch::Receiver<TaskStatus>>,
    /// The connector is removed or replaced.
    pub(super) leave: CancellationToken,
    /// The worker stops.
    pub(super) stop: CancellationToken,
}

/// Why a task ended.
enum Ended {
    /// The worker stops, the connector is removed, or the source has nothing more.
    ForGood,
    /// An operator wants something else.
    AsDesired,
    /// It failed.
    Failed(Failed),
}

impl Supervisor {
    pub(super) async fn run(self) {
        let id = self.status.borrow().id;
        let span = tracing::info_span!("task", connector = %self.connector.name, task = id);
        self.supervise().instrument(span).await;
    }

    async fn supervise(mut self) {
        self.wait_for_predecessors().await;
        while !self.is_over() {
            let desired = self.desired.borrow_and_update().clone();
            if desired.target == TargetState::Stopped {
                self.show(State::Stopped);
                self.next_desired().await;
                continue;
            }
            self.show(state_of(desired.target));
            match self.run_once(desired).await {
                Ended::ForGood => break,
                // An operator who starts it anew has seen what went wrong.
                Ended::AsDesired => self.window.clear(),
                Ended::Failed(failed) => self.after_failure(failed).await,
            }
        }
        self.show(State::Stopped);
        tracing::info!("stopped: {}", self.counters.tally());
    }

    /// Waits until earlier versions of the connector have committed and left, so that none of their records is read twice.
    /// Whoever removes this one meanwhile waits for that, too: the next version counts on it.
    async fn wait_for_predecessors(&mut self) {
        for mut predecessor in std::mem::take(&mut self.predecessors) {
            self.show(State::Restarting);
            tokio::select! {
                () = ended(&mut predecessor) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Says whether the task is not to run again.
    fn is_over(&self) -> bool {
        self.stop.is_cancelled() || self.leave.is_cancelled()
    }

    /// Runs the task until it ends, or until something else than `desired` is wanted.
    async fn run_once(&mut self, mut desired: DesiredState) -> Ended {
        let (end, id) = (self.stop.child_token(), self.status.borrow().id);
        self.counters.started();
        // A task of its own, so that a plug-in that panics takes only its connector down.
        let mut running = tokio::spawn(self.task(end.clone()).in_current_span());
        let recovered = tokio::time::sleep(RECOVERED);
        tokio::pin!(recovered);
        let ended = loop {
            tokio::select! {
                result = &mut running => break match result {
                    Ok(Ok(())) => Ended::ForGood,
                    Ok(Err(failed)) => Ended::Failed(failed),
                    Err(error) => Ended::Failed(format!("a plug-in panicked: {error}").into()),
                },
                () = self.leave.cancelled() => {
                    end.cancel();
                    give_up_late(running).await;
                    break Ended::ForGood;
                }
                Ok(()) = self.desired.changed(), if !self.stop.is_cancelled() => {
                    let now = self.desired.borrow_and_update().clone();
                    let before = std::mem::replace(&mut desired, now);
                    let stopped = desired.target == TargetState::Stopped;
                    if !stopped && desired.restarts.get(id) == before.restarts.get(id) {
                        self.show(state_of(desired.target));
                        continue;
                    }
                    if !stopped {
                        self.show(State::Restarting);
                    }
                    end.cancel();
                    give_up_late(running).await;
                    break Ended::AsDesired;
                }
                () = &mut recovered, if !recovered.is_elapsed() => match self.counters.failing() {
                    None => self.recovered(),
                    Some(_) => recovered.as_mut().reset(Instant::now() + LOOK),
                },
            }
        };
        // A task that panicked or was given up could not count what it left.
        self.counters.abandoned(self.counters.tally().in_flight());
        ended
    }

    fn task(&self, end: CancellationToken) -> impl Future<Output = Result<(), Failed>> + Send + 'static {
        let (connector, budget) = (self.connector.clone(), self.budget.share());
        let (counters, pacers) = (Arc::clone(&self.counters), self.pacers.clone());
        let (task, window) = (self.status.borrow().id, self.window.clone());
        let (look, letters_first) = (Arc::clone(&self.look), self.letters_first);
        let kafka = connector.source.kafka.for_task(task, connector.tasks_max);
        async move {
            claim(&connector).await?;
            let (sink, name) = (connector.exactly_once(task), &connector.name);
            let source =
                KafkaSource::with_positions_of(sink.clone(), name, &kafka, budget.clone(), &counters.source)
                    .map_err(|error| Failed::from(format!("cannot make a Kafka consumer: {error}")))?;
            tracing::info!(sink = connector.sink_name, topics = ?connector.source.kafka.topics, "started");
            let puts = Arc::clone(&counters.puts);
            let pipeline = connector.pipeline(task, source, budget, counters, &pacers);
            let pipeline =
                pipeline.with_window(window).with_letters_first(letters_first).with_exactly_once(sink);
            let run = pipeline.run(end.clone());
            tokio::pin!(run);
            tokio::select! {
                ended = &mut run => ended,
                // Beside the join: the first record does not wait for it.
                wrong = look.contradiction(&puts) => {
                    end.cancel();
                    let _stopped = run.await.is_ok();
                    Err(wrong.to_string().into())
                }
            }
        }
    }

    /// Says why, and waits before the next start; an operator cuts the wait short. A task that failed for good waits for the
    /// operator alone: each start would put what is behind the record once more.
    async fn after_failure(&mut self, Failed { reason, origin, next_start }: Failed) {
        let reason = self.connector.blanks.apply(&reason).into_owned();
        self.counters.errors.note(&reason);
        self.letters_first = next_start == NextStart::LettersFirst;
        let mut failures = 0;
        self.status.send_modify(|status| {
            failures = status.failures + 1;
            status.state = State::Failed;
            status.trace = Some(reason.clone());
            status.failures = failures;
        });
        if self.is_over_until_mended(next_start).await {
            log_failed_for_good(&reason, origin.as_ref());
            self.next_desired().await;
            return;
        }
        // At least half of it: a connector that fails at once must not spin.
        let wait = RESTART.wait(failures, Some(RESTART.longest(failures) / 2));
        let origin = origin.as_ref();
        let (topic, partition) = (origin.map(Origin::topic), origin.map(Origin::partition));
        let offset = origin.map(Origin::offset);
        tracing::error!(
            topic,
            partition,
            offset,
            failures,
            ?wait,
            "connector failed and is restarted: {reason}"
        );
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.next_desired() => {}
        }
    }

    /// Says whether another start would put what is behind the record once more, and end alike.
    async fn is_over_until_mended(&self, next_start: NextStart) -> bool {
        match next_start {
            NextStart::AfterWait | NextStart::LettersFirst => false,
            NextStart::OnceSeen => !self.look.sees_now_what_is_wrong().await,
            NextStart::Never => true,
        }
    }

    async fn next_desired(&mut self) {
        tokio::select! {
            // Without a sender there is nothing to wait for but the end.
            Ok(()) = self.desired.changed() => {}
            () = self.leave.cancelled() => {}
            () = self.stop.cancelled() => {}
        }
    }

    fn recovered(&self) {
        self.status.send_modify(|status| {
            status.trace = None;
            status.failures = 0;
        });
    }

    fn show(&self, state: State) {
        self.status.send_modify(|status| status.state = state);
    }
}

fn log_failed_for_good(reason: &str, origin: Option<&Origin>) {
    let (topic, partition) = (origin.map(Origin::topic), origin.map(Origin::partition));
    let offset = origin.map(Origin::offset);
    tracing::error!(
        topic,
        partition,
        offset,
        "connector failed for good and is not restarted by itself: {reason}; restart it once that is mended"
    );
}

/// Has the sinks take what only one process may have, before the group is joined: records that nobody may store are for
/// another member.
async fn claim(connector: &Connector) -> Result<(), Failed> {
    for sink in std::iter::once(&connector.sink).chain(&connector.dead_letters) {
        match guard::wait_for(sink.claim()).await {
            Ok(claimed) => claimed.map_err(|failure| Failed::from(failure.to_string()))?,
            Err(panicked) => return Err(format!("the sink {panicked}").into()),
        }
    }
    Ok(())
}

/// Waits for a task that was told to end, within a bound: a put may hang, and what it holds is read again.
async fn give_up_late(mut running: JoinHandle<Result<(), Failed>>) {
    // How it ends does not matter any more: an operator wants something else.
    if tokio::time::timeout(DRAIN, &mut running).await.is_err() {
        tracing::warn!("did not end within {DRAIN:?} and is given up; what was in flight will be read again");
        running.abort();
        let _given_up = running.await.is_err();
    }
}

/// Waits for the end of the supervisor behind a status.
async fn ended(status: &mut watch::Receiver<TaskStatus>) {
    while status.changed().await.is_ok() {}
}

fn state_of(target: TargetState) -> State {
    match target {
        TargetState::Running => State::Running,
        TargetState::Paused => State::Paused,
        TargetState::Stopped => State::Stopped,
    }
}
