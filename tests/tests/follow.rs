//! A daemon whose connector files change: what is added, changed or removed starts, replaces or stops that one connector,
//! and no other feels it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener::get;
use sluice_tests::open_metrics::Exposition;
use sluice_tests::sluice::{Running, Sluice};
use sluice_tests::target::{CountingTarget, Manners};

/// Longer than two looks at the files.
const SETTLED: Duration = Duration::from_millis(3500);

/// Topics, a target for each, and a directory with their connectors.
struct Stage {
    kafka: EmbeddedKafka,
    targets: Vec<CountingTarget>,
    folder: Folder,
    address: String,
}

/// The names of the topics, of their connectors and of the files.
const TOPICS: [&str; 2] = ["a", "b"];

impl Stage {
    fn new() -> Self {
        let kafka = EmbeddedKafka::start().unwrap();
        for topic in TOPICS {
            kafka.create_topic(topic, 1).unwrap();
        }
        let manners = Manners { faults: &[], pause: Duration::ZERO, names_poison: false };
        let targets = TOPICS.map(|_| CountingTarget::start(manners, 1)).into();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { kafka, targets, folder: Folder::new(), address: format!("127.0.0.1:{port}") }
    }

    /// Returns the connector of a topic, with these lines behind it.
    fn connector(&self, index: usize, more: &str) -> String {
        let sink = format!("  http: {{ url: \"{}\" }}\n", self.targets[index].url());
        let text = ConnectorText::new(TOPICS[index]).transforms("  []\n").sink(sink).text();
        format!("{text}{more}")
    }

    fn write(&self, index: usize, more: &str) {
        self.folder.write(&format!("{}.yaml", TOPICS[index]), self.connector(index, more));
    }

    fn sluice(&self) -> Sluice {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .arg(format!("--listen={}", self.address))
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
    }

    fn spawn(&self, connectors: usize) -> Running {
        let mut daemon = self.sluice().spawn();
        daemon.wait_for_logs("partitions assigned", connectors);
        daemon
    }

    fn produce(&self, index: usize, count: usize) {
        let records = (0..count).map(|n| NewRecord::unkeyed(format!("{{\"k\":\"k\",\"n\":{n}}}")));
        kafka::produce(kafka::client_of(&self.kafka.bootstrap_servers()), TOPICS[index], records);
    }

    fn wait_for(&self, daemon: &mut Running, index: usize, count: usize) {
        daemon.wait_while_running("records", || self.targets[index].count() >= count);
        assert_eq!(self.targets[index].count(), count, "none comes twice");
    }

    fn status(&self, name: &str) -> Value {
        let all: Vec<Value> = serde_json::from_str(&get(&self.address, "/status").body).unwrap();
        all.into_iter().find(|status| status["name"] == name).unwrap_or(Value::Null)
    }

    fn ready(&self) -> u16 {
        get(&self.address, "/readyz").status
    }

    fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        Exposition::parse(&get(&self.address, "/metrics").body).value(name, labels)
    }

    fn wait_for_status(&self, daemon: &mut Running, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        daemon.wait_until(&format!("the status of {name}"), |_| {
            Some(self.status(name)).filter(|status| is(status))
        })
    }
}

#[test]
fn a_file_that_is_added_changed_or_removed_changes_that_connector_and_no_other() {
    let stage = Stage::new();
    stage.write(0, "");
    let mut daemon = stage.spawn(1);
    stage.produce(0, 100);
    stage.produce(1, 100);
    stage.wait_for(&mut daemon, 0, 100);

    stage.write(1, "");
    stage.wait_for(&mut daemon, 1, 100);

    stage.write(1, "buffer_memory: 32MiB\n");
    daemon.wait_for_log("connector changed");
    daemon.wait_for_logs("partitions assigned", 3);
    stage.produce(1, 100);
    stage.wait_for(&mut daemon, 1, 200);

    fs::remove_file(stage.folder.path().join("b.yaml")).unwrap();
    stage.wait_for_status(&mut daemon, "b", Value::is_null);
    stage.produce(0, 100);
    stage.produce(1, 100);
    stage.wait_for(&mut daemon, 0, 200);
    sleep(SETTLED);
    assert_eq!(stage.targets[1].count(), 200, "it has stopped");

    let a = [("connector", "a"), ("task", "0")];
    assert!(stage.metric("sluice_task_restarts_total", &a) < 0.5, "it never stopped");
    let came = [("connector", "a"), ("task", "0"), ("change", "assigned")];
    assert!(
        (stage.metric("sluice_rebalances_total", &came) - 1.0).abs() < 0.5,
        "nor did its group rebalance"
    );
    daemon.terminate().expect_code(0);
}

