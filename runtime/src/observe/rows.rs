//! The rows of the table of metrics.

use crate::engine::Counters;
use crate::meter::measure::float;
use crate::observe::logs;
use crate::observe::table::Metric;
use crate::observe::table::Values::{
    self, Connector, ConnectorState, Counter, Each, Histogram, Obstacle, Partition, Process, Seconds, Task,
    TaskState, Worker,
};
use crate::worker::State;

/// Every metric that `/metrics` serves, in its order.
pub(super) const METRICS: &[Metric] = &[
    row("sluice_records_read", "Records read, each reading counted", Counter(|task, _| task.records.read)),
    row("sluice_records_delivered", "Records stored by the sink", Counter(|task, _| task.records.delivered)),
    row(
        "sluice_records_superseded",
        "Records not put, since a newer one of the same thing was stored",
        Counter(|task, _| task.records.superseded),
    ),
    row(
        "sluice_records_filtered",
        "Records dropped on purpose by a transform",
        Counter(|task, _| task.records.filtered),
    ),
    row("sluice_records_skipped", "Records rejected and tolerated", Counter(|task, _| task.records.skipped)),
    row(
        "sluice_records_dead_lettered",
        "Records stored in the dead letter queue",
        Counter(|task, _| task.records.dead_lettered),
    ),
    row(
        "sluice_records_abandoned",
        "Records left for the next reading, at a stop, a failure or a revoke",
        Counter(|task, _| task.records.abandoned),
    ),
    row(
        "sluice_records_in_flight",
        "Records read and not done",
        Task(|task, _| Some(float(task.records.in_flight()))),
    ),
    row(
        "sluice_records_rejected",
        "Records found at fault, whatever became of them, by where",
        Each("stage", Counters::rejections),
    ),
    row(
        "sluice_partition_lag_records",
        "How far the committed offset is behind the end of the partition",
        Partition(|partition| partition.lag.map(float)),
    ),
    row(
        "sluice_task_lag_records",
        "The sum of that over the partitions of the task",
        Task(|task, _| task.lag.map(float)),
    ),
    row(
        "sluice_task_lag_max_records",
        "The largest of them",
        Task(|task, _| task.partitions.iter().filter_map(|partition| partition.lag).max().map(float)),
    ),
    row(
        "sluice_partition_open_transaction_records",
        "Offsets behind the end of a partition that cannot be read before a transaction ends",
        Partition(|partition| partition.open_transactions.map(float)),
    ),
    row(
        "sluice_lost_positions",
        "Positions that stopped to mean what they meant, by why",
        Each("why", |counters| counters.source.lost_positions()),
    ),
    row(
        "sluice_put_seconds",
        "How long puts took, whatever came of them",
        Histogram(|counters| &counters.puts.took.histogram),
    ),
    row(
        "sluice_confirm_seconds",
        "From a put until its records were seen to be stored, where the target stores later than it answers",
        Histogram(|counters| &counters.puts.confirmed.histogram),
    ),
    row("sluice_batch_records", "Records a put", Histogram(|counters| &counters.puts.batch_records)),
    row(
        "sluice_record_latency_seconds",
        "From a record's timestamp until it was stored",
        Histogram(|counters| &counters.latency.histogram),
    ),
    row(
        "sluice_put_failures",
        "Puts that failed, by what is to be done about it",
        Each("kind", |counters| counters.puts.failures()),
    ),
    row(
        "sluice_put_retries",
        "Puts that were tried again, by why they failed",
        Each("class", |counters| counters.puts.retries()),
    ),
    row(
        "sluice_pacing_wait_seconds",
        "How long puts waited for their pace",
        Seconds(|counters| counters.puts.paced_for().as_secs_f64()),
    ),
    row(
        "sluice_last_success_timestamp_seconds",
        "When a put last stored all of its records, in seconds since 1970",
        Task(|_, counters| counters.puts.last_success().map(seconds)),
    ),
    row(
        "sluice_dead_letter_put_seconds",
        "How long puts into the dead letter queue took",
        Histogram(|counters| &counters.letters.took.histogram),
    ),
    row(
        "sluice_dead_letter_put_failures",
        "Puts into the dead letter queue that failed, by what is to be done about it",
        Each("kind", |counters| counters.letters.failures()),
    ),
    row(
        "sluice_dead_letter_put_retries",
        "Puts into the dead letter queue that were tried again, by why they failed",
        Each("class", |counters| counters.letters.retries()),
    ),
    row("sluice_commits", "Commits of offsets", Each("outcome", |counters| counters.source.commits())),
    row(
        "sluice_commit_seconds",
        "How long commits took until the brokers acknowledged them",
        Histogram(|counters| &counters.source.commit.histogram),
    ),
    row(
        "sluice_rebalances",
        "How often partitions came or went",
        Each("change", |counters| counters.source.rebalances()),
    ),
    row(
        "sluice_revoke_seconds",
        "How long it took to give partitions up: what was in flight ended, and their offsets were committed",
        Histogram(|counters| &counters.source.revoke.histogram),
    ),
    row(
        "sluice_task_restarts",
        "How often the task was started again",
        Counter(|_, counters| counters.restarts()),
    ),
    row(
        "sluice_task_failures_in_a_row",
        "How often the task failed since it last recovered",
        Task(|task, _| Some(float(task.failures.into()))),
    ),
    row(
        "sluice_read_obstacles",
        "What has kept the task from reading for half a minute and more: brokers, topics and partitions; `/status` has each",
        Task(|task, _| Some(float(task.cannot_read.len() as u64))),
    ),
    row(
        "sluice_read_obstacle",
        "1 for each of them, with the topic and the partition that cannot be read; both are empty where it is all",
        Obstacle,
    ),
    row(
        "sluice_buffered_bytes",
        "Bytes of records that are read and not done",
        Connector(|connector| Some(float(connector.buffered_bytes as u64))),
    ),
    row(
        "sluice_buffer_memory_bytes",
        "The most bytes of such records that may be",
        Connector(|connector| Some(float(connector.buffer_memory as u64))),
    ),
    row(
        "sluice_config_errors",
        "Mistakes in the connector's file as it is now; an earlier version runs on, or none",
        Connector(|connector| Some(float(connector.config_errors.len() as u64))),
    ),
    row(
        "sluice_learned_calls_per_second",
        "Calls a second that were learned to be taken",
        Connector(|connector| connector.calls_per_second),
    ),
    row(
        "sluice_calls_per_second_limit",
        "Calls a second that are never exceeded, whatever is learned",
        Connector(|connector| connector.calls_per_second_limit),
    ),
    row(
        "sluice_log_lines_dropped",
        "Log lines that were dropped, as nobody took them in time",
        Process(logs::dropped),
    ),
    row(
        "kafka_connect_connector_status",
        "1 for the state that a connector is in; failed, when every task is",
        ConnectorState,
    ),
    row("kafka_connect_connector_task_status", "1 for the state that a task is in", TaskState),
    row(
        "kafka_connect_connector_task_batch_size_avg",
        "The mean of records per put, since the start",
        Task(|_, counters| Some(counters.puts.mean_records())),
    ),
    row(
        "kafka_connect_connector_task_batch_size_max",
        "The most records that a put had, since the start",
        Task(|_, counters| Some(float(counters.puts.largest()))),
    ),
    row(
        "kafka_connect_connector_task_offset_commit_avg_time_ms",
        "The mean time of a commit, since the start",
        Task(|_, counters| Some(counters.source.commit.mean_millis())),
    ),
    row(
        "kafka_connect_connector_task_offset_commit_max_time_ms",
        "The longest time of a commit, since the start",
        Task(|_, counters| Some(counters.source.commit.max_millis())),
    ),
    row(
        "kafka_connect_connector_task_offset_commit_success_percentage",
        "The share of commits that succeeded, from 0 to 1",
        Task(|_, counters| counters.source.succeeding()),
    ),
    row(
        "kafka_connect_connector_task_offset_commit_failure_percentage",
        "The share of commits that failed, from 0 to 1",
        Task(|_, counters| counters.source.succeeding().map(|share| 1.0 - share)),
    ),
    row(
        "kafka_connect_sink_task_partition_count",
        "Partitions that the task has",
        Task(|task, _| Some(float(task.partitions.len() as u64))),
    ),
    row("kafka_connect_sink_task_sink_record_read", "Records read", Counter(|task, _| task.records.read)),
    row(
        "kafka_connect_sink_task_sink_record_send",
        "Records stored",
        Counter(|task, _| task.records.delivered),
    ),
    row(
        "kafka_connect_sink_task_sink_record_active_count",
        "Records in flight",
        Task(|task, _| Some(float(task.records.in_flight()))),
    ),
    row(
        "kafka_connect_sink_task_put_batch_avg_time_ms",
        "The mean time of a put, since the start",
        Task(|_, counters| Some(counters.puts.took.mean_millis())),
    ),
    row(
        "kafka_connect_sink_task_put_batch_max_time_ms",
        "The longest time of a put, since the start",
        Task(|_, counters| Some(counters.puts.took.max_millis())),
    ),
    row(
        "kafka_connect_sink_task_offset_commit_seq_no",
        "Commits that succeeded",
        Task(|_, counters| Some(float(counters.source.succeeded()))),
    ),
    row(
        "kafka_connect_sink_task_offset_commit_completion",
        "Commits that succeeded",
        Counter(|_, counters| counters.source.succeeded()),
    ),
    row(
        "kafka_connect_task_error_total_record_failures",
        "Records found at fault",
        Task(|_, counters| Some(float(counters.all_rejections()))),
    ),
    row(
        "kafka_connect_task_error_total_record_errors",
        "Records found at fault by converters and transforms, and records of puts that failed, each try counted",
        Task(|_, counters| Some(float(counters.errors()))),
    ),
    row(
        "kafka_connect_task_error_total_records_skipped",
        "Records skipped",
        Task(|task, _| Some(float(task.records.skipped))),
    ),
    row(
        "kafka_connect_task_error_total_retries",
        "Puts that were tried again",
        Task(|task, _| Some(float(task.records.retries))),
    ),
    row(
        "kafka_connect_task_error_deadletterqueue_produce_requests",
        "Records sent to the dead letter queue, each try counted",
        Task(|_, counters| Some(float(counters.letters.records()))),
    ),
    row(
        "kafka_connect_task_error_deadletterqueue_produce_failures",
        "Records that the dead letter queue did not take, each try counted",
        Task(|_, counters| Some(float(counters.letters.failed_records()))),
    ),
    row(
        "kafka_connect_task_error_last_error_timestamp",
        "When a record was last found at fault or a put failed, in milliseconds since 1970",
        Task(|_, counters| counters.last_error().map(float)),
    ),
    row("kafka_connect_worker_connector_count", "Connectors of this worker", Worker(|seen| seen.0.len())),
    row("kafka_connect_worker_task_count", "Tasks of this worker", Worker(|seen| seen.tasks().count())),
    row(
        "kafka_connect_worker_connector_total_task_count",
        "Tasks",
        Connector(|connector| Some(float(connector.tasks.len() as u64))),
    ),
    row(
        "kafka_connect_worker_connector_running_task_count",
        "Tasks that read and deliver",
        Connector(|connector| Some(float(connector.tasks_in(State::Running)))),
    ),
    row(
        "kafka_connect_worker_connector_paused_task_count",
        "Tasks that are paused",
        Connector(|connector| Some(float(connector.tasks_in(State::Paused)))),
    ),
    row(
        "kafka_connect_worker_connector_failed_task_count",
        "Tasks that wait after a failure, or cannot read",
        Connector(|connector| Some(float(connector.tasks_in(State::Failed)))),
    ),
    row(
        "kafka_connect_worker_connector_restarting_task_count",
        "Tasks that are being restarted",
        Connector(|connector| Some(float(connector.tasks_in(State::Restarting)))),
    ),
];

