//! A knowledge base as the mirror of a compacted topic: updates overwrite, tombstones delete, whatever happens on the
//! way. What counts is what the emulator holds in the end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "a seed is for whoever repeats a failure")]

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_emulator::{DocumentOutcome, DocumentSelector, Fault, Operation, Rule};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Running, Sluice};

const PARTITIONS: i32 = 3;

/// A compacted topic at the shared broker, an empty knowledge base, and what is to be in it.
struct Stage {
    broker: &'static Broker,
    topic: String,
    knowledge_base: LocalKnowledgeBase,
    folder: Folder,
    expected: BTreeMap<String, String>,
}

impl Stage {
    fn set_up(stem: &str, settings: &str) -> Option<Self> {
        let broker = Broker::shared()?;
        let topic = kafka::unique(stem);
        broker.create_topic_with(&topic, PARTITIONS, &[("cleanup.policy", "compact")]);
        let folder = Folder::with("mirror.yaml", connector(&topic, settings));
        let knowledge_base = LocalKnowledgeBase::start();
        Some(Self { broker, topic, knowledge_base, folder, expected: BTreeMap::new() })
    }

    /// Writes a record and notes what becomes of the document; no text means a tombstone.
    fn change(&mut self, key: &str, text: Option<&str>) -> NewRecord {
        if let Some(text) = text {
            self.expected.insert(key.to_owned(), text.to_owned());
            NewRecord::new(key, format!("{{\"text\":\"{text}\"}}"))
        } else {
            self.expected.remove(key);
            NewRecord::tombstone(key)
        }
    }

    fn run(&self) -> Running {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .envs(self.knowledge_base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.broker.bootstrap_servers())
            .spawn()
    }

    /// Runs until every record is committed, and stops.
    fn run_to_the_end(&self) {
        let ends: Vec<_> = self.broker.end_offsets(&self.topic);
        let mut daemon = self.run();
        daemon.wait_while_running("commit of all", || {
            let committed = self.broker.committed(&self.topic, &self.topic);
            committed.iter().zip(&ends).all(|(committed, end)| committed.unwrap_or(0) == *end)
        });
        daemon.terminate().expect_code(0);
    }

    fn documents(&self) -> BTreeMap<String, String> {
        let documents = self.knowledge_base.documents().into_iter();
        documents.map(|document| (document.id, document.text)).collect()
    }

    fn writes(&self) -> usize {
        let is_write = |operation| matches!(operation, Operation::Ingest | Operation::Delete);
        self.knowledge_base.calls().iter().filter(|call| is_write(call.operation)).count()
    }
}

fn connector(topic: &str, settings: &str) -> String {
    format!(
        "\
source:
  kafka:
    bootstrap_servers: ${{env:KAFKA_BOOTSTRAP_SERVERS}}
    topics: [{topic}]
    group: {topic}
    commit_interval: 50ms
    properties: {{ session.timeout.ms: 1000, heartbeat.interval.ms: 200 }}
  value: json
sink:
  bedrock_kb:
    knowledge_base_id: ${{env:KBID}}
    data_source_id: ${{env:DSID}}
    document_id: key
    on_null: delete
    content: {{ template: \"{{{{text}}}}\" }}
    calls_per_second: 1000
    {settings}
batch: {{ linger: 10ms }}
errors:
  tolerance: all
  retry_delay: 10ms
  retry_delay_max: 100ms
"
    )
}

/// Things that go wrong now and then. Throttles are not among them: what is throttled without regard to the rate
/// teaches the pace one that is far too low.
fn trouble(random: &mut fastrand::Rng) -> Fault {
    match random.u8(0..6) {
        0 => Fault::internal_error(),
        1 => Fault::bad_gateway(),
        2 => Fault::DropBeforeApplying,
        3 => Fault::DropAfterApplying,
        _ => Fault::DelayAnswer(Duration::from_millis(20)),
    }
}

#[test]
fn killed_at_random_moments_it_ends_as_exactly_the_documents_of_the_topic() {
    for settings in ["max_in_flight: 4", "confirm: indexed\n    confirm_interval: 20ms"] {
        let Some(mut stage) = Stage::set_up("mirror", settings) else { return };
        let seed = fastrand::u64(..);
        eprintln!("seed {seed}, {settings}");
        let mut random = fastrand::Rng::with_seed(seed);
        for operation in [Operation::Ingest, Operation::Delete] {
            (0..60).for_each(|_| stage.knowledge_base.script(operation, trouble(&mut random)));
        }
        for round in 0..6 {
            let changes: Vec<_> = (0..60)
                .map(|number| {
                    let key = format!("key/{}", random.u8(0..25));
                    let text = format!("round {round}, change {number}");
                    stage.change(&key, if random.u8(0..4) == 0 { None } else { Some(&text) })
                })
                .collect();
            stage.broker.produce(&stage.topic, changes);
            let mut daemon = stage.run();
            let calls = stage.writes() + random.usize(1..=8);
            daemon.wait_while_running("some calls", || {
                stage.writes() >= calls || stage.documents() == stage.expected
            });
            std::thread::sleep(Duration::from_millis(random.u64(0..60)));
            assert_eq!(daemon.kill().code, None);
        }
        stage.run_to_the_end();
        assert_eq!(stage.documents(), stage.expected);
    }
}

#[test]
fn one_bad_document_in_ten_costs_only_itself() {
    let Some(mut stage) = Stage::set_up("one-in-ten", "max_in_flight: 4") else { return };
    let refused = DocumentOutcome::Refused("The request is invalid.".to_owned());
    stage.knowledge_base.set_rules(vec![Rule {
        documents: DocumentSelector::TextContains("poison".to_owned()),
        outcome: refused,
    }]);
    let text = |number: usize| if number % 10 == 3 { "poison".to_owned() } else { format!("text {number}") };
    let changes: Vec<_> =
        (0..100).map(|number| stage.change(&format!("key/{number}"), Some(&text(number)))).collect();
    stage.broker.produce(&stage.topic, changes);
    stage.run_to_the_end();
    stage.expected.retain(|_, text| text != "poison");
    assert_eq!(stage.expected.len(), 90);
    assert_eq!(stage.documents(), stage.expected);
}
