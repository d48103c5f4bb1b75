//! What an operator writes in a connector file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{AnyJson, ByteSize, HumanDuration};

use crate::dead_letter::OnTooLarge;
use crate::engine::letters::tolerance::{ThresholdSetting, Tolerance};
use crate::kafka::KafkaSettings;

/// How keys are read where the file does not say it.
pub(crate) const DEFAULT_KEY_CONVERTER: &str = "bytes";
/// How values are read where the file does not say it.
pub(crate) const DEFAULT_VALUE_CONVERTER: &str = "json";

/// A connector: it reads topics, changes each record, and puts batches into a sink. The file's stem is its
/// name.
///
/// ```yaml
/// source:
///   kafka:
///     bootstrap_servers: localhost:9092
///     topics: [orders]
///   value: json
/// transforms:
///   - template:
///       text: "Order {{id}} of {{customer}}: {{total}}."
/// sink:
///   http:
///     url: https://api.example.com/orders
/// batch:
///   linger: 500ms
/// errors:
///   tolerance: all
///   dead_letter_queue:
///     topic: orders-dlq
/// tasks_max: 2
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "logger, log, logging, log_level, metrics, tracer, tracing, telemetry, api, server, admin": "that is a setting of the process, not of a connector: it stands in `sluice.yaml`, or is an option of `sluice run`",
    "schedule, cron": "a connector reads all the time; leave this out",
    "cache_resources, rate_limit_resources, input_resources, output_resources, resources": "a connector has no resources to share; YAML's anchors repeat what several parts need",
}))]
pub struct ConnectorFile {
    /// What the connector is meant to be: `running`, `paused`, which keeps its partitions and reads nothing, or
    /// `stopped`, which gives them back. A change of it alone does not restart the connector; what an operator asks of
    /// a running worker counts until the file says something else. In AWS Lambda, where the event source mapping is what
    /// is disabled, it means nothing. Default `running`.
    #[serde(default)]
    pub state: TargetState,
    /// Where records come from.
    #[schemars(extend("x-also" = ["sources", "input", "inputs", "from"]))]
    pub source: SourceSettings,
    /// What happens to each record, in this order.
    #[serde(default)]
    #[schemars(extend("x-also" = ["transform", "transformations", "pipeline", "processors", "steps", "filters", "smts"]))]
    pub transforms: Vec<AnyJson>,
    /// Where records go: one sink, named by the key that holds its settings.
    #[schemars(extend("x-also" = ["sinks", "output", "outputs", "destination", "target"]))]
    pub sink: AnyJson,
    /// How records are put together for the sink.
    #[serde(default)]
    #[schemars(extend("x-also" = ["batching", "batches"]))]
    pub batch: BatchSettings,
    /// What happens when something fails.
    #[serde(default)]
    #[schemars(extend("x-also" = ["error", "on_error", "error_handling"]))]
    pub errors: ErrorSettings,
    /// What becomes of records that are put when the connector is killed. `exactly_once`: each is stored once, for sinks that
    /// store how far they are together with the data; the connector then reads on from there, whatever the group has committed.
    /// A file whose sink cannot do that, or not as it is set, is refused. `at_least_once`: the group's offsets count, and some
    /// records are put again. Default: exactly once where the sink can, and else at least once. `sluice check` and `/status`
    /// say which it is, and why.
    #[serde(default)]
    pub guarantee: Option<GuaranteeSetting>,
    /// How many consumers read side by side; more than partitions is of no use. Default 1.
    #[serde(default = "default_tasks_max")]
    #[schemars(range(min = 1, max = 1000))]
    #[schemars(extend("x-also" = ["tasks", "parallelism", "workers"]))]
    pub tasks_max: usize,
    /// The most bytes of records that are read and not done: prefetched, in batches, in flight and waiting for
    /// a retry. A record counts with its key, value and headers, and 640 bytes for what goes with it. Reading pauses
    /// above it. Default 64MiB.
    #[serde(default = "default_buffer_memory")]
    pub buffer_memory: ByteSize,
}

/// What becomes of records that are put when the connector is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuaranteeSetting {
    /// Each is stored once.
    ExactlyOnce,
    /// Some are put again.
    AtLeastOnce,
}

/// What a connector is meant to be, in Kafka Connect's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetState {
    /// It reads and delivers.
    #[default]
    Running,
    /// It keeps its partitions and reads nothing.
    Paused,
    /// It has no tasks, until it is resumed.
    Stopped,
}

/// Where records come from, and how their bytes are read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {"value_converter_schemas_enable, key_converter_schemas_enable": "with a schema in each value the converter is `connect_json`; without one leave this out"}))]
pub struct SourceSettings {
    /// Apache Kafka, or anything that speaks its protocol.
    pub kafka: KafkaSettings,
    /// How keys are read: the name of a converter, or a map with the key that holds its settings. Default: `bytes`,
    /// which never fails.
    #[serde(default = "default_key_converter")]
    pub key: AnyJson,
    /// How values are read: the name of a converter, or a map with the key that holds its settings. Default: `json`.
    #[serde(default = "default_value_converter")]
    pub value: AnyJson,
}