/// Records that come into both topics all the time, numbered from 0.
struct Load {
    ended: Arc<AtomicBool>,
    count: Arc<AtomicUsize>,
    producer: Option<JoinHandle<()>>,
}

impl Load {
    fn start(servers: &str) -> Self {
        let (ended, count) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (servers, until, produced) = (servers.to_owned(), Arc::clone(&ended), Arc::clone(&count));
        let producer = thread::spawn(move || {
            while !until.load(Ordering::SeqCst) {
                let first = produced.load(Ordering::SeqCst);
                for topic in TOPICS {
                    let record = |n| NewRecord::unkeyed(format!("{{\"k\":\"k\",\"n\":{n}}}"));
                    kafka::produce(kafka::client_of(&servers), topic, (first..first + 50).map(record));
                }
                produced.store(first + 50, Ordering::SeqCst);
                sleep(Duration::from_millis(50));
            }
        });
        Self { ended, count, producer: Some(producer) }
    }

    /// Ends it, and returns how many records went into each topic.
    fn end(mut self) -> usize {
        self.ended.store(true, Ordering::SeqCst);
        self.producer.take().unwrap().join().unwrap();
        self.count.load(Ordering::SeqCst)
    }
}

/// How many of the records produced meanwhile arrived while something was done, and the longest time in which none did.
struct Share {
    arrived: usize,
    produced: usize,
    longest: Duration,
}

fn share_during(stage: &Stage, load: &Load, mut done: impl FnMut() -> bool) -> Share {
    let (before, begun) = (stage.targets[0].count(), load.count.load(Ordering::SeqCst));
    let (mut last, mut since, mut longest) = (before, Instant::now(), Duration::ZERO);
    while !done() {
        sleep(Duration::from_millis(20));
        let now = stage.targets[0].count();
        if now > last {
            (last, since) = (now, Instant::now());
        }
        longest = longest.max(since.elapsed());
    }
    let produced = load.count.load(Ordering::SeqCst) - begun;
    Share { arrived: last - before, produced, longest }
}

/// What flows through the others neither stands still nor gets slower, and no record of any is lost.
#[test]
fn a_connector_that_is_changed_under_load_takes_nothing_from_the_others() {
    let stage = Stage::new();
    (0..2).for_each(|index| stage.write(index, ""));
    let mut daemon = stage.spawn(2);
    let load = Load::start(&stage.kafka.bootstrap_servers());
    daemon.wait_while_running("records", || stage.targets.iter().all(|target| target.count() > 100));
    let calm = Instant::now();
    let before = share_during(&stage, &load, || calm.elapsed() > Duration::from_secs(4));
    let mut changes = 0;
    let during = share_during(&stage, &load, || {
        let assigned = daemon.log_lines("partitions assigned").len();
        if assigned == 2 + changes && changes < 4 {
            changes += 1;
            stage.write(1, &format!("buffer_memory: {}MiB\n", 32 + changes));
        }
        assert!(daemon.is_alive(), "{}", daemon.log());
        assigned == 6
    });
    let produced = load.end();
    // What is produced is bounded, and so all of it arrives, but for what is on its way.
    for share in [&before, &during] {
        let of_hundred = share.arrived * 100 / share.produced.max(1);
        assert!((70..=130).contains(&of_hundred), "{} of {} arrived", share.arrived, share.produced);
    }
    // A machine that is busy makes pauses of its own; a rebalance or a restart would take longer than this.
    let most = before.longest * 3 + Duration::from_secs(2);
    assert!(
        during.longest < most,
        "none arrived for {:?}, and for {:?} before",
        during.longest,
        before.longest
    );
    stage.wait_for(&mut daemon, 0, produced);
    daemon.wait_while_running("the records of the one that changed", || {
        let arrived: std::collections::BTreeSet<_> =
            stage.targets[1].arrivals().iter().map(|arrival| arrival.number).collect();
        arrived.len() == produced
    });
    let a = [("connector", "a"), ("task", "0")];
    assert!(stage.metric("sluice_task_restarts_total", &a) < 0.5);
    let came = [("connector", "a"), ("task", "0"), ("change", "assigned")];
    assert!((stage.metric("sluice_rebalances_total", &came) - 1.0).abs() < 0.5);
    daemon.terminate().expect_code(0);
}

