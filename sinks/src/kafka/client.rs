//! Clients of librdkafka.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::FutureProducer;
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{Failure, SettingsError};

use super::settings::KafkaSinkSettings;

/// How long the brokers may take for a question.
pub(super) const ASK: Duration = Duration::from_secs(8);

/// What a producer has unless `properties` says otherwise.
const DEFAULTS: [(&str, &str); 10] = [
    ("client.id", "sluice"),
    ("compression.type", "zstd"),
    // The partition of a key is that of Java's clients.
    ("partitioner", "murmur2_random"),
    ("message.timeout.ms", "30000"),
    // The brokers have the last word on what is too large.
    ("message.max.bytes", "1000000000"),
    // A topic that is not there is given up after so long.
    ("topic.metadata.propagation.max.ms", "5000"),
    // A topic that was mistyped is not made. To a producer librdkafka says that this is a consumer's property, and obeys it.
    ("allow.auto.create.topics", "false"),
    // Authorities where the system keeps them; those that OpenSSL was built with are on no machine.
    ("ssl.ca.location", "probe"),
    ("socket.keepalive.enable", "true"),
    ("transaction.timeout.ms", "30000"),
];

/// A producer, with what the brokers said last.
#[derive(Clone)]
pub(super) struct SinkProducer {
    producer: FutureProducer<BrokerWords>,
    words: BrokerWords,
}

impl SinkProducer {
    /// Returns what was said last of the brokers, if anything.
    pub(super) fn last_words(&self) -> Option<String> {
        self.words.last()
    }
}

impl Deref for SinkProducer {
    type Target = FutureProducer<BrokerWords>;

    fn deref(&self) -> &Self::Target {
        &self.producer
    }
}

/// Keeps what librdkafka said last of the brokers: an error of a record says no more than that its time was up.
#[derive(Clone, Default)]
pub(super) struct BrokerWords(Arc<Mutex<Option<String>>>);

impl BrokerWords {
    fn last(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for BrokerWords {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // Comes with each broker's own reason.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

/// Returns the configuration of a producer.
pub(super) fn producer_config(settings: &KafkaSinkSettings) -> ClientConfig {
    let mut config = config(settings);
    config.set("enable.idempotence", "true");
    config
}

/// Returns what every client has.
fn config(settings: &KafkaSinkSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    let own = settings.properties.iter().map(|(name, value)| (name.as_str(), value.reveal()));
    for (name, value) in DEFAULTS.into_iter().chain(own) {
        config.set(name, value);
    }
    if settings.properties.contains_key("compression.codec") {
        config.remove("compression.type");
    }
    config.set("bootstrap.servers", &settings.bootstrap_servers).set("log_level", "0");
    config.set_log_level(RDKafkaLogLevel::Emerg);
    config
}

/// Returns the configuration of a client that asks for the offsets of a group, and never joins it.
pub(super) fn group_config(settings: &KafkaSinkSettings, group: &str) -> ClientConfig {
    let mut config = config(settings);
    for name in ["partitioner", "transaction.timeout.ms", "message.timeout.ms", "compression.type"] {
        config.remove(name);
    }
    // Offsets of an open transaction are waited for.
    config.set("group.id", group).set("enable.auto.commit", "false").set("isolation.level", "read_committed");
    config
}

/// Checks the properties, without reaching anything.
pub(super) fn check_properties(settings: &KafkaSinkSettings) -> Result<(), SettingsError> {
    for (name, value) in &settings.properties {
        let mut one = ClientConfig::new();
        one.set(name, value.reveal());
        if let Err(error) = one.create_native_config() {
            let said = described(&error);
            return Err(SettingsError::at(
                format!("properties.{name}"),
                format!("{said}; change or remove it"),
            ));
        }
    }
    let made = producer_config(settings).create_native_config();
    made.map(drop).map_err(|error| SettingsError::at("properties", described(&error)))
}

/// Makes a producer. It reaches nobody before it is used.
pub(super) fn producer(config: &ClientConfig) -> Result<SinkProducer, Failure> {
    let words = BrokerWords::default();
    let made = config.create_with_context(words.clone()).map(|producer| SinkProducer { producer, words });
    made.map_err(|error| Failure::fatal(format!("cannot make a Kafka producer: {}", described(&error))))
}

/// Describes an error in librdkafka's words, without the value of a property, which may be secret.
pub(super) fn described(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, property, value) => {
            let blanked = description.replace(&format!("\"{value}\""), "[redacted]");
            format!("`{property}`: {blanked}")
        }
        KafkaError::ClientCreation(said) => said.clone(),
        _ => match error.rdkafka_error_code() {
            Some(code) => words(code),
            None => error.to_string(),
        },
    }
}

/// Returns what the brokers or the client say by a code, without whose words these are.
fn words(code: RDKafkaErrorCode) -> String {
    let text = code.to_string();
    let description = text.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
    description.unwrap_or(&text).trim_start_matches("Broker: ").trim_start_matches("Local: ").to_owned()
}
