//! Objects that outlive a batch, in a real store, from a real Kafka, through kills, a store that is away, and wrong rights.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::listener::{address, get};
use sluice_tests::object_store::{CREDENTIALS, ObjectStore, READER};
use sluice_tests::requirement::{is_required, tell};
use sluice_tests::sluice::{Running, Sluice};

const PARTITIONS: i32 = 3;
/// Records of each partition: a whole number of objects.
const RECORDS: usize = 40_000;
/// Records of an object.
const OBJECT: usize = 10_000;
/// For how long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(4);

fn connector(broker: &Broker, topic: &str, store: &ObjectStore, more: &str) -> String {
    format!(
        "guarantee: exactly_once\nsource:\n  kafka:\n    bootstrap_servers: \"{}\"\n    topics: [{topic}]\n    \
         properties: {{ session.timeout.ms: 6000 }}\n  value: string\nsink:\n  s3:\n    bucket: archive\n    region: eu-west-3\n    \
         endpoint_url: {}\n    format: raw\n{more}",
        broker.bootstrap_servers(),
        store.url()
    )
}

/// Starts a store and makes a topic; `None` where there is no store.
fn set_up(name: &str) -> Option<(ObjectStore, &'static Broker, String)> {
    let store = ObjectStore::start()?;
    let (broker, topic) = (Broker::shared().unwrap(), kafka::unique(name));
    broker.create_topic(&topic, PARTITIONS);
    Some((store, broker, topic))
}

/// Writes records of a partition, each with a text of its own and of this length at least.
fn write(broker: &Broker, topic: &str, count: usize, length: usize) {
    for partition in 0..PARTITIONS {
        let record =
            |number: usize| NewRecord::unkeyed(format!("{partition}:{number:0length$}")).partition(partition);
        broker.produce(topic, (0..count).map(record));
    }
}

/// Runs this build, or the program that `SLUICE_S3_PROGRAM` names, such as a release build.
fn daemon(folder: &Folder) -> Running {
    let sluice = match std::env::var_os("SLUICE_S3_PROGRAM") {
        Some(program) => Sluice::of(std::path::Path::new(&program)).arg("run"),
        None => Sluice::new(["run"]),
    };
    let sluice = sluice.arg("--listen=127.0.0.1:0").arg(folder.path());
    sluice.envs(CREDENTIALS).env("AWS_EC2_METADATA_DISABLED", "true").spawn()
}