#[test]
fn a_mistake_leaves_what_runs_as_it_is_and_is_said_until_it_is_mended() {
    let stage = Stage::new();
    stage.write(0, "");
    let mut daemon = stage.spawn(1);
    stage.write(0, "tasks_maximum: 2\n");
    let line = daemon.wait_for_log("the connector file is not valid, and what runs is left as it is");
    assert!(line.contains("a.yaml:") && line.contains("tasks_maximum"), "{line}");
    let status = stage.wait_for_status(&mut daemon, "a", |a| a["config_errors"].is_array());
    assert_eq!(status["state"], "RUNNING");
    assert!(status["config_errors"][0].as_str().unwrap().contains("tasks_max`"), "{status}");
    assert!((stage.metric("sluice_config_errors", &[("connector", "a")]) - 1.0).abs() < 0.1);
    assert_eq!(stage.ready(), 200, "the earlier version is as its operator wanted it");
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 10);
    sleep(SETTLED);
    assert_eq!(daemon.log_lines("the connector file is not valid").len(), 1, "it is said once");

    // A file that is being written has nothing valid in it, either.
    stage.folder.write("a.yaml", "");
    stage.wait_for_status(&mut daemon, "a", |a| {
        a["config_errors"][0].as_str().is_some_and(|error| !error.contains("tasks_maximum"))
    });
    stage.write(0, "");
    stage.wait_for_status(&mut daemon, "a", |a| a["config_errors"].is_null());
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 20);
    assert_eq!(daemon.log_lines("partitions assigned").len(), 1, "what runs was never touched");
    daemon.terminate().expect_code(0);
}

#[test]
fn a_bad_file_at_the_start_keeps_no_other_from_running_unless_told_so() {
    let stage = Stage::new();
    stage.write(0, "");
    stage.folder.write("b.yaml", "source: []\n");
    let ended = stage.sluice().arg("--strict").output().expect_code(2);
    assert!(ended.stderr.contains("b.yaml:1:"), "{ended}");

    let mut daemon = stage.spawn(1);
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 10);
    let status = stage.status("b");
    assert_eq!(
        (&status["state"], &status["tasks"]),
        (&"FAILED".into(), &Value::Array(Vec::new())),
        "{status}"
    );
    assert_eq!(stage.ready(), 503, "what should run does not");
    stage.write(1, "");
    stage.produce(1, 10);
    stage.wait_for(&mut daemon, 1, 10);
    daemon.wait_until("readiness", |_| (stage.ready() == 200).then_some(()));
    daemon.terminate().expect_code(0);

    stage.folder.write("a.yaml", "source: []\n");
    stage.folder.write("b.yaml", "source: []\n");
    let ended = stage.sluice().output().expect_code(2);
    assert!(ended.stderr.contains("a.yaml:1:") && ended.stderr.contains("b.yaml:1:"), "{ended}");
}

