//! Two hundred connectors in one process: all start, one is changed, and none of the others is touched.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener;
use sluice_tests::process::resident_memory;
use sluice_tests::requirement::{is_required, tell};
use sluice_tests::sluice::{Running, Sluice};

const CONNECTORS: usize = 200;
/// They start within 60 s, and a change is seen within 5 s, on a machine that has nothing else to do; this one may have.
const START: Duration = Duration::from_mins(4);
const CHANGE: Duration = Duration::from_secs(5 * 4);

fn text(number: usize, linger: &str) -> String {
    let text = ConnectorText::new("prices")
        .without_properties()
        .transforms("  []\n")
        .sink("  blackhole: {}\n")
        .text();
    text.replace("group: prices", &format!("group: many-{number}"))
        .replace("    properties:\n", "")
        .replace("linger: 20ms", &format!("linger: {linger}"))
}

fn wait(
    daemon: &mut Running,
    most: Duration,
    what: &str,
    mut holds: impl FnMut(&Running) -> bool,
) -> Duration {
    let begun = Instant::now();
    while !holds(daemon) {
        assert!(daemon.is_alive(), "{}", daemon.log());
        assert!(begun.elapsed() < most, "{what} took more than {most:?}");
        thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed()
}

fn assigned(daemon: &Running) -> usize {
    daemon.log_lines("partitions assigned").len()
}

/// Returns how many records the connectors have delivered, all together.
fn delivered(address: &str) -> u64 {
    let status: Value = serde_json::from_str(&listener::get(address, "/status").body).unwrap();
    let all = status.as_array().unwrap().iter();
    all.map(|connector| connector["records"]["delivered"].as_u64().unwrap_or_default()).sum()
}

/// It takes a minute and 1 GiB of memory, so that it is run on demand: with `SLUICE_REQUIRE_MANY=1`.
#[test]
fn two_hundred_connectors_run_in_one_process_and_one_is_changed_alone() {
    if !is_required("SLUICE_REQUIRE_MANY") {
        tell("DID NOT RUN for want of SLUICE_REQUIRE_MANY=1: two_hundred_connectors_run_in_one_process\n");
        return;
    }
    let broker = EmbeddedKafka::start().unwrap();
    broker.create_topic("prices", 1).unwrap();
    let servers = broker.bootstrap_servers();
    let folder = Folder::new();
    for number in 0..CONNECTORS {
        folder.write(&format!("many-{number}.yaml"), text(number, "20ms"));
    }
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
        .arg("--listen=127.0.0.1:0")
        .arg("--buffer-memory=64MiB")
        .env("KAFKA_BOOTSTRAP_SERVERS", &servers)
        .spawn();
    let loaded =
        wait(&mut daemon, START, "reading the files", |daemon| !daemon.log_lines("serving").is_empty());
    let address = listener::address(&mut daemon);
    let started = wait(&mut daemon, START, "the start", |daemon| assigned(daemon) >= CONNECTORS);
    kafka::produce(kafka::client_of(&servers), "prices", [NewRecord::unkeyed("{\"n\":1}")]);
    let all = wait(&mut daemon, START, "a record through all", |_| delivered(&address) >= CONNECTORS as u64);

    folder.write("many-7.yaml", text(7, "30ms"));
    let seen =
        wait(&mut daemon, CHANGE, "a change", |daemon| !daemon.log_lines("connector changed").is_empty());
    let succeeded = wait(&mut daemon, START, "the successor", |daemon| assigned(daemon) > CONNECTORS);
    assert_eq!(assigned(&daemon), CONNECTORS + 1, "no other one was touched");
    let memory = resident_memory(daemon.id());
    let begun = Instant::now();
    daemon.terminate().expect_code(0);
    let ended = begun.elapsed();
    tell(&format!(
        "{CONNECTORS} connectors: read in {loaded:?}, started in {started:?}, a record in {all:?}, a change seen in {seen:?}, \
         its successor in {succeeded:?}, all ended in {ended:?}, {memory:.0} MiB\n"
    ));
}