/// Waits until there are so many objects.
fn wait_for_objects(store: &ObjectStore, count: usize, daemon: &Running) {
    let begun = Instant::now();
    while store.keys().len() < count {
        assert!(begun.elapsed() < PATIENCE, "{:?}\n{}", store.keys(), daemon.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Says whether each record is in the objects of its partition once, and in order.
fn assert_each_once(store: &ObjectStore, topic: &str, count: usize) {
    let mut read: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for key in store.keys() {
        let name = key.strip_prefix(&format!("{topic}/")).unwrap();
        let partition = name.split('-').next().unwrap().to_owned();
        let text = store.object(&key);
        let numbers = text.lines().map(|line| line.split(':').nth(1).unwrap().parse::<usize>().unwrap());
        read.entry(partition).or_default().extend(numbers);
    }
    assert_eq!(read.len(), usize::try_from(PARTITIONS).unwrap());
    for (partition, numbers) in read {
        assert!(numbers.iter().copied().eq(0..count), "partition {partition} has {} records", numbers.len());
    }
}

#[test]
fn a_connector_that_is_killed_again_and_again_leaves_each_record_in_the_bucket_once() {
    let Some((store, broker, topic)) = set_up("objects") else { return };
    write(broker, &topic, RECORDS, 20);
    let folder = Folder::new();
    let objects = format!("    objects: {{ max_records: {OBJECT} }}\n");
    folder.write("archive.yaml", connector(broker, &topic, &store, &objects));
    for kill in 1..=4 {
        let running = daemon(&folder);
        wait_for_objects(&store, 2 * kill, &running);
        running.kill();
    }
    let running = daemon(&folder);
    wait_for_objects(&store, RECORDS / OBJECT * 3, &running);
    // Whatever comes after the last object is more than there should be.
    std::thread::sleep(Duration::from_secs(2));
    running.terminate().expect_code(0);
    assert_eq!(store.keys().len(), RECORDS / OBJECT * 3);
    assert_each_once(&store, &topic, RECORDS);
}

/// Objects of 24 MiB, in parts, and the store is away in the middle of one.
#[test]
fn a_store_that_is_away_is_waited_for_and_large_objects_come_whole() {
    let Some((mut store, broker, topic)) = set_up("large") else { return };
    write(broker, &topic, 4_800, 10_238);
    let folder = Folder::new();
    let objects = "    objects: { max_records: 2400, max_bytes: 1GiB }\n    compression: none\n";
    let text = connector(broker, &topic, &store, objects);
    folder.write("archive.yaml", &(text + "errors: { retry_timeout: 5m }\n"));
    let mut running = daemon(&folder);
    wait_for_objects(&store, 1, &running);
    store.stop();
    std::thread::sleep(Duration::from_secs(3));
    store.launch();
    wait_for_objects(&store, 6, &running);
    assert!(running.is_alive());
    let memory = sluice_tests::process::peak_memory(running.id());
    assert!(memory < 400.0, "{memory} MiB");
    running.terminate().expect_code(0);
    assert_each_once(&store, &topic, 4_800);
    assert!(store.keys().iter().all(|key| store.object(key).len() > 24_000_000));
}

/// What was stored went with the bucket. What comes while there is none waits for it.
#[test]
fn a_bucket_that_goes_away_is_told_and_making_it_again_is_enough() {
    let Some((store, broker, topic)) = set_up("bucketless") else { return };
    write(broker, &topic, OBJECT, 20);
    let folder = Folder::new();
    let objects = format!("    objects: {{ max_records: {OBJECT} }}\n");
    folder.write("archive.yaml", connector(broker, &topic, &store, &objects));
    let mut running = daemon(&folder);
    let address = address(&mut running);
    wait_for_objects(&store, 3, &running);
    running.wait_while_running("ready", || get(&address, "/readyz").status == 200);
    store.delete_bucket();
    write(broker, &topic, OBJECT, 20);
    running.wait_while_running("not ready", || get(&address, "/readyz").status == 503);
    let said = get(&address, "/readyz").body + &get(&address, "/status").body;
    // This store would make the bucket for whoever may do so, and says that this writer may not. S3 says NoSuchBucket.
    assert!(said.contains("PutObject was answered 403 AccessDenied"), "{said}");
    store.make_bucket();
    wait_for_objects(&store, 3, &running);
    // It is ready again two minutes later, as any task that failed.
    running.terminate().expect_code(0);
    assert_eq!(store.keys().len(), 3);
    assert_each_once(&store, &topic, OBJECT);
}

/// On demand, since it writes a gigabyte twice: `SLUICE_REQUIRE_GIGABYTE=1`, with `SLUICE_REQUIRE_S3=1`.
#[test]
fn an_object_of_a_gigabyte_takes_the_memory_of_a_few_parts() {
    const GIBIBYTE: usize = 1024 * 1024 * 1024;
    /// Bytes of a line.
    const LINE: usize = 100 * 1024;
    /// What may be read and not done, in MiB; and what a process takes in all, of which a debug build has more.
    const BUFFER: f64 = 64.0;
    const MOST: f64 = 4.0 * BUFFER;
    if !is_required("SLUICE_REQUIRE_GIGABYTE") {
        tell("DID NOT RUN for want of SLUICE_REQUIRE_GIGABYTE=1: an object of a gigabyte\n");
        return;
    }
    let Some(store) = ObjectStore::start() else { return };
    let broker = Broker::shared().unwrap();
    let topic = kafka::unique("gigabyte");
    broker.create_topic(&topic, 1);
    let count = GIBIBYTE.div_ceil(LINE);
    for numbers in (0..count + 100).collect::<Vec<_>>().chunks(500) {
        let record = |number: &usize| NewRecord::unkeyed(format!("{number:08}:{}", "x".repeat(LINE - 10)));
        broker.produce(&topic, numbers.iter().map(record));
    }
    let folder = Folder::new();
    let objects = "    objects: { max_bytes: 1GiB }\n";
    let text = connector(broker, &topic, &store, objects) + &format!("buffer_memory: {BUFFER}MiB\n");
    folder.write("archive.yaml", text);
    let running = daemon(&folder);
    wait_for_objects(&store, 1, &running);
    let peak = sluice_tests::process::peak_memory(running.id());
    running.terminate().expect_code(0);
    tell(&format!("an object of a gigabyte: {peak:.0} MiB at most\n"));
    assert!(peak < MOST, "{peak} MiB");
    let keys = store.keys();
    assert_eq!(keys.len(), 1);
    let object = store.object(&keys[0]);
    assert!(object.len() >= GIBIBYTE && object.len() < GIBIBYTE + LINE, "{}", object.len());
    let numbers = object.lines().map(|line| line.split(':').next().unwrap().parse::<usize>().unwrap());
    assert!(numbers.eq(0..object.lines().count()), "each record once, and in order");
}

#[test]
fn wrong_credentials_and_a_missing_bucket_are_named_before_anything_is_written() {
    let Some((store, broker, topic)) = set_up("refused") else { return };
    write(broker, &topic, 10, 5);
    for (bucket, secret, said) in
        [("archive", "not the secret", "SignatureDoesNotMatch"), ("nowhere", CREDENTIALS[1].1, "404")]
    {
        let folder = Folder::new();
        let text = connector(broker, &topic, &store, "    objects: {}\n");
        folder.write("archive.yaml", text.replace("bucket: archive", &format!("bucket: {bucket}")));
        let check = Sluice::new(["check".as_ref(), folder.path()]).arg("--connect").envs(CREDENTIALS);
        let checked = check.env("AWS_SECRET_ACCESS_KEY", secret).output();
        let shown = format!("{}{}", checked.stdout, checked.stderr);
        assert!(shown.contains(said) || shown.contains("403"), "{bucket}: {shown}");
    }
    assert!(store.keys().is_empty());
}

/// The bucket is there, and may be read: that is not enough.
#[test]
fn a_missing_right_to_write_is_named_before_anything_is_written() {
    let Some((store, broker, topic)) = set_up("readonly") else { return };
    write(broker, &topic, 10, 5);
    let folder = Folder::new();
    folder.write("archive.yaml", connector(broker, &topic, &store, "    objects: {}\n"));
    for (credentials, code, said) in [(READER, 3, "is missing"), (CREDENTIALS, 0, "given")] {
        let check = Sluice::new(["check".as_ref(), folder.path()]).arg("--connect").envs(credentials);
        let checked = check.output().expect_code(code);
        let line = checked.stdout.lines().find(|line| line.contains("right to write")).unwrap().to_owned();
        assert!(line.contains(said) && line.contains(&format!("{topic}/sluice-check")), "{line}");
    }
    assert!(store.keys().is_empty());
}
