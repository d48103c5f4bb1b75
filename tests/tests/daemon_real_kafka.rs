//! `sluice run` against Apache Kafka and the emulator of Bedrock. What counts is what arrived at the emulator and
//! what the group has committed at the broker; the worker's own counters are not asked.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sluice_emulator::{Call, Emulator, Fault};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Running, Sluice, root};

/// A topic of its own at the shared broker, and a knowledge base of its own.
struct Stage {
    broker: &'static Broker,
    topic: String,
    knowledge_base: LocalKnowledgeBase,
}

impl Stage {
    fn set_up(stem: &str) -> Option<Self> {
        let broker = Broker::shared()?;
        let topic = kafka::unique(stem);
        broker.create_topic(&topic, 1);
        Some(Self { broker, topic, knowledge_base: LocalKnowledgeBase::start() })
    }

    fn connector(&self) -> ConnectorText {
        ConnectorText::new(&self.topic)
    }

    /// Runs what is in the folder.
    fn run(&self, folder: &Folder) -> Running {
        daemon(folder, &self.broker.bootstrap_servers(), &self.knowledge_base).spawn()
    }

    fn produce(&self, numbers: std::ops::Range<usize>) {
        self.broker.produce(&self.topic, records(numbers));
    }

    /// The ids of the first `count` records.
    fn ids(&self, count: usize) -> BTreeSet<String> {
        (0..count).map(|offset| format!("{}-0-{offset}", self.topic)).collect()
    }

    fn committed(&self) -> Vec<Option<i64>> {
        self.broker.committed(&self.topic, &self.topic)
    }

    /// Fails if an offset is committed beyond the first record. Committing that one is no harm.
    #[track_caller]
    fn assert_nothing_is_committed(&self) {
        let committed = self.committed();
        assert!(committed.iter().all(|offset| offset.unwrap_or(0) == 0), "{committed:?}");
    }

    #[track_caller]
    fn wait_for_documents(&self, daemon: &mut Running, expected: &BTreeSet<String>) {
        daemon.wait_while_running(&format!("{} documents", expected.len()), || {
            self.knowledge_base.documents().len() >= expected.len()
        });
        assert_eq!(&self.knowledge_base.ids(), expected);
    }

    #[track_caller]
    fn wait_for_commit(&self, daemon: &mut Running, offsets: &[Option<i64>]) {
        daemon.wait_while_running(&format!("commit of {offsets:?}"), || self.committed() == offsets);
    }
}

/// The ids of the documents that the calls carried.
fn documents_of(calls: &[Call]) -> BTreeSet<String> {
    calls.iter().flat_map(|call| call.document_ids.clone()).collect()
}

fn daemon(folder: &Folder, bootstrap_servers: &str, emulator: &Emulator) -> Sluice {
    Sluice::new(["run".as_ref(), folder.path()])
        .envs(emulator.environment())
        .env("KAFKA_BOOTSTRAP_SERVERS", bootstrap_servers)
}

fn records(numbers: std::ops::Range<usize>) -> Vec<NewRecord> {
    numbers.map(|n| NewRecord::new(n.to_string(), format!("{{\"n\":{n}}}"))).collect()
}

/// The tickers and prices of the demo's data, as its rows say them.
fn sentences() -> Vec<String> {
    let prices = [
        "OOOO is $44.50",
        "ZVZZT is $3,413.23",
        "ZNTRX is $22.34",
        "ZNRXX is $208.76",
        "NTEST is $0.45",
        "ZBZX is $36.23",
        "ZEXIT is $942.34",
        "ZIEXT is $870.23",
        "ZTEST is $23.75",
        "ZVV is $2,802.86",
        "ZXIET is $63.00",
        "ZAZZT is $18.86",
        "ZBZZT is $998.26",
        "ZCZZT is $72.34",
        "ZVZZC is $90.32",
        "ZWZZT is $698.24",
        "ZXZZT is $932.32",
    ];
    prices.map(|price| format!("At 2025-02-16 13:25:45 the price of {price}.")).into()
}

