//! Clients of librdkafka.

use std::error::Error;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, Producer};
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{Failure, SettingsError};
use sluice_kafka_client::{CLIENT_DEFAULTS, Identity, SECURITY_KEYS, trial};

use super::settings::KafkaSinkSettings;

/// How long the brokers may take for a question.
pub(super) const ASK: Duration = Duration::from_secs(8);

/// How long librdkafka waits for more records by default, in milliseconds.
const USUAL_LINGER: f64 = 5.0;

/// What a producer has unless `properties` says otherwise.
const DEFAULTS: [(&str, &str); 10] = [
    ("client.id", "sluice"),
    ("compression.type", "zstd"),
    // The partition of a key is that of Java's clients.
    ("partitioner", "murmur2_random"),
    ("message.timeout.ms", "30000"),
    // A put hands its records over at once, and waits for them: what it has not handed over so soon, it will not.
    ("linger.ms", "1"),
    // The brokers have the last word on what is too large.
    ("message.max.bytes", "1000000000"),
    // A topic that is not there is given up after so long.
    ("topic.metadata.propagation.max.ms", "5000"),
    // A topic that was mistyped is not made. To a producer librdkafka says that this is a consumer's property, and obeys it.
    ("allow.auto.create.topics", "false"),
    ("socket.keepalive.enable", "true"),
    ("transaction.timeout.ms", "30000"),
];

/// Other names under which a user may set what has a default here.
const ALIASES: [(&str, &str); 2] =
    [("compression.codec", "compression.type"), ("queue.buffering.max.ms", "linger.ms")];

/// A producer, with what the brokers said last.
#[derive(Clone)]
pub(super) struct SinkProducer {
    producer: FutureProducer<BrokerWords>,
    words: BrokerWords,
}

impl SinkProducer {
    /// Says whether it sends nothing more, since a request was refused and what comes behind that would overtake it.
    pub(super) fn has_stopped_at_gap(&self) -> bool {
        let fatal = self.producer.client().fatal_error();
        fatal.is_some_and(|(code, _)| code == RDKafkaErrorCode::GaplessGuarantee)
    }

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

/// Says who the client is, and keeps what librdkafka said last of the brokers: an error of a record says no more than that its time
/// was up.
#[derive(Clone)]
pub(super) struct BrokerWords {
    identity: Identity,
    last: Arc<Mutex<Option<String>>>,
}

impl BrokerWords {
    fn last(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for BrokerWords {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.identity.token()
    }

    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        // Comes with each broker's own reason.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
    }
}

/// Returns the configuration of a producer.
pub(super) fn producer_config(settings: &KafkaSinkSettings) -> ClientConfig {
    let mut config = config(settings);
    config.set("enable.idempotence", "true");
    config
}

/// Returns the configuration of a producer that sends nothing more once a request is refused: what is under way behind it is refused, too,
/// for the gap in its sequence, and is not numbered anew.
pub(super) fn gapless_config(settings: &KafkaSinkSettings) -> ClientConfig {
    let mut config = producer_config(settings);
    config.set("enable.gapless.guarantee", "true");
    config
}

/// Returns what every client has: the user's properties over defaults, and over those what has a key of its own.
fn config(settings: &KafkaSinkSettings) -> ClientConfig {
    let mut config = ClientConfig::new();
    let own = settings.properties.iter().map(|(name, value)| (name.as_str(), value.reveal()));
    let security = settings.security();
    let by_keys = security.properties();
    for (name, value) in CLIENT_DEFAULTS.into_iter().chain(DEFAULTS).chain(own).chain(by_keys) {
        config.set(name, value);
    }
    for (alias, name) in ALIASES {
        if settings.properties.contains_key(alias) {
            config.remove(name);
        }
    }
    config.set("bootstrap.servers", &settings.bootstrap_servers).set("log_level", "0");
    config.set_log_level(RDKafkaLogLevel::Emerg);
    config
}

/// Returns the configuration of a producer with transactions. A put waits for all of its records, and nothing comes behind them that
/// would be worth a longer wait than the usual one.
pub(super) fn transactions_config(settings: &KafkaSinkSettings, id: &str) -> ClientConfig {
    let mut config = producer_config(settings);
    config.set("transactional.id", id);
    for name in ["linger.ms", "queue.buffering.max.ms"] {
        let asked = config.get(name).and_then(|millis| millis.parse::<f64>().ok());
        if asked.is_some_and(|millis| millis > USUAL_LINGER) {
            config.set(name, USUAL_LINGER.to_string());
        }
    }
    config
}

/// Returns the configuration of a client that asks for the offsets of a group, and never joins it.
pub(super) fn group_config(settings: &KafkaSinkSettings, group: &str) -> ClientConfig {
    let mut config = config(settings);
    for name in
        ["partitioner", "transaction.timeout.ms", "message.timeout.ms", "compression.type", "linger.ms"]
    {
        config.remove(name);
    }
    // Offsets of an open transaction are waited for.
    config.set("group.id", group).set("enable.auto.commit", "false").set("isolation.level", "read_committed");
    config
}

/// Checks `auth`, `tls` and the properties, without reaching anything.
pub(super) fn check_properties(settings: &KafkaSinkSettings) -> Result<(), SettingsError> {
    let security = settings.security();
    if let Some(problem) = security.problems().into_iter().next() {
        return Err(problem);
    }
    for (name, value) in &settings.properties {
        let tried = match security.refuses(name) {
            Some(reason) => Err(format!("`{name}` cannot be set: {reason}")),
            None => trial::try_property(name, value.reveal()),
        };
        tried.map_err(|reason| SettingsError::at(format!("properties.{name}"), reason))?;
    }
    let mut config = producer_config(settings);
    if settings.transactional_id.is_some() {
        config.set("transactional.id", "trial");
    }
    trial::try_producer(&config).map_err(|said| blame(settings, &said))
}

/// Places what librdkafka says of all properties together at the one that it speaks of, or at the key from which that comes.
fn blame(settings: &KafkaSinkSettings, said: &str) -> SettingsError {
    let text = format!("librdkafka makes no producer of this: {said}");
    if let Some(name) = trial::named_in(said, settings.properties.keys().map(String::as_str)) {
        return SettingsError::at(format!("properties.{name}"), text);
    }
    let is_by_key = settings.security().says_something();
    let key = SECURITY_KEYS.iter().find(|(_, property)| is_by_key && said.contains(property));
    SettingsError::at(key.map_or("properties", |(key, _)| *key), text)
}

/// Makes a producer. It reaches nobody before it is used.
pub(super) fn producer(config: &ClientConfig, identity: &Identity) -> Result<SinkProducer, Failure> {
    let words = BrokerWords { identity: identity.clone(), last: Arc::default() };
    let failed = |why: String| Failure::fatal(format!("cannot make a Kafka producer: {why}"));
    let made: FutureProducer<BrokerWords> =
        config.create_with_context(words.clone()).map_err(|error| failed(described(&error)))?;
    identity.show_to(made.client()).map_err(|error| failed(error.to_string()))?;
    Ok(SinkProducer { producer: made, words })
}

/// Describes an error in librdkafka's words, without the value of a property, which may be secret.
pub(super) fn described(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(_, description, property, value) => {
            let blanked = description.replace(&format!("\"{value}\""), "[redacted]");
            format!("`{property}`: {blanked}")
        }
        KafkaError::ClientCreation(said) => said.clone(),
        KafkaError::AdminOp(code) => words(*code),
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
