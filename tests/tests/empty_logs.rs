//! Partitions whose offsets hold no record, on a real broker: of nothing but aborted records, emptied, with a beginning that is
//! gone, or with an end that is open. Whoever looks at them is answered at once, and nobody waits for offsets that never come.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::Value;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord, Transaction};
use sluice_tests::listener::{self, get};
use sluice_tests::sluice::{Exited, Sluice};

/// What a look may take on a machine that is busy; a wait for an offset takes 15 seconds and fails.
const SOON: Duration = Duration::from_secs(10);

/// A kind of log, and how many records are in it.
struct Log {
    stem: &'static str,
    records: usize,
    make: fn(&Broker, &str) -> Option<Transaction>,
}

const LOGS: [Log; 6] = [
    Log { stem: "never-written", records: 0, make: |_, _| None },
    Log {
        stem: "only-aborted",
        records: 0,
        make: |broker, topic| {
            for _ in 0..3 {
                broker.open_transaction(topic, topic, &["a", "b"]).abort();
            }
            None
        },
    },
    Log {
        stem: "emptied",
        records: 0,
        make: |broker, topic| {
            broker.produce(topic, (0..5).map(|_| letter().partition(0)));
            broker.delete_records(topic, 0, 5);
            None
        },
    },
    Log {
        stem: "only-a-mark-left",
        records: 0,
        make: |broker, topic| {
            broker.open_transaction(topic, topic, &["a", "b"]).commit();
            broker.delete_records(topic, 0, 2);
            None
        },
    },
    Log {
        stem: "open-end",
        records: 2,
        make: |broker, topic| {
            broker.produce(topic, (0..2).map(|_| letter().partition(0)));
            Some(broker.open_transaction(topic, topic, &["in it"]))
        },
    },
    Log {
        stem: "between-aborted",
        records: 1,
        make: |broker, topic| {
            broker.open_transaction(topic, topic, &["a"; 40]).abort();
            broker.produce(topic, [letter().partition(0)]);
            broker.open_transaction(topic, topic, &["b"; 40]).abort();
            None
        },
    },
];

fn letter() -> NewRecord {
    NewRecord::unkeyed("{\"a\":1}")
        .header("__connect.errors.topic", "t")
        .header("__connect.errors.offset", "7")
}

struct Stage<'a> {
    broker: &'a Broker,
    log: &'a Log,
    topic: String,
    folder: Folder,
    _open: Option<Transaction>,
}

impl<'a> Stage<'a> {
    fn set_up(broker: &'a Broker, log: &'a Log) -> Self {
        let (topic, folder) = (kafka::unique(log.stem), Folder::new());
        // The second partition is as the others: one that holds nothing.
        broker.create_topic(&topic, 2);
        let open = (log.make)(broker, &topic);
        let text = format!(
            "source:\n  kafka:\n    bootstrap_servers: ${{env:SERVERS}}\n    topics: [{topic}]\n    group: {topic}\n    \
             commit_interval: 100ms\n    properties: {{ topic.metadata.refresh.interval.ms: 500 }}\n  value: string\n\
             sink: {{ blackhole: {{}} }}\nerrors: {{ tolerance: all, dead_letter_queue: {{ topic: {topic} }} }}\n"
        );
        // It never reads its own queue: this one is for those that only look.
        folder.write("c.yaml", text.replace(&format!("topics: [{topic}]"), "topics: [other]"));
        folder.write("reads.yaml", text.split("errors:").next().unwrap());
        Self { broker, log, topic, folder, _open: open }
    }

    fn sluice(&self, arguments: &[&str]) -> Sluice {
        let servers = self.broker.bootstrap_servers();
        Sluice::new(arguments).env("SERVERS", &servers).env("KAFKA_BOOTSTRAP_SERVERS", &servers)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    #[track_caller]
    fn look(&self, arguments: &[&str], code: i32) -> Exited {
        let ended = self.sluice(arguments).output().expect_code(code);
        assert!(ended.waited < SOON, "{}: {arguments:?}: {ended}", self.log.stem);
        ended
    }
}

#[test]
fn whoever_looks_at_a_log_without_records_is_answered_at_once() {
    let Some(broker) = Broker::shared() else { return };
    for log in &LOGS {
        let stage = Stage::set_up(broker, log);
        let (topic, count) = (stage.topic.as_str(), log.records);
        let list = stage.look(&["dlq", "list", "--topic", topic], 0);
        assert_eq!(list.lines().len(), count, "{}: {list}", log.stem);
        stage.look(&["dlq", "show", "1:0", "--topic", topic], 1);
        let replay = stage.look(&["dlq", "replay", "--all", "--dry-run", "--topic", topic], 0);
        assert!(
            replay.stdout.contains(&format!("{count} record(s) would be sent back")),
            "{}: {replay}",
            log.stem
        );
        let file = stage.file("reads.yaml");
        let live = stage.look(&["preview", "--live=5", "--output=json", &file], 0);
        let live: Value = serde_json::from_str(&live.stdout).unwrap();
        assert_eq!(live["records"].as_array().unwrap().len(), count, "{}: {live}", log.stem);
        stage.look(&["offsets", "show", "--connector", &file], 0);
        for to in ["earliest", "latest", "-1h"] {
            stage.look(&["offsets", "reset", "--dry-run", &format!("--to={to}"), "--connector", &file], 0);
        }
    }
}

#[test]
fn a_connector_is_not_behind_where_there_is_no_record() {
    let Some(broker) = Broker::shared() else { return };
    for log in &LOGS {
        let stage = Stage::set_up(broker, log);
        let mut daemon = stage.sluice(&["run", &stage.file("reads.yaml"), "--listen=127.0.0.1:0"]).spawn();
        let address = listener::address(&mut daemon);
        daemon.wait_for_log("partitions assigned");
        let lags = || -> Vec<f64> {
            let metrics = get(&address, "/metrics").body;
            let of_topic = metrics.lines().filter(|line| {
                line.starts_with("sluice_partition_lag_records{") && line.contains(&stage.topic)
            });
            of_topic.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
        };
        daemon.wait_while_running("no lag", || lags() == [0.0, 0.0]);
        daemon.wait_while_running("readiness", || get(&address, "/readyz").status == 200);
        let delivered = format!("\"delivered\":{}", log.records);
        daemon.wait_while_running("the records", || get(&address, "/status").body.contains(&delivered));
        daemon.terminate().expect_code(0);
        let shown = stage.look(&["offsets", "show", "--connector", &stage.file("reads.yaml")], 0);
        let is_read = |line: &&str| line.contains("lag 0");
        assert_eq!(shown.lines().iter().filter(|line| is_read(line)).count(), 2, "{}: {shown}", log.stem);
    }
}

#[test]
fn the_page_shows_the_letters_of_a_queue_without_records_at_once() {
    let Some(broker) = Broker::shared() else { return };
    for log in &LOGS {
        let stage = Stage::set_up(broker, log);
        let mut daemon = stage.sluice(&["run", &stage.file("c.yaml"), "--listen=127.0.0.1:0"]).spawn();
        let address = listener::address(&mut daemon);
        let begun = std::time::Instant::now();
        let answer = get(&address, "/live/c/dead-letters");
        assert!(answer.status == 200 && begun.elapsed() < SOON, "{}: {}", log.stem, answer.body);
        let letters: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(letters["letters"].as_array().unwrap().len(), log.records, "{}: {letters}", log.stem);
        daemon.terminate().expect_code(0);
    }
}