/// Kubernetes writes the files of a `ConfigMap` into a new directory, and then swaps a link to it.
#[test]
fn the_swapped_link_of_a_config_map_and_a_changed_secret_are_seen() {
    let stage = Stage::new();
    let folder = stage.folder.path();
    let secret = folder.join("secret");
    fs::write(&secret, stage.targets[0].url()).unwrap();
    let text =
        stage.connector(0, "").replace(&stage.targets[0].url(), &format!("${{file:{}}}", secret.display()));
    let version = |name: &str, more: &str| {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("a.yaml"), format!("{text}{more}")).unwrap();
    };
    version("..1", "");
    symlink("..1", folder.join("..data")).unwrap();
    symlink("..data/a.yaml", folder.join("a.yaml")).unwrap();
    let mut daemon = stage.spawn(1);
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 10);

    version("..2", "buffer_memory: 32MiB\n");
    symlink("..2", folder.join("..next")).unwrap();
    fs::rename(folder.join("..next"), folder.join("..data")).unwrap();
    fs::remove_dir_all(folder.join("..1")).unwrap();
    daemon.wait_for_log("connector changed");

    daemon.wait_for_logs("partitions assigned", 2);
    fs::write(&secret, stage.targets[1].url()).unwrap();
    daemon.wait_for_logs("connector changed", 2);
    daemon.wait_for_logs("partitions assigned", 3);
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 1, 10);
    assert_eq!(stage.targets[0].count(), 10);

    fs::remove_file(&secret).unwrap();
    stage.wait_for_status(&mut daemon, "a", |a| a["config_errors"].is_array());
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 1, 20);
    daemon.terminate().expect_code(0);
}

#[test]
fn a_directory_that_vanishes_and_a_second_file_of_one_name_change_nothing() {
    let stage = Stage::new();
    stage.write(0, "");
    let mut daemon = stage.spawn(1);
    stage.folder.write("a.yml", stage.connector(1, ""));
    let line = daemon.wait_for_log("a second connector named `a`");
    assert!(line.contains("a.yml: "), "{line}");
    let away = stage.folder.path().with_extension("away");
    fs::rename(stage.folder.path(), &away).unwrap();
    daemon.wait_for_log("cannot read it");
    sleep(SETTLED);
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 10);
    fs::rename(&away, stage.folder.path()).unwrap();
    sleep(SETTLED);
    // The first file goes, and its name with it.
    fs::remove_file(stage.folder.path().join("a.yaml")).unwrap();
    daemon.wait_for_log("connector changed");
    daemon.terminate().expect_code(0);
}

/// A volume that is away leaves links that lead nowhere: that is no removal of the files.
#[test]
fn a_link_that_leads_nowhere_for_now_leaves_its_connector_running() {
    let stage = Stage::new();
    let volume = Folder::with("a.yaml", stage.connector(0, ""));
    let link = stage.folder.path().join("a.yaml");
    symlink(volume.path().join("a.yaml"), &link).unwrap();
    let mut daemon = stage.spawn(1);
    let away = volume.path().with_extension("away");
    fs::rename(volume.path(), &away).unwrap();
    daemon.wait_for_log("a.yaml: cannot read the file");
    sleep(SETTLED);
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 10);
    fs::rename(&away, volume.path()).unwrap();
    stage.wait_for_status(&mut daemon, "a", |a| a["config_errors"].is_null());
    assert_eq!(daemon.log_lines("partitions assigned").len(), 1, "it was never touched");
    fs::remove_file(&link).unwrap();
    stage.wait_for_status(&mut daemon, "a", Value::is_null);
    daemon.terminate().expect_code(0);
}

