//! What an operator writes under the sink `kafka`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Secret, SettingsError};
use sluice_kafka_client::{AuthSettings, Security, TlsSettings, check_servers, ports};

/// Writes records into topics of Kafka, on the brokers that they were read from or on others.
///
/// Key, value, headers (`traceparent` among them) and timestamp stay what the converters and transforms made of them; with
/// `key: bytes` and `value: bytes` they are what was read. A record without a value stays one: a compacted topic
/// deletes by it. A put is stored when every in-sync replica has it; the producer is idempotent, so that its own tries write
/// nothing twice.
///
/// A batch holds up to 5000 records and 16MiB. A record that the topic does not take for its size is rejected. A topic that is not there is
/// not made, unless `properties` has `allow.auto.create.topics: "true"`: the connector stops, or, where data of the record
/// names the topic, that record is rejected.
///
/// A connector that would read what it writes goes round for ever, and is refused: at once where that can be told from the
/// file, and at the first such record otherwise. Brokers are the same where an address of the source is one of these.
///
/// With `transactional_id`, and brokers that are those of the source, records are written exactly once: offsets are
/// sent to the Kafka transaction of their records. Whoever reads the topic needs `isolation.level=read_committed`, which is the default
/// here and in librdkafka, but not in Java. A transaction is a put, and holds no others up: let batches be large (`batch`). After a crash the
/// partitions are read on when the open transaction is ended: at once where a process with the same
/// `transactional_id` starts, and else after `transaction.timeout.ms`, 30 seconds.
///
/// `auth` and `tls` are those of `source.kafka`. The client needs the right `Write` on the topics, with `transactional_id` also `Write` and
/// `Describe` on the transactional ids; `Describe` on the topics comes with `Write`.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: "localhost:9092", topics: [orders] }
///   key: bytes
///   value: bytes
/// sink:
///   kafka:
///     bootstrap_servers: backup-1:9092,backup-2:9092
///     topic: "{{@record.topic}}"
///     properties: { compression.type: lz4 }
/// ```
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-also" = ["kafka_franz"]))]
#[schemars(extend("x-instead" = {
    "key, key_field, message_key, message_key_field, key_template": "the key of the record goes out as it is; the transform `value_to_key` makes it of fields of the value",
    "headers, headers_key, static_headers": "the headers of the record go out as they are; the transforms `insert_header` and `drop_headers` change them",
    "value, codec, encoding, format, key_converter, value_converter, key_serializer, value_serializer, serializer": "key and value go out as the transforms leave them, JSON as its text",
    "acks, required_acks, ack_replicas, idempotent_write, enable_idempotence": "every replica in sync has a record before it counts as stored; leave this out",
    "compression, compression_codec": "it is a property of librdkafka: write `properties: { compression.type: lz4 }`",
    "timestamp, timestamp_ms": "a record keeps its timestamp; leave this out",
}))]
pub struct KafkaSinkSettings {
    /// Brokers to begin with, comma-separated, such as `localhost:9092`.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-also" = ["brokers", "servers", "hosts", "broker_list", "addresses"]))]
    pub bootstrap_servers: String,
    /// The topic, a text with tags, such as `orders-copy`, `mirror.{{@record.topic}}` or `orders-{{region}}`. `{{@record.topic}}` is
    /// the topic that the record was read from, or where a router sent it. Kafka's own topics, which begin with two underscores, are
    /// written only where the setting begins so.
    #[schemars(length(min = 1))]
    pub topic: String,
    /// The partition: that of the `key`, as Kafka's own clients choose it, or that of the `origin`, for which the topic needs as many as
    /// the one that is read. Default: `key`.
    #[serde(default)]
    pub partition: PartitionChoice,
    /// Writes exactly once, by transactions whose id begins like this, and with the number of the task behind a dash. Each process needs
    /// one of its own that stays when it is restarted, such as `orders-copy-${env:HOSTNAME}`. Default: at least once.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub transactional_id: Option<String>,
    /// Who this client is to the brokers. Default: `none`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["sasl", "authentication"]))]
    pub auth: AuthSettings,
    /// How connections are encrypted. Default: they are if `auth` says who the client is.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ssl"]))]
    pub tls: Option<TlsSettings>,
    /// Properties of librdkafka's producer, by their own names, such as `compression.type` or `linger.ms`. Refused are those that would
    /// lose records, those that have a key of their own here, and those of which librdkafka makes no client. Values are never shown.
    /// Default: none but `compression.type: zstd`, `linger.ms: 1` and `partitioner: murmur2_random`, which is Java's.
    #[serde(default)]
    pub properties: BTreeMap<String, Secret>,
    /// Puts in flight at once, from 1 to 64. With more than one, order holds for the records of a key, and for those
    /// without a key within their partition. Default: 4.
    #[serde(default = "max_in_flight")]
    #[schemars(range(min = 1, max = 64))]
    pub max_in_flight: usize,
}

/// Which partition a record goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PartitionChoice {
    /// That of its key; any, where it has none.
    #[default]
    Key,
    /// That of the number which it was read from.
    Origin,
}

fn max_in_flight() -> usize {
    4
}

/// Properties that are refused, with the reason.
const REFUSED: [(&str, &str); 11] = [
    ("bootstrap.servers", "use `bootstrap_servers`"),
    ("metadata.broker.list", "use `bootstrap_servers`"),
    ("acks", "a record is stored when every in-sync replica has it"),
    ("request.required.acks", "a record is stored when every in-sync replica has it"),
    (
        "enable.idempotence",
        "without it a try of the client's own could write a record twice, or out of order",
    ),
    ("enable.gapless.guarantee", "it would stop the client for good at the first record that is refused"),
    ("transactional.id", "use `transactional_id`"),
    ("delivery.report.only.error", "nobody would know of what was stored"),
    ("log_level", "the sink sets it"),
    ("group.id", "this is a producer"),
    ("test.mock.num.brokers", "it would replace the brokers by a mock"),
];

impl KafkaSinkSettings {
    /// Returns what `auth` and `tls` say together.
    pub(super) fn security(&self) -> Security<'_> {
        Security { auth: &self.auth, tls: self.tls.as_ref(), bootstrap_servers: &self.bootstrap_servers }
    }

    /// Says which keys are missing for the port of a broker.
    pub(super) fn port_warning(&self) -> Option<String> {
        ports::warning(&self.security(), self.properties.keys(), "sink.kafka")
    }

    /// Checks what neither the schema nor the parts that the sink is made of can say.
    pub(super) fn validate(&self) -> Result<(), SettingsError> {
        if !(1..=64).contains(&self.max_in_flight) {
            return Err(SettingsError::at("max_in_flight", "write a number from 1 to 64"));
        }
        check_servers(&self.bootstrap_servers)
            .map_err(|reason| SettingsError::at("bootstrap_servers", reason))?;
        for name in self.properties.keys() {
            if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| refused == name) {
                return Err(SettingsError::at(
                    format!("properties.{name}"),
                    format!("`{name}` cannot be set: {reason}"),
                ));
            }
        }
        Ok(())
    }
}
