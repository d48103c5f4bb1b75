//! Records at fault on their way from Kafka to the knowledge base: each is named in the log with its origin and
//! the reason, and nothing else is lost.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Running, Sluice};

/// A record at fault: what it is, how it is read, its value, and what the log says of it.
struct Bad {
    name: &'static str,
    converter: &'static str,
    transforms: &'static str,
    good: &'static str,
    record: NewRecord,
    reason: &'static str,
}

const TEMPLATE: &str = "  - template: { text: \"{{name}} costs {{price}}\" }\n";
const FROM_TEXT: &str =
    "  - timestamp: { field: at, from: rfc3339, to: unix_millis }\n  - template: { text: \"at {{at}}\" }\n";
const NONE: &str = "  []\n";

fn json(name: &'static str, value: impl AsRef<[u8]>, reason: &'static str) -> Bad {
    let good = "{\"name\":\"A\",\"price\":1.50}";
    Bad { name, converter: "json", transforms: TEMPLATE, good, record: NewRecord::unkeyed(value), reason }
}

fn string(name: &'static str, record: NewRecord, reason: &'static str) -> Bad {
    Bad { name, converter: "string", transforms: NONE, good: "a text", record, reason }
}

fn all() -> Vec<Bad> {
    vec![
        json("no-json", "no JSON", "value converter: the value is not valid JSON"),
        json("half-json", "{\"name\":", "value converter: the value is not valid JSON"),
        json("list", "[1,2]", "transform 1 (template): the value is a JSON array"),
        json("word", "\"word\"", "transform 1 (template): the value is a JSON string"),
        json("null-value", "null", "transform 1 (template): the value is"),
        json("missing-field", "{\"name\":\"A\"}", "transform 1 (template): field `price` is missing"),
        json("null-field", "{\"name\":null,\"price\":1}", "transform 1 (template): field `name` is null"),
        json("object-field", "{\"name\":{},\"price\":1}", "transform 1 (template): field `name` is"),
        json("empty-json", "", "value converter: the value is empty, which is not valid JSON"),
        json("no-utf8-json", b"{\"name\":\"\xff\"}", "value converter: the value is not valid JSON"),
        Bad {
            transforms: FROM_TEXT,
            good: "{\"at\":\"2025-02-16T13:25:45Z\"}",
            ..json("number", "{\"at\":1739712345}", "transform 1 (timestamp): ")
        },
        Bad { record: NewRecord::tombstone("k"), ..json("tombstone", "", "sink: a tombstone has no text") },
        string("empty", NewRecord::unkeyed(""), "sink: the text is blank"),
        string("blank", NewRecord::unkeyed(" \n"), "sink: the text is blank"),
        string(
            "no-utf8",
            NewRecord::unkeyed(b"ab\xff"),
            "value converter: the value is not valid UTF-8 at byte 2",
        ),
        Bad {
            converter: "bytes",
            ..string("bytes", NewRecord::unkeyed(b"\xff\xfe"), "sink: the value is not valid UTF-8")
        },
    ]
}

/// Writes each record at fault between two good ones, each into a topic of its own, and runs all connectors in
/// one process.
struct Stage {
    kafka: EmbeddedKafka,
    knowledge_base: LocalKnowledgeBase,
    folder: Folder,
}

impl Stage {
    fn set_up(bad: &[Bad], change: impl Fn(ConnectorText) -> ConnectorText) -> Self {
        let (kafka, folder) = (EmbeddedKafka::start().unwrap(), Folder::new());
        for Bad { name, converter, transforms, good, record, .. } in bad {
            kafka.create_topic(name, 1).unwrap();
            let good = || NewRecord::unkeyed(good);
            let client = kafka::client_of(&kafka.bootstrap_servers());
            kafka::produce(client, name, [good(), record.clone(), good()]);
            let text = change(ConnectorText::new(name).value(converter).transforms(transforms));
            folder.write(&format!("{name}.yaml"), text.text());
        }
        Self { kafka, knowledge_base: LocalKnowledgeBase::start(), folder }
    }

