//! A million records into each server, with kill -9 on the way, ending exactly right.
//!
//! On demand, since each takes minutes: `SLUICE_REQUIRE_MILLION=1`, with `SLUICE_REQUIRE_S3=1` and `SLUICE_REQUIRE_OPENSEARCH=1` for these
//! two. `SLUICE_MILLION_RECORDS` is how many records there are (40000 in a debug build; a multiple of 40000), and `SLUICE_MILLION_PROGRAM`
//! the program to run, such as a release build.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::doc_markdown,
    reason = "a test fails by panicking, and a long one says how it goes"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::object_store::{CREDENTIALS, ObjectStore};
use sluice_tests::opensearch::OpenSearch;
use sluice_tests::postgres::Postgres;
use sluice_tests::requirement::{is_required, tell};
use sluice_tests::sluice::{Running, Sluice};

const PARTITIONS: usize = 4;
/// How often it is killed.
const KILLS: usize = 10;
/// Records of a key.
const OF_A_KEY: usize = 10;
/// How long all may take, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(25);

/// A topic with all records, each with a number of its own.
struct Million {
    broker: &'static Broker,
    topic: String,
    count: usize,
    name: &'static str,
}

impl Million {
    /// Writes all records; `None` where nobody asks for them.
    fn write(name: &'static str) -> Option<Self> {
        if !is_required("SLUICE_REQUIRE_MILLION") {
            tell(&format!(
                "DID NOT RUN for want of SLUICE_REQUIRE_MILLION=1: a million records into {name}\n"
            ));
            return None;
        }
        let count = std::env::var("SLUICE_MILLION_RECORDS").map_or(40_000, |count| count.parse().unwrap());
        assert_eq!(count % 40_000, 0, "SLUICE_MILLION_RECORDS is no multiple of 40000");
        let broker = Broker::shared()?;
        let topic = kafka::unique(name);
        broker.create_topic(&topic, i32::try_from(PARTITIONS).unwrap());
        let million = Self { broker, topic, count, name };
        broker.produce(&million.topic, (0..count).map(|number| million.record(number)));
        Some(million)
    }

    /// Each key has ten records, far apart, and each partition as many keys.
    fn key(&self, number: usize) -> usize {
        number * 7 % (self.count / OF_A_KEY)
    }

    fn record(&self, number: usize) -> NewRecord {
        let key = self.key(number);
        let partition = i32::try_from(key % PARTITIONS).unwrap();
        NewRecord::new(format!("k{key}"), format!("{{\"k\":\"k{key}\",\"n\":{number}}}")).partition(partition)
    }

    fn connector(&self, sink: &str, more: &str) -> Folder {
        Folder::with(
            "million.yaml",
            format!(
                "source:\n  kafka:\n    bootstrap_servers: {}\n    topics: [{topic}]\n    group: {topic}\n    commit_interval: 200ms\n    \
                 properties: {{ session.timeout.ms: 3000, heartbeat.interval.ms: 500 }}\n  value: json\nsink:\n{sink}{more}",
                self.broker.bootstrap_servers(),
                topic = self.topic
            ),
        )
    }

    /// Runs it, kills it over and over as it goes on, and runs it to the end. `stored` says how far it is.
    fn kill_on_the_way(&self, folder: &Folder, stored: impl Fn() -> usize) {
        let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
        eprintln!("{}: seed {}", self.name, random.get_seed());
        let since = Instant::now();
        for kill in 1..=KILLS {
            let running = run(folder);
            let goal = kill * self.count / (KILLS + 2);
            wait(&running, since, &|| format!("{} of {goal} stored", stored()), || stored() >= goal);
            sleep(Duration::from_millis(random.u64(0..200)));
            running.kill();
        }
        let running = run(folder);
        let ends: Vec<_> = self.broker.end_offsets(&self.topic).into_iter().map(Some).collect();
        let committed = || self.broker.committed(&self.topic, &self.topic);
        wait(&running, since, &|| format!("{:?} of {ends:?}", committed()), || committed() == ends);
        running.terminate().expect_code(0);
        eprintln!(
            "{}: {} records, {KILLS} kills, {:.0} s",
            self.name,
            self.count,
            since.elapsed().as_secs_f64()
        );
    }

    /// Counts what the group has committed.
    fn committed(&self) -> usize {
        let committed = self.broker.committed(&self.topic, &self.topic);
        committed.into_iter().flatten().map(|offset| usize::try_from(offset).unwrap()).sum()
    }
}

/// Runs the program, one that was asked for or the one of this build.
fn run(folder: &Folder) -> Running {
    let sluice = match std::env::var_os("SLUICE_MILLION_PROGRAM") {
        Some(program) => Sluice::of(Path::new(&program)).arg("run").arg(folder.path()),
        None => Sluice::new(["run".as_ref(), folder.path()]),
    };
    sluice.envs(CREDENTIALS).env("SLUICE_LISTEN", "none").spawn()
}

#[track_caller]
fn wait(running: &Running, since: Instant, what: &dyn Fn() -> String, mut holds: impl FnMut() -> bool) {
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "{}\n{}", what(), running.log());
        sleep(Duration::from_millis(100));
    }
}

