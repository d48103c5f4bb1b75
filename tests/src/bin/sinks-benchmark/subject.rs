//! Sluice, as it is run by everybody.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use sluice_tests::benchmark::BenchmarkStage;
use sluice_tests::connector::Folder;
use sluice_tests::process::cpu_seconds;
use sluice_tests::sluice::{Running, Sluice};
use sluice_tests::{kafka, listener};

use crate::place::{TargetName, TargetPlaces};
use crate::rate::SinkRate;

/// How often it is asked: seldom enough to cost nothing.
const LOOK: Duration = Duration::from_millis(10);
/// How long one run may take.
const HUNG: Duration = Duration::from_mins(10);

/// Runs it over the topic into an empty place, with a group of its own.
pub(crate) fn measure(stage: &BenchmarkStage, places: &TargetPlaces, program: Option<&Path>) -> SinkRate {
    let place = places.make(stage);
    let folder = Folder::with("benchmark.yaml", connector(stage, places, &place));
    let command = match program {
        Some(program) => Sluice::of(program).arg("run").arg(folder.path()),
        None => Sluice::new(["run".as_ref(), folder.path()]),
    };
    let command = command.envs(places.environment().iter().copied());
    let mut running = command.arg("--listen=127.0.0.1:0").spawn();
    let address = listener::address(&mut running);
    let (early, first) = wait_for_more_than(0, &address, &running);
    let (all, last) = wait_for_more_than(stage.records() - 1, &address, &running);
    let stored = f64::from(u32::try_from(all - early).expect("a count"));
    let cpu = cpu_seconds(running.id()) / stage.millions();
    running.terminate().expect_code(0);
    places.clear(&place);
    SinkRate { rate: stored / last.duration_since(first).as_secs_f64(), cpu }
}

/// Writes the connector: the sink as it comes, with batches as large as those of the bare loop.
fn connector(stage: &BenchmarkStage, places: &TargetPlaces, place: &str) -> String {
    let (servers, topic, group) = (stage.bootstrap_servers(), stage.topic(), kafka::unique("sluice"));
    let value = match places.target {
        TargetName::S3 => "string",
        TargetName::Postgres | TargetName::Kafka | TargetName::Opensearch => "json",
    };
    let batch = match places.target {
        // The bare loop waits for nothing, whatever it takes for a batch.
        TargetName::Kafka => String::new(),
        target => format!("batch: {{ max_records: {} }}\n", target.batch()),
    };
    format!(
        "source:\n  kafka: {{ bootstrap_servers: \"{servers}\", topics: [{topic}], group: {group} }}\n  value: {value}\n\
         sink:\n{}{}",
        places.sink(place),
        batch
    )
}

/// Waits until it has stored more than so many records. Returns how many, and when that was.
fn wait_for_more_than(records: u64, address: &str, running: &Running) -> (u64, Instant) {
    let since = Instant::now();
    loop {
        let body = listener::get(address, "/status").body;
        let status: Value = serde_json::from_str(&body).expect("JSON");
        let delivered = status.pointer("/0/records/delivered").and_then(Value::as_u64).unwrap_or_default();
        if delivered > records {
            return (delivered, Instant::now());
        }
        assert!(since.elapsed() < HUNG, "{delivered} records after {HUNG:?}; its log:\n{}", running.log());
        sleep(LOOK);
    }
}
