//! A connector as the worker runs it: its definition, what is wanted of it, and its tasks.

use std::sync::Arc;
use std::time::Duration;

use sluice_connector_api::Blanks;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::settings::TargetState;
use crate::connector::guarantee::Guarantee;
use crate::connector::load::Connector;
use crate::engine::{Counters, Tally};
use crate::pace::pacer::{Pacer, Pacers};
use crate::source::budget::{Budget, ProcessBudget};
use crate::trace::PutTracer;
use crate::worker::desired::DesiredState;
use crate::worker::status::{ConnectorStatus, State, TaskStatus};
use crate::worker::supervisor::Supervisor;

/// How long puts fail before a task counts as failing: a target may be away for a moment.
const FAILING: Duration = Duration::from_mins(1);

/// How long something keeps a task from reading before it counts: a broker may be away for a moment.
const UNREADABLE: Duration = Duration::from_secs(30);

/// What the connectors of a process share. By default that is nothing but the pace of targets.
#[derive(Debug, Default)]
pub struct SharedByConnectors {
    pub(super) pacers: Pacers,
    memory: ProcessBudget,
    tracer: Option<Arc<dyn PutTracer>>,
}

impl SharedByConnectors {
    /// Bounds what all of them together have read and not done.
    #[must_use]
    pub fn with_memory(mut self, memory: ProcessBudget) -> Self {
        self.memory = memory;
        self
    }

    /// Has each put traced.
    #[must_use]
    pub fn with_tracer(mut self, tracer: Arc<dyn PutTracer>) -> Self {
        self.tracer = Some(tracer);
        self
    }
}

/// A connector with a supervisor for each of its tasks.
#[derive(Debug)]
pub(super) struct RunningConnector {
    pub(super) connector: Connector,
    guarantee: Guarantee,
    budget: Budget,
    batch_max_records: Option<usize>,
    /// With the rate that is never exceeded.
    pacer: Option<(Pacer, f64)>,
    desired: watch::Sender<DesiredState>,
    tasks: Vec<RunningTask>,
    /// Tells the supervisors to end although the worker goes on.
    leave: CancellationToken,
}

/// A task with its supervisor.
#[derive(Debug)]
struct RunningTask {
    counters: Arc<Counters>,
    /// Its sender is the supervisor's and goes with it.
    status: watch::Receiver<TaskStatus>,
}

/// A connector that runs no longer and may still be closing: it delivers what it has in flight, commits, and leaves.
#[derive(Debug)]
pub(super) struct ClosingConnector {
    pub(super) name: Arc<str>,
    counters: Vec<Arc<Counters>>,
    statuses: Vec<watch::Receiver<TaskStatus>>,
}

impl RunningConnector {
    /// Starts the supervisors of a connector, which end with `stop`. Where an earlier version of it is still closing, they
    /// wait for its end, and go on counting where the tasks of the last one stopped.
    pub(super) fn start(
        connector: Connector,
        target: TargetState,
        earlier: &[&ClosingConnector],
        shared: &SharedByConnectors,
        stop: &CancellationToken,
    ) -> Self {
        for warning in &connector.warnings {
            tracing::warn!(connector = &*connector.name, "{warning}");
        }
        if let Some(tracer) = &shared.tracer {
            connector.tap.trace_puts(Arc::clone(tracer), Arc::clone(&connector.name), &connector.sink_name);
        }
        let (connector, look) = connector.looking_first();
        let last = earlier.last();
        let budget = shared.memory.connector(connector.buffer_memory.bytes());
        budget.hold(target == TargetState::Paused);
        let (desired, _) = watch::channel(DesiredState::new(target, connector.tasks_max));
        let leave = CancellationToken::new();
        let (mut tasks, window) = (Vec::new(), connector.window());
        for task in 0..connector.tasks_max {
            let counted = last.and_then(|last| last.counters.get(task)).cloned();
            let counters = counted.unwrap_or_default();
            let (sender, status) = watch::channel(TaskStatus::new(task));
            let supervisor = Supervisor {
                connector: connector.clone(),
                counters: Arc::clone(&counters),
                budget: budget.clone(),
                pacers: shared.pacers.clone(),
                look: Arc::clone(&look),
                window: window.clone(),
                letters_first: false,
                desired: desired.subscribe(),
                status: sender,
                predecessors: earlier.iter().flat_map(|earlier| earlier.statuses.clone()).collect(),
                leave: leave.clone(),
                stop: stop.clone(),
            };
            tasks.push(RunningTask { counters, status });
            tokio::spawn(supervisor.run());
        }
        let pacer = connector.sink.limits().pace.map(|pace| (shared.pacers.of(&pace), pace.calls_per_second));
        let batch_max_records = connector.batch_max_records();
        let guarantee = connector.guarantee();
        Self { connector, guarantee, budget, batch_max_records, pacer, desired, tasks, leave }
    }

