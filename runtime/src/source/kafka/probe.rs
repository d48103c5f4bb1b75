//! A look at the brokers and topics, for `sluice check --connect`.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use regex::Regex;
use sluice_connector_api::Finding;

use super::KafkaSettings;

/// Asks the brokers for the connector's topics. Waits no longer than `timeout`; blocks, so call it off the
/// async threads.
pub fn probe(name: &str, settings: &KafkaSettings, timeout: Duration) -> Vec<Finding> {
    let broker = format!("Kafka at {}", settings.bootstrap_servers);
    match fetch(name, settings, timeout) {
        Ok(metadata) => {
            let mut findings =
                vec![Finding::good(broker, format!("{} broker(s) answer", metadata.brokers().len()))];
            findings.extend(settings.topics.iter().map(|topic| probe_topic(topic, &metadata)));
            findings
        }
        Err(error) => {
            let way_out = "check the address, the network and the security properties";
            vec![Finding::bad(broker, format!("cannot be reached: {error}; {way_out}"))]
        }
    }
}

fn fetch(name: &str, settings: &KafkaSettings, timeout: Duration) -> Result<Metadata, KafkaError> {
    let mut config = settings.client_config(name);
    // Asking must not create the topic that is asked for.
    config.set("allow.auto.create.topics", "false");
    let consumer: BaseConsumer = config.create()?;
    consumer.fetch_metadata(None, timeout)
}

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
