//! Letters that a topic does not take as they are, against Apache Kafka: larger on the wire than their records were, of another
//! time, or without a key. A queue of ours takes them, and what becomes of them where somebody else's topic does not.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::thread;
use std::time::Duration;

use serde_json::Value;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord, StoredRecord};
use sluice_tests::sluice::{Exited, Running, Sluice};

/// What brokers take by default, with all that a batch needs.
const LIMIT: usize = 1_048_588;

/// A topic and a queue of its own at the shared broker, and a connector into a file.
struct Stage {
    broker: &'static Broker,
    topic: String,
    queue: String,
    folder: Folder,
}

impl Stage {
    fn set_up(stem: &str, on_too_large: &str) -> Option<Self> {
        let broker = Broker::shared()?;
        let topic = kafka::unique(stem);
        let queue = format!("{topic}-letters");
        broker.create_topic_with(&topic, 1, &[("max.message.bytes", "5000000")]);
        let folder = Folder::new();
        let file = folder.path().join("out.jsonl");
        let text = ConnectorText::new(&topic)
            .dead_letter_queue(format!("{{ topic: {queue}{on_too_large} }}"))
            .sink(format!("  file: {{ path: {} }}\n", file.display()))
            .text();
        folder.write("large.yaml", text);
        Some(Self { broker, topic, queue, folder })
    }

    fn produce(&self, compression: &str, records: impl IntoIterator<Item = NewRecord>) {
        let mut client = self.broker.client();
        client
            .set("message.max.bytes", "10000000")
            .set("compression.type", compression)
            .set("batch.num.messages", "1");
        kafka::produce(client, &self.topic, records);
    }

    fn run(&self) -> Running {
        let file = self.folder.path().join("large.yaml");
        self.sluice(&["run", file.to_str().unwrap()]).spawn()
    }

    fn sluice(&self, arguments: &[&str]) -> Sluice {
        Sluice::new(arguments).env("KAFKA_BOOTSTRAP_SERVERS", self.broker.bootstrap_servers())
    }

    fn dlq(&self, arguments: &[&str]) -> Exited {
        let all = [&["dlq", arguments[0], "--topic", &self.queue], &arguments[1..]].concat();
        self.sluice(&all).output()
    }

    #[track_caller]
    fn wait_for_commit(&self, daemon: &mut Running, offset: i64) {
        daemon.wait_while_running(&format!("commit of {offset}"), || {
            self.broker.committed(&self.topic, &self.topic) == [Some(offset)]
        });
    }

    fn letters(&self) -> Vec<StoredRecord> {
        self.broker.read(&self.queue)
    }