#[test]
fn the_unchanged_stock_connector_makes_17_documents_and_the_same_17_when_the_offsets_are_reset() {
    let Some(broker) = Broker::shared() else { return };
    let (topic, group) = ("streamtopic", "connect-stock-prices");
    broker.create_topic(topic, 1);
    let knowledge_base = LocalKnowledgeBase::start();
    let servers = broker.bootstrap_servers();
    Sluice::new(["produce", "--topic", topic, "--add", "timestamp=1739712345.678"])
        .arg("infra/demo/TestData.csv")
        .env("KAFKA_BOOTSTRAP_SERVERS", &servers)
        .output()
        .expect_code(0);
    assert_eq!(broker.end_offsets(topic), [17]);

    let run = || {
        let mut daemon = Sluice::new(["run", "connectors.d/stock-prices.yaml"])
            .envs(knowledge_base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", &servers)
            .spawn();
        daemon.wait_while_running("commit of 17", || broker.committed(group, topic) == [Some(17)]);
        daemon.terminate().expect_code(0);
        let mut documents = knowledge_base.documents();
        documents.sort_by_key(|document| {
            document.id.strip_prefix("streamtopic-0-").unwrap().parse::<usize>().unwrap()
        });
        let texts: Vec<_> = documents.into_iter().map(|document| document.text).collect();
        assert_eq!(texts, sentences());
        knowledge_base.ids()
    };
    let first = run();
    assert!(knowledge_base.ingests().len() <= 2, "{:?}", knowledge_base.ingests());
    broker.reset_offsets(group, topic);
    assert_eq!(run(), first);
    assert!(knowledge_base.ingests().len() <= 4, "{:?}", knowledge_base.ingests());
}

#[test]
fn killed_between_put_and_commit_it_writes_the_same_documents_again() {
    let Some(stage) = Stage::set_up("kill-before-commit") else { return };
    stage.produce(0..25);
    let folder = Folder::with("c.yaml", stage.connector().commit_interval("10m").text());
    let mut daemon = stage.run(&folder);
    stage.wait_for_documents(&mut daemon, &stage.ids(25));
    assert_eq!(daemon.kill().code, None);
    stage.assert_nothing_is_committed();

    let before = stage.knowledge_base.ingests().len();
    folder.write("c.yaml", stage.connector().text());
    let mut daemon = stage.run(&folder);
    stage.wait_for_commit(&mut daemon, &[Some(25)]);
    assert!(stage.knowledge_base.ingests().len() > before, "they were read again");
    assert_eq!(stage.knowledge_base.ids(), stage.ids(25));
    daemon.terminate().expect_code(0);
}

#[test]
fn killed_while_a_put_hangs_it_begins_no_later_than_with_that_put_again() {
    let Some(stage) = Stage::set_up("kill-in-put") else { return };
    stage.produce(0..25);
    stage.knowledge_base.fail(1, &Fault::Delay(Duration::from_mins(10)));
    let folder = Folder::with("c.yaml", stage.connector().text());
    let mut daemon = stage.run(&folder);
    daemon.wait_while_running("three puts, two of them answered", || {
        let calls = stage.knowledge_base.ingests();
        calls.len() == 3 && calls.iter().filter(|call| call.status.is_some()).count() == 2
    });
    let calls = stage.knowledge_base.ingests();
    let hung = &calls.iter().find(|call| call.status.is_none()).unwrap().document_ids;
    let first: i64 = hung[0].rsplit('-').next().unwrap().parse().unwrap();
    if first > 0 {
        stage.wait_for_commit(&mut daemon, &[Some(first)]);
    }
    assert_eq!(daemon.kill().code, None);
    assert!(stage.committed()[0].unwrap_or(0) <= first, "{:?}, and {first} hung", stage.committed());

    let mut daemon = stage.run(&folder);
    stage.wait_for_commit(&mut daemon, &[Some(25)]);
    assert_eq!(stage.knowledge_base.ids(), stage.ids(25));
    let again: BTreeSet<_> = documents_of(&stage.knowledge_base.ingests()[3..]);
    assert!(hung.iter().all(|id| again.contains(id)), "{hung:?} in {again:?}");
    daemon.terminate().expect_code(0);
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_commits_exactly_that() {
    let Some(stage) = Stage::set_up("stop") else { return };
    stage.produce(0..200);
    stage.knowledge_base.fail(100, &Fault::Delay(Duration::from_millis(800)));
    let folder = Folder::with("c.yaml", stage.connector().commit_interval("10m").text());
    let mut daemon = stage.run(&folder);
    daemon.wait_while_running("puts in flight behind others", || {
        let calls = stage.knowledge_base.ingests();
        calls.iter().any(|call| call.status.is_some()) && calls.iter().any(|call| call.status.is_none())
    });
    let before = stage.knowledge_base.ingests().len();
    let ended = daemon.terminate().expect_code(0);
    assert!(ended.waited < Duration::from_secs(5), "{ended}");

    let calls = stage.knowledge_base.ingests();
    assert!(calls.len() <= before + 4, "nothing new is put after the signal");
    assert!(calls.iter().all(|call| call.status == Some(202)), "what is in flight is not cut off: {calls:?}");
    let stored = documents_of(&calls);
    assert!(stored.len() < 200, "the stop came too late for this test");
    assert_eq!(stored, stage.ids(stored.len()));
    assert_eq!(stage.knowledge_base.ids(), stored);
    assert_eq!(stage.committed(), [Some(i64::try_from(stored.len()).unwrap())]);
}

#[test]
fn sigterm_cuts_the_wait_for_a_retry_short() {
    let Some(stage) = Stage::set_up("stop-backoff") else { return };
    stage.produce(0..5);
    let asked = Fault::Error {
        status: 429,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        retry_after: Some(Duration::from_mins(2)),
    };
    stage.knowledge_base.fail(100, &asked);
    let folder = Folder::with("c.yaml", stage.connector().text());
    let mut daemon = stage.run(&folder);
    daemon.wait_for_log("put failed and is tried again");
    let ended = daemon.terminate().expect_code(0);
    assert!(ended.waited < Duration::from_secs(3), "{ended}");
    stage.assert_nothing_is_committed();
}

#[test]
fn a_stop_is_bounded_by_the_shutdown_timeout_and_leaves_the_offset_where_it_was() {
    let Some(stage) = Stage::set_up("stop-bounded") else { return };
    stage.produce(0..5);
    stage.knowledge_base.fail(1, &Fault::Delay(Duration::from_mins(10)));
    let folder = Folder::with("c.yaml", stage.connector().text());
    let mut daemon = daemon(&folder, &stage.broker.bootstrap_servers(), &stage.knowledge_base)
        .arg("--shutdown-timeout=1s")
        .spawn();
    daemon.wait_while_running("a put", || !stage.knowledge_base.ingests().is_empty());
    let ended = daemon.terminate().expect_code(1);
    assert!((900..4000).contains(&ended.waited.as_millis()), "{ended}");
    assert!(ended.stderr.contains("did not end within the shutdown timeout"), "{ended}");
    stage.assert_nothing_is_committed();
}

#[test]
fn a_second_signal_leaves_at_once() {
    let Some(stage) = Stage::set_up("stop-twice") else { return };
    stage.produce(0..5);
    stage.knowledge_base.fail(1, &Fault::Delay(Duration::from_mins(10)));
    let folder = Folder::with("c.yaml", stage.connector().text());
    let mut daemon = stage.run(&folder);
    daemon.wait_while_running("a put", || !stage.knowledge_base.ingests().is_empty());
    daemon.signal(Signal::INT);
    daemon.wait_for_log("SIGINT: stopping");
    let ended = daemon.terminate().expect_code(1);
    assert!(ended.waited < Duration::from_secs(2), "{ended}");
    stage.assert_nothing_is_committed();
}

#[test]
fn a_stop_while_the_broker_is_away_is_bounded() {
    let Some(mut broker) = Broker::start() else { return };
    let topic = kafka::unique("stop-outage");
    broker.create_topic(&topic, 1);
    broker.produce(&topic, records(0..10));
    let knowledge_base = LocalKnowledgeBase::start();
    let folder = Folder::with("c.yaml", ConnectorText::new(&topic).commit_interval("10m").text());
    let mut daemon =
        daemon(&folder, &broker.bootstrap_servers(), &knowledge_base).arg("--shutdown-timeout=5s").spawn();
    daemon.wait_while_running("documents", || knowledge_base.documents().len() == 10);
    broker.kill();
    let ended = daemon.terminate();
    assert!(ended.waited < Duration::from_secs(8), "{ended}");
}

#[test]
fn a_topic_that_does_not_exist_is_waited_for() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("late");
    let knowledge_base = LocalKnowledgeBase::start();
    let folder = Folder::with("c.yaml", ConnectorText::new(&topic).text());
    let mut daemon = daemon(&folder, &broker.bootstrap_servers(), &knowledge_base).spawn();
    daemon.wait_for_log("tried again until it passes");
    broker.create_topic(&topic, 1);
    broker.produce(&topic, records(0..3));
    daemon.wait_while_running("documents", || knowledge_base.documents().len() == 3);
    daemon.terminate().expect_code(0);
}

#[test]
fn the_log_names_a_topic_that_does_not_exist() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("absent");
    let knowledge_base = LocalKnowledgeBase::start();
    let folder = Folder::with("c.yaml", ConnectorText::new(&topic).text());
    let mut daemon = daemon(&folder, &broker.bootstrap_servers(), &knowledge_base).spawn();
    let line = daemon.wait_for_log("tried again until it passes");
    assert!(line.contains(&topic), "{line}");
}