    /// Ends the connector: it reads no more, delivers what it has in flight, commits, and leaves the group.
    pub(super) fn close(self) -> ClosingConnector {
        self.leave.cancel();
        ClosingConnector {
            name: self.connector.name,
            counters: self.tasks.iter().map(|task| Arc::clone(&task.counters)).collect(),
            statuses: self.tasks.into_iter().map(|task| task.status).collect(),
        }
    }

    /// Changes what is wanted of the connector.
    pub(super) fn desire(&self, change: impl FnOnce(&mut DesiredState)) {
        // Both in one step, so that a pause and a resume at once do not leave one of each.
        self.desired.send_modify(|desired| {
            change(desired);
            self.budget.hold(desired.target == TargetState::Paused);
        });
    }

    /// Has one task started again. Says whether there is one of this number.
    pub(super) fn restart_task(&self, task: usize) -> bool {
        self.desired.send_if_modified(|desired| {
            let restarts = desired.restarts.get_mut(task);
            restarts.map(|restarts| *restarts += 1).is_some()
        })
    }

    /// Returns what the connector is up to.
    pub(super) fn status(&self) -> ConnectorStatus {
        let tasks: Vec<TaskStatus> =
            self.tasks.iter().map(|task| task.status(&self.connector.blanks)).collect();
        let state = match self.desired.borrow().target {
            TargetState::Running => State::Running,
            TargetState::Paused => State::Paused,
            TargetState::Stopped => State::Stopped,
        };
        ConnectorStatus {
            name: self.connector.name.to_string(),
            sink: self.connector.sink_name.clone(),
            guarantee: Some(self.guarantee.clone()),
            state,
            records: tasks.iter().fold(Tally::default(), |sum, task| sum + task.records),
            tasks,
            buffered_bytes: self.budget.used(),
            buffer_memory: self.connector.buffer_memory.bytes(),
            batch_max_records: self.batch_max_records,
            calls_per_second: self.pacer.as_ref().map(|(pacer, _)| pacer.rate()),
            calls_per_second_limit: self.pacer.as_ref().map(|(_, limit)| *limit),
            config_errors: Vec::new(),
        }
    }

    /// Returns the counters of its tasks, in their order.
    pub(super) fn counters(&self) -> Vec<Arc<Counters>> {
        self.tasks.iter().map(|task| Arc::clone(&task.counters)).collect()
    }

    /// Returns the ends of its tasks, to be waited for.
    pub(super) fn statuses(&self) -> Vec<watch::Receiver<TaskStatus>> {
        self.tasks.iter().map(|task| task.status.clone()).collect()
    }
}

impl RunningTask {
    /// Returns what it is up to. What keeps it from reading is told in the words of brokers.
    fn status(&self, blanks: &Blanks) -> TaskStatus {
        let mut obstacles = self.counters.source.reading.obstacles(UNREADABLE);
        for obstacle in &mut obstacles {
            obstacle.reason = blanks.apply(&obstacle.reason).into_owned();
        }
        let partitions = self.counters.source.partitions();
        let failing = self.counters.failing().filter(|failing| failing.since.elapsed() >= FAILING);
        TaskStatus {
            failing: failing.map(|failing| failing.reason),
            records: self.counters.tally(),
            lag: partitions.iter().filter_map(|partition| partition.lag).reduce(|sum, lag| sum + lag),
            partitions,
            ..self.status.borrow().clone()
        }
        .unable_to_read(obstacles)
    }
}

impl ClosingConnector {
    /// Says whether all of its tasks have ended.
    pub(super) fn has_ended(&self) -> bool {
        self.statuses.iter().all(has_ended)
    }

    /// Returns the ends of its tasks, to be waited for.
    pub(super) fn statuses(&self) -> Vec<watch::Receiver<TaskStatus>> {
        self.statuses.clone()
    }
}

/// Says whether the supervisor behind a status has ended.
pub(super) fn has_ended(status: &watch::Receiver<TaskStatus>) -> bool {
    status.has_changed().is_err()
}
