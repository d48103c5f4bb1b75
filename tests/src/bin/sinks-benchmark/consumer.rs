//! How the bare loops read: as the tuned one of the benchmark of the engine does.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use sluice_tests::kafka;

/// How long nothing may come.
const HUNG: Duration = Duration::from_mins(1);
/// The longest sleep in a poll.
const SOON: Duration = Duration::from_millis(100);

/// Joins a group of its own.
pub(crate) fn consumer(bootstrap_servers: &str, topic: &str, group: &str) -> BaseConsumer {
    let mut client = kafka::client_of(bootstrap_servers);
    client.set("group.id", group).set("auto.offset.reset", "earliest").set("fetch.queue.backoff.ms", "5");
    let consumer: BaseConsumer = client.set("enable.auto.commit", "false").create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("a subscription");
    consumer
}

/// Reads so many records.
pub(crate) fn read(consumer: &BaseConsumer, count: usize) -> Vec<OwnedMessage> {
    let mut batch = Vec::with_capacity(count);
    let since = Instant::now();
    while batch.len() < count {
        match consumer.poll(SOON) {
            Some(record) => batch.push(record.expect("a record").detach()),
            None => assert!(since.elapsed() < HUNG, "nothing more comes"),
        }
    }
    batch
}

/// Returns the value of a record.
pub(crate) fn value(record: &OwnedMessage) -> &[u8] {
    record.payload().expect("a value")
}
