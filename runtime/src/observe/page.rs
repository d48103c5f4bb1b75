//! The reference page of the metrics.

use crate::observe::rows::{METRICS, NOT_SERVED};
use crate::observe::table::Metric;

/// Writes the reference page of the metrics, in Markdown, from the table that serves them.
pub fn metrics_page() -> String {
    let rows: Vec<String> = METRICS.iter().map(row).collect();
    let reasons: Vec<String> = NOT_SERVED.iter().map(reason).collect();
    format!(
        "# Metrics\n\n\
         What `/metrics` serves, in the OpenMetrics or the Prometheus text format, as the scraper asks.\n\n\
         Names that begin with `kafka_connect_` are those that Kafka Connect has behind the JMX exporter, so that its \
         dashboards and alerts go on working. What is an average or a maximum there is one since the start of the \
         process here, and every one has a histogram beside it. Of the partitions of a task the first 1,000, by topic and \
         number, have samples of their own; sums and the largest are of all. For each task\n\n\
         `read = delivered + superseded + filtered + skipped + dead_lettered + abandoned + in_flight`\n\n\
         | metric | type | labels | what it says |\n|---|---|---|---|\n{}\n\
         ## Not served\n\n\
         Metrics of Kafka Connect that do not fit, each with `kafka_connect_` before it:\n\n{}",
        rows.concat(),
        reasons.concat(),
    )
}

fn row(metric: &Metric) -> String {
    let suffix = if metric.kind() == "counter" { "_total" } else { "" };
    let labels: Vec<String> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
    format!("| `{}{suffix}` | {} | {} | {} |\n", metric.name, metric.kind(), labels.join(", "), metric.help)
}

fn reason((names, reason): &(&[&str], &str)) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("- {}: {reason}.\n", names.join(", "))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every metric of Kafka Connect 4 that a sink, its tasks or a worker has (`ConnectMetricsRegistry`), by the name
    /// that the rules of the JMX exporter give it.
    const OF_KAFKA_CONNECT: [(&str, &[&str]); 6] = [
        ("connector", &["status", "connector_type", "connector_class", "connector_version"]),
        (
            "connector_task",
            &[
                "status",
                "running_ratio",
                "pause_ratio",
                "offset_commit_max_time_ms",
                "offset_commit_avg_time_ms",
                "batch_size_max",
                "batch_size_avg",
                "offset_commit_success_percentage",
                "offset_commit_failure_percentage",
            ],
        ),
        (
            "sink_task",
            &[
                "sink_record_read_rate",
                "sink_record_read_total",
                "sink_record_send_rate",
                "sink_record_send_total",
                "partition_count",
                "offset_commit_seq_no",
                "offset_commit_completion_rate",
                "offset_commit_completion_total",
                "offset_commit_skip_rate",
                "offset_commit_skip_total",
                "put_batch_max_time_ms",
                "put_batch_avg_time_ms",
                "sink_record_active_count",
                "sink_record_active_count_max",
                "sink_record_active_count_avg",
                "sink_record_lag_max",
            ],
        ),
        (
            "task_error",
            &[
                "total_record_failures",
                "total_record_errors",
                "total_records_skipped",
                "total_retries",
                "total_errors_logged",
                "deadletterqueue_produce_requests",
                "deadletterqueue_produce_failures",
                "last_error_timestamp",
            ],
        ),
        (
            "worker",
            &[
                "connector_count",
                "task_count",
                "connector_startup_attempts_total",
                "connector_startup_success_total",
                "connector_startup_failure_total",
                "connector_startup_success_percentage",
                "connector_startup_failure_percentage",
                "task_startup_attempts_total",
                "task_startup_success_total",
                "task_startup_failure_total",
                "task_startup_success_percentage",
                "task_startup_failure_percentage",
                "connector_total_task_count",
                "connector_running_task_count",
                "connector_paused_task_count",
                "connector_failed_task_count",
                "connector_unassigned_task_count",
                "connector_destroyed_task_count",
                "connector_restarting_task_count",
            ],
        ),
        (
            "worker_rebalance",
            &[
                "connect_protocol",
                "leader_name",
                "epoch",
                "completed_rebalances_total",
                "rebalancing",
                "rebalance_max_time_ms",
                "rebalance_avg_time_ms",
                "time_since_last_rebalance_ms",
            ],
        ),
    ];

    #[test]
    fn every_metric_of_kafka_connect_is_served_or_not_for_a_reason() {
        let all = OF_KAFKA_CONNECT
            .iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| format!("kafka_connect_{kind}_{name}")));
        let suffix = |metric: &Metric| if metric.kind() == "counter" { "_total" } else { "" };
        let served = METRICS.iter().map(|metric| format!("{}{}", metric.name, suffix(metric)));
        let not_served = NOT_SERVED.iter().flat_map(|(names, _)| names.iter().copied());
        let ours: Vec<_> = served
            .filter(|name| name.starts_with("kafka_connect_"))
            .chain(not_served.map(|name| format!("kafka_connect_{name}")))
            .collect();
        assert_eq!(ours.iter().cloned().collect::<BTreeSet<_>>(), all.collect::<BTreeSet<_>>());
        assert_eq!(ours.iter().collect::<BTreeSet<_>>().len(), ours.len(), "none is there twice");
    }

    #[test]
    fn a_row_has_the_name_of_the_samples_their_labels_and_what_they_say() {
        let line = "| `sluice_put_retries_total` | counter | `connector`, `task`, `class` | Puts that were tried again, by why they failed |\n";
        assert!(metrics_page().contains(line), "{}", metrics_page());
    }
}
