//! What a connector and its tasks are up to, in words that the outside can show.

use serde::Serialize;

use crate::connector::guarantee::Guarantee;
use crate::engine::Tally;
use crate::meter::reading::Obstacle;
use crate::meter::source_meter::PartitionStatus;

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
    /// It failed and is restarted after a wait, or it cannot read and tries on.
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
    /// How often it failed since it last recovered.
    pub failures: u32,
    /// What keeps it from reading, where that has done so for half a minute and more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cannot_read: Vec<Obstacle>,
    /// Why its puts fail, where they have done so for a minute and more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
    /// What became of its records since the process started.
    pub records: Tally,
    /// How many records the commits are behind the ends of its partitions. None before that is known of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
    /// How far each of its partitions is.
    pub partitions: Vec<PartitionStatus>,
}

impl TaskStatus {
    /// Returns it as one that cannot read for these reasons, unless it failed anyway or is not meant to read.
    #[must_use]
    pub(super) fn unable_to_read(mut self, obstacles: Vec<Obstacle>) -> Self {
        if obstacles.is_empty() || self.state != State::Running {
            return self;
        }
        self.state = State::Failed;
        let reasons: Vec<_> = obstacles.iter().map(Obstacle::with_place).collect();
        let reasons = format!("cannot read: {}", reasons.join("; "));
        self.trace = Some(match self.trace {
            Some(before) => format!("{reasons}; it failed before: {before}"),
            None => reasons,
        });
        self.cannot_read = obstacles;
        self
    }

    pub(crate) fn new(id: usize) -> Self {
        let (trace, failures, cannot_read, failing, records, lag, partitions) = Default::default();
        Self { id, state: State::Running, trace, failures, cannot_read, failing, records, lag, partitions }
    }
}

/// What a connector is up to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConnectorStatus {
    /// Its name.
    pub name: String,
    /// The plug-in of its sink; empty where no version of its file could be read.
    pub sink: String,
    /// What becomes of its records when it is killed, and why; none where no version of its file could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guarantee: Option<Guarantee>,
    /// What its operator wants it to be: running, paused or stopped. How the tasks fare is theirs to say.
    pub state: State,
    /// Its tasks.
    pub tasks: Vec<TaskStatus>,
    /// What became of its records since the process started.
    pub records: Tally,
    /// Bytes of records that are read and not done.
    pub buffered_bytes: usize,
    /// The most bytes that may be.
    pub buffer_memory: usize,
    /// The most records of a put; none where only their bytes count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_max_records: Option<usize>,
    /// The rate of calls that was learned, where the sink has a pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_second: Option<f64>,
    /// The rate of calls that is never exceeded, where the sink has a pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_second_limit: Option<f64>,
    /// What is wrong with its file as it is now: an earlier version runs on, or none where there are no tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config_errors: Vec<String>,
}

impl ConnectorStatus {
    /// Returns that of a connector of whose file no version could be read.
    pub(crate) fn without_version(name: &str, config_errors: &[String]) -> Self {
        Self {
            name: name.to_owned(),
            sink: String::new(),
            guarantee: None,
            state: State::Failed,
            tasks: Vec::new(),
            records: Tally::default(),
            buffered_bytes: 0,
            buffer_memory: 0,
            batch_max_records: None,
            calls_per_second: None,
            calls_per_second_limit: None,
            config_errors: config_errors.to_vec(),
        }
    }

    /// Returns the state that it is seen in: that which its operator wants, or failed, when every task is.
    pub fn seen(&self) -> State {
        let all_failed = self.tasks.iter().all(|task| task.state == State::Failed);
        if all_failed && !self.tasks.is_empty() { State::Failed } else { self.state }
    }

    /// Returns how many tasks are in a state.
    pub fn tasks_in(&self, state: State) -> u64 {
        self.tasks.iter().filter(|task| task.state == state).count() as u64
    }

    /// Says what keeps it from being ready, a line for each task: it is not as its operator wants it, it failed and
    /// has not recovered, or its puts fail.
    pub fn troubles(&self) -> Vec<String> {
        let trouble =
            |task: &TaskStatus| Some(format!("{} task {}: {}", self.name, task.id, self.trouble(task)?));
        let of_tasks = self.tasks.iter().filter_map(trouble);
        // Where an earlier version runs on, its state is for that to say.
        let is_not_there = self.state == State::Failed && self.tasks.is_empty();
        let of_file = self.config_errors.iter().filter(|_| is_not_there);
        of_tasks.chain(of_file.map(|error| format!("{}: {error}", self.name))).collect()
    }

