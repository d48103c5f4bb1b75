//! The test support library against the real thing: whether its broker stores, commits, stops and restarts.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::Message;
use sluice_tests::kafka::{self, Broker, NewRecord};

fn text(offsets: &[(i32, i64)]) -> Vec<String> {
    offsets.iter().map(|(partition, offset)| format!("{partition}@{offset}")).collect()
}

/// Joins the group, reads `count` records and commits them; returns their values.
fn consume(broker: &Broker, group: &str, topic: &str, count: usize) -> Vec<String> {
    let mut client = broker.client();
    client.set("group.id", group).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = client.create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut values = Vec::new();
    while values.len() < count {
        assert!(Instant::now() < deadline, "only {values:?} came");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let value = message.unwrap().payload().unwrap_or_default().to_vec();
        values.push(String::from_utf8(value).unwrap());
    }
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    values
}

#[test]
fn a_group_reads_what_was_produced_and_its_commit_is_seen() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, group) = (kafka::unique("orders"), kafka::unique("group"));
    broker.create_topic(&topic, 1);

    let offsets = broker.produce(&topic, [("a", "one"), ("b", "two"), ("c", "three")]);
    assert_eq!(text(&offsets), ["0@0", "0@1", "0@2"]);
    assert_eq!(broker.committed(&group, &topic), [None]);

    assert_eq!(consume(broker, &group, &topic, 3), ["one", "two", "three"]);
    assert_eq!(broker.committed(&group, &topic), [Some(3)]);
    assert_eq!(broker.end_offsets(&topic), [3]);
}

#[test]
fn a_reset_group_reads_from_the_start_again() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, group) = (kafka::unique("orders"), kafka::unique("group"));
    broker.create_topic(&topic, 1);
    broker.produce(&topic, [("a", "one"), ("b", "two")]);

    assert_eq!(consume(broker, &group, &topic, 2), ["one", "two"]);
    broker.reset_offsets(&group, &topic);

    assert_eq!(broker.committed(&group, &topic), [Some(0)]);
    assert_eq!(consume(broker, &group, &topic, 2), ["one", "two"]);
}

#[test]
fn a_tombstone_and_headers_come_back_as_they_were_written() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("orders");
    broker.create_topic(&topic, 1);

    broker.produce(
        &topic,
        [
            NewRecord::tombstone("gone"),
            NewRecord::new("empty", "").timestamp(1_000).header("trace", "first").header("trace", "last"),
            NewRecord::unkeyed("plain").null_header("nothing").header("blank", ""),
        ],
    );

    let records = broker.read(&topic);
    assert_eq!(records.len(), 3);
    assert_eq!((records[0].key_text().as_str(), &records[0].value), ("gone", &None));
    assert_eq!((&records[1].value, records[1].timestamp), (&Some(Vec::new()), Some(1_000)));
    assert_eq!(records[1].header_text("trace").as_deref(), Some("last"));
    assert_eq!(records[1].headers.len(), 2);
    assert_eq!((&records[2].key, records[2].value_text().as_str()), (&None, "plain"));
    assert_eq!(records[2].headers, [("nothing".to_owned(), None), ("blank".to_owned(), Some(Vec::new()))]);
}

#[test]
fn a_record_goes_to_the_partition_it_names() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("orders");
    broker.create_topic_with(&topic, 3, &[("retention.ms", "-1")]);

    let to = |partition| NewRecord::unkeyed("x").partition(partition);
    let offsets = broker.produce(&topic, [to(2), to(0), to(2)]);

    assert_eq!(text(&offsets), ["2@0", "0@0", "2@1"]);
    assert_eq!(broker.end_offsets(&topic), [1, 0, 2]);
}

#[test]
fn a_restarted_broker_keeps_its_records_and_commits() {
    let Some(mut broker) = Broker::start() else { return };
    let address = broker.bootstrap_servers();
    broker.create_topic("orders", 1);
    broker.produce("orders", [("a", "one"), ("b", "two")]);
    assert_eq!(consume(&broker, "group", "orders", 2), ["one", "two"]);

    broker.stop();
    broker.restart();
    assert_eq!(broker.bootstrap_servers(), address);
    assert_eq!(broker.end_offsets("orders"), [2]);
    broker.produce("orders", [("c", "three")]);

    broker.kill();
    broker.restart();
    assert_eq!(broker.committed("group", "orders"), [Some(2)]);
    assert_eq!(consume(&broker, "group", "orders", 1), ["three"]);
}
