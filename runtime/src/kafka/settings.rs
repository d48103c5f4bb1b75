//! What an operator writes about the source: `source.kafka` of a connector file.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{HumanDuration, Secret, SettingsError};

use crate::kafka::auth::access::{Access, CLIENT_DEFAULTS};
use crate::kafka::auth::identity::Identity;
use crate::kafka::auth::security::Security;
use crate::kafka::auth::settings::{AuthSettings, TlsSettings};
use crate::kafka::patterns::TopicEntry;

/// Which topics to read, and how.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    /// Brokers to begin with, comma-separated, such as `localhost:9092`.
    pub bootstrap_servers: String,
    /// Topics to read. One that begins with `^` is a regular expression as Rust's crate `regex` has them
    /// (<https://docs.rs/regex/latest/regex/#syntax>): `$` ends the name, `\d` is a digit, `(?i)` behind the `^` ignores case. New
    /// topics that match are read from their first record, within 5 minutes (`topic.metadata.refresh.interval.ms`). Kafka's own
    /// topics, such as `__consumer_offsets`, are read only where they are named.
    #[schemars(length(min = 1))]
    pub topics: Vec<String>,
    /// The consumer group. Default: `connect-` and the connector's name.
    #[serde(default)]
    pub group: Option<String>,
    /// Where to begin in a partition for which the group has no offset. Default `earliest`.
    #[serde(default)]
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
    pub auth: AuthSettings,
    /// How connections are encrypted. Default: they are if `auth` says who the client is.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Properties of librdkafka, by their own names, such as `fetch.wait.max.ms`. Refused are those that would
    /// lose records, and those that have a key of their own here. Values are never shown.
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

/// Properties that are refused, with the reason.
const REFUSED: [(&str, &str); 12] = [
    ("enable.auto.commit", "offsets are committed when their records are done, and never before"),
    ("auto.commit.enable", "offsets are committed when their records are done, and never before"),
    ("auto.commit.interval.ms", "use `commit_interval`"),
    ("enable.auto.offset.store", "offsets are stored when their records are done, and never before"),
    ("enable.partition.eof", "the engine sets it"),
    ("group.id", "use `group`"),
    ("bootstrap.servers", "use `bootstrap_servers`"),
    ("metadata.broker.list", "use `bootstrap_servers`"),
    ("auto.offset.reset", "use `auto_offset_reset`"),
    ("enabled_events", "the engine sets it"),
    ("log.thread.name", "the engine sets it"),
    ("test.mock.num.brokers", "it would replace the brokers by a mock; use `sluice demo` for one"),
];

/// What a consumer has unless `properties` says otherwise.
const DEFAULTS: [(&str, &str); 7] = [
    // One partition moving must not stop the others.
    ("partition.assignment.strategy", "cooperative-sticky"),
    // librdkafka's own queue, beside the connector's byte budget.
    ("queued.max.messages.kbytes", "16384"),
    ("queued.min.messages", "10000"),
    // How long a fetch is put off while that queue is full. The default of a second would be the most that is read: 10000
    // records per second and partition.
    ("fetch.queue.backoff.ms", "5"),
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
    /// Checks what a schema cannot: that no property breaks an invariant, and that librdkafka knows them all.
    pub(crate) fn validate(&self) -> Result<(), SettingsError> {
        if self.bootstrap_servers.trim().is_empty() {
            return Err(SettingsError::at(
                "bootstrap_servers",
                "is empty; name at least one broker, such as localhost:9092",
            ));
        }
        for (index, topic) in self.topics.iter().enumerate() {
            TopicEntry::from_text(topic)
                .map_err(|reason| SettingsError::at(format!("topics.{index}"), reason))?;
        }
        let security = self.security();
        security.validate()?;
        for name in self.properties.keys() {
            let refused = REFUSED.iter().find(|(refused, _)| refused == name).map(|(_, reason)| *reason);
            if let Some(reason) = refused.or_else(|| security.refuses(name)) {
                return Err(SettingsError::at("properties", format!("`{name}` cannot be set: {reason}")));
            }
        }
        let native = self.client_config("check").create_native_config();
        native.map(drop).map_err(|error| SettingsError::at("properties", describe(&error)))
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

    fn security(&self) -> Security<'_> {
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

    /// Returns the configuration of a consumer in the connector's group.
    pub(crate) fn client_config(&self, name: &str) -> ClientConfig {
        let mut config = self.config_over(&[&CLIENT_DEFAULTS[..], &DEFAULTS].concat());
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

/// Says what librdkafka has against a property, without the value: it may be a secret in the wrong place.
fn describe(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, name, _) => {
            format!("librdkafka has no property `{name}`")
        }
        KafkaError::ClientConfig(_, _, name, _) => {
            format!("librdkafka does not take this value for `{name}`")
        }
        other => other.to_string(),
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
    fn a_property_that_would_lose_records_is_refused_with_the_reason() {
        let refused = error(&["t"], &[("enable.auto.commit", "true")]);
        assert_eq!(
            refused,
            "properties: `enable.auto.commit` cannot be set: offsets are committed when their records are done, and never before"
        );
        assert!(error(&["t"], &[("group.id", "g")]).contains("use `group`"));
    }

    #[test]
    fn a_property_that_librdkafka_does_not_know_is_refused() {
        let unknown = error(&["t"], &[("sasl.pasword", "hunter2")]);
        assert_eq!(unknown, "properties: librdkafka has no property `sasl.pasword`");
        let invalid = error(&["t"], &[("session.timeout.ms", "hunter2")]);
        assert_eq!(invalid, "properties: librdkafka does not take this value for `session.timeout.ms`");
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
