//! Makes samples of the table of metrics.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::engine::Counters;
use crate::meter::histogram::Histogram;
use crate::observe::rows::METRICS;
use crate::observe::table::{Metric, Seen, Value, Values};
use crate::worker::{Control, TaskStatus};

/// Makes the registry of a worker's metrics.
pub fn registry(control: Control) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Connectors(control)));
    registry
}

/// Asks the worker at each scrape, so that there is one place where things are counted.
#[derive(Debug)]
struct Connectors(Control);

/// Returns the counters of one task by the names that `/metrics` has for them. Of those told apart by a label there is
/// the sum, and each by itself: `sluice_put_retries_total` and `sluice_put_retries_throttled_total`.
pub(crate) fn counts(counters: &Counters) -> Vec<(String, u64)> {
    let status = TaskStatus { records: counters.tally(), ..TaskStatus::new(0) };
    let ours = METRICS.iter().filter(|metric| metric.name.starts_with("sluice_"));
    let count = |Metric { name, values, .. }: &Metric| match values {
        Values::Counter(count) => vec![(format!("{name}_total"), count(&status, counters))],
        Values::Each(_, counts) => with_sum(name, &counts(counters)),
        _ => Vec::new(),
    };
    ours.flat_map(count).collect()
}

fn with_sum(name: &str, counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    let sum = (format!("{name}_total"), counts.iter().map(|(_, count)| count).sum());
    let each = counts.iter().map(|(label, count)| (format!("{name}_{label}_total"), *count));
    std::iter::once(sum).chain(each).collect()
}

/// Returns the histograms of one task, with the name that `/metrics` has for them.
pub(crate) fn histograms(counters: &Counters) -> Vec<(&'static str, &Histogram)> {
    let histogram = |metric: &Metric| match metric.values {
        Values::Histogram(histogram) => Some((metric.name, histogram(counters))),
        _ => None,
    };
    METRICS.iter().filter_map(histogram).collect()
}

type Encoded = Result<(), std::fmt::Error>;

impl Collector for Connectors {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Encoded {
        let seen = Seen(self.0.seen());
        METRICS.iter().try_for_each(|metric| encode(metric, &seen, &mut encoder))
    }
}

fn encode(metric: &Metric, seen: &Seen, encoder: &mut DescriptorEncoder<'_>) -> Encoded {
    let kind = match metric.kind() {
        "counter" => MetricType::Counter,
        "histogram" => MetricType::Histogram,
        _ => MetricType::Gauge,
    };
    let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
    for (labels, value) in metric.samples(seen) {
        if labels.is_empty() {
            return write(&value, family);
        }
        write(&value, family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn write(value: &Value<'_>, metric: MetricEncoder<'_>) -> Encoded {
    match value {
        Value::Counter(count) => ConstCounter::new(*count).encode(metric),
        Value::Seconds(seconds) => ConstCounter::new(*seconds).encode(metric),
        Value::Gauge(value) => ConstGauge::new(*value).encode(metric),
        Value::Histogram(histogram) => histogram.encode(metric),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::meter::source_meter::PartitionStatus;
    use crate::observe::table::MOST_PARTITIONS;
    use crate::worker::ConnectorStatus;

    /// How many samples there are of a connector with one task that has so many partitions.
    fn samples(partitions: usize) -> usize {
        let partition = |number| PartitionStatus {
            topic: "prices".to_owned(),
            partition: i32::try_from(number).unwrap(),
            committed: Some(1),
            lag: Some(2),
            open_transactions: Some(1),
            lost_position: None,
        };
        let task = TaskStatus { partitions: (0..partitions).map(partition).collect(), ..TaskStatus::new(0) };
        let status = ConnectorStatus { tasks: vec![task], ..ConnectorStatus::without_version("c", &[]) };
        let seen = Seen(vec![(status, vec![Arc::default()])]);
        METRICS.iter().map(|metric| metric.samples(&seen).len()).sum()
    }

    #[test]
    fn a_partition_costs_two_samples_and_there_is_a_bound_to_their_number() {
        let without = samples(0);
        assert!(without < 150, "{without}");
        // With the first one there is a largest lag.
        assert_eq!(samples(1000) - samples(1), 2 * 999);
        assert_eq!(samples(5000), samples(MOST_PARTITIONS));
    }
}