#[test]
fn a_poison_record_stops_its_connector_at_its_offset_and_no_other() {
    let Some(stage) = Stage::set_up("poison") else { return };
    let healthy = kafka::unique("healthy");
    stage.broker.create_topic(&healthy, 1);
    stage.produce(0..12);
    stage.broker.produce(&stage.topic, [("key", "no JSON")]);
    stage.produce(13..20);

    let folder = Folder::with("poisoned.yaml", stage.connector().text());
    folder.write("healthy.yaml", ConnectorText::new(&healthy).text());
    let mut daemon = stage.run(&folder);
    let failures = daemon.wait_for_logs("connector failed and is restarted", 2);
    let origin = format!("record {}-0-12 was rejected by value converter", stage.topic);
    for line in &failures {
        for part in ["ERROR", &origin, "connector=poisoned", "partition=0", "offset=12"] {
            assert!(line.contains(part), "no {part}: {line}");
        }
    }
    assert_eq!(stage.knowledge_base.ids(), stage.ids(12), "what came before it is stored");
    assert_eq!(stage.committed(), [Some(12)]);

    stage.broker.produce(&healthy, records(0..7));
    let is_healthy = |id: &String| id.starts_with(&healthy);
    daemon.wait_while_running("documents of the other connector", || {
        stage.knowledge_base.ids().iter().filter(|id| is_healthy(id)).count() == 7
    });
    daemon.terminate().expect_code(0);
    assert_eq!(stage.committed(), [Some(12)]);
    assert_eq!(stage.broker.committed(&healthy, &healthy), [Some(7)]);
}

