//! Every metric there is, by name.
//!
//! Names that begin with `kafka_connect_` are those that Kafka Connect's users have in their dashboards (the rules of
//! the JMX exporter, as Strimzi ships them); the others begin with `sluice_`. Counters of a connector add up:
//! `read = delivered + filtered + skipped + dead-lettered + abandoned + in flight`.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::engine::{Counters, Tally};
use crate::worker::{ConnectorStatus, Control, State};

/// Makes the registry of a worker's metrics.
pub fn registry(control: Control) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Connectors(control)));
    registry
}

/// Asks the worker at each scrape, so that there is one place where things are counted.
#[derive(Debug)]
struct Connectors(Control);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfConnector {
    connector: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTask {
    connector: String,
    task: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    connector: String,
    task: u64,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateOfConnector {
    connector: String,
    status: &'static str,
}

type Encoded = Result<(), std::fmt::Error>;

impl Collector for Connectors {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let statuses = self.0.statuses();
        records(&mut encoder, &statuses)?;
        measures(&mut encoder, &self.0)?;
        connectors(&mut encoder, &statuses)?;
        states(&mut encoder, &statuses)
    }
}

/// A count of each task: its name, its help, its type, and where it is counted.
pub(crate) type Counted = (&'static str, &'static str, MetricType, fn(&Tally) -> u64);

/// Kafka Connect's names are those of gauges where they do not end in `_total`.
pub(crate) const RECORDS: [Counted; 12] = [
    ("sluice_records_read", "Records read, each reading counted", MetricType::Counter, |records| {
        records.read
    }),
    ("sluice_records_delivered", "Records stored by the sink", MetricType::Counter, |records| {
        records.delivered
    }),
    ("sluice_records_filtered", "Records dropped on purpose", MetricType::Counter, |records| {
        records.filtered
    }),
    ("sluice_records_skipped", "Records rejected and tolerated", MetricType::Counter, |records| {
        records.skipped
    }),
    (
        "sluice_records_dead_lettered",
        "Records stored in the dead letter queue",
        MetricType::Counter,
        |records| records.dead_lettered,
    ),
    ("sluice_records_abandoned", "Records left for the next reading", MetricType::Counter, |records| {
        records.abandoned
    }),
    ("sluice_put_retries", "Puts that were tried again", MetricType::Counter, |records| records.retries),
    ("kafka_connect_sink_task_sink_record_read", "Records read", MetricType::Counter, |records| records.read),
    ("kafka_connect_sink_task_sink_record_send", "Records stored", MetricType::Counter, |records| {
        records.delivered
    }),
    (
        "kafka_connect_sink_task_sink_record_active_count",
        "Records in flight",
        MetricType::Gauge,
        Tally::in_flight,
    ),
    ("kafka_connect_task_error_total_records_skipped", "Records skipped", MetricType::Gauge, |records| {
        records.skipped
    }),
    (
        "kafka_connect_task_error_deadletterqueue_produce_requests",
        "Records stored in the dead letter queue",
        MetricType::Gauge,
        |records| records.dead_lettered,
    ),
];

fn records(encoder: &mut DescriptorEncoder<'_>, statuses: &[ConnectorStatus]) -> Encoded {
    for (name, help, kind, count) in RECORDS {
        let mut family = encoder.encode_descriptor(name, help, None, kind)?;
        for status in statuses {
            for task in &status.tasks {
                let labels = OfTask { connector: status.name.clone(), task: id(task.id) };
                let metric = family.encode_family(&labels)?;
                match kind {
                    MetricType::Counter => ConstCounter::new(count(&task.records)).encode(metric)?,
                    _ => gauge(count(&task.records)).encode(metric)?,
                }
            }
        }
    }
    Ok(())
}

/// A measurement of each task: its name, its help, and where it is measured.
pub(crate) type Measured = (&'static str, &'static str, fn(&Counters) -> &Histogram);

pub(crate) const MEASURES: [Measured; 3] = [
    ("sluice_put_seconds", "How long puts took, whatever came of them", |counters| &counters.put_seconds),
    ("sluice_record_latency_seconds", "From a record's timestamp until it was stored", |counters| {
        &counters.latency_seconds
    }),
    ("sluice_batch_records", "Records a put", |counters| &counters.batch_records),
];

fn measures(encoder: &mut DescriptorEncoder<'_>, control: &Control) -> Encoded {
    for (name, help, histogram) in MEASURES {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        let mut result = Ok(());
        control.for_each_task(|connector, task, counters| {
            let labels = OfTask { connector: connector.to_owned(), task: id(task) };
            let encoded = family.encode_family(&labels).and_then(|metric| histogram(counters).encode(metric));
            result = result.and(encoded);
        });
        result?;
    }
    Ok(())
}

fn connectors(encoder: &mut DescriptorEncoder<'_>, statuses: &[ConnectorStatus]) -> Encoded {
    let help = "Bytes of records that are read and not done";
    let mut family = encoder.encode_descriptor("sluice_buffered_bytes", help, None, MetricType::Gauge)?;
    for status in statuses {
        let labels = OfConnector { connector: status.name.clone() };
        let metric = family.encode_family(&labels)?;
        gauge(status.buffered_bytes).encode(metric)?;
    }
    let help = "Calls a second that were learned to be taken";
    let mut family =
        encoder.encode_descriptor("sluice_learned_calls_per_second", help, None, MetricType::Gauge)?;
    for status in statuses {
        let Some(rate) = status.calls_per_second else { continue };
        let labels = OfConnector { connector: status.name.clone() };
        let metric = family.encode_family(&labels)?;
        ConstGauge::new(rate).encode(metric)?;
    }
    Ok(())
}

fn states(encoder: &mut DescriptorEncoder<'_>, statuses: &[ConnectorStatus]) -> Encoded {
    let tasks =
        || statuses.iter().flat_map(|status| status.tasks.iter().map(move |task| (&status.name, task)));
    let name = "kafka_connect_connector_task_status";
    let mut family =
        encoder.encode_descriptor(name, "1 for the state that a task is in", None, MetricType::Gauge)?;
    for (connector, task) in tasks() {
        for state in State::ALL {
            let labels =
                InState { connector: connector.clone(), task: id(task.id), status: state.lowercase() };
            gauge(u64::from(state == task.state)).encode(family.encode_family(&labels)?)?;
        }
    }
    failed(encoder, statuses)?;
    let help = "How often a task failed in a row";
    let mut family =
        encoder.encode_descriptor("sluice_task_failures_in_a_row", help, None, MetricType::Gauge)?;
    for (connector, task) in tasks() {
        let labels = OfTask { connector: connector.clone(), task: id(task.id) };
        gauge(task.failures).encode(family.encode_family(&labels)?)?;
    }
    let counts = [
        ("kafka_connect_worker_connector_count", "Connectors of this worker", statuses.len()),
        ("kafka_connect_worker_task_count", "Tasks of this worker", tasks().count()),
    ];
    for (name, help, count) in counts {
        let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        gauge(count).encode(metric)?;
    }
    Ok(())
}

/// What the alerts that Strimzi ships look at.
fn failed(encoder: &mut DescriptorEncoder<'_>, statuses: &[ConnectorStatus]) -> Encoded {
    let tasks =
        |status: &ConnectorStatus| status.tasks.iter().filter(|task| task.state == State::Failed).count();
    let name = "kafka_connect_worker_connector_failed_task_count";
    let mut family =
        encoder.encode_descriptor(name, "Tasks that wait after a failure", None, MetricType::Gauge)?;
    for status in statuses {
        let labels = OfConnector { connector: status.name.clone() };
        gauge(tasks(status)).encode(family.encode_family(&labels)?)?;
    }
    let help = "1 for the state that a connector is in; failed, when every task is";
    let name = "kafka_connect_connector_status";
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for status in statuses {
        let all_failed = !status.tasks.is_empty() && tasks(status) == status.tasks.len();
        let seen = if all_failed { State::Failed } else { status.state };
        for state in State::ALL {
            let labels = StateOfConnector { connector: status.name.clone(), status: state.lowercase() };
            gauge(u64::from(state == seen)).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn id(task: usize) -> u64 {
    u64::try_from(task).unwrap_or(u64::MAX)
}

/// A gauge of a count. What does not fit could not be counted in the first place.
fn gauge(value: impl TryInto<i64>) -> ConstGauge<i64> {
    ConstGauge::new(value.try_into().unwrap_or(i64::MAX))
}
