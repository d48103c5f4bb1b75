//! The bodies that Kafka Connect's clients read (`org.apache.kafka.connect.runtime.rest.entities`).

use serde::Serialize;

use crate::config::flat::FlatConfig;
use crate::connector::load::Connector;
use crate::worker::{ConnectorStatus, State, TaskStatus};

/// `ConnectorInfo`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ConnectorInfo {
    pub(super) name: String,
    pub(super) config: FlatConfig,
    pub(super) tasks: Vec<TaskName>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// `ConnectorTaskId`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TaskName {
    pub(super) connector: String,
    pub(super) task: usize,
}

/// `TaskInfo`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TaskInfo {
    pub(super) id: TaskName,
    pub(super) config: FlatConfig,
}

/// `ConnectorStateInfo`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ConnectorStateInfo {
    pub(super) name: String,
    pub(super) connector: StateInfo,
    pub(super) tasks: Vec<TaskStateInfo>,
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

/// What a worker says of itself beside each state.
#[derive(Clone, Debug, Serialize)]
pub(super) struct WorkerIdentity {
    pub(super) worker_id: String,
    /// That of the plug-in, which is that of the program.
    pub(super) version: String,
}

/// `ConnectorStateInfo.AbstractState`. Some clients refuse any other field here.
#[derive(Clone, Debug, Serialize)]
pub(super) struct StateInfo {
    pub(super) state: &'static str,
    #[serde(flatten)]
    pub(super) identity: WorkerIdentity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
}

/// `ConnectorStateInfo.TaskState`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TaskStateInfo {
    pub(super) id: usize,
    pub(super) state: &'static str,
    #[serde(flatten)]
    pub(super) identity: WorkerIdentity,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<String>,
}

/// Kafka Connect knows connectors that read from Kafka as sinks, and there are no others here.
const SINK: &str = "sink";

impl ConnectorInfo {
    pub(super) fn new(connector: &Connector, status: &ConnectorStatus) -> Self {
        let name = connector.name.to_string();
        let task = |task: &TaskStatus| TaskName { connector: name.clone(), task: task.id };
        let tasks = tasks_of(status).map(task).collect();
        Self { config: config_of(connector), tasks, kind: SINK, name }
    }

    /// That of a file of which no version was valid. What is in it is not shown: a secret may stand at a name that is mistyped.
    pub(super) fn without_version(name: &str) -> Self {
        Self { name: name.to_owned(), config: named(name), tasks: Vec::new(), kind: SINK }
    }
}

/// Returns a configuration with nothing but a name.
fn named(name: &str) -> FlatConfig {
    FlatConfig::from([("name".to_owned(), name.to_owned())])
}

/// Returns the configuration of a connector, its name included.
pub(super) fn config_of(connector: &Connector) -> FlatConfig {
    let mut config = (*connector.written).clone();
    config.insert("name".to_owned(), connector.name.to_string());
    config
}

impl TaskInfo {
    pub(super) fn all(connector: &Connector, status: &ConnectorStatus) -> Vec<Self> {
        let mut config = config_of(connector);
        config.insert("task.class".to_owned(), connector.sink_name.clone());
        let task = |task: &TaskStatus| {
            let id = TaskName { connector: connector.name.to_string(), task: task.id };
            Self { id, config: config.clone() }
        };
        tasks_of(status).map(task).collect()
    }
}

impl ConnectorStateInfo {
    pub(super) fn new(status: &ConnectorStatus, identity: &WorkerIdentity) -> Self {
        // Where an earlier version runs on, its state is that one's.
        let has_no_version = status.tasks.is_empty() && !status.config_errors.is_empty();
        let trace = has_no_version.then(|| status.config_errors.join("\n"));
        let connector = StateInfo { state: name_of(status.state), identity: identity.clone(), trace };
        let tasks = tasks_of(status).map(|task| TaskStateInfo::new(task, identity)).collect();
        Self { name: status.name.clone(), connector, tasks, kind: SINK }
    }
}

impl TaskStateInfo {
    pub(super) fn new(task: &TaskStatus, identity: &WorkerIdentity) -> Self {
        let trace =
            task.trace.clone().or_else(|| task.failing.as_ref().map(|why| format!("puts fail: {why}")));
        Self { id: task.id, state: name_of_task(task.state), identity: identity.clone(), trace }
    }
}

/// Returns the tasks that a connector has: none, once it is stopped.
pub(super) fn tasks_of(status: &ConnectorStatus) -> impl Iterator<Item = &TaskStatus> {
    status.tasks.iter().filter(|_| status.state != State::Stopped)
}

/// Returns the name of a state (`org.apache.kafka.connect.runtime.AbstractStatus.State`).
fn name_of(state: State) -> &'static str {
    match state {
        State::Running => "RUNNING",
        State::Paused => "PAUSED",
        State::Stopped => "STOPPED",
        State::Failed => "FAILED",
        State::Restarting => "RESTARTING",
    }
}

/// A task of Kafka Connect is never stopped: it is not there, or nobody has it.
fn name_of_task(state: State) -> &'static str {
    match state {
        State::Stopped => "UNASSIGNED",
        other => name_of(other),
    }
}