    fn trouble(&self, task: &TaskStatus) -> Option<String> {
        if task.failures > 0 || task.state == State::Failed {
            return Some(task.trace.clone().unwrap_or_else(|| "failed".to_owned()));
        }
        if task.state != self.state {
            return Some(task.state.lowercase().to_owned());
        }
        task.failing.as_ref().map(|reason| format!("puts fail: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(state: State, tasks: impl IntoIterator<Item = TaskStatus>) -> ConnectorStatus {
        ConnectorStatus {
            name: "prices".to_owned(),
            sink: "http".to_owned(),
            guarantee: None,
            state,
            tasks: tasks.into_iter().collect(),
            records: Tally::default(),
            buffered_bytes: 0,
            buffer_memory: 0,
            batch_max_records: None,
            calls_per_second: None,
            calls_per_second_limit: None,
            config_errors: Vec::new(),
        }
    }

    #[test]
    fn a_file_that_is_not_valid_is_a_trouble_only_where_no_earlier_version_runs() {
        let errors = ["prices.yaml:3:1: unknown key".to_owned()];
        let running = connector(State::Running, [TaskStatus::new(0)]);
        let running = ConnectorStatus { config_errors: errors.to_vec(), ..running };
        assert!(running.troubles().is_empty());
        let none = ConnectorStatus::without_version("prices", &errors);
        assert_eq!(
            (none.troubles(), none.seen()),
            (vec!["prices: prices.yaml:3:1: unknown key".to_owned()], State::Failed)
        );
    }

    #[test]
    fn a_task_that_failed_and_has_not_recovered_is_a_trouble_whatever_it_is_up_to() {
        let task = |state| TaskStatus {
            state,
            failures: 2,
            trace: Some("no rights".to_owned()),
            ..TaskStatus::new(1)
        };
        for state in [State::Running, State::Failed, State::Restarting] {
            let connector = connector(State::Running, [TaskStatus::new(0), task(state)]);
            assert_eq!(connector.troubles(), ["prices task 1: no rights"]);
        }
    }

    #[test]
    fn a_task_that_is_not_as_its_operator_wants_it_or_whose_puts_fail_is_a_trouble() {
        let paused = || TaskStatus { state: State::Paused, ..TaskStatus::new(0) };
        assert!(connector(State::Paused, [paused()]).troubles().is_empty());
        assert_eq!(connector(State::Running, [paused()]).troubles(), ["prices task 0: paused"]);
        let failing = TaskStatus { failing: Some("503".to_owned()), ..TaskStatus::new(0) };
        assert_eq!(connector(State::Running, [failing]).troubles(), ["prices task 0: puts fail: 503"]);
    }

    #[test]
    fn a_task_that_cannot_read_has_failed_and_says_why_unless_it_is_not_to_read() {
        let obstacle = |topic: &str| Obstacle {
            reason: format!("topic `{topic}` does not exist"),
            topic: Some(topic.to_owned()),
            ..Obstacle::default()
        };
        let task = TaskStatus::new(0).unable_to_read(vec![obstacle("a"), obstacle("b")]);
        let reasons = "cannot read: topic `a` does not exist; topic `b` does not exist";
        assert_eq!(
            (task.state, task.trace.as_deref(), task.cannot_read.len()),
            (State::Failed, Some(reasons), 2)
        );
        let one = connector(State::Running, [task]);
        assert_eq!((one.troubles(), one.seen()), (vec![format!("prices task 0: {reasons}")], State::Failed));
        let paused = TaskStatus { state: State::Paused, ..TaskStatus::new(0) };
        assert_eq!(paused.clone().unable_to_read(vec![obstacle("a")]), paused);
        assert_eq!(TaskStatus::new(0).unable_to_read(Vec::new()), TaskStatus::new(0));
    }

    #[test]
    fn a_connector_is_seen_failed_when_every_task_is() {
        let failed = |id| TaskStatus { state: State::Failed, ..TaskStatus::new(id) };
        assert_eq!(connector(State::Running, [failed(0), TaskStatus::new(1)]).seen(), State::Running);
        assert_eq!(connector(State::Running, [failed(0), failed(1)]).seen(), State::Failed);
    }
}
