//! What is wrong with the settings of the source: all that can be known without a broker.

use std::collections::BTreeSet;

use sluice_connector_api::{Secret, SettingsError};

use crate::kafka::patterns::TopicEntry;
use crate::kafka::settings::{ASSIGNOR, HEARTBEAT, INSTANCE, KafkaSettings, SESSION};
use sluice_kafka_client::Access;
use sluice_kafka_client::{AuthSettings, SECURITY_KEYS, check_servers, ports, trial};

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

/// Properties that name something, and are refused where they name nothing: librdkafka takes that for a name. Two members of the
/// empty name put each other out of the group.
const NAMING: [(&str, &str); 3] = [
    (INSTANCE, "names no member: give each process a name of its own, or leave it out"),
    (ASSIGNOR, "names no way to assign partitions: name one, such as `cooperative-sticky`, or leave it out"),
    ("group.remote.assignor", "names no way to assign partitions: name one of the brokers', or leave it out"),
];

/// Why an empty group is refused: librdkafka makes a consumer of it that is in none.
const NO_GROUP: &str =
    "names no group; name one, or leave it out for `connect-` and the name of the connector";

/// How many properties that are wrong are reported.
const MOST_WRONG: usize = 50;

impl KafkaSettings {
    /// Checks what a schema cannot: that no property breaks an invariant, and that librdkafka makes a consumer of them.
    /// Returns all that is wrong; reaches nothing. Where the settings are not `whole`, since some were wrong by themselves, only
    /// that is looked at which does not depend on others.
    pub(crate) fn problems(&self, whole: bool) -> Vec<SettingsError> {
        let mut problems = Vec::new();
        if let Err(reason) = check_servers(&self.bootstrap_servers) {
            problems.push(SettingsError::at("bootstrap_servers", reason));
        }
        if self.group.as_ref().is_some_and(|group| group.trim().is_empty()) {
            problems.push(SettingsError::at("group", NO_GROUP));
        }
        for (index, topic) in self.topics.iter().enumerate() {
            let wrong = TopicEntry::from_text(topic).err();
            problems.extend(wrong.map(|reason| SettingsError::at(format!("topics.{index}"), reason)));
        }
        let security = self.security().problems();
        let can_be_tried = security.is_empty();
        problems.extend(security);
        let mut wrong = BTreeSet::new();
        for (name, value) in &self.properties {
            if wrong.len() == MOST_WRONG {
                problems.push(SettingsError::at("properties", "has more that is wrong than is listed here"));
                return problems;
            }
            if let Err(reason) = self.check_property(name, value) {
                wrong.insert(name.clone());
                problems.push(property_error(name, reason));
            }
        }
        if whole && can_be_tried && !self.is_plain() {
            problems.extend(self.check_together(wrong));
        }
        problems
    }

    fn check_property(&self, name: &str, value: &Secret) -> Result<(), String> {
        let refused = REFUSED.iter().find(|(refused, _)| *refused == name).map(|(_, reason)| *reason);
        let empty = NAMING.iter().find(|(naming, _)| *naming == name && value.reveal().trim().is_empty());
        if let Some((_, reason)) = empty {
            return Err(format!("`{name}` {reason}"));
        }
        match refused.or_else(|| self.security().refuses(name)) {
            Some(reason) => Err(format!("`{name}` cannot be set: {reason}")),
            None => trial::try_property(name, value.reveal()),
        }
    }

    /// Tries the properties together, but for those that are known to be wrong; what is said to be wrong goes, too, until
    /// librdkafka makes a consumer of the rest.
    fn check_together(&self, mut wrong: BTreeSet<String>) -> Vec<SettingsError> {
        let mut problems: Vec<SettingsError> = self.check_heartbeat(&wrong).into_iter().collect();
        let mut config = self.client_config("check");
        for name in &wrong {
            config.remove(name);
        }
        while let Err(said) = trial::try_consumer(&config) {
            // What is missing only since it was taken out is no news.
            let follows = trial::named_in(&said, wrong.iter().map(String::as_str)).is_some();
            let (name, error) = self.blame("consumer", &said);
            if !follows {
                problems.push(error);
            }
            match name.filter(|name| wrong.insert((*name).to_owned())) {
                Some(name) => config.remove(name),
                None => break,
            };
        }
        problems
    }

    /// Checks that a producer for the same brokers can be made, such as that of a dead letter topic.
    pub(crate) fn validate_producer(&self, access: &Access) -> Result<(), SettingsError> {
        if self.is_plain() {
            return Ok(());
        }
        trial::try_producer(&access.config).map_err(|said| self.blame("producer", &said).1)
    }

