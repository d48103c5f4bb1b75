//! A look at the brokers and topics, for `sluice check --connect`.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use regex::Regex;
use sluice_connector_api::{BoxError, Finding};

use crate::kafka::auth::identity::Identity;
use crate::kafka::auth::settings::AuthSettings;
use crate::kafka::context::{is_refusal, without_times};
use crate::kafka::settings::KafkaSettings;

/// How often it is looked whether the brokers have refused the client, which librdkafka takes for no answer yet.
const LOOK: Duration = Duration::from_secs(1);
/// How long the reason of a failure may take to arrive after it.
const REASON: Duration = Duration::from_millis(100);

/// Asks the brokers for the connector's topics. Waits no longer than `timeout` for credentials, and for the brokers.
pub async fn probe(name: &str, settings: &KafkaSettings, timeout: Duration) -> Vec<Finding> {
    let asked = tokio::time::timeout(timeout, settings.access().identity()).await;
    let identity = asked.unwrap_or_else(|_| Err(format!("no answer within {timeout:?}").into()));
    let (mut findings, identity) = match (identity, &settings.auth) {
        (Ok(identity), AuthSettings::MskIam(_)) => (vec![Finding::good("MSK token", "signed")], identity),
        (Ok(identity), _) => (Vec::new(), identity),
        (Err(error), _) => return vec![Finding::bad("MSK token", error.to_string())],
    };
    let config = settings.client_config(name);
    let fetched = tokio::task::spawn_blocking(move || fetch(config, &identity, timeout)).await;
    let broker = format!("Kafka at {}", settings.bootstrap_servers);
    match fetched.unwrap_or_else(|error| Err(error.into())) {
        Ok(metadata) => {
            findings.push(Finding::good(broker, format!("{} broker(s) answer", metadata.brokers().len())));
            findings.extend(settings.topics.iter().map(|topic| probe_topic(topic, &metadata)));
        }
        Err(error) => findings.push(Finding::bad(broker, error.to_string())),
    }
    findings
}

fn fetch(mut config: ClientConfig, identity: &Identity, timeout: Duration) -> Result<Metadata, BoxError> {
    // Asking must not create the topic that is asked for.
    config.set("allow.auto.create.topics", "false");
    let context = Probe { identity: identity.clone(), refusal: Mutex::default() };
    let consumer: BaseConsumer<Probe> = config.create_with_context(context)?;
    identity.show_to(consumer.client())?;
    let end = Instant::now() + timeout;
    loop {
        let rest = end.saturating_duration_since(Instant::now());
        match consumer.fetch_metadata(None, rest.min(LOOK)) {
            Ok(metadata) => return Ok(metadata),
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

fn probe_topic(topic: &str, metadata: &Metadata) -> Finding {
    let pattern = topic.starts_with('^').then(|| Regex::new(topic).ok()).flatten();
    let is_meant = |name: &str| pattern.as_ref().map_or(name == topic, |pattern| pattern.is_match(name));
    let found: Vec<_> =
        metadata.topics().iter().filter(|found| is_meant(found.name()) && found.error().is_none()).collect();
    let partitions: usize = found.iter().map(|found| found.partitions().len()).sum();
    let subject = format!("topic {topic}");
    match found.len() {
        0 => Finding::bad(subject, "does not exist, or may not be seen; create it, or allow Describe on it"),
        1 => Finding::good(subject, format!("{partitions} partition(s)")),
        many => Finding::good(subject, format!("{many} topics, {partitions} partitions")),
    }
}