/// Metrics of Kafka Connect that are not served, and why.
pub(super) const NOT_SERVED: &[(&[&str], &str)] = &[
    (
        &["connector_connector_type", "connector_connector_class", "connector_connector_version"],
        "they are texts; `/status` names the sink of each connector",
    ),
    (
        &["connector_task_running_ratio", "connector_task_pause_ratio"],
        "take `avg_over_time(kafka_connect_connector_task_status{status=\"running\"}[5m])`",
    ),
    (
        &[
            "sink_task_sink_record_read_rate",
            "sink_task_sink_record_send_rate",
            "sink_task_offset_commit_completion_rate",
        ],
        "take `rate()` of the counter",
    ),
    (
        &["sink_task_sink_record_active_count_max", "sink_task_sink_record_active_count_avg"],
        "take `max_over_time` and `avg_over_time` of the gauge",
    ),
    (
        &["sink_task_sink_record_lag_max"],
        "Kafka Connect documents it and never registers it; take `sluice_task_lag_max_records`",
    ),
    (
        &["sink_task_offset_commit_skip_rate", "sink_task_offset_commit_skip_total"],
        "no commit is skipped: what waits is committed with the next",
    ),
    (&["task_error_total_errors_logged"], "the log sums repeated failures up"),
    (
        &[
            "worker_connector_startup_attempts_total",
            "worker_connector_startup_success_total",
            "worker_connector_startup_failure_total",
            "worker_connector_startup_success_percentage",
            "worker_connector_startup_failure_percentage",
            "worker_task_startup_attempts_total",
            "worker_task_startup_success_total",
            "worker_task_startup_failure_total",
            "worker_task_startup_success_percentage",
            "worker_task_startup_failure_percentage",
        ],
        "take `sluice_config_errors` for files that cannot be started, and `sluice_task_restarts_total`",
    ),
    (
        &["worker_connector_unassigned_task_count", "worker_connector_destroyed_task_count"],
        "there are no such states: every task belongs to the process that has its file",
    ),
    (
        &[
            "worker_rebalance_connect_protocol",
            "worker_rebalance_leader_name",
            "worker_rebalance_epoch",
            "worker_rebalance_completed_rebalances_total",
            "worker_rebalance_rebalancing",
            "worker_rebalance_rebalance_max_time_ms",
            "worker_rebalance_rebalance_avg_time_ms",
            "worker_rebalance_time_since_last_rebalance_ms",
        ],
        "there is no protocol between workers; for the consumer group take `sluice_rebalances_total` and `sluice_revoke_seconds`",
    ),
];

const fn row(name: &'static str, help: &'static str, values: Values) -> Metric {
    Metric { name, help, values }
}

fn seconds(millis: u64) -> f64 {
    float(millis) / 1000.0
}
