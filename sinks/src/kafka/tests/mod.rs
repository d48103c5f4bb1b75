//! The sink against librdkafka's mock cluster. What that does not do as brokers do is tried against real ones, in `tests`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod round;
mod settings;

use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers as _, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Payload, Record, Sink};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_plugin_testing::{record, record_failures, sink_contract, text, tombstone};

use crate::built::built;

const PATIENCE: Duration = Duration::from_secs(30);

/// A record as it was written.
#[derive(Debug, PartialEq)]
struct Written {
    partition: i32,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
    timestamp: Option<i64>,
}

fn brokers(topic: &str, partitions: i32) -> EmbeddedKafka {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic(topic, partitions).unwrap();
    kafka
}

fn sink_of(kafka: &EmbeddedKafka, changes: &Value) -> Box<dyn Sink> {
    let mut settings = json!({ "bootstrap_servers": kafka.bootstrap_servers(), "topic": "copy" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    built("kafka", settings)
}

/// Reads so many records of the topic `copy`, partition by partition.
fn read(kafka: &EmbeddedKafka, partitions: i32, count: usize) -> Vec<Written> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.bootstrap_servers()).set("group.id", "reader");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..partitions {
        all.add_partition_offset("copy", partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let (mut written, end) = (Vec::new(), Instant::now() + PATIENCE);
    while written.len() < count {
        assert!(Instant::now() < end, "only {written:?} came");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap().detach();
        let owned = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        written.push(Written {
            partition: message.partition(),
            key: message.key().map(owned),
            value: message.payload().map(owned),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(owned))).collect(),
            timestamp: message.timestamp().to_millis(),
        });
    }
    written.sort_by_key(|written| written.partition);
    written
}

fn values(written: &[Written]) -> Vec<&str> {
    written.iter().map(|written| written.value.as_deref().unwrap_or("-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let kafka = brokers("copy", 1);
    sink_contract(&*sink_of(&kafka, &json!({}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_written_as_it_was_read() {
    let kafka = brokers("copy", 1);
    let mut whole = record(7)
        .key("k")
        .value(json!({ "price": 1 }))
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("twice", "a")
        .header("twice", "b")
        .timestamp(1_739_712_345_678)
        .build();
    whole.headers.push("none", None);
    let bytes = Payload::Bytes(Bytes::from_static(b"\x00text"));
    let batch = [whole, tombstone(8), text(9, ""), record(10).value(bytes).build()];
    sink_of(&kafka, &json!({})).put(&batch).await.unwrap();
    let written = read(&kafka, 1, 4);
    let header = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    let expected = [
        header("traceparent", Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
        header("twice", Some("a")),
        header("twice", Some("b")),
        header("none", None),
    ];
    assert_eq!((written[0].key.as_deref(), written[0].value.as_deref()), (Some("k"), Some(r#"{"price":1}"#)));
    assert_eq!((&written[0].headers[..], written[0].timestamp), (&expected[..], Some(1_739_712_345_678)));
    assert_eq!((written[1].key.as_deref(), written[1].value.as_deref()), (None, None));
    assert_eq!(values(&written[2..]), ["", "\u{0}text"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_that_of_the_key_as_in_java_or_that_of_the_origin() {
    let kafka = brokers("copy", 3);
    // As Kafka's own tests have their hashes: `murmur2(key) & 0x7fffffff`, of three.
    let keys = [("21", 0), ("foobar", 0), ("a-little-bit-long-string", 2)];
    let batch = keys.map(|(key, _)| record(1).key(key).value(key).build());
    sink_of(&kafka, &json!({})).put(&batch).await.unwrap();
    for written in read(&kafka, 3, 3) {
        let expected = keys.iter().find(|(key, _)| Some(*key) == written.key.as_deref()).unwrap().1;
        assert_eq!(written.partition, expected, "{written:?}");
    }
    let kafka = brokers("copy", 3);
    let batch = [2, 1, 2].map(|partition| record(1).at("orders", partition).key("same").value("x").build());
    sink_of(&kafka, &json!({ "partition": "origin" })).put(&batch).await.unwrap();
    let partitions: Vec<_> = read(&kafka, 3, 3).iter().map(|written| written.partition).collect();
    assert_eq!(partitions, [1, 2, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_topic_is_named_and_its_neighbours_are_written() {
    let kafka = brokers("copy", 1);
    let sink = sink_of(&kafka, &json!({ "topic": "{{to}}" }));
    let to = |offset: i64, to: &str| record(offset).key("k").value(json!({ "to": to, "n": offset })).build();
    let outcome = sink.put(&[to(0, "copy"), to(1, "a b"), text(2, "x"), to(3, "copy")]).await;
    let failures = record_failures(outcome);
    let kinds: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
    assert_eq!(kinds, [(1, FailureKind::Rejected), (2, FailureKind::Rejected)], "{failures:?}");
    assert_eq!(values(&read(&kafka, 1, 2)), [r#"{"to":"copy","n":0}"#, r#"{"to":"copy","n":3}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_are_away_are_waited_for() {
    let kafka = brokers("copy", 1);
    let sink = sink_of(&kafka, &json!({ "properties": { "message.timeout.ms": "5000" } }));
    let found = sink.check().await;
    assert!(found[0].as_result().is_ok(), "{found:?}");
    sink.put(&[text(0, "before")]).await.unwrap();
    kafka.down().unwrap();
    let failures = record_failures(sink.put(&[text(1, "lost")]).await);
    assert_eq!((failures[0].0, failures[0].1), (0, FailureKind::Retriable), "{failures:?}");
    kafka.up().unwrap();
    let end = Instant::now() + PATIENCE;
    while sink.put(&[text(2, "after")]).await.is_err() {
        assert!(Instant::now() < end, "the brokers are back");
    }
    let written = read(&kafka, 1, 2);
    assert_eq!(
        (written[0].value.as_deref(), written.last().unwrap().value.as_deref()),
        (Some("before"), Some("after"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_each_record_and_its_topic() {
    let kafka = brokers("copy", 1);
    let batch: [Record; 2] = [
        record(7).target_topic("routed").key("k").header("a", "b").value(json!({ "n": 1 })).build(),
        tombstone(8),
    ];
    let shown = sink_of(&kafka, &json!({ "topic": "m.{{@record.topic}}" })).preview(&batch).unwrap();
    let first = json!({
        "topic": "m.routed", "key": "k", "value": { "n": 1 }, "headers": [{ "name": "a", "value": "b" }], "timestamp": null,
    });
    assert_eq!(
        (&shown[0], &shown[1]["topic"], &shown[1]["value"]),
        (&first, &json!("m.prices"), &Value::Null)
    );
}