/// What is left where something was mounted is an empty directory of another file system.
#[test]
fn a_volume_that_is_unmounted_leaves_its_connectors_running() {
    // Two file systems that are everywhere, and that nobody has to be root for.
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else { return };
    let stage = Stage::new();
    let volume = Folder::with("a.yaml", stage.connector(0, ""));
    let here = fs::metadata(volume.path()).unwrap().dev();
    if fs::metadata(elsewhere.path()).unwrap().dev() == here {
        return;
    }
    let place = stage.folder.path().join("mounted");
    let mount = |what: &Path| {
        let next = stage.folder.path().join("next");
        symlink(what, &next).unwrap();
        fs::rename(&next, &place).unwrap();
    };
    mount(volume.path());
    let mut daemon = Sluice::new(["run".as_ref(), place.as_path()])
        .arg(format!("--listen={}", stage.address))
        .env("KAFKA_BOOTSTRAP_SERVERS", stage.kafka.bootstrap_servers())
        .spawn();
    daemon.wait_for_log("partitions assigned");
    mount(elsewhere.path());
    daemon.wait_for_log("what was mounted here is away");
    sleep(SETTLED);
    stage.produce(0, 10);
    stage.wait_for(&mut daemon, 0, 10);
    mount(volume.path());
    daemon.wait_for_log("all connector files are valid again");
    fs::remove_file(volume.path().join("a.yaml")).unwrap();
    stage.wait_for_status(&mut daemon, "a", Value::is_null);
    daemon.terminate().expect_code(0);
}

/// As `cp -p`, `rsync --times` and whoever mends the rights of a file do.
#[test]
fn a_change_that_leaves_size_and_time_as_they_were_is_seen_and_what_is_no_connector_is_not_read_whole() {
    let stage = Stage::new();
    stage.write(0, "buffer_memory: 32MiB\n");
    let file = stage.folder.path().join("a.yaml");
    let mut daemon = stage.spawn(1);
    let before = fs::metadata(&file).unwrap().modified().unwrap();
    fs::write(&file, stage.connector(0, "buffer_memory: 33MiB\n")).unwrap();
    fs::File::options().append(true).open(&file).unwrap().set_modified(before).unwrap();
    daemon.wait_for_log("connector changed");

    // More than the memory of most machines, and nothing of it is on the disk.
    let large = fs::File::create(stage.folder.path().join("b.yaml")).unwrap();
    large.set_len(1 << 36).unwrap();
    let status = stage.wait_for_status(&mut daemon, "b", |b| b["config_errors"].is_array());
    assert!(status["config_errors"][0].as_str().unwrap().contains("larger than 4 MiB"), "{status}");
    daemon.terminate().expect_code(0);
}

#[test]
fn a_hang_up_loads_what_has_changed_at_once_and_nothing_is_followed_where_it_is_not_wanted() {
    let stage = Stage::new();
    stage.write(0, "");
    let mut daemon = stage.spawn(1);
    stage.write(1, "");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("SIGHUP: looking at the connector files");
    daemon.wait_for_logs("partitions assigned", 2);
    daemon.terminate().expect_code(0);

    fs::remove_file(stage.folder.path().join("b.yaml")).unwrap();
    let mut daemon = stage.sluice().arg("--follow=false").spawn();
    daemon.wait_for_logs("partitions assigned", 1);
    stage.write(1, "");
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("SIGHUP: ignored");
    sleep(SETTLED);
    assert!(stage.status("b").is_null());
    daemon.terminate().expect_code(0);
}

#[test]
fn a_file_says_what_its_connector_is_meant_to_be() {
    let stage = Stage::new();
    stage.write(0, "state: paused\n");
    stage.write(1, "state: stopped\n");
    stage.produce(0, 10);
    let mut daemon = stage.spawn(1);
    assert_eq!([&stage.status("a")["state"], &stage.status("b")["state"]], ["PAUSED", "STOPPED"]);
    assert_eq!(stage.ready(), 200);
    sleep(Duration::from_millis(500));
    assert_eq!(stage.targets[0].count(), 0);
    stage.write(0, "");
    stage.wait_for(&mut daemon, 0, 10);
    assert_eq!(daemon.log_lines("connector changed").len(), 0, "it is resumed, not replaced");
    stage.write(1, "state: running\n");
    daemon.wait_for_logs("partitions assigned", 2);
    let ended = daemon.terminate().expect_code(0);
    assert!(Path::new(stage.folder.path()).exists(), "{ended}");
}