    /// Says what works, but hardly as it is meant: the key, and the way out.
    pub(crate) fn warnings(&self) -> Vec<(&'static str, String)> {
        let found = ports::warning(&self.security(), self.properties.keys(), "source.kafka");
        found.map(|text| ("bootstrap_servers", text)).into_iter().collect()
    }

    /// Says whether nothing is set of which a client might not be made.
    fn is_plain(&self) -> bool {
        self.properties.is_empty() && self.tls.is_none() && matches!(self.auth, AuthSettings::None)
    }

    /// librdkafka makes a consumer of these, which is put out of its group over and over.
    fn check_heartbeat(&self, wrong: &BTreeSet<String>) -> Option<SettingsError> {
        let millis = |name: &str, default: u64| match self.properties.get(name) {
            Some(value) if !wrong.contains(name) => value.reveal().trim().parse().ok(),
            Some(_) => None,
            None => Some(default),
        };
        let (heartbeat, session) = millis(HEARTBEAT, 3_000).zip(millis(SESSION, 45_000))?;
        if heartbeat < session {
            return None;
        }
        let at = if self.properties.contains_key(HEARTBEAT) { HEARTBEAT } else { SESSION };
        Some(property_error(
            at,
            format!("`{HEARTBEAT}` must be less than `{SESSION}`; a third of it is usual"),
        ))
    }

    /// Places what librdkafka says of a client at the property that it speaks of, which is returned where it is an own one,
    /// or at the key from which that comes.
    fn blame(&self, client: &str, said: &str) -> (Option<&str>, SettingsError) {
        let mut text = format!("librdkafka makes no {client} of this: {said}");
        // Kerberos is what librdkafka takes where nothing is said.
        if said.contains("GSSAPI") {
            text = format!(
                "librdkafka makes no {client} of this: `sasl.mechanism` is `GSSAPI`, also where it is not set, and that is not \
                 built in; set another one, or say who the client is under `auth`"
            );
        }
        if let Some(name) = trial::named_in(said, self.properties.keys().map(String::as_str)) {
            return (Some(name), property_error(name, text));
        }
        let is_by_key = self.tls.is_some() || !matches!(self.auth, AuthSettings::None);
        let key = SECURITY_KEYS.iter().find(|(_, property)| is_by_key && said.contains(property));
        (None, SettingsError::at(key.map_or("properties", |(key, _)| *key), text))
    }
}

fn property_error(name: &str, reason: impl Into<String>) -> SettingsError {
    SettingsError::at(format!("properties.{name}"), reason)
}

