use serde::Serialize;

use crate::engine::Tally;

/// What a connector or a task is up to, in Kafka Connect's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// It reads and delivers.
    Running,
    /// It keeps its partitions and reads nothing.
    Paused,
    /// It has ended until somebody resumes it.
    Stopped,
    /// It failed, and is restarted after a wait.
    Failed,
    /// It is being ended, to be started again.
    Restarting,
}

impl State {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Running, Self::Paused, Self::Stopped, Self::Failed, Self::Restarting];

    /// Returns the name as metrics have it, such as `running`.
    pub fn lowercase(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Restarting => "restarting",
        }
    }
}

/// What a task is up to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    /// Its number, from 0.
    pub id: usize,
    /// What it is up to.
    pub state: State,
    /// Why it failed last, while it has not recovered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// How often it failed in a row.
    pub failures: u32,
    /// What became of its records since the process started.
    pub records: Tally,
}

impl TaskStatus {
    pub(super) fn new(id: usize) -> Self {
        Self { id, state: State::Running, trace: None, failures: 0, records: Tally::default() }
    }
}

/// What a connector is up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectorStatus {
    /// Its name.
    pub name: String,
    /// The plug-in of its sink.
    pub sink: String,
    /// What its operator wants it to be: running, paused or stopped. How the tasks fare is theirs to say.
    pub state: State,
    /// Its tasks.
    pub tasks: Vec<TaskStatus>,
    /// What became of its records since the process started.
    pub records: Tally,
    /// Bytes of records that are read and not done.
    pub buffered_bytes: usize,
    /// The rate of calls that was learned, where the sink has a pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<f64>,
}
