//! A look at the brokers and topics, for `sluice check --connect`.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::metadata::{Metadata, MetadataTopic};
use sluice_connector_api::{BoxError, Finding};

use crate::kafka::patterns::TopicEntry;
use crate::kafka::reason::is_refusal;
use crate::kafka::selection::Marks;
use crate::kafka::settings::KafkaSettings;
use crate::kafka::words::without_times;
use sluice_kafka_client::AuthSettings;
use sluice_kafka_client::Identity;

/// How often it is looked whether the brokers have refused the client, which librdkafka takes for no answer yet.
const LOOK: Duration = Duration::from_secs(1);
/// So many of the topics that match a pattern are named.
const NAMED: usize = 10;
/// How long the reason of a failure may take to arrive after it.
const REASON: Duration = Duration::from_millis(100);

/// Asks the brokers for the connector's topics. Waits no longer than `timeout` for credentials, and for the brokers.
pub async fn probe(name: &str, settings: &KafkaSettings, timeout: Duration) -> Vec<Finding> {
    let asked = tokio::time::timeout(timeout, settings.access().identity()).await;
    let identity = asked.unwrap_or_else(|_| Err(format!("no answer within {timeout:?}").into()));
    let (mut findings, identity) = match (identity, &settings.auth) {
        (Ok(identity), AuthSettings::MskIam(_)) => (vec![Finding::good("MSK token", "signed")], identity),
        (Ok(identity), _) => (Vec::new(), identity),
        (Err(error), _) => return vec![Finding::wrong("MSK token", error.to_string())],
    };
    let config = settings.client_config(name);
    let entries = TopicEntry::from_texts(&settings.topics);
    let fetched = tokio::task::spawn_blocking(move || fetch(config, &identity, &entries, timeout)).await;
    let broker = format!("Kafka at {}", settings.bootstrap_servers);
    match fetched.unwrap_or_else(|error| Err(error.into())) {
        Ok(Look { metadata, selected }) => {
            findings.push(Finding::good(broker, format!("{} broker(s) answer", metadata.brokers().len())));
            for (entry, found) in settings.topics.iter().zip(&selected) {
                findings.push(probe_topic(entry, found, &metadata));
            }
        }
        Err(error) => findings.push(Finding::unreachable(broker, error.to_string())),
    }
    findings
}

fn fetch(
    mut config: ClientConfig,
    identity: &Identity,
    entries: &[TopicEntry],
    timeout: Duration,
) -> Result<Look, BoxError> {
    // Asking must not create the topic that is asked for.
    config.set("allow.auto.create.topics", "false");
    let context = Probe { identity: identity.clone(), refusal: Mutex::default() };
    let consumer: BaseConsumer<Probe> = config.create_with_context(context)?;
    identity.show_to(consumer.client())?;
    let end = Instant::now() + timeout;
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        match consumer.fetch_metadata(None, rest.min(LOOK)) {
            Ok(metadata) => {
                let mut selected = Marks::default().select(consumer.client(), &metadata, entries, timeout);
                // Brokers have them in no order.
                for topics in &mut selected {
                    topics.sort();
                }
                return Ok(Look { metadata, selected });
            }
            Err(error) => {
                // The reason comes as an event of its own.
                let _unread = consumer.poll(REASON);
                if consumer.context().refusal().is_some() || rest <= LOOK {
                    return Err(consumer.context().explain(&error).into());
                }
            }
        }
    }
}

/// A client that remembers why it was refused.
struct Probe {
    identity: Identity,
    refusal: Mutex<Option<String>>,
}

impl Probe {
    fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn explain(&self, error: &KafkaError) -> String {
        match self.refusal() {
            Some(reason) => format!("refused: {reason}; check `auth`, `tls` and the rights"),
            None => format!("cannot be reached: {error}; check the address, the network, `auth` and `tls`"),
        }
    }
}

impl ClientContext for Probe {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.identity.token()
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if is_refusal(&error) {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(without_times(reason));
        }
    }
}

impl ConsumerContext for Probe {}

/// What the brokers have, and by entry of `topics` what of that is meant.
struct Look {
    metadata: Metadata,
    selected: Vec<Vec<String>>,
}

fn probe_topic(entry: &str, found: &[String], metadata: &Metadata) -> Finding {
    let subject = format!("topic {entry}");
    let is_found = |topic: &&MetadataTopic| found.iter().any(|name| name == topic.name());
    let partitions: usize =
        metadata.topics().iter().filter(is_found).map(|topic| topic.partitions().len()).sum();
    match found {
        [] if entry.starts_with('^') => Finding::wrong(
            subject,
            "does not exist: no topic matches, or none may be seen; check the pattern, or allow Describe on the topics",
        ),
        [] => {
            Finding::wrong(subject, "does not exist, or may not be seen; create it, or allow Describe on it")
        }
        [name] if name == entry => Finding::good(subject, format!("{partitions} partition(s)")),
        found => Finding::good(
            subject,
            format!("{} topic(s), {partitions} partition(s): {}", found.len(), named(found)),
        ),
    }
}

/// Names the first of many topics.
fn named(topics: &[String]) -> String {
    let first: Vec<&str> = topics.iter().take(NAMED).map(String::as_str).collect();
    let more = topics.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    first.join(", ") + &more
}
