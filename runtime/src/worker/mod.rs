//! Runs connectors side by side and restarts the ones that fail.
//!
//! Each task of a connector has a supervisor of its own (`supervisor`). [`Control`] is how the rest of the process
//! sees and steers them: it is what a control surface sits on.

mod status;
mod supervisor;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::connector::load::Connector;
use crate::engine::{Counters, Tally, Window};
use crate::pace::pacer::{Pacer, Pacers};
use crate::source::budget::Budget;
pub use crate::worker::status::{ConnectorStatus, State, TaskStatus};
use crate::worker::supervisor::Supervisor;

/// How long puts fail before a task counts as failing: a target may be away for a moment.
const FAILING: Duration = Duration::from_mins(1);

/// What an operator wants of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Running,
    Paused,
    Stopped,
}

/// What a supervisor listens to.
#[derive(Clone, Copy, Debug)]
struct Wish {
    target: Target,
    /// Goes up with every restart asked for.
    restarts: u64,
}

/// A connector as the worker holds it.
#[derive(Debug)]
struct Held {
    connector: Connector,
    budget: Budget,
    pacer: Option<Pacer>,
    wish: watch::Sender<Wish>,
    tasks: Vec<HeldTask>,
}

/// A task as the worker holds it.
#[derive(Debug)]
struct HeldTask {
    counters: Arc<Counters>,
    status: watch::Receiver<TaskStatus>,
}

/// Sees and steers the connectors of a worker, from anywhere in the process.
#[derive(Clone, Debug)]
pub struct Control(Arc<BTreeMap<Arc<str>, Held>>);

/// No connector has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no connector is named `{0}`")]
pub struct UnknownConnector(pub String);

impl Control {
    /// Returns what each connector is up to, by name.
    pub fn statuses(&self) -> Vec<ConnectorStatus> {
        self.0.values().map(Held::status).collect()
    }

    /// Returns what a connector is up to.
    pub fn status(&self, name: &str) -> Result<ConnectorStatus, UnknownConnector> {
        self.held(name).map(Held::status)
    }

    /// Stops reading; what was read is still delivered, and the partitions stay ours.
    pub fn pause(&self, name: &str) -> Result<(), UnknownConnector> {
        self.wish(name, |wish| wish.target = Target::Paused)
    }

    /// Goes on after a pause or a stop.
    pub fn resume(&self, name: &str) -> Result<(), UnknownConnector> {
        self.wish(name, |wish| wish.target = Target::Running)
    }

    /// Ends the connector's tasks and gives its partitions back, until it is resumed.
    pub fn stop(&self, name: &str) -> Result<(), UnknownConnector> {
        self.wish(name, |wish| wish.target = Target::Stopped)
    }

    /// Ends the connector's tasks and starts them again; one that waits after a failure does not wait longer.
    pub fn restart(&self, name: &str) -> Result<(), UnknownConnector> {
        self.wish(name, |wish| wish.restarts += 1)
    }

    /// Returns what each connector is up to, with the counters of its tasks.
    pub(crate) fn seen(&self) -> Vec<(ConnectorStatus, Vec<Arc<Counters>>)> {
        let counters = |held: &Held| held.tasks.iter().map(|task| Arc::clone(&task.counters)).collect();
        self.0.values().map(|held| (held.status(), counters(held))).collect()
    }

    fn wish(&self, name: &str, change: impl FnOnce(&mut Wish)) -> Result<(), UnknownConnector> {
        let held = self.held(name)?;
        // Both in one step, so that a pause and a resume at once do not leave one of each.
        held.wish.send_modify(|wish| {
            change(wish);
            held.budget.hold(wish.target == Target::Paused);
        });
        Ok(())
    }

    fn held(&self, name: &str) -> Result<&Held, UnknownConnector> {
        self.0.get(name).ok_or_else(|| UnknownConnector(name.to_owned()))
    }
}

impl Held {
    fn status(&self) -> ConnectorStatus {
        let tasks: Vec<TaskStatus> = self.tasks.iter().map(HeldTask::status).collect();
        let target = match self.wish.borrow().target {
            Target::Running => State::Running,
            Target::Paused => State::Paused,
            Target::Stopped => State::Stopped,
        };
        ConnectorStatus {
            name: self.connector.name.to_string(),
            sink: self.connector.sink_name.clone(),
            state: target,
            records: tasks.iter().fold(Tally::default(), |sum, task| sum + task.records),
            tasks,
            buffered_bytes: self.budget.used(),
            calls_per_second: self.pacer.as_ref().map(Pacer::rate),
        }
    }
}

impl HeldTask {
    fn status(&self) -> TaskStatus {
        let partitions = self.counters.source.partitions();
        let failing = self.counters.failing().filter(|failing| failing.since.elapsed() >= FAILING);
        TaskStatus {
            failing: failing.map(|failing| failing.reason),
            records: self.counters.tally(),
            lag: partitions.iter().filter_map(|partition| partition.lag).reduce(|sum, lag| sum + lag),
            partitions,
            ..self.status.borrow().clone()
        }
    }
}

/// How a worker ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What became of the records of each connector.
    pub tallies: Vec<(Arc<str>, Tally)>,
    /// The tasks that did not end in time; what they had in flight is read again at the next start.
    pub late: usize,
}

/// Connectors that run side by side.
#[derive(Debug)]
pub struct Worker {
    control: Control,
    supervisors: JoinSet<()>,
    stop: CancellationToken,
}

impl Worker {
    /// Starts connectors. They run until `stop` is cancelled.
    pub fn start(connectors: Vec<Connector>, stop: CancellationToken) -> Self {
        let (mut held, mut supervisors) = (BTreeMap::new(), JoinSet::new());
        let pacers = Pacers::default();
        for connector in connectors {
            let budget = Budget::new(connector.buffer_memory.bytes());
            let (wish, _) = watch::channel(Wish { target: Target::Running, restarts: 0 });
            let mut tasks = Vec::new();
            for task in 0..connector.tasks_max {
                let counters = Arc::<Counters>::default();
                let (status, seen) = watch::channel(TaskStatus::new(task));
                tasks.push(HeldTask { counters: Arc::clone(&counters), status: seen });
                let supervisor = Supervisor {
                    connector: connector.clone(),
                    counters,
                    budget: budget.clone(),
                    pacers: pacers.clone(),
                    window: Window::new(connector.errors.threshold),
                    wish: wish.subscribe(),
                    status,
                    stop: stop.clone(),
                };
                supervisors.spawn(supervisor.run());
            }
            let pacer = connector.sink.limits().pace.map(|pace| pacers.of(&pace));
            held.insert(Arc::clone(&connector.name), Held { connector, budget, pacer, wish, tasks });
        }
        Self { control: Control(Arc::new(held)), supervisors, stop }
    }

    /// Returns the means to see and steer the connectors.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Waits until `stop` is cancelled, and then up to `shutdown_timeout` for what is in flight.
    pub async fn ended(&mut self, shutdown_timeout: Duration) -> Ended {
        let supervisors = &mut self.supervisors;
        let all_ended = async { while supervisors.join_next().await.is_some() {} };
        let stop = self.stop.clone();
        let time_is_up = async {
            stop.cancelled().await;
            tokio::time::sleep(shutdown_timeout).await;
        };
        tokio::select! {
            () = all_ended => {}
            () = time_is_up => {}
        }
        let tally = |(name, held): (&Arc<str>, &Held)| (Arc::clone(name), held.status().records);
        Ended { tallies: self.control.0.iter().map(tally).collect(), late: self.supervisors.len() }
    }
}
