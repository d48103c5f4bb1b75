//! What an operator writes about the source: `source.kafka` of a connector file.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, Secret};

use crate::kafka::patterns::TopicEntry;
use sluice_kafka_client::Identity;
use sluice_kafka_client::Security;
use sluice_kafka_client::{Access, CLIENT_DEFAULTS};
use sluice_kafka_client::{AuthSettings, TlsSettings};

/// Which topics to read, and how.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {
    "codec, format, decoding, encoding, value_codec, value_decoder, value_deserializer, value_converter, deserializer": "how values are read says `source.value`, such as `value: json`",
    "schema_registry, schema_registry_url": "how values are read says `source.value`, such as `value: { avro: { registry: ... } }`",
    "key_decoder, key_deserializer, key_converter": "how keys are read says `source.key`, such as `key: string`",
    "enable_auto_commit, auto_commit, commit_period": "offsets are committed when their records are stored, as often as `commit_interval` says",
    "max_poll_records, batching": "how many records are put at once says `batch`",
    "consumer_threads, num_consumers": "how many consumers read side by side says `tasks_max`",
    "partitions": "the group spreads the partitions of its topics by itself; leave this out",
    "multi_header, metadata_key, include_headers": "a record has all that Kafka has of it, as `@record.key`, `@record.headers.NAME`, ...; leave this out",
}))]
pub struct KafkaSettings {
    /// Brokers to begin with, comma-separated, such as `localhost:9092`.
    #[schemars(extend("x-also" = ["brokers", "servers", "hosts", "broker_list", "addresses"]))]
    pub bootstrap_servers: String,
    /// Topics to read. One that begins with `^` is a regular expression as Rust's crate `regex` has them
    /// (<https://docs.rs/regex/latest/regex/#syntax>): `$` ends the name, `\d` is a digit, `(?i)` behind the `^` ignores case. New
    /// topics that match are read from their first record, within 5 minutes (`topic.metadata.refresh.interval.ms`). Kafka's own
    /// topics, such as `__consumer_offsets`, are read only where they are named.
    #[schemars(length(min = 1))]
    #[schemars(extend("x-also" = ["topic", "topics_regex", "topic_regex", "topics_pattern", "topic_pattern", "topic_names"]))]
    pub topics: Vec<String>,
    /// The consumer group. Default: `connect-` and the connector's name.
    #[serde(default)]
    #[schemars(extend("x-also" = ["group_id", "consumer_group", "grp"]))]
    pub group: Option<String>,
    /// Where to begin in a partition for which the group has no offset. Default `earliest`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["offset", "offset_reset", "start", "start_from", "start_offset", "initial_offset", "start_from_oldest", "start_from_beginning", "from_beginning"]))]
    #[schemars(extend("x-words" = {"beginning": "earliest", "begin": "earliest", "oldest": "earliest", "smallest": "earliest", "first": "earliest", "start": "earliest", "end": "latest", "newest": "latest", "largest": "latest", "last": "latest"}))]
    pub auto_offset_reset: AutoOffsetReset,
    /// What to do where the position of the group does not mean any more what it meant: the topic was deleted and made
    /// again, retention removed records that were not read, or the end of the log was lost. Each is a line in the log, a
    /// metric and a part of `/status`. Default `earliest`.
    #[serde(default)]
    pub on_position_lost: OnPositionLost,
    /// How often offsets are committed, if there is something to commit. A crash repeats what was delivered
    /// since. Default 1s.
    #[serde(default = "default_commit_interval")]
    pub commit_interval: HumanDuration,
    /// Who this client is to the brokers. Default: `none`.
    #[serde(default)]
    #[schemars(extend("x-also" = ["sasl", "authentication"]))]
    pub auth: AuthSettings,
    /// How connections are encrypted. Default: they are if `auth` says who the client is.
    #[serde(default)]
    #[schemars(extend("x-also" = ["ssl"]))]
    pub tls: Option<TlsSettings>,
    /// Properties of librdkafka, by their own names, such as `fetch.wait.max.ms`. Refused are those that would
    /// lose records, those that have a key of their own here, and those of which librdkafka makes no client. Values are
    /// never shown. With `tasks_max` above 1 each task is a consumer with an identity of its own: the number of the task is
    /// appended to `group.instance.id`, as in `x-0`.
    #[serde(default)]
    pub properties: BTreeMap<String, Secret>,
}

/// Where to begin in a partition for which the group has no offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AutoOffsetReset {
    /// At the oldest record.
    #[default]
    Earliest,
    /// Behind the newest record.
    Latest,
}

/// What to do where the position of the group does not mean any more what it meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnPositionLost {
    /// Go on at the earliest record that is there and was not read.
    #[default]
    Earliest,
    /// Stop the connector, until `sluice offsets reset` says where to go on.
    Stop,
}

