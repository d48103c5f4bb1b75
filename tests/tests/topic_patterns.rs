//! Patterns of topics: one dialect for what is read, for what `check --connect` says and for the guard against a loop, on a
//! real broker and on librdkafka's mock.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_runtime::kafka::{KafkaSettings, KafkaSource};
use sluice_runtime::source::budget::Budget;
use sluice_runtime::source::{Event, Source};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::listener::{address, get};
use sluice_tests::sluice::{Running, Sluice};

/// A connector from a pattern into a file of its name, in a group of its name.
fn write(folder: &Folder, name: &str, pattern: &str, more: &str) {
    let out = folder.path().join(format!("{name}.out")).display().to_string();
    folder.write(
        &format!("{name}.yaml"),
        format!(
            "source:\n  kafka:\n    bootstrap_servers: ${{env:SERVERS}}\n    topics: ['{pattern}']\n    \
             group: {name}\n    commit_interval: 100ms\n    \
             properties: {{ session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500 }}\n{more}\
             sink:\n  file: {{ path: \"{out}\" }}\nbatch: {{ linger: 20ms }}\n"
        ),
    );
}

fn run(broker: &Broker, folder: &Folder) -> Running {
    let run = Sluice::new(["run".as_ref(), folder.path()]).arg("--listen=127.0.0.1:0");
    run.env("SERVERS", broker.bootstrap_servers()).spawn()
}

/// The topics and numbers of the records that were stored, sorted.
fn stored(folder: &Path, name: &str) -> Vec<(String, i64)> {
    let text = std::fs::read_to_string(folder.join(format!("{name}.out"))).unwrap_or_default();
    let line = |line: &str| -> Option<(String, i64)> {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some((line["topic"].as_str()?.to_owned(), line["value"]["n"].as_i64()?))
    };
    let mut stored: Vec<_> = text.lines().filter_map(line).collect();
    stored.sort();
    stored
}

fn produce(broker: &Broker, topic: &str, count: usize) {
    broker.produce(topic, (0..count).map(|n| NewRecord::unkeyed(format!("{{\"n\":{n}}}"))));
}

#[test]
fn what_a_pattern_matches_is_the_same_for_the_reader_for_a_look_and_for_the_guard() {
    let Some(broker) = Broker::shared() else { return };
    let stem = kafka::unique("orders");
    let [one, many, letters, other] = ["1", "22", "dlq", "x"].map(|end| format!("{stem}-{end}"));
    for topic in [&one, &many, &letters, &other] {
        broker.create_topic(topic, 1);
        produce(broker, topic, 1);
    }
    let queue = format!("errors: {{ tolerance: all, dead_letter_queue: {{ topic: {letters} }} }}\n");
    let upper = stem.to_uppercase();
    let cases = [
        ("digits", format!("^{stem}-\\d+$"), "", vec![&one, &many]),
        ("group", format!("^(?:{stem})-(?:1|x)$"), "", vec![&one, &other]),
        ("case", format!("^(?i){upper}-\\d+"), "", vec![&one, &many]),
        ("queue", format!("^{stem}-\\d"), queue.as_str(), vec![&one, &many]),
        ("spaced", format!("^(?x) {stem} - (?: \\d+ | x ) $ # and no other"), "", vec![&one, &many, &other]),
        ("class", format!("^{stem}\\p{{Pd}}[\\p{{Lowercase}}&&[^dlq]]$"), "", vec![&other]),
        ("either", format!("^nobody-{stem}|{stem}-1$"), "", vec![&one]),
        ("word", format!("^{stem}-[[:alpha:]]{{3}}$"), "", vec![&letters]),
    ];
    let folder = Folder::new();
    for (name, pattern, more, _) in &cases {
        write(&folder, name, pattern, more);
    }
    let checked = Sluice::new(["check".as_ref(), "--connect".as_ref(), folder.path().as_os_str()])
        .env("SERVERS", broker.bootstrap_servers())
        .output();
    for (_, pattern, _, topics) in &cases {
        let line = checked.stdout.lines().find(|line| line.contains(&format!("topic {pattern}:"))).unwrap();
        let names = topics.iter().map(|topic| topic.as_str()).collect::<Vec<_>>().join(", ");
        assert!(line.ends_with(&format!(": {names}")), "{line}");
    }
    let mut daemon = run(broker, &folder);
    for (name, _, _, topics) in &cases {
        let expected: Vec<_> = topics.iter().map(|topic| ((*topic).clone(), 0)).collect();
        daemon.wait_while_running(name, || stored(folder.path(), name) == expected);
    }
    // A record that is rejected goes to the queue, and is not read from there.
    broker.produce(&one, [NewRecord::unkeyed("no JSON")]);
    daemon.wait_while_running("the letter", || broker.end_offsets(&letters) == [2]);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((broker.end_offsets(&letters), broker.committed("queue", &letters)), (vec![2], vec![None]));
    daemon.terminate().expect_code(0);
}