    fn run(&self) -> Running {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .envs(self.knowledge_base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
            .spawn()
    }

    fn committed(&self, topic: &str) -> Option<i64> {
        let client = kafka::client_of(&self.kafka.bootstrap_servers());
        kafka::committed(client, topic, topic, 1)[0]
    }
}

/// The good records of these offsets.
fn ids(bad: &[Bad], offsets: &[i64]) -> BTreeSet<String> {
    bad.iter().flat_map(|bad| offsets.iter().map(move |offset| format!("{}-0-{offset}", bad.name))).collect()
}

#[test]
fn where_they_are_tolerated_each_is_logged_with_origin_and_reason_and_the_others_are_stored() {
    let bad = all();
    let stage = Stage::set_up(&bad, ConnectorText::tolerant);
    let mut daemon = stage.run();
    for Bad { name, reason, .. } in &bad {
        let line = daemon.wait_until(&format!("log line of {name}"), |daemon| {
            let lines = daemon.log_lines("record skipped").into_iter();
            lines
                .filter(|line| line.contains(&format!("topic=\"{name}\"")))
                .find(|line| line.contains("offset=1"))
        });
        assert!(line.contains(&format!("rejected by {reason}")), "{name}: {line}");
        assert!(line.contains(" WARN ") && line.contains("partition=0"), "{line}");
    }
    for Bad { name, .. } in &bad {
        daemon.wait_while_running(&format!("commit of {name}"), || stage.committed(name) == Some(3));
    }
    assert_eq!(stage.knowledge_base.ids(), ids(&bad, &[0, 2]));
    daemon.terminate().expect_code(0);
}

#[test]
fn where_they_are_not_each_stops_its_connector_uncommitted_and_what_came_before_is_stored() {
    let bad = all();
    let stage = Stage::set_up(&bad, |connector| connector);
    let mut daemon = stage.run();
    for Bad { name, reason, .. } in &bad {
        let expected = format!("record {name}-0-1 was rejected by {reason}");
        let line = daemon.wait_for_log(&expected);
        assert!(line.contains("ERROR") && line.contains("connector failed and is restarted"), "{line}");
    }
    daemon.wait_while_running("documents", || stage.knowledge_base.documents().len() >= bad.len());
    daemon.terminate().expect_code(0);
    // One that only the sink rejects may be in one batch with what follows, which is stored then.
    let (by_sink, before): (Vec<_>, Vec<_>) = bad.iter().partition(|bad| bad.reason.starts_with("sink"));
    let stored = stage.knowledge_base.ids();
    assert!(stored.is_superset(&ids(&bad, &[0])), "{stored:?}");
    for Bad { name, .. } in before {
        assert!(!stored.contains(&format!("{name}-0-2")), "{name}: {stored:?}");
    }
    assert!(by_sink.len() > 2);
    let committed: Vec<_> = bad.iter().map(|bad| stage.committed(bad.name)).collect();
    assert_eq!(committed, vec![Some(1); bad.len()]);
}

#[test]
fn a_number_in_a_text_comes_out_as_it_was_written() {
    let bad = [json("as-written", "{\"name\":7,\"price\":10000000000000000000000.10}", "")];
    let stage = Stage::set_up(&bad, |connector| connector);
    let mut daemon = stage.run();
    daemon.wait_while_running("documents", || stage.knowledge_base.documents().len() == 3);
    assert_eq!(
        stage.knowledge_base.texts(),
        ["A costs 1.50", "7 costs 10000000000000000000000.10", "A costs 1.50"]
    );
    daemon.terminate().expect_code(0);
}

#[test]
fn an_exponent_comes_out_as_it_was_written() {
    let bad = [json("exponent", "{\"name\":1E5,\"price\":1.50e3}", "")];
    let stage = Stage::set_up(&bad, |connector| connector);
    let mut daemon = stage.run();
    daemon.wait_while_running("documents", || stage.knowledge_base.documents().len() == 3);
    assert_eq!(stage.knowledge_base.texts()[1], "1E5 costs 1.50e3");
}

#[test]
fn a_value_of_10_megabytes_is_too_large_for_the_sink_and_stops_nothing_else() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("large");
    broker.create_topic_with(&topic, 1, &[("max.message.bytes", "20000000")]);
    let large = |megabytes: usize| format!("{{\"n\":\"{}\"}}", "x".repeat(megabytes * 1_000_000));
    let records =
        ["{\"n\":1}".to_owned(), large(10), "{\"n\":2}".to_owned(), large(5), "{\"n\":3}".to_owned()];
    let mut client = broker.client();
    client.set("message.max.bytes", "20000000");
    kafka::produce(client, &topic, records.iter().map(NewRecord::unkeyed));

    let knowledge_base = LocalKnowledgeBase::start();
    let folder = Folder::with("c.yaml", ConnectorText::new(&topic).tolerant().text());
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
        .envs(knowledge_base.environment())
        .env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
        .spawn();
    daemon.wait_while_running("commit", || broker.committed(&topic, &topic) == [Some(5)]);
    let skipped = daemon.log_lines("record skipped");
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(
        skipped[0].contains("offset=1") && skipped[0].contains("takes no more than 5500000"),
        "{skipped:?}"
    );
    assert!(skipped[0].len() < 1000, "a log line does not repeat the record");
    let expected: BTreeSet<_> = [0, 2, 3, 4].map(|offset| format!("{topic}-0-{offset}")).into();
    assert_eq!(knowledge_base.ids(), expected);
    daemon.terminate().expect_code(0);
}
