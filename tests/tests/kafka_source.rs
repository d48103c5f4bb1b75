//! What the Kafka source hands on, on a real broker and into a file.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use sluice_connector_api::TopicPartition;
use sluice_runtime::source::budget::Budget;
use sluice_runtime::source::kafka::{KafkaSettings, KafkaSource};
use sluice_runtime::source::{Event, Revoked, Source};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{PATIENCE, Running, Sluice};

/// A connector from these topics into the file `out` beside it, with properties of its own.
fn connector(folder: &Folder, topics: &str, group: &str, properties: &str) -> String {
    let out = folder.path().join("out").display().to_string();
    format!(
        "source:\n  kafka:\n    bootstrap_servers: ${{env:SERVERS}}\n    topics: [\"{topics}\"]\n    group: {group}\n    \
         commit_interval: 100ms\n    properties: {{ session.timeout.ms: 1000, heartbeat.interval.ms: 200, {properties} }}\n  \
         key: string\n  value: string\nsink:\n  file: {{ path: \"{out}\" }}\nbatch: {{ linger: 20ms }}\n"
    )
}

fn run(broker: &Broker, folder: &Folder) -> Running {
    Sluice::new(["run".as_ref(), folder.path()]).env("SERVERS", broker.bootstrap_servers()).spawn()
}

fn lines(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("out")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn everything_of_a_record_is_handed_on() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("whole");
    broker.create_topic(&topic, 1);
    let whole = NewRecord::new("k", "v")
        .timestamp(1_739_712_345_678)
        .header("a", "1")
        .null_header("a")
        .header("b", "");
    broker.produce(&topic, [whole, NewRecord::tombstone("k"), NewRecord::unkeyed("")]);
    let folder = Folder::new();
    folder.write("c.yaml", connector(&folder, &topic, &topic, ""));
    let mut daemon = run(broker, &folder);
    daemon.wait_while_running("three lines", || lines(folder.path()).len() == 3);
    daemon.terminate().expect_code(0);
    let lines = lines(folder.path());
    assert_eq!(lines[0]["key"], "k");
    assert_eq!(lines[0]["timestamp"], json!(1_739_712_345_678_i64));
    let headers = lines[0]["headers"].to_string();
    assert_eq!(headers.matches("\"a\"").count(), 2, "{headers}");
    assert!(lines[1]["value"].is_null() && lines[1]["key"] == "k", "a tombstone: {}", lines[1]);
    assert_eq!(
        (&lines[2]["value"], &lines[2]["key"]),
        (&json!(""), &Value::Null),
        "an empty value is a value"
    );
}

#[test]
fn a_pattern_reads_every_topic_that_it_fits_and_no_other() {
    let Some(broker) = Broker::shared() else { return };
    let stem = kafka::unique("pattern");
    let topics = ["eu", "us"].map(|end| format!("{stem}-{end}"));
    for topic in topics.iter().chain([&format!("other-{stem}")]) {
        broker.create_topic(topic, 1);
        broker.produce(topic, [NewRecord::new("k", topic)]);
    }
    let folder = Folder::new();
    folder.write("c.yaml", connector(&folder, &format!("^{stem}-.*"), &stem, ""));
    let mut daemon = run(broker, &folder);
    daemon.wait_while_running("both commits", || {
        topics.iter().all(|topic| broker.committed(&stem, topic) == [Some(1)])
    });
    daemon.terminate().expect_code(0);
    let mut read: Vec<_> =
        lines(folder.path()).iter().map(|line| line["value"].as_str().unwrap().to_owned()).collect();
    read.sort();
    assert_eq!(read, topics);
}

/// A member of the group `topic`, and when it has both partitions.
async fn member(broker: &Broker, topic: &str) -> KafkaSource {
    let settings =
        json!({ "bootstrap_servers": broker.bootstrap_servers(), "topics": [topic], "group": topic });
    let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
    let mut source = KafkaSource::start("test", &settings, Budget::new(1 << 20), &Arc::default()).unwrap();
    let Event::Assigned(partitions) = source.next().await else { panic!("no assignment") };
    assert_eq!(partitions.len(), 2);
    source
}

/// Invariant 1: the next owner begins where the last one ended, and nobody takes it back.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_asked_for_before_a_revoke_is_not_made_behind_it() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("handed-over");
    broker.create_topic(&topic, 2);
    let mut first = member(broker, &topic).await;
    let folder = Folder::new();
    folder.write("c.yaml", connector(&folder, &topic, &topic, ""));
    let _second = run(broker, &folder);
    let Event::Revoked(Revoked { partitions, done, .. }) = first.next().await else { panic!("no revoke") };
    let [going] = &partitions[..] else { panic!("{partitions:?}") };
    let staying = TopicPartition::new(&*topic, 1 - going.partition);

    // The poller sits in the rebalance and waits for the answer: it has sent none of these.
    first.commit(vec![(going.clone(), 3), (staying.clone(), 4)]);
    first.commit(vec![(going.clone(), 5)]);
    done.send(vec![(going.clone(), 7)]).unwrap();
    let expected = |partition| if partition == going.partition { Some(7) } else { Some(4) };
    let deadline = Instant::now() + PATIENCE;
    while broker.committed(&topic, &topic)[usize::try_from(staying.partition).unwrap()].is_none() {
        assert!(Instant::now() < deadline, "no commit of what stays");
    }
    first.close(Vec::new()).await;
    assert_eq!(broker.committed(&topic, &topic), [expected(0), expected(1)]);
}