#[test]
fn a_pattern_for_everything_reads_nothing_of_kafkas_own_unless_it_is_named() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("everything");
    broker.create_topic(&topic, 1);
    produce(broker, &topic, 3);
    let folder = Folder::new();
    let skip = "errors: { tolerance: all }\n";
    write(&folder, "everything", "^.*", skip);
    let mut daemon = run(broker, &folder);
    daemon.wait_while_running("its records", || {
        stored(folder.path(), "everything").iter().filter(|(read, _)| *read == topic).count() == 3
    });
    // Its own commits are there by now.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(broker.committed("everything", "__consumer_offsets"), [None]);
    let metrics = get(&address(&mut daemon), "/metrics").body;
    assert!(metrics.contains(&topic) && !metrics.contains("topic=\"__"), "{metrics}");
    daemon.terminate().expect_code(0);

    let named = Folder::new();
    write(&named, "named", "__consumer_offsets", "errors: { tolerance: all, threshold: off }\n");
    let mut daemon = run(broker, &named);
    daemon.wait_while_running("a commit", || broker.committed("named", "__consumer_offsets") != [None]);
    daemon.terminate().expect_code(0);
}

/// Takes as long as something has to stand in the way before `/readyz` says so.
#[test]
fn topics_come_and_go_and_the_first_records_of_a_new_one_are_read_whatever_the_start() {
    let Some(broker) = Broker::shared() else { return };
    let stem = kafka::unique("coming");
    let (first, second) = (format!("{stem}-first"), format!("{stem}-second"));
    let folder = Folder::new();
    let names = ["earliest", "latest"];
    for name in names {
        write(&folder, name, &format!("^{stem}-\\w+$"), "tasks_max: 2\n");
        let file = format!("{name}.yaml");
        let text = std::fs::read_to_string(folder.path().join(&file)).unwrap();
        folder
            .write(&file, text.replace("    group:", &format!("    auto_offset_reset: {name}\n    group:")));
    }
    let mut daemon = run(broker, &folder);
    let address = address(&mut daemon);
    let said = || get(&address, "/readyz").body;
    let nothing = format!("no topic matches `^{stem}-\\w+$`");
    daemon.wait_while_running("the pattern is named", || said().matches(&nothing).count() == 4);

    broker.create_topic(&first, 2);
    produce(broker, &first, 20);
    let read = |name: &str, topic: &str| -> Vec<i64> {
        let stored = stored(folder.path(), name).into_iter();
        stored.filter(|(read, _)| read == topic).map(|(_, number)| number).collect()
    };
    let have_read = |topic: &str, count: i64| {
        names.iter().all(|name| read(name, topic) == (0..count).collect::<Vec<_>>())
    };
    daemon.wait_while_running("the first topic", || have_read(&first, 20));
    daemon.wait_while_running("healthy", || !said().contains(&stem));
    broker.create_topic(&second, 1);
    produce(broker, &second, 10);
    daemon.wait_while_running("the second topic", || have_read(&second, 10));

    broker.delete_topic(&first);
    daemon.wait_for_logs("topics that match no more", 4);
    let line = format!("{{\"n\":{}}}", 10);
    broker.produce(&second, [NewRecord::unkeyed(line)]);
    daemon.wait_while_running("the second topic goes on", || have_read(&second, 11));
    daemon.wait_while_running("healthy", || !said().contains(&stem));
    daemon.terminate().expect_code(0);
}

#[tokio::test]
async fn the_mock_is_read_by_the_same_dialect() {
    let kafka = EmbeddedKafka::start().unwrap();
    for topic in ["orders-1", "orders-d", "orders-1x"] {
        kafka.create_topic(topic, 1).unwrap();
    }
    for (pattern, expected) in [("^orders-\\d+$", 1), ("^(?:orders)-\\d", 2), ("^(?i)ORDERS-[a-z]$", 1)] {
        let settings = json!({
            "bootstrap_servers": kafka.bootstrap_servers(), "topics": [pattern], "group": pattern,
            "properties": { "session.timeout.ms": "6000" },
        });
        let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
        let mut source = KafkaSource::new("test", &settings, Budget::new(1 << 20), &Arc::default()).unwrap();
        let event = tokio::time::timeout(Duration::from_secs(45), source.next()).await.unwrap();
        let Event::Assigned(partitions) = event else { panic!("no assignment: {event:?}") };
        assert_eq!(partitions.len(), expected, "{pattern}: {partitions:?}");
        source.close(Vec::new()).await;
    }
}