#[test]
fn where_it_is_tolerated_a_poison_record_is_skipped_and_logged_and_the_rest_delivered() {
    let Some(stage) = Stage::set_up("tolerated") else { return };
    stage.produce(0..12);
    stage.broker.produce(&stage.topic, [("key", "no JSON")]);
    stage.produce(13..20);
    let folder = Folder::with("c.yaml", stage.connector().tolerant().text());
    let mut daemon = stage.run(&folder);
    stage.wait_for_commit(&mut daemon, &[Some(20)]);
    let skipped = daemon.log_lines("record skipped");
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert!(skipped[0].contains("offset=12") && skipped[0].contains(&stage.topic), "{skipped:?}");
    let mut expected = stage.ids(20);
    expected.remove(&format!("{}-0-12", stage.topic));
    assert_eq!(stage.knowledge_base.ids(), expected);
    let ended = daemon.terminate().expect_code(0);
    assert!(ended.stderr.contains("20 read, 19 delivered, 0 filtered, 1 skipped"), "{ended}");
}

#[test]
fn an_outage_of_the_service_is_retried_until_it_passes() {
    let Some(stage) = Stage::set_up("sink-outage") else { return };
    stage.produce(0..25);
    let faults = [
        Fault::throttled(),
        Fault::too_many_concurrent(),
        Fault::error(500, "InternalServerException", "try again"),
        Fault::Raw { status: 503, body: "<html>load balancer</html>".to_owned() },
        Fault::DropBeforeApplying,
        Fault::DropAfterApplying,
    ];
    for fault in &faults {
        stage.knowledge_base.fail(2, fault);
    }
    let folder = Folder::with("c.yaml", stage.connector().text());
    let mut daemon = stage.run(&folder);
    stage.wait_for_documents(&mut daemon, &stage.ids(25));
    stage.wait_for_commit(&mut daemon, &[Some(25)]);
    assert_eq!(stage.knowledge_base.ingests().len(), 2 * faults.len() + 3);
    // Each reason once, and that it has passed.
    let said = daemon.log_lines("put failed and is tried again");
    assert!((4..=faults.len()).contains(&said.len()), "{said:#?}");
    assert!(said.iter().all(|line| line.contains(" offset=")), "{said:#?}");
    daemon.wait_for_log("puts get through again, after they failed");
    assert_eq!(daemon.log_lines("connector failed"), Vec::<String>::new());
    daemon.terminate().expect_code(0);
}

