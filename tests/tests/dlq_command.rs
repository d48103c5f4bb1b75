//! `sluice dlq` on a real broker, with letters such as Kafka Connect and Sluice write.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::{Value, json};
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord, StoredRecord};
use sluice_tests::sluice::{Exited, Sluice};

/// A queue with three letters of one topic and one without a reason.
struct Queue {
    broker: &'static Broker,
    name: String,
    origin: String,
}

impl Queue {
    fn set_up(stem: &str) -> Option<Self> {
        let broker = Broker::shared()?;
        let (name, origin) = (kafka::unique(&format!("{stem}-dlq")), kafka::unique(stem));
        broker.create_topic(&name, 1);
        broker.create_topic(&origin, 1);
        let letter = |number: usize, record: NewRecord| {
            record
                .timestamp(1_739_712_345_678)
                .header("mine", "kept")
                .header("__connect.errors.topic", &origin)
                .header("__connect.errors.partition", "0")
                .header("__connect.errors.offset", (number * 10).to_string())
                .header("__connect.errors.connector.name", "prices")
                .header("__connect.errors.stage", "TRANSFORMATION")
                .header("__connect.errors.exception.message", "field `price` is missing")
                .header("__sluice.errors.attempts", "0")
        };
        broker.produce(
            &name,
            [
                letter(0, NewRecord::new("k0", "v0")),
                letter(1, NewRecord::tombstone("k1")),
                NewRecord::new("k2", "v2"),
                letter(3, NewRecord::new("k3", "v3")),
            ],
        );
        Some(Self { broker, name, origin })
    }

    fn dlq(&self, arguments: &[&str]) -> Exited {
        let all =
            ["dlq", arguments[0], "--topic", &self.name].into_iter().chain(arguments[1..].iter().copied());
        Sluice::new(all).env("KAFKA_BOOTSTRAP_SERVERS", self.broker.bootstrap_servers()).output()
    }
}

#[test]
fn list_says_where_each_letter_came_from_and_why() {
    let Some(queue) = Queue::set_up("list") else { return };
    let ended = queue.dlq(&["list"]).expect_code(0);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 4);
    let expected = format!("0:3  {}-0-30  prices  TRANSFORMATION  field `price` is missing", queue.origin);
    assert_eq!(lines[3], expected);
    assert_eq!(lines[2], "0:2  ?-?-?  ?  ?  ?");
}

#[test]
fn show_parts_the_record_from_the_reason() {
    let Some(queue) = Queue::set_up("show") else { return };
    let ended = queue.dlq(&["show", "0:1"]).expect_code(0);
    let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(shown["value"], Value::Null, "a tombstone");
    assert_eq!(shown["headers"], json!([{ "name": "mine", "value": "kept" }]));
    assert_eq!(shown["errors"]["__connect.errors.offset"], "10");
    assert!(queue.dlq(&["show", "0:9"]).expect_code(1).stderr.contains("no letter 0:9"));
}

#[test]
fn replay_sends_records_back_as_they_were_read() {
    let Some(queue) = Queue::set_up("replay") else { return };
    let dry = queue.dlq(&["replay", "0:3", "0:1", "--dry-run"]).expect_code(0);
    assert!(dry.stdout.contains("2 record(s) would be sent back"), "{dry}");
    assert!(queue.broker.read(&queue.origin).is_empty());

    let ended = queue.dlq(&["replay", "0:3", "0:1"]).expect_code(0);
    assert!(ended.stdout.contains("2 record(s) sent back"), "{ended}");
    let read = queue.broker.read(&queue.origin);
    assert_eq!(read.iter().map(StoredRecord::key_text).collect::<Vec<_>>(), ["k1", "k3"]);
    assert!(read[0].value.is_none() && read[1].value_text() == "v3");
    for record in read {
        assert_eq!(record.timestamp, Some(1_739_712_345_678));
        assert_eq!(record.headers.len(), 1, "{:?}", record.headers);
        assert_eq!(record.header_text("mine").as_deref(), Some("kept"));
    }
}

/// Kafka's own clients write no such name, and librdkafka's do. It is shown with replacement characters, wherever it goes.
#[test]
fn a_header_whose_name_is_no_utf8_comes_into_the_queue_and_back_and_is_shown() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("raw-header");
    let queue = format!("{topic}-dlq");
    broker.create_topic(&topic, 1);
    let raw = |value: &str| {
        NewRecord::new("k", value)
            .raw_header(b"caf\xe9", "1")
            .raw_header(b"\xff\xfe", "2")
            .header("mine", "kept")
    };
    broker.produce(&topic, [raw("no JSON"), raw("{\"n\":1}")]);
    let folder = Folder::new();
    let out = folder.path().join("out.jsonl");
    let text = ConnectorText::new(&topic)
        .dead_letter_queue(format!("{{ topic: {queue} }}"))
        .sink(format!("  file: {{ path: {} }}\n", out.display()))
        .text();
    let file = folder.write("c.yaml", text).display().to_string();
    let sluice = |arguments: &[&str]| {
        Sluice::new(arguments).env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
    };
    let mut daemon = sluice(&["run", &file]).spawn();
    daemon.wait_while_running("the commit", || broker.committed(&topic, &topic) == [Some(2)]);
    daemon.terminate().expect_code(0);
    let names = |headers: &Value| -> Vec<String> {
        let all = headers.as_array().unwrap().iter();
        all.map(|header| header["name"].as_str().unwrap().to_owned()).collect()
    };
    let expected = ["caf\u{fffd}", "\u{fffd}\u{fffd}", "mine"];
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&out).unwrap()).unwrap();
    assert_eq!(
        (names(&stored["headers"]), &stored["offset"]),
        (expected.map(str::to_owned).to_vec(), &json!(1))
    );

    let dlq = |rest: &[&str]| sluice(&[&["dlq", rest[0], "--topic", &queue], &rest[1..]].concat()).output();
    assert_eq!(dlq(&["list"]).expect_code(0).stdout.lines().count(), 1);
    let shown: Value = serde_json::from_str(&dlq(&["show", "0:0"]).expect_code(0).stdout).unwrap();
    assert_eq!(
        (names(&shown["headers"]), &shown["value"]),
        (expected.map(str::to_owned).to_vec(), &json!("no JSON"))
    );
    dlq(&["replay", "--all"]).expect_code(0);
    let preview = sluice(&["preview", &file, "--live", "5"]).output();
    assert!(preview.stdout.contains("caf\u{fffd}") && !preview.stderr.contains("panicked"), "{preview}");
}

