//! What the Kafka source hands on, on a real broker and into a file.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;

use serde_json::{Value, json};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Running, Sluice};

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

/// Two members under the eager protocol, where every rebalance takes everything away from everybody.
#[test]
fn under_eager_rebalancing_a_member_that_joins_and_leaves_loses_nothing() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("eager");
    broker.create_topic(&topic, 4);
    let folders = [Folder::new(), Folder::new()];
    for folder in &folders {
        folder.write("c.yaml", connector(folder, &topic, &topic, "partition.assignment.strategy: range"));
    }
    let produce = |numbers: std::ops::Range<i32>| {
        broker
            .produce(&topic, numbers.map(|n| NewRecord::new(n.to_string(), n.to_string()).partition(n % 4)));
    };
    let read = || -> std::collections::BTreeSet<String> {
        let all = folders.iter().flat_map(|folder| lines(folder.path()));
        all.map(|line| line["value"].as_str().unwrap().to_owned()).collect()
    };
    produce(0..200);
    let mut first = run(broker, &folders[0]);
    first.wait_while_running("the first half", || read().len() == 200);
    let mut second = run(broker, &folders[1]);
    second.wait_for_log("partitions assigned");
    produce(200..400);
    first.wait_while_running("the second half", || read().len() == 400);
    second.terminate().expect_code(0);
    produce(400..600);
    first.wait_while_running("all", || read().len() == 600);
    first.terminate().expect_code(0);
    let committed: i64 = broker.committed(&topic, &topic).into_iter().flatten().sum();
    assert_eq!(committed, 600);
}