/// How records are put together for the sink.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BatchSettings {
    /// Records per batch. Default and upper bound: what the sink can take, which its page says.
    #[schemars(range(min = 1))]
    #[schemars(extend("x-also" = ["size", "batch_size", "max_size", "count", "max_batch_size", "flush_size", "max_events"]))]
    pub max_records: Option<usize>,
    /// Bytes per batch, as the sink measures them. Default and upper bound: what the sink can take, which its page says.
    #[schemars(extend("x-also" = ["byte_size", "batch_bytes"]))]
    pub max_bytes: Option<ByteSize>,
    /// How long a record waits for others before a batch that is not full is put. Default: 200ms for sinks whose targets
    /// count calls (`bedrock_kb`, `s3`, `sqs`). For all others a batch goes at once while no put is in flight, and grows
    /// while one is, for 200ms at most. No batch waits while `buffer_memory` has no room for more records.
    #[schemars(extend("x-also" = ["linger_ms", "flush_interval", "max_wait", "period", "batch_timeout", "timeout_secs", "flush_timeout"]))]
    pub linger: Option<HumanDuration>,
}

/// What happens when something fails.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-instead" = {"log, log_enable": "every record at fault is a line of the log; leave this out", "log_include_messages": "no content of a record is ever logged; it is in the dead letter queue"}))]
pub struct ErrorSettings {
    /// What a record at fault does: `none` stops the connector at it, with its offset uncommitted; `all` skips
    /// it with a log line and a count. Default `none`. An outage is never held against a record.
    pub tolerance: Tolerance,
    /// Where rejected records go, as they were read, under `tolerance: all`. Their offsets wait until they are there.
    #[schemars(extend("x-also" = ["dlq", "deadletterqueue", "dead_letters", "dead_letter_topic"]))]
    pub dead_letter_queue: Option<DeadLetterSettings>,
    /// How many records at fault are too many, under `tolerance: all`: then the set-up is at fault rather than the data,
    /// and the connector stops. What converters and transforms reject counts among the records that they saw, and what the
    /// sink rejects among those that it did. It also stops where nothing was ever stored and the first 20 records are all rejected,
    /// and commits nothing of these. The tasks of a connector in one process count together. `off` tolerates any number. Default: 50 of the last 100.
    pub threshold: ThresholdSetting,
    /// The wait after the first failure of a put; it doubles with every further one, and a random part of it is
    /// taken (full jitter). Default 300ms.
    #[schemars(extend("x-also" = ["backoff", "retry_backoff", "retry_backoff_ms"]))]
    pub retry_delay: HumanDuration,
    /// The longest such wait. Default 60s.
    pub retry_delay_max: HumanDuration,
    /// How long a batch is tried before the connector fails, keeps its offsets and is restarted. Default 5m.
    #[schemars(extend("x-also" = ["retry", "retries", "max_retries", "timeout"]))]
    pub retry_timeout: HumanDuration,
    /// The longest wait that a target may ask for, as with `Retry-After`. It is obeyed even where `retry_timeout` is
    /// shorter: waiting as asked is no failed try. In AWS Lambda the deadline comes first. Default 1h.
    pub retry_after_max: HumanDuration,
}

impl Default for ErrorSettings {
    fn default() -> Self {
        Self {
            tolerance: Tolerance::None,
            dead_letter_queue: None,
            threshold: ThresholdSetting::default(),
            retry_delay: HumanDuration::millis(300),
            retry_delay_max: HumanDuration::secs(60),
            retry_timeout: HumanDuration::secs(300),
            retry_after_max: HumanDuration::secs(3600),
        }
    }
}

/// Where rejected records go: a topic, or a sink.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("x-written" = "{ topic: NAME }"))]
#[schemars(extend("x-instead" = {
    "replication_factor, partitions, topic_replication_factor": "a topic that is not there is made as the brokers have it by default; `sluice topics create` makes it otherwise",
    "context_headers_enable, context_headers, headers": "what was wrong always stands in the headers of a letter; leave this out",
}))]
pub struct DeadLetterSettings {
    /// A topic on the source's brokers; created if it is not there.
    #[schemars(extend("x-also" = ["topic_name", "name"]))]
    pub topic: Option<String>,
    /// Any sink, named by the key that holds its settings.
    pub sink: Option<Value>,
    /// What becomes of a letter that the topic does not take for its size, which can only be where somebody else made the
    /// topic. `stop`: the connector fails at the record and is not restarted by itself. `truncate`: the letter holds the key,
    /// the headers, and the beginning of the value. `headers_only`: it holds key and headers, and no value. Such a letter says
    /// in its headers that it does not hold all, and cannot be replayed. Default `stop`.
    pub on_too_large: OnTooLarge,
}

fn default_buffer_memory() -> ByteSize {
    ByteSize::mib(64)
}

fn default_tasks_max() -> usize {
    1
}

fn default_key_converter() -> AnyJson {
    Value::from(DEFAULT_KEY_CONVERTER).into()
}

fn default_value_converter() -> AnyJson {
    Value::from(DEFAULT_VALUE_CONVERTER).into()
}