/// Says whether each number is there once, and those of a key are in order.
fn assert_each_once(count: usize, stored: impl Iterator<Item = (String, usize)>) {
    let mut seen = vec![false; count];
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for (key, number) in stored {
        assert!(!std::mem::replace(&mut seen[number], true), "{number} is there twice");
        let before = last.insert(key, number);
        assert!(before.is_none_or(|before| before < number), "{number} stands behind {before:?}");
    }
    assert_eq!(seen.iter().filter(|seen| !**seen).count(), 0, "records are missing");
}

fn parsed(text: &str) -> (String, usize) {
    let value: Value = serde_json::from_str(text).unwrap();
    (value["k"].as_str().unwrap().to_owned(), usize::try_from(value["n"].as_u64().unwrap()).unwrap())
}

#[test]
fn postgres_has_each_record_once_and_those_of_a_key_in_order() {
    let Some(million) = Million::write("postgres") else { return };
    let server = Postgres::start().unwrap();
    server.sql("create table t (seq bigserial, k text, n int)");
    let sink = format!(
        "  postgres:\n    url: {}\n    table: t\n    offsets_table: offsets\n",
        server.url("postgres")
    );
    let folder = million.connector(&sink, "guarantee: exactly_once\n");
    let stored = || usize::try_from(server.number("select coalesce(max(seq), 0) from t")).unwrap();
    million.kill_on_the_way(&folder, stored);
    let count = million.count.to_string();
    let found = server.sql("select count(*), count(distinct n), min(n), max(n) + 1 from t");
    assert_eq!(found, [[count.clone(), count.clone(), "0".to_owned(), count]]);
    let turned = "select count(*) from (select n, lag(n) over (partition by k order by seq) as before from t) as r where before > n";
    assert_eq!(server.number(turned), 0);
}

#[test]
fn a_topic_has_each_record_once_and_those_of_a_key_in_order() {
    let Some(million) = Million::write("kafka") else { return };
    let to = format!("{}-copy", million.topic);
    million.broker.create_topic(&to, 3);
    let sink = format!(
        "  kafka:\n    bootstrap_servers: {}\n    topic: {to}\n    transactional_id: {to}\n",
        million.broker.bootstrap_servers()
    );
    let folder = million.connector(&sink, "guarantee: exactly_once\n");
    let stored = || million.broker.end_offsets(&to).iter().map(|end| usize::try_from(*end).unwrap()).sum();
    million.kill_on_the_way(&folder, stored);
    let read = million.broker.read(&to);
    assert_each_once(million.count, read.iter().map(|record| parsed(&record.value_text())));
}

#[test]
fn a_bucket_has_each_record_once_and_those_of_a_key_in_order() {
    let Some(million) = Million::write("s3") else { return };
    let Some(store) = ObjectStore::start() else { return };
    let size = million.count / PARTITIONS / 25;
    let sink = format!(
        "  s3:\n    bucket: archive\n    region: eu-west-3\n    endpoint_url: {}\n    format: raw\n    objects: {{ max_records: {size} }}\n",
        store.url()
    );
    let folder = million.connector(&sink, "guarantee: exactly_once\n");
    million.kill_on_the_way(&folder, || store.keys().len() * size);
    let keys = store.keys();
    assert_eq!(keys.len(), million.count / size);
    // Names end with the first offset, so that they are in order.
    let lines = keys.iter().flat_map(|key| store.object(key).lines().map(parsed).collect::<Vec<_>>());
    assert_each_once(million.count, lines);
}

#[test]
fn an_index_has_the_newest_record_of_each_key() {
    let Some(million) = Million::write("opensearch") else { return };
    let Some(node) = OpenSearch::start() else { return };
    let mapping =
        json!({ "mappings": { "properties": { "k": { "type": "keyword" }, "n": { "type": "long" } } } });
    node.call("PUT", "/million", Some(&mapping));
    let sink =
        format!("  opensearch:\n    urls: [\"{}\"]\n    index: million\n    document_id: key\n", node.url());
    let folder = million.connector(&sink, "");
    million.kill_on_the_way(&folder, || million.committed());
    let mut newest: BTreeMap<usize, usize> = BTreeMap::new();
    for number in 0..million.count {
        newest.insert(million.key(number), number);
    }
    assert_eq!(node.count("million"), newest.len() as u64);
    let sums = json!({ "size": 0, "aggs": { "n": { "sum": { "field": "n" } }, "least": { "min": { "field": "n" } } } });
    let found = node.call("POST", "/million/_search", Some(&sums));
    let sum: usize = newest.values().sum();
    let least = newest.values().min().copied().unwrap();
    let number = |name: &str| found["aggregations"][name]["value"].as_f64().unwrap();
    let exact = |count: usize| {
        let (high, low) = (u32::try_from(count >> 20), u32::try_from(count & 0xF_FFFF));
        f64::from(high.unwrap()) * 1_048_576.0 + f64::from(low.unwrap())
    };
    assert_eq!(
        (number("n"), number("least")),
        (exact(sum), exact(least)),
        "an older record is over a newer one"
    );
}