    /// The offsets of what the sink was given, each as often as it was.
    fn put(&self) -> Vec<i64> {
        let text = std::fs::read_to_string(self.folder.path().join("out.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["offset"].as_i64().unwrap())
            .collect()
    }
}

fn good() -> NewRecord {
    NewRecord::unkeyed("{\"n\":1}")
}

/// Bytes that are not JSON and that nothing makes smaller.
fn noise(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(bytes as u64);
    std::iter::once(0xff).chain(std::iter::repeat_with(|| random.u8(..))).take(bytes).collect()
}

#[test]
fn a_queue_of_ours_holds_whatever_the_source_could_hold() {
    let Some(stage) = Stage::set_up("letters-of-any-size", "") else { return };
    let small = kafka::unique("of-default-size");
    stage.broker.create_topic(&small, 1);
    // Small on the wire, and large as it is read; and one that leaves no room for headers.
    let packed = "no JSON ".repeat(400_000);
    let brim = noise(LIMIT - 100);
    stage.produce("zstd", [good(), NewRecord::new("k", &packed)]);
    stage.produce("none", [NewRecord::unkeyed(&brim), NewRecord::unkeyed(noise(4_900_000)), good()]);
    let mut daemon = stage.run();
    stage.wait_for_commit(&mut daemon, 5);
    assert_eq!(daemon.log_lines("connector failed"), Vec::<String>::new());
    daemon.terminate().expect_code(0);
    assert_eq!(stage.put(), [0, 4], "what is good is put once");
    let letters = stage.letters();
    let values: Vec<_> = letters.iter().map(|letter| letter.value.clone().unwrap()).collect();
    assert!(values == [packed.into_bytes(), brim, noise(4_900_000)], "byte for byte");
    assert_eq!(letters[0].key_text(), "k");
    let list = stage.dlq(&["list"]).expect_code(0).stdout;
    assert!(list.lines().count() == 3 && !list.contains("truncated"), "{list}");
}

#[test]
fn where_a_letter_is_too_large_for_somebody_elses_topic_the_connector_stops_once_and_says_what_to_do() {
    let Some(stage) = Stage::set_up("letters-stop", "") else { return };
    stage.broker.create_topic_with(&stage.queue, 1, &[("max.message.bytes", "10000")]);
    stage.produce(
        "none",
        [good(), NewRecord::unkeyed("bad"), NewRecord::unkeyed(noise(20_000)), good(), good()],
    );
    let mut daemon = stage.run();
    let line = daemon.wait_for_log("connector failed for good");
    for part in [
        "does not take record",
        "offset=2",
        "max.message.bytes",
        "on_too_large",
        "restart it once that is mended",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // Two restarts of any other failure.
    thread::sleep(Duration::from_secs(4));
    assert_eq!((daemon.log_lines("connector failed").len(), stage.put()), (1, vec![0, 3, 4]));
    assert_eq!(stage.broker.committed(&stage.topic, &stage.topic), [Some(2)], "what comes before it is done");
    daemon.terminate().expect_code(0);

    stage.broker.alter_topic(&stage.queue, &[("max.message.bytes", "100000")]);
    let mut daemon = stage.run();
    stage.wait_for_commit(&mut daemon, 5);
    daemon.terminate().expect_code(0);
    assert_eq!(stage.put(), [0, 3, 4, 3, 4], "nothing is lost, and nothing put over and over");
    assert_eq!(stage.letters().len(), 2);
}

#[test]
fn a_letter_that_is_made_smaller_says_so_and_is_not_sent_back() {
    for (how, name) in [("truncate", "truncated"), ("headers_only", "headers_only")] {
        let Some(stage) = Stage::set_up(&format!("letters-{name}"), &format!(", on_too_large: {how}")) else {
            return;
        };
        let small = [("max.message.bytes", "10000")];
        // The other limit is that of the broker itself.
        let properties: &[_] = if how == "truncate" { &small } else { &[] };
        stage.broker.create_topic_with(&stage.queue, 1, properties);
        let large = noise(4_000_000);
        let own = NewRecord::new("k", &large).header("mine", "kept").timestamp(7);
        stage.produce("none", [NewRecord::unkeyed("bad"), own, good()]);
        let mut daemon = stage.run();
        stage.wait_for_commit(&mut daemon, 3);
        daemon.wait_for_log("hold part of their records");
        daemon.terminate().expect_code(0);
        let letters = stage.letters();
        assert_eq!((letters.len(), stage.put()), (2, vec![2]));
        let part = &letters[1];
        assert_eq!((part.key_text().as_str(), part.timestamp), ("k", Some(7)));
        assert_eq!(part.header_text("__sluice.errors.holds").as_deref(), Some(name));
        assert_eq!(part.header_text("__sluice.errors.record.bytes").as_deref(), Some("4000009"));
        assert_eq!(part.header_text("__connect.errors.offset").as_deref(), Some("1"));
        assert_eq!(part.header_text("mine").as_deref(), Some("kept"));
        match &part.value {
            Some(value) => assert!(
                how == "truncate" && value.len() > 2_000 && large.starts_with(value),
                "{}",
                value.len()
            ),
            None => assert_eq!(how, "headers_only"),
        }
        let list = stage.dlq(&["list"]).expect_code(0).stdout;
        assert!(list.lines().nth(1).is_some_and(|line| line.ends_with(&format!("  ({name})"))), "{list}");
        let shown: Value = serde_json::from_str(&stage.dlq(&["show", "0:1"]).expect_code(0).stdout).unwrap();
        assert_eq!(shown["holds"], name);
        let before = stage.broker.end_offsets(&stage.topic);
        let one = stage.dlq(&["replay", "0:1"]).expect_code(1);
        assert!(
            one.stdout.contains("0:1")
                && one.stdout.contains("not sent: the letter does not hold its record"),
            "{one}"
        );
        assert_eq!(stage.broker.end_offsets(&stage.topic), before);
        let all = stage.dlq(&["replay", "--all"]).expect_code(1);
        assert!(
            all.stdout.contains("1 record(s) sent back") && all.stderr.contains("1 letter(s) hold only part"),
            "{all}"
        );
        assert_eq!(stage.broker.end_offsets(&stage.topic), [before[0] + 1]);
    }
}

/// Kafka holds such a record where the topic lets it, as topics of brokers before 4.0 do: clocks that count microseconds.
const FAR_AHEAD: i64 = 1_764_350_000_000_000;

#[test]
fn a_letter_has_the_time_of_its_record_or_says_it_and_replay_gives_it_back() {
    for is_ours in [true, false] {
        let Some(stage) = Stage::set_up("letters-ahead", "") else { return };
        let any_time = ("message.timestamp.after.max.ms", "9223372036854775807");
        stage.broker.alter_topic(&stage.topic, &[any_time]);
        if !is_ours {
            stage.broker.create_topic(&stage.queue, 1);
        }
        let bad = |text: &str| NewRecord::new("k", text);
        stage.produce("none", [bad("now-1"), bad("ahead").timestamp(FAR_AHEAD), bad("now-2"), good()]);
        let mut daemon = stage.run();
        stage.wait_for_commit(&mut daemon, 4);
        assert_eq!(daemon.log_lines("connector failed"), Vec::<String>::new());
        daemon.terminate().expect_code(0);
        let letters = stage.letters();
        let mut values: Vec<_> = letters.iter().map(StoredRecord::value_text).collect();
        values.sort();
        assert_eq!(
            (values, stage.put()),
            (vec!["ahead".to_owned(), "now-1".to_owned(), "now-2".to_owned()], vec![3])
        );
        let ahead = letters.iter().find(|letter| letter.value_text() == "ahead").unwrap();
        let noted = ahead.header_text("__sluice.errors.record.timestamp");
        if is_ours {
            assert_eq!((ahead.timestamp, noted), (Some(FAR_AHEAD), None));
        } else {
            assert_eq!(noted, Some(FAR_AHEAD.to_string()));
            assert!(ahead.timestamp < Some(FAR_AHEAD), "{:?}", ahead.timestamp);
        }
        stage.dlq(&["replay", "--all"]).expect_code(0);
        let sent = stage.broker.read(&stage.topic).split_off(4);
        let ahead = sent.iter().find(|record| record.value_text() == "ahead").unwrap();
        assert_eq!((ahead.timestamp, ahead.headers.len()), (Some(FAR_AHEAD), 0));
    }
}

#[test]
fn a_compacted_queue_stops_the_connector_once_at_a_record_without_a_key_and_says_why() {
    let Some(stage) = Stage::set_up("letters-compacted", "") else { return };
    stage.broker.create_topic_with(&stage.queue, 1, &[("cleanup.policy", "compact")]);
    stage.produce("none", [good(), NewRecord::new("k", "bad"), NewRecord::unkeyed("bad"), good()]);
    let mut daemon = stage.run();
    let line = daemon.wait_for_log("connector failed for good");
    for part in ["offset=2", "compacted", "`cleanup.policy`", "restart it once that is mended"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    thread::sleep(Duration::from_secs(4));
    assert_eq!((daemon.log_lines("connector failed").len(), stage.put()), (1, vec![0, 3]));
    assert_eq!(stage.broker.committed(&stage.topic, &stage.topic), [Some(2)]);
    daemon.terminate().expect_code(0);
}

/// What is too large need not be the value.
#[test]
fn whatever_of_a_record_is_too_large_a_letter_holds_what_its_topic_takes() {
    for (how, name) in [("truncate", "truncated"), ("headers_only", "headers_only")] {
        let Some(stage) = Stage::set_up(&format!("letters-of-all-{name}"), &format!(", on_too_large: {how}"))
        else {
            return;
        };
        let small = [("max.message.bytes", "10000"), ("compression.type", "uncompressed")];
        stage.broker.create_topic_with(&stage.queue, 1, &small);
        let long = "long ".repeat(400_000);
        let by_key = NewRecord::new(&long, "bad");
        let by_header = NewRecord::new("k", "bad").header("huge", &long).header("mine", "kept");
        let many = (0..3_000).fold(NewRecord::new("k", "bad"), |all, n| all.header("many", n.to_string()));
        let tombstone_like = NewRecord::new("k", &long);
        stage.produce("zstd", [by_key, by_header, many, tombstone_like, good()]);
        let mut daemon = stage.run();
        stage.wait_for_commit(&mut daemon, 5);
        assert_eq!(daemon.log_lines("connector failed"), Vec::<String>::new());
        daemon.terminate().expect_code(0);
        let letters = stage.letters();
        assert_eq!((letters.len(), stage.put()), (4, vec![4]));
        for (letter, offset) in letters.iter().zip(0..) {
            assert_eq!(letter.header_text("__connect.errors.offset"), Some(offset.to_string()));
            assert_eq!(letter.header_text("__sluice.errors.holds").as_deref(), Some(name));
        }
        assert!(letters[0].key_text().starts_with("long long"), "as much of the key as there is room for");
        assert_eq!(
            (letters[1].header_text("huge"), letters[1].header_text("mine").as_deref()),
            (None, Some("kept"))
        );
        assert!(letters[2].header_text("many").is_some(), "as many as there is room for");
        stage.dlq(&["list"]).expect_code(0);
    }
}