#[cfg(test)]
impl KafkaSettings {
    /// Returns the first thing that is wrong.
    pub(crate) fn validate(&self) -> Result<(), SettingsError> {
        self.problems(true).into_iter().next().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

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
            "properties.enable.auto.commit: `enable.auto.commit` cannot be set: offsets are committed when their records are done, and never before"
        );
        assert!(error(&["t"], &[("group.id", "g")]).contains("use `group`"));
    }

    #[test]
    fn a_property_that_librdkafka_does_not_know_is_refused() {
        let unknown = error(&["t"], &[("sasl.pasword", "hunter2")]);
        assert_eq!(
            unknown,
            "properties.sasl.pasword: librdkafka has no property `sasl.pasword`; did you mean `sasl.password`?"
        );
        let invalid = error(&["t"], &[("session.timeout.ms", "hunter2")]);
        assert_eq!(
            invalid,
            "properties.session.timeout.ms: librdkafka does not take this value for `session.timeout.ms`"
        );
    }

    #[test]
    fn properties_of_which_no_consumer_can_be_made_are_refused_at_one_of_them() {
        for (properties, place, said) in [
            (
                &[("partition.assignment.strategy", "range,cooperative-sticky")][..],
                0,
                "must have the same protocol type",
            ),
            (&[("partition.assignment.strategy", "rnage")], 0, "Unsupported"),
            (&[("session.timeout.ms", "400000")], 0, "max.poll.interval.ms"),
            (&[("max.poll.interval.ms", "20000")], 0, "must be >= `session.timeout.ms`"),
            (
                &[("session.timeout.ms", "60000"), ("max.poll.interval.ms", "50000")],
                1,
                "must be >= `session.timeout.ms`",
            ),
            (&[("group.protocol", "consumer"), ("session.timeout.ms", "10000")], 1, "defined broker side"),
            (&[("group.protocol", "Consumer"), ("heartbeat.interval.ms", "1000")], 1, "defined broker side"),
            (
                &[("group.protocol", "consumer"), ("partition.assignment.strategy", "range")],
                1,
                "group.remote.assignor",
            ),
            (&[("fetch.max.bytes", "1000")], 0, "`message.max.bytes`"),
            (&[("security.protocol", "ssl"), ("ssl.ca.location", "/nowhere/ca.pem")], 1, "ssl.ca.location"),
            (&[("heartbeat.interval.ms", "45000")], 0, "must be less than `session.timeout.ms`"),
            (&[("session.timeout.ms", "3000")], 0, "`heartbeat.interval.ms` must be less"),
        ] {
            let name = properties.get(place).map(|(name, _)| *name).unwrap_or_default();
            let refused = error(&["t"], properties);
            assert!(refused.starts_with(&format!("properties.{name}: ")), "{properties:?}: {refused}");
            assert!(refused.contains(said), "{properties:?}: {refused}");
        }
    }

    #[test]
    fn a_group_without_a_name_is_refused() {
        for empty in ["", " "] {
            let settings = KafkaSettings { group: Some(empty.to_owned()), ..settings(&["t"], &[]) };
            let refused = settings.validate().unwrap_err().to_string();
            assert!(refused.starts_with("group: names no group"), "{refused}");
        }
    }

    /// As a reference leaves it whose variable is not set.
    #[test]
    fn a_property_that_is_to_name_something_and_names_nothing_is_refused() {
        for name in ["group.instance.id", "partition.assignment.strategy", "group.remote.assignor"] {
            for empty in ["", " "] {
                let refused = error(&["t"], &[(name, empty)]);
                let place = format!("properties.{name}: `{name}` names no ");
                assert!(refused.starts_with(&place) && refused.ends_with("or leave it out"), "{refused}");
            }
        }
    }

    #[test]
    fn what_librdkafka_says_of_no_property_is_told_of_all_and_of_the_keys_where_it_comes_from_them() {
        let half = error(&["t"], &[("security.protocol", "sasl_ssl"), ("sasl.mechanism", "PLAIN")]);
        assert!(
            half.starts_with("properties: librdkafka makes no consumer of this: sasl.username"),
            "{half}"
        );
        let pem = "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n";
        let settings = json!({ "bootstrap_servers": "a", "topics": ["t"], "tls": { "ca": pem } });
        let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
        let refused = settings.validate().unwrap_err();
        assert_eq!(refused.path(), "tls.ca", "{refused}");
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let settings = settings(
            &["a b"],
            &[
                ("fetch.wait.max.ms", "5s"),
                ("group.id", "g"),
                ("heartbeat.interval.ms", "90000"),
                ("max.poll.interval.ms", "30000"),
                ("partition.assignment.strategy", "range,cooperative-sticky"),
                ("sesion.timeout.ms", "1"),
            ],
        );
        let settings = KafkaSettings { bootstrap_servers: "kafka://b:9092".to_owned(), ..settings };
        let wrong: Vec<_> = settings.problems(true).iter().map(|problem| problem.path().to_owned()).collect();
        let expected = [
            "bootstrap_servers",
            "topics.0",
            "properties.fetch.wait.max.ms",
            "properties.group.id",
            "properties.sesion.timeout.ms",
            "properties.heartbeat.interval.ms",
            "properties.max.poll.interval.ms",
            "properties.partition.assignment.strategy",
        ];
        assert_eq!(wrong, expected);
    }

    #[test]
    fn of_very_many_mistakes_the_first_are_told_soon() {
        let names: Vec<String> = (0..60_000).map(|number| format!("no.such.{number}")).collect();
        let properties: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let (settings, begun) = (settings(&["t"], &properties), std::time::Instant::now());
        assert_eq!(settings.problems(true).len(), MOST_WRONG + 1);
        assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
    }

    #[test]
    fn what_follows_from_another_mistake_is_not_told() {
        let settings =
            settings(&["t"], &[("session.timeout.ms", "600000"), ("max.poll.interval.ms", "900s")]);
        assert_eq!(settings.problems(true).len(), 1, "{:?}", settings.problems(true));
    }

    #[test]
    fn a_producer_is_tried_where_there_is_to_be_one() {
        let settings = settings(&["t"], &[("max.in.flight", "10")]);
        settings.validate().unwrap();
        let mut access = settings.access();
        access.set("enable.idempotence", "true");
        let refused = settings.validate_producer(&access).unwrap_err().to_string();
        assert!(refused.starts_with("properties.max.in.flight: librdkafka makes no producer"), "{refused}");
    }
}