/// How the leader of a group spreads the partitions.
pub(super) const ASSIGNOR: &str = "partition.assignment.strategy";
/// The most that is asked of a broker at once, in bytes.
const ANSWER: &str = "fetch.max.bytes";
/// Bounds that an answer must not be below, or above.
const BOUNDS: [&str; 2] = ["message.max.bytes", "receive.message.max.bytes"];
/// How often a member says that it is there, which librdkafka does every 3 s by default.
pub(super) const HEARTBEAT: &str = "heartbeat.interval.ms";
/// The name of a static member (KIP-345).
pub(super) const INSTANCE: &str = "group.instance.id";
/// After how long a member that says nothing is put out of its group: 45 s by default.
pub(super) const SESSION: &str = "session.timeout.ms";

/// What a consumer has unless `properties` says otherwise.
const DEFAULTS: [(&str, &str); 9] = [
    // One partition moving must not stop the others.
    (ASSIGNOR, "cooperative-sticky"),
    // librdkafka's own queue, beside the connector's byte budget.
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    // What one answer of a broker holds, packed: it is unpacked as a whole, whatever is queued, and logs are packed forty to one.
    // librdkafka takes no less than `message.max.bytes`, which is a million; a larger batch comes all the same.
    (ANSWER, "1048576"),
    // How long a fetch is put off while that queue is full. The default of a second would be the most that is read: 10000
    // records per second and partition.
    ("fetch.queue.backoff.ms", "5"),
    // A batch that was damaged where it is kept is no data: without this its records are delivered as they are. The sum is
    // that of Kafka's own batches (CRC-32C), which the processor has an instruction for.
    ("check.crcs", "true"),
    // Aborted transactions are not data.
    ("isolation.level", "read_committed"),
    ("client.id", "sluice"),
    ("socket.keepalive.enable", "true"),
];

/// librdkafka's default of `topic.metadata.refresh.interval.ms`.
const REFRESH_MILLIS: i64 = 300_000;

fn default_commit_interval() -> HumanDuration {
    HumanDuration::secs(1)
}

impl KafkaSettings {
    /// Returns the settings of one task, which is a consumer of its own: no two of a group may have one identity. Tasks are
    /// numbered from 0.
    #[must_use]
    pub(crate) fn for_task(&self, task: usize, tasks: usize) -> Self {
        let mut own = self.clone();
        if tasks > 1
            && let Some(id) = own.properties.get_mut(INSTANCE)
        {
            *id = Secret::new(format!("{}-{task}", id.reveal()));
        }
        own
    }

    /// Returns the group of a connector of this name.
    pub fn group_of(&self, name: &str) -> String {
        self.group.clone().unwrap_or_else(|| format!("connect-{name}"))
    }

