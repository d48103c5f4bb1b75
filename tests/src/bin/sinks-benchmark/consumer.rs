//! How the bare loops read: as the tuned one of the benchmark of the engine does.

use std::time::Instant;

use rdkafka::consumer::BaseConsumer;
use rdkafka::message::{Message, OwnedMessage};
use sluice_tests::bare_loop::{HUNG, SOON, subscribed};
use sluice_tests::kafka;

/// Joins a group of its own.
pub(crate) fn consumer(bootstrap_servers: &str, topic: &str, group: &str) -> BaseConsumer {
    let mut client = kafka::client_of(bootstrap_servers);
    client.set("fetch.queue.backoff.ms", "5").set("enable.auto.commit", "false");
    subscribed(client, group, topic)
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
