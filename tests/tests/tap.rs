//! `sluice tap`: the records of a running connector as they pass, which neither slows it nor shows a secret.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener::send;
use sluice_tests::sluice::{Running, Sluice};
use sluice_tests::target::{CountingTarget, Manners};

const SECRET: &str = "hunter2-of-the-tap";

/// A worker with a connector into a target, to which records flow for as long as the value lives.
struct Stage {
    kafka: EmbeddedKafka,
    target: CountingTarget,
    folder: Folder,
    address: String,
}

impl Stage {
    fn new() -> Self {
        let kafka = EmbeddedKafka::start().unwrap();
        kafka.create_topic("prices", 1).unwrap();
        let manners = Manners { faults: &[], pause: Duration::ZERO, names_poison: false };
        let target = CountingTarget::start(manners, 1);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let sink =
            format!("  http: {{ url: \"{}\", headers: {{ x-secret: \"{SECRET}\" }} }}\n", target.url());
        let transforms = "  - insert_field: { static_field: from, static_value: a-test }\n  - filter: {}\n    \
                          predicate: { jq: { program: .n % 2 == 1 } }\n";
        let text = ConnectorText::new("prices").transforms(transforms).sink(sink).tolerant().text();
        let folder = Folder::with("prices.yaml", text);
        Self { kafka, target, folder, address: format!("127.0.0.1:{port}") }
    }

    fn spawn(&self) -> Running {
        let mut daemon = Sluice::new(["run".as_ref(), self.folder.path()])
            .arg(format!("--listen={}", self.address))
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
            .spawn();
        daemon.wait_for_log("partitions assigned");
        daemon
    }

    fn tap(&self, arguments: &[&str]) -> Running {
        let url = format!("--url=http://{}", self.address);
        Sluice::new(["tap", "prices", &url, "--output=json"].iter().chain(arguments)).spawn()
    }

    fn produce(&self, records: impl IntoIterator<Item = String>) {
        let records = records.into_iter().map(NewRecord::unkeyed);
        kafka::produce(kafka::client_of(&self.kafka.bootstrap_servers()), "prices", records);
    }

    /// Has records flow until the tap has ended. A tap sees what passes after it was opened, so that some are always to come.
    fn flow_until_ended(&self, tap: &mut Running) {
        let mut n = 0;
        while tap.is_alive() && n < 4000 {
            self.produce((n..n + 4).map(|n| format!("{{\"k\":\"k\",\"n\":{n},\"said\":\"{SECRET}\"}}")));
            n += 4;
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_tap_shows_records_after_each_step_and_as_requests_and_no_secret() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let mut tap = stage.tap(&["--count=40"]);
    stage.flow_until_ended(&mut tap);
    let ended = tap.wait().expect_code(0);
    assert!(!ended.stdout.contains(SECRET) && ended.stdout.contains("[redacted]"), "{ended}");
    let seen = lines(&ended.stdout);
    assert_eq!(seen.len(), 40, "{ended}");
    let record = seen.iter().find(|line| line["event"] == "record").unwrap();
    let names: Vec<_> =
        record["stages"].as_array().unwrap().iter().map(|stage| stage["name"].clone()).collect();
    assert_eq!(names, ["read", "insert_field", "filter"]);
    assert_eq!(record["stages"][0]["records"][0]["value"]["from"], Value::Null);
    assert_eq!(record["stages"][1]["records"][0]["value"]["from"], "a-test");
    let dropped = |line: &&Value| line["stages"][2]["records"].as_array().is_some_and(Vec::is_empty);
    assert!(seen.iter().any(|line| dropped(&line)), "a record that is dropped is seen, too: {ended}");
    let put = seen.iter().find(|line| line["event"] == "put").unwrap_or(&Value::Null);
    assert_eq!(
        (&put["outcome"], put["request"]["method"].as_str()),
        (&"stored".into(), Some("POST")),
        "{put}"
    );
    assert!(stage.target.count() > 0);
    daemon.terminate().expect_code(0);
}

#[test]
fn a_step_and_a_filter_pick_what_is_shown() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let mut tap = stage.tap(&["--count=3", "--step=1", "--filter=.n % 10 == 2 and .from == \"a-test\""]);
    stage.flow_until_ended(&mut tap);
    let ended = tap.wait().expect_code(0);
    for line in lines(&ended.stdout) {
        let stages = line["stages"].as_array().unwrap();
        assert_eq!(
            (stages.len(), &stages[0]["step"], &stages[0]["name"]),
            (1, &1.into(), &"insert_field".into())
        );
        assert_eq!(stages[0]["records"][0]["value"]["n"].as_u64().unwrap() % 10, 2);
    }
    let mut requests = stage.tap(&["--count=1", "--step=requests"]);
    stage.flow_until_ended(&mut requests);
    assert_eq!(lines(&requests.wait().expect_code(0).stdout)[0]["event"], "put");

    let wrong = stage.tap(&["--filter=.n ="]).wait().expect_code(1);
    assert!(wrong.stderr.contains("--filter"), "{wrong}");
    let mut beyond = stage.tap(&["--step=3"]);
    stage.flow_until_ended(&mut beyond);
    let beyond = beyond.wait().expect_code(1);
    assert!(beyond.stderr.contains("has no step 3") && beyond.stderr.contains("2 the last one"), "{beyond}");
    let never = stage.tap(&["--step=requests", "--filter=.n"]).wait().expect_code(1);
    assert!(never.stderr.contains("leave out one of them"), "{never}");
    daemon.terminate().expect_code(0);
}

#[test]
fn a_tap_ends_with_its_connector_and_is_not_for_a_page_of_another_site() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let missing = send(&stage.address, "GET", "/connectors/none/tap", &[], "");
    assert_eq!(missing.status, 404, "{}", missing.body);
    let foreign = [("Origin", "http://evil.example"), ("Sec-Fetch-Site", "cross-site")];
    let refused = send(&stage.address, "GET", "/connectors/prices/tap", &foreign, "");
    assert_eq!(refused.status, 403, "{}", refused.body);

    let mut taps: Vec<_> = (0..4).map(|_| stage.tap(&["--step=0"])).collect();
    for tap in &mut taps {
        tap.wait_until("a record", |tap| {
            stage.produce(["{\"k\":\"k\",\"n\":1}".to_owned()]);
            (!tap.stdout().is_empty()).then_some(())
        });
    }
    let fifth = stage.tap(&[]).wait().expect_code(1);
    assert!(fifth.stderr.contains("end one of the taps"), "{fifth}");
    std::fs::remove_file(stage.folder.path().join("prices.yaml")).unwrap();
    for tap in taps {
        let ended = tap.wait().expect_code(1);
        assert!(ended.stderr.contains("replaced or removed"), "{ended}");
    }
    daemon.terminate().expect_code(0);
}
