//! What a daemon at rest takes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::thread::sleep;
use std::time::{Duration, Instant};

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::process::{peak_memory, resident_memory};
use sluice_tests::sluice::{PATIENCE, Sluice};

/// What comes back at the least, in MiB; in a release it is 8 and more.
const LEAST: f64 = 4.0;

#[test]
fn what_only_the_start_needed_is_given_back() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), Folder::new());
    kafka.create_topic("prices", 1).unwrap();
    let servers = kafka.bootstrap_servers();
    let source = format!("source: {{ kafka: {{ bootstrap_servers: \"{servers}\", topics: [prices] }} }}");
    folder.write("prices.yaml", format!("{source}\nsink: {{ blackhole: {{}} }}\n"));
    let mut daemon = Sluice::new(["run".as_ref(), folder.path()]).arg("--listen=127.0.0.1:0").spawn();
    daemon.wait_for_log("partitions assigned");
    let begun = Instant::now();
    let given_back = || peak_memory(daemon.id()) - resident_memory(daemon.id());
    while given_back() < LEAST {
        assert!(begun.elapsed() < PATIENCE, "{:.1} MiB of {:.1}", given_back(), peak_memory(daemon.id()));
        sleep(Duration::from_millis(50));
    }
    daemon.terminate().expect_code(0);
}
