//! Every metric there is: its name, what it says, and where its values come from.
//!
//! Names that begin with `kafka_connect_` are those that Kafka Connect's users have in their dashboards (the rules of
//! the JMX exporter, as Strimzi ships them); the others begin with `sluice_`. What a connector reads adds up:
//! `read = delivered + superseded + filtered + skipped + dead-lettered + abandoned + in flight`.

use std::sync::Arc;

use crate::engine::Counters;
use crate::meter::histogram::Histogram;
use crate::meter::measure::float;
use crate::meter::reading::Obstacle;
use crate::meter::source_meter::PartitionStatus;
use crate::worker::{ConnectorStatus, State, TaskStatus};

/// The most partitions of a task that have samples of their own: a pattern may match topics without end. Sums are of all.
pub(super) const MOST_PARTITIONS: usize = 1000;

/// What a worker looks like at one moment: each connector, with the counters of each of its tasks.
pub(super) struct Seen(pub(super) Vec<(ConnectorStatus, Vec<Arc<Counters>>)>);

/// A metric.
pub(super) struct Metric {
    /// The name; that of a counter's samples has `_total` behind it.
    pub(super) name: &'static str,
    /// What it says.
    pub(super) help: &'static str,
    pub(super) values: Values,
}

/// Where the values of a metric come from, which says of what type it is and what labels it has.
pub(super) enum Values {
    /// A counter of each task.
    Counter(fn(&TaskStatus, &Counters) -> u64),
    /// A counter of each task, in seconds.
    Seconds(fn(&Counters) -> f64),
    /// Counters of each task, told apart by this label.
    Each(&'static str, fn(&Counters) -> Vec<(&'static str, u64)>),
    /// A histogram of each task.
    Histogram(fn(&Counters) -> &Histogram),
    /// A gauge of each task, where there is something to say.
    Task(fn(&TaskStatus, &Counters) -> Option<f64>),
    /// For each task and state, 1 if the task is in it.
    TaskState,
    /// A gauge of each partition that a task has, up to 1,000 of them.
    Partition(fn(&PartitionStatus) -> Option<f64>),
    /// 1 for each thing that keeps a task from reading, up to 1,000 of them; without topic or partition where it is about all.
    Obstacle,
    /// A gauge of each connector.
    Connector(fn(&ConnectorStatus) -> Option<f64>),
    /// For each connector and state, 1 if the connector is in it.
    ConnectorState,
    /// A gauge of the worker.
    Worker(fn(&Seen) -> usize),
    /// A counter of the process.
    Process(fn() -> u64),
}

/// A value of a metric.
pub(super) enum Value<'a> {
    Counter(u64),
    Seconds(f64),
    Gauge(f64),
    Histogram(&'a Histogram),
}

/// The labels of a sample.
pub(super) type Labels = Vec<(&'static str, String)>;

type Samples<'a> = Vec<(Labels, Value<'a>)>;

