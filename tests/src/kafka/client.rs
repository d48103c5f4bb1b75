//! What every client of the tests is made of, and what a look at a broker says.

use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};

/// Settings that every client of the tests has: it is back quickly when the broker is.
pub fn client_of(address: &str) -> ClientConfig {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", address).set("reconnect.backoff.max.ms", "200");
    client
}

/// Tells whether the broker behind `consumer` serves every partition it has.
pub(super) fn serves(consumer: &BaseConsumer) -> bool {
    let Ok(metadata) = consumer.fetch_metadata(None, Duration::from_secs(2)) else {
        return false;
    };
    let mut partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    !metadata.brokers().is_empty() && partitions.all(has_leader)
}

pub(super) fn has_leader(partition: &MetadataPartition) -> bool {
    partition.leader() >= 0
}