#[test]
fn a_letter_that_does_not_say_where_it_came_from_needs_a_topic() {
    let Some(queue) = Queue::set_up("lost") else { return };
    assert!(queue.dlq(&["replay", "0:2"]).expect_code(1).stderr.contains("--to"));
    queue.dlq(&["replay", "--all", "--to", &queue.origin]).expect_code(0);
    assert_eq!(queue.broker.read(&queue.origin).len(), 4);
    let nowhere = queue.dlq(&["replay", "0:2", "--to", "no-such-topic"]).expect_code(3);
    assert!(nowhere.stderr.contains("`no-such-topic` does not exist"), "{nowhere}");
}

#[test]
fn a_queue_that_does_not_exist_or_a_broker_that_is_away_is_the_environments_fault() {
    let Some(broker) = Broker::shared() else { return };
    let list =
        |servers: &str| Sluice::new(["dlq", "list", "--topic", "no-such-queue", "-b", servers]).output();
    assert!(
        list(&broker.bootstrap_servers()).expect_code(3).stderr.contains("`no-such-queue` does not exist")
    );
    assert!(list("127.0.0.1:1").expect_code(3).stderr.contains("the connection is refused"));
}

/// A connector with these errors, from the brokers of the environment.
fn connector(errors: &str) -> Folder {
    let source =
        "source:\n  kafka:\n    bootstrap_servers: ${env:KAFKA_BOOTSTRAP_SERVERS}\n    topics: [t]\n";
    Folder::with("c.yaml", format!("{source}sink:\n  blackhole: {{}}\n{errors}"))
}

#[test]
fn the_queue_of_a_connector_is_found_in_its_file() {
    let Some(queue) = Queue::set_up("of-connector") else { return };
    let errors = format!("errors: {{ tolerance: all, dead_letter_queue: {{ topic: {} }} }}\n", queue.name);
    let folder = connector(&errors);
    let list = Sluice::new(["dlq", "list", "--output=json", "--connector"]).arg(folder.path().join("c.yaml"));
    let list = list.env("KAFKA_BOOTSTRAP_SERVERS", queue.broker.bootstrap_servers()).output().expect_code(0);
    let letters: Vec<Value> = list.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let origin = json!({ "topic": queue.origin, "partition": 0, "offset": 30 });
    let reason = "field `price` is missing";
    let last = json!({
        "letter": "0:3", "origin": origin, "connector": "prices", "stage": "TRANSFORMATION", "reason": reason,
    });
    assert_eq!((letters.len(), &letters[3]), (4, &last));
    assert_eq!(letters[2]["origin"], json!({ "topic": null, "partition": null, "offset": null }));
}

#[test]
fn a_connector_without_a_queue_of_its_own_is_said_to_have_none() {
    let folder = connector("");
    let list = Sluice::new(["dlq", "list", "--connector", "c.yaml"]).current_dir(folder.path());
    let list = list.env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1").output().expect_code(2);
    let expected = "c.yaml: has no topic at `errors.dead_letter_queue.topic`; name one with --topic";
    assert_eq!(list.stderr, expected);
}

#[test]
fn replay_without_letters_names_the_flag_for_all_of_them() {
    let none = Sluice::new(["dlq", "replay", "--topic=t"]).output().expect_code(2);
    assert!(none.stderr.contains("--all"), "{none}");
    Sluice::new(["dlq", "replay", "--topic=t", "--all", "0:1"]).output().expect_code(2);
}

#[test]
fn a_plan_as_json_is_an_object_for_each_letter_and_one_for_all() {
    let Some(queue) = Queue::set_up("plan") else { return };
    let plan = queue.dlq(&["replay", "0:0", "0:1", "--dry-run", "-o", "json"]).expect_code(0);
    let lines: Vec<Value> = plan.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let letter = |letter: &str, value: Value| json!({ "letter": letter, "value": value, "to": queue.origin });
    let all = json!({ "records": 2, "dry_run": true });
    assert_eq!(lines, [letter("0:0", json!("v0")), letter("0:1", Value::Null), all]);
}