    /// Checks a topic that is not to be read: that it could exist, and that it is none of the source's.
    pub(crate) fn other_topic<'a>(&self, name: &'a str) -> Result<&'a str, String> {
        if name.starts_with('^') {
            return Err("is a pattern; name one topic".to_owned());
        }
        TopicEntry::from_text(name)?;
        match TopicEntry::from_texts(&self.topics).iter().find(|entry| entry.means(name)) {
            Some(entry) => {
                Err(format!("is read by this connector (`{}`), which would go round for ever", entry.text()))
            }
            None => Ok(name),
        }
    }

    /// Returns how often topics are looked for that match a pattern; none where librdkafka, too, is told never to look again.
    pub(super) fn refresh_interval(&self) -> Option<Duration> {
        let own = self.properties.get("topic.metadata.refresh.interval.ms");
        let millis = own.map_or(Ok(REFRESH_MILLIS), |own| own.reveal().trim().parse::<i64>());
        u64::try_from(millis.unwrap_or(REFRESH_MILLIS)).ok().map(Duration::from_millis)
    }

    pub(super) fn security(&self) -> Security<'_> {
        Security { auth: &self.auth, tls: self.tls.as_ref(), bootstrap_servers: &self.bootstrap_servers }
    }

    /// Returns how to become another client of the same brokers, such as a producer. librdkafka passes over
    /// properties that are a consumer's.
    pub fn access(&self) -> Access {
        let mut config = self.config_over(&CLIENT_DEFAULTS);
        config.set_log_level(RDKafkaLogLevel::Error);
        Access::new(config, self.security())
    }

    /// Returns who the connector's consumer is, at once.
    pub(super) fn identity(&self) -> Identity {
        self.access().identity_soon()
    }

    /// Puts the user's properties over defaults, and over those what has a key of its own.
    fn config_over(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        let own = self.properties.iter().map(|(property, value)| (property.as_str(), value.reveal()));
        for (property, value) in defaults.iter().copied().chain(own).chain(self.security().properties()) {
            config.set(property, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config
    }

    /// Says whether the brokers assign the partitions, and not a member of the group (KIP-848).
    pub(super) fn brokers_assign(&self) -> bool {
        let protocol = self.properties.get("group.protocol");
        protocol.is_some_and(|protocol| protocol.reveal().trim().eq_ignore_ascii_case("consumer"))
    }

    /// Returns the configuration of a consumer in the connector's group.
    pub(crate) fn client_config(&self, name: &str) -> ClientConfig {
        let mut config = self.config_over(&[&CLIENT_DEFAULTS[..], &DEFAULTS].concat());
        let is_own = |name: &&str| self.properties.contains_key(*name);
        if !is_own(&ANSWER) && BOUNDS.iter().any(is_own) {
            config.remove(ANSWER);
        }
        if self.brokers_assign() && !self.properties.contains_key(ASSIGNOR) {
            // `group.remote.assignor` says how.
            config.remove(ASSIGNOR);
        }
        config
            .set("group.id", self.group_of(name))
            // Where a group begins is found without librdkafka (`start`); where its position was lost, nothing that is
            // there may be passed over.
            .set("auto.offset.reset", "earliest")
            // See `tail`.
            .set("enable.partition.eof", "false")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set_log_level(RDKafkaLogLevel::Warning);
        if self.topics.iter().all(|topic| topic.starts_with('^')) {
            // What matches is asked for by its name: a topic that was deleted would be made again.
            config.set("allow.auto.create.topics", "false");
        }
        config
    }
}

impl fmt::Debug for KafkaSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSettings")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("topics", &self.topics)
            .field("group", &self.group)
            .field("auth", &self.auth)
            .field("properties", &self.properties)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(topics: &[&str], properties: &[(&str, &str)]) -> KafkaSettings {
        let properties: BTreeMap<_, _> = properties.iter().copied().collect();
        let value =
            json!({ "bootstrap_servers": "localhost:9092", "topics": topics, "properties": properties });
        serde_json::from_value(value).unwrap()
    }

    fn error(topics: &[&str], properties: &[(&str, &str)]) -> String {
        settings(topics, properties).validate().unwrap_err().to_string()
    }

    #[test]
    fn brokers_assign_where_the_new_protocol_of_groups_is_asked_for() {
        let settings = settings(&["t"], &[("group.protocol", "consumer"), ("group.instance.id", "x")]);
        settings.validate().unwrap();
        assert_eq!(settings.client_config("name").get("partition.assignment.strategy"), None);
    }

    #[test]
    fn each_task_is_a_consumer_of_its_own() {
        let one = settings(&["t"], &[("group.instance.id", "x")]);
        let id = |settings: &KafkaSettings| {
            settings.client_config("name").get("group.instance.id").map(str::to_owned)
        };
        assert_eq!(id(&one.for_task(0, 1)).as_deref(), Some("x"), "as it was written");
        assert_eq!(id(&one.for_task(0, 2)).as_deref(), Some("x-0"));
        assert_eq!(id(&one.for_task(1, 2)).as_deref(), Some("x-1"));
        assert_eq!(id(&settings(&["t"], &[]).for_task(1, 2)), None);
    }

    #[test]
    fn other_properties_win_over_the_defaults() {
        let settings =
            settings(&["t"], &[("partition.assignment.strategy", "range"), ("fetch.wait.max.ms", "10")]);
        settings.validate().unwrap();
        let config = settings.client_config("name");
        assert_eq!(config.get("partition.assignment.strategy"), Some("range"));
        assert_eq!(config.get("group.id"), Some("connect-name"));
        assert_eq!(config.get("enable.auto.commit"), Some("false"));
    }

    #[test]
    fn the_size_of_an_answer_gives_way_to_the_bounds_that_are_set() {
        let answer = |properties: &[(&str, &str)]| {
            let settings = settings(&["t"], properties);
            settings.validate().unwrap();
            settings.client_config("name").get("fetch.max.bytes").map(str::to_owned)
        };
        assert_eq!(answer(&[("client.id", "x")]).as_deref(), Some("1048576"));
        assert_eq!(answer(&[("message.max.bytes", "20000000")]), None);
        assert_eq!(
            answer(&[("receive.message.max.bytes", "3000000"), ("queued.max.messages.kbytes", "1000")]),
            None
        );
        assert_eq!(answer(&[("fetch.max.bytes", "9000000")]).as_deref(), Some("9000000"));
    }

    #[test]
    fn topics_are_names_or_patterns() {
        settings(&["a.b-c_d", "^orders-.*"], &[]).validate().unwrap();
        assert!(error(&["t", "a b"], &[]).starts_with("topics.1: `a b` is not a topic name"));
        assert!(error(&["^("], &[]).contains("is not a regular expression"));
    }

    #[test]
    fn values_of_properties_are_never_shown() {
        let shown = format!("{:?}", settings(&["t"], &[("sasl.password", "hunter2")]));
        assert!(!shown.contains("hunter2") && shown.contains("sasl.password"), "{shown}");
    }
}