impl Metric {
    /// Returns the type, in Prometheus' words.
    pub(super) fn kind(&self) -> &'static str {
        match self.values {
            Values::Counter(_) | Values::Seconds(_) | Values::Each(..) | Values::Process(_) => "counter",
            Values::Histogram(_) => "histogram",
            _ => "gauge",
        }
    }

    /// Returns the names of the labels.
    pub(super) fn labels(&self) -> Vec<&'static str> {
        match self.values {
            Values::Worker(_) | Values::Process(_) => vec![],
            Values::Connector(_) => vec!["connector"],
            Values::ConnectorState => vec!["connector", "status"],
            Values::TaskState => vec!["connector", "task", "status"],
            Values::Each(label, _) => vec!["connector", "task", label],
            Values::Partition(_) | Values::Obstacle => vec!["connector", "task", "topic", "partition"],
            Values::Counter(_) | Values::Seconds(_) | Values::Histogram(_) | Values::Task(_) => {
                vec!["connector", "task"]
            }
        }
    }

    /// Takes the samples.
    pub(super) fn samples<'a>(&self, seen: &'a Seen) -> Samples<'a> {
        match self.values {
            Values::Worker(value) => vec![(Vec::new(), Value::Gauge(float(value(seen) as u64)))],
            Values::Process(value) => vec![(Vec::new(), Value::Counter(value()))],
            Values::Connector(value) => seen
                .connectors()
                .filter_map(|connector| Some((of(connector), gauge(value(connector)?))))
                .collect(),
            Values::ConnectorState => {
                seen.connectors().flat_map(|connector| states(&of(connector), connector.seen())).collect()
            }
            _ => seen
                .tasks()
                .flat_map(|(connector, task, counters)| {
                    self.of_task(of_task(connector, task), task, counters)
                })
                .collect(),
        }
    }

    fn of_task<'a>(&self, labels: Labels, task: &TaskStatus, counters: &'a Counters) -> Samples<'a> {
        match self.values {
            Values::Counter(value) => vec![(labels, Value::Counter(value(task, counters)))],
            Values::Seconds(value) => vec![(labels, Value::Seconds(value(counters)))],
            Values::Histogram(value) => vec![(labels, Value::Histogram(value(counters)))],
            Values::Task(value) => {
                value(task, counters).map(|value| (labels, gauge(value))).into_iter().collect()
            }
            Values::TaskState => states(&labels, task.state),
            Values::Each(label, values) => values(counters)
                .into_iter()
                .map(|(name, count)| (with(&labels, [(label, name.to_owned())]), Value::Counter(count)))
                .collect(),
            Values::Partition(value) => task
                .partitions
                .iter()
                .take(MOST_PARTITIONS)
                .filter_map(|partition| Some((of_partition(&labels, partition), gauge(value(partition)?))))
                .collect(),
            Values::Obstacle => {
                let obstacles = task.cannot_read.iter().take(MOST_PARTITIONS);
                obstacles.map(|obstacle| (at(&labels, obstacle), gauge(1.0))).collect()
            }
            Values::Worker(_) | Values::Process(_) | Values::Connector(_) | Values::ConnectorState => {
                Vec::new()
            }
        }
    }
}

impl Seen {
    fn connectors(&self) -> impl Iterator<Item = &ConnectorStatus> {
        self.0.iter().map(|(connector, _)| connector)
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = (&ConnectorStatus, &TaskStatus, &Counters)> {
        self.0.iter().flat_map(|(connector, counters)| {
            connector.tasks.iter().zip(counters).map(move |(task, counters)| (connector, task, &**counters))
        })
    }
}

fn of(connector: &ConnectorStatus) -> Labels {
    vec![("connector", connector.name.clone())]
}

fn of_task(connector: &ConnectorStatus, task: &TaskStatus) -> Labels {
    with(&of(connector), [("task", task.id.to_string())])
}

fn of_partition(labels: &Labels, of: &PartitionStatus) -> Labels {
    with(labels, [("topic", of.topic.clone()), ("partition", of.partition.to_string())])
}

fn at(labels: &Labels, of: &Obstacle) -> Labels {
    let partition = of.partition.map(|partition| partition.to_string());
    let topic = of.topic.clone();
    with(labels, [("topic", topic.unwrap_or_default()), ("partition", partition.unwrap_or_default())])
}

fn with<const N: usize>(labels: &Labels, more: [(&'static str, String); N]) -> Labels {
    labels.iter().cloned().chain(more).collect()
}

fn gauge(value: f64) -> Value<'static> {
    Value::Gauge(value)
}

fn states(labels: &Labels, is: State) -> Samples<'static> {
    let sample = |state: State| {
        let labels = with(labels, [("status", state.lowercase().to_owned())]);
        (labels, gauge(if state == is { 1.0 } else { 0.0 }))
    };
    State::ALL.into_iter().map(sample).collect()
}
