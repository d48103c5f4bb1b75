//! `sluice dlq replay --through`: dead letters go straight through their connector, from a real broker.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::Value;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Exited, Sluice};

/// A queue whose letters were read from the topic `orders`, and the file that the connector writes.
struct Queue {
    broker: &'static Broker,
    name: String,
    folder: Folder,
}

impl Queue {
    fn set_up(stem: &str, letters: &[(i64, &str)]) -> Option<Self> {
        let broker = Broker::shared()?;
        let name = kafka::unique(stem);
        broker.create_topic(&name, 1);
        let letter = |(offset, value): &(i64, &str)| {
            NewRecord::new("k", *value)
                .header("mine", "kept")
                .header("__connect.errors.topic", "orders")
                .header("__connect.errors.partition", "3")
                .header("__connect.errors.offset", offset.to_string())
                .header("__connect.errors.exception.message", "it was bad")
        };
        broker.produce(&name, letters.iter().map(letter));
        Some(Self { broker, name, folder: Folder::new() })
    }

    /// A connector whose transform needs the field `n`, into this sink.
    fn connector(&self, sink: &str) {
        let text = format!(
            "\
source: {{ kafka: {{ bootstrap_servers: localhost:1, topics: [orders] }} }}
transforms: [{{ template: {{ text: \"n is {{{{n}}}}\" }} }}]
sink: {{ {sink} }}
errors: {{ retry_delay: 10ms, retry_timeout: 300ms }}
"
        );
        self.folder.write("orders.yaml", text);
    }

    fn connect_to_file(&self) {
        self.connector(&format!("file: {{ path: {} }}", self.folder.path().join("out.jsonl").display()));
    }

    fn replay(&self, arguments: &[&str]) -> Exited {
        let file = self.folder.path().join("orders.yaml");
        let through = ["dlq", "replay", "--topic", &self.name, "--through", file.to_str().unwrap()];
        Sluice::new(through.iter().chain(arguments))
            .env("KAFKA_BOOTSTRAP_SERVERS", self.broker.bootstrap_servers())
            .output()
    }

    /// The offsets as read and the values of what was stored.
    fn stored(&self) -> Vec<(i64, String)> {
        let text = std::fs::read_to_string(self.folder.path().join("out.jsonl")).unwrap_or_default();
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["topic"], &line["partition"]), (&"orders".into(), &3.into()));
            let headers = line["headers"].as_array().unwrap();
            assert!(headers.len() == 1 && headers[0]["name"] == "mine", "{headers:?}");
            (line["offset"].as_i64().unwrap(), line["value"].as_str().unwrap().to_owned())
        };
        text.lines().map(line).collect()
    }
}

fn stored_of(offsets: &[i64]) -> Vec<(i64, String)> {
    offsets.iter().map(|offset| (*offset, format!("n is {offset}"))).collect()
}

#[test]
fn letters_go_through_the_connector_as_they_were_read_and_in_that_order() {
    let letters = [(20, "{\"n\":20}"), (10, "{\"n\":10}"), (20, "{\"n\":20}")];
    let Some(queue) = Queue::set_up("through", &letters) else { return };
    queue.connect_to_file();
    let dry = queue.replay(&["--all", "--dry-run"]).expect_code(0);
    assert!(dry.stdout.contains("record orders-3-10 -> file") && queue.stored().is_empty(), "{dry}");
    let ended = queue.replay(&["--all"]).expect_code(0);
    assert_eq!(ended.stdout.trim_end(), "2 record(s) delivered, 0 filtered, 0 rejected again, 0 not done");
    assert_eq!(queue.stored(), stored_of(&[10, 20]), "one that is there twice is sent once");

    queue.replay(&["0:1"]).expect_code(0);
    assert_eq!(queue.stored(), stored_of(&[10, 20, 10]), "with the same id, for a sink that overwrites");
}

#[test]
fn what_is_rejected_again_is_reported_and_the_others_are_delivered() {
    let letters = [(1, "{\"n\":1}"), (2, "{}"), (3, "no JSON"), (4, "{\"n\":4}")];
    let Some(queue) = Queue::set_up("again", &letters) else { return };
    queue.connect_to_file();
    let ended = queue.replay(&["--all"]).expect_code(1);
    assert!(ended.stdout.contains("0:1  orders-3-2  rejected again: field `n` is missing\n"), "{ended}");
    assert!(ended.stdout.contains("0:2  orders-3-3  rejected again: the value is not valid JSON"), "{ended}");
    assert!(
        ended.stdout.contains("2 record(s) delivered, 0 filtered, 2 rejected again, 0 not done"),
        "{ended}"
    );
    assert_eq!(queue.stored(), stored_of(&[1, 4]));
    assert_eq!(queue.broker.read(&queue.name).len(), 4, "the letters stay");
}

#[test]
fn a_target_that_is_away_is_the_environments_fault_and_says_what_is_not_done() {
    let Some(queue) = Queue::set_up("away", &[(1, "{\"n\":1}"), (2, "{\"n\":2}")]) else { return };
    queue.connector("http: { url: \"http://127.0.0.1:1/\" }");
    let ended = queue.replay(&["--all"]).expect_code(3);
    assert!(
        ended.stdout.contains("0 record(s) delivered, 0 filtered, 0 rejected again, 2 not done"),
        "{ended}"
    );
    assert!(ended.stderr.contains("retries used up") && ended.stderr.contains("run it again"), "{ended}");
}

#[test]
fn a_letter_that_does_not_say_where_it_was_read_stops_it_before_anything_is_sent() {
    let Some(queue) = Queue::set_up("nowhere", &[(1, "{\"n\":1}")]) else { return };
    queue.broker.produce(&queue.name, [NewRecord::unkeyed("{\"n\":2}")]);
    queue.connect_to_file();
    let ended = queue.replay(&["--all"]).expect_code(1);
    assert!(ended.stderr.contains("letter 0:1 does not say where it was read"), "{ended}");
    assert!(queue.stored().is_empty());
}