#[test]
fn a_missing_right_stops_the_connector_uncommitted_and_it_is_restarted_with_growing_waits() {
    let Some(stage) = Stage::set_up("rights") else { return };
    stage.produce(0..5);
    stage.knowledge_base.fail(1, &Fault::error(403, "AccessDeniedException", "not authorized"));
    stage.knowledge_base.fail(1, &Fault::error(404, "ResourceNotFoundException", "no such data source"));
    let folder = Folder::with("c.yaml", stage.connector().tolerant().text());
    let mut daemon = stage.run(&folder);
    daemon.wait_for_log("connector failed and is restarted");
    let first = Instant::now();
    stage.assert_nothing_is_committed();
    let failures = daemon.wait_for_logs("connector failed and is restarted", 2);
    assert!(first.elapsed() > Duration::from_millis(300), "restarts are paced");
    assert!(failures[0].contains("403 AccessDeniedException: not authorized"), "{failures:?}");
    assert!(failures[0].contains("bedrock:IngestKnowledgeBaseDocuments"), "{failures:?}");
    assert!(failures[1].contains("404 ResourceNotFoundException"), "{failures:?}");
    assert!(failures[1].contains("failures=2"), "{failures:?}");
    // An outage is no poison record, also where those are tolerated.
    stage.assert_nothing_is_committed();
    stage.wait_for_documents(&mut daemon, &stage.ids(5));
    stage.wait_for_commit(&mut daemon, &[Some(5)]);
    daemon.terminate().expect_code(0);
}

/// A topic of four partitions with so many records in each.
fn four_partitions(stem: &str, records_each: usize) -> Option<(Stage, BTreeSet<String>)> {
    let mut stage = Stage::set_up(stem)?;
    stage.topic = kafka::unique(stem);
    stage.broker.create_topic(&stage.topic, 4);
    let places = (0..4).flat_map(|partition| (0..records_each).map(move |n| (partition, n)));
    let records = places
        .clone()
        .map(|(partition, n)| NewRecord::unkeyed(format!("{{\"n\":{n}}}")).partition(partition));
    stage.broker.produce(&stage.topic, records);
    let ids = places.map(|(partition, n)| format!("{}-{partition}-{n}", stage.topic)).collect();
    Some((stage, ids))
}

/// A group refuses a member whose static name another one has.
#[test]
fn two_tasks_with_one_static_name_are_two_members() {
    let Some((stage, ids)) = four_partitions("static-tasks", 5) else { return };
    let connector = stage.connector().property("group.instance.id", "x");
    let folder = Folder::with("c.yaml", format!("{}tasks_max: 2\n", connector.text()));
    let mut daemon = stage.run(&folder);
    stage.wait_for_documents(&mut daemon, &ids);
    daemon.wait_for_logs("partitions assigned", 2);
    stage.wait_for_commit(&mut daemon, &[Some(5); 4]);
    let ended = daemon.terminate().expect_code(0);
    assert!(!ended.stderr.contains("fenced") && !ended.stderr.contains("connector failed"), "{ended}");
}

