//! The table of metrics as a message of OTLP.

use std::time::SystemTime;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric as Message, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::observe::rows::METRICS;
use crate::observe::table::{Labels, Metric, Seen, Value};

/// When what is counted began, and now; in nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) start: u64,
    pub(super) now: u64,
}

/// Makes the message of all metrics.
pub(super) fn message(seen: &Seen, times: Times, resource: Resource) -> ExportMetricsServiceRequest {
    let metrics = METRICS.iter().filter_map(|metric| message_of(metric, seen, times)).collect();
    let scope = InstrumentationScope {
        name: "sluice".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let of_scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
    let of_resource = ResourceMetrics {
        resource: Some(resource),
        scope_metrics: vec![of_scope],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: vec![of_resource] }
}

/// Returns the time in nanoseconds since 1970.
pub(super) fn nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Makes the message of one metric; none where it has no sample.
fn message_of(metric: &Metric, seen: &Seen, times: Times) -> Option<Message> {
    let samples = metric.samples(seen);
    if samples.is_empty() {
        return None;
    }
    let cumulative = AggregationTemporality::Cumulative.into();
    let data = match metric.kind() {
        "histogram" => {
            let data_points = samples.iter().filter_map(|sample| histogram(sample, times)).collect();
            metric::Data::Histogram(Histogram { data_points, aggregation_temporality: cumulative })
        }
        "counter" => {
            let data_points = samples.iter().filter_map(|sample| number(sample, times)).collect();
            metric::Data::Sum(Sum { data_points, aggregation_temporality: cumulative, is_monotonic: true })
        }
        _ => {
            let data_points = samples.iter().filter_map(|sample| number(sample, times)).collect();
            metric::Data::Gauge(Gauge { data_points })
        }
    };
    Some(Message {
        name: metric.name.to_owned(),
        description: metric.help.to_owned(),
        unit: unit(metric.name).to_owned(),
        data: Some(data),
        ..Message::default()
    })
}

/// Returns the unit that a name ends with, in the words of UCUM.
fn unit(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("_seconds") => "s",
        _ if name.ends_with("_ms") => "ms",
        _ if name.ends_with("_bytes") => "By",
        _ => "",
    }
}

fn number((labels, value): &(Labels, Value<'_>), times: Times) -> Option<NumberDataPoint> {
    let value = match value {
        Value::Counter(count) => number_data_point::Value::AsInt(i64::try_from(*count).unwrap_or(i64::MAX)),
        Value::Seconds(value) | Value::Gauge(value) => number_data_point::Value::AsDouble(*value),
        Value::Histogram(_) => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn histogram((labels, value): &(Labels, Value<'_>), times: Times) -> Option<HistogramDataPoint> {
    let Value::Histogram(histogram) = value else { return None };
    let counts = histogram.counts();
    let bounds = counts.buckets.iter().map(|(bound, _)| *bound);
    Some(HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: times.start,
        time_unix_nano: times.now,
        count: counts.count(),
        sum: Some(counts.sum),
        bucket_counts: counts.buckets.iter().map(|(_, count)| *count).collect(),
        explicit_bounds: bounds.filter(|bound| bound.is_finite()).collect(),
        ..HistogramDataPoint::default()
    })
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let attribute = |(name, value): &(&'static str, String)| KeyValue {
        key: (*name).to_owned(),
        value: Some(AnyValue { value: Some(any_value::Value::StringValue(value.clone())) }),
        ..KeyValue::default()
    };
    labels.iter().map(attribute).collect()
}