/// KIP-848, which Apache Kafka 4 has: the brokers assign, and the times of a session are theirs.
#[test]
fn a_group_whose_brokers_assign_delivers_over_a_rebalance_and_a_restart() {
    let Some((stage, ids)) = four_partitions("kip848", 5) else { return };
    for (static_name, name) in [(None, "dynamic"), (Some("x"), "static")] {
        let mut connector = stage.connector().without_properties().property("group.protocol", "consumer");
        if let Some(static_name) = static_name {
            connector = connector.property("group.instance.id", static_name);
        }
        let group = format!("{}-{name}", stage.topic);
        let text = connector.text().replace(&format!("group: {}", stage.topic), &format!("group: {group}"));
        let folder = Folder::with("c.yaml", format!("{text}tasks_max: 2\n"));
        let mut daemon = stage.run(&folder);
        let committed = || stage.broker.committed(&group, &stage.topic);
        daemon.wait_while_running("all are committed", || committed() == [Some(5); 4]);
        assert_eq!(stage.knowledge_base.ids(), ids, "{name}");
        daemon.wait_for_logs("partitions assigned", 2);
        assert!(!daemon.log().contains("connector failed"), "{}", daemon.log());
        daemon.terminate().expect_code(0);
        let before = stage.knowledge_base.ingests().len();
        let mut again = stage.run(&folder);
        again.wait_for_logs("partitions assigned", 2);
        assert_eq!(stage.knowledge_base.ingests().len(), before, "{name}: nothing is read again");
        assert!(!again.log().contains("connector failed"), "{}", again.log());
        again.terminate().expect_code(0);
    }
}

/// KIP-848: the brokers hold the name of a static member that was killed until its session is over.
#[test]
fn a_static_member_that_was_killed_joins_again_when_its_session_is_over() {
    let Some((stage, ids)) = four_partitions("kip848-killed", 5) else { return };
    let connector = stage.connector().without_properties().property("group.protocol", "consumer");
    let folder = Folder::with("c.yaml", connector.property("group.instance.id", "x").text());
    let mut daemon = stage.run(&folder);
    stage.wait_for_documents(&mut daemon, &ids);
    stage.wait_for_commit(&mut daemon, &[Some(5); 4]);
    daemon.kill();
    let mut again = stage.run(&folder);
    again.wait_for_log("has a member of this `group.instance.id` already");
    again.wait_for_log("partitions assigned");
    let log = again.log();
    assert_eq!(log.matches("already: one that was killed").count(), 1, "said once: {log}");
    assert!(!log.contains("connector failed"), "{log}");
    again.terminate().expect_code(0);
}

/// Two processes that write one file would cut off each other's lines.
#[test]
fn one_process_writes_a_file_and_a_second_says_who_does() {
    let Some(stage) = Stage::set_up("one-file") else { return };
    let out = Folder::new();
    let path = out.path().join("out.jsonl");
    let sink =
        |name: &str| format!("  file: {{ path: \"{}\", format: raw }}\n", out.path().join(name).display());
    let folder =
        Folder::with("c.yaml", stage.connector().transforms("  []\n").sink(sink("out.jsonl")).text());
    stage.produce(0..5);
    let mut first = stage.run(&folder);
    stage.wait_for_commit(&mut first, &[Some(5)]);
    let mut second = stage.run(&folder);
    let line = second.wait_for_log("connector failed and is restarted");
    assert!(line.contains(&format!("is written by process {} on ", first.id())), "{line}");
    assert!(second.log_lines("partitions assigned").is_empty(), "it has not joined: {}", second.log());
    first.terminate().expect_code(0);
    stage.produce(5..9);
    stage.wait_for_commit(&mut second, &[Some(9)]);
    second.terminate().expect_code(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 9);

    folder.write("c.yaml", stage.connector().transforms("  []\n").sink(sink("{instance}.jsonl")).text());
    let mut both = [stage.run(&folder), stage.run(&folder)];
    for process in &mut both {
        process.wait_for_log("started");
    }
    assert!(both.iter().all(|process| !process.log().contains("connector failed")));
}

#[test]
fn the_repository_is_where_the_tests_think() {
    assert!(root().join("connectors.d/stock-prices.yaml").exists());
}
