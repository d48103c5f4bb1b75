//! Logs that lost their end, as by an unclean election, on a real broker: the leader never had the last records, which were
//! read and committed, and writes others in their place, in a later epoch. Those are read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::Value;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Running, Sluice};

/// Records that were read, of which so many are left.
const READ: usize = 15;
const LEFT: usize = 5;
/// Records that are written in the place of those that were lost, and behind it.
const WRITTEN: usize = 25;

/// A connector from a topic into the file `out`.
struct Stage {
    topic: String,
    folder: Folder,
    servers: String,
}

impl Stage {
    fn new(broker: &Broker, stem: &str, line: &str) -> Self {
        let (topic, folder) = (kafka::unique(stem), Folder::new());
        broker.create_topic(&topic, 1);
        let sink = format!("  file: {{ path: {} }}\n", folder.path().join("out").display());
        let text = ConnectorText::new(&topic).value("string").transforms("  []\n").sink(sink).text();
        folder.write("c.yaml", text.replace("    group:", &format!("{line}    group:")));
        Self { topic, folder, servers: broker.bootstrap_servers() }
    }

    fn start(&self) -> Running {
        let command = Sluice::new(["run".as_ref(), self.folder.path()]).arg("--listen=127.0.0.1:0");
        let mut daemon = command.env("KAFKA_BOOTSTRAP_SERVERS", &self.servers).spawn();
        daemon.wait_for_log("partitions assigned");
        daemon
    }

    /// Each record is a batch of its own, so that the end of the log can be taken away in the middle.
    fn produce(&self, broker: &Broker, stem: &str, count: usize) {
        for number in 0..count {
            broker.produce(&self.topic, [NewRecord::unkeyed(format!("{stem}-{number}"))]);
        }
    }

    fn wait_for_commit(&self, broker: &Broker, daemon: &mut Running, offset: usize) {
        let expected = [i64::try_from(offset).ok()];
        daemon.wait_while_running("the commit", || broker.committed(&self.topic, &self.topic) == expected);
    }

    fn values(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("out")).unwrap_or_default();
        let value = |line: &str| -> Option<String> {
            Some(serde_json::from_str::<Value>(line).ok()?["value"].as_str()?.to_owned())
        };
        text.lines().filter_map(value).collect()
    }

    /// Says whether there is one line of the loss.
    #[track_caller]
    fn assert_loss(&self, daemon: &Running) {
        let lines = daemon.log_lines("the position was lost");
        assert_eq!(lines.len(), 1, "{}: {}", self.topic, daemon.log());
        let expected =
            [format!("partition={}-0", self.topic), format!("from={READ} "), "log_truncated".to_owned()];
        assert!(expected.iter().all(|part| lines[0].contains(part)), "{}", lines[0]);
    }
}

#[test]
fn what_is_written_in_the_place_of_lost_records_is_read() {
    let Some(mut broker) = Broker::start() else { return };
    let stages = [
        Stage::new(&broker, "running", ""),
        Stage::new(&broker, "away", ""),
        Stage::new(&broker, "latest", "    auto_offset_reset: latest\n"),
        Stage::new(&broker, "quiet", ""),
        Stage::new(&broker, "stops", "    on_position_lost: stop\n"),
    ];
    let [running, away, latest, quiet, stops] = &stages;
    let mut daemons: Vec<Running> = stages.iter().map(Stage::start).collect();
    latest.wait_for_commit(&broker, &mut daemons[2], 0);
    for (stage, daemon) in stages.iter().zip(&mut daemons) {
        stage.produce(&broker, "old", READ);
        stage.wait_for_commit(&broker, daemon, READ);
    }
    for daemon in daemons.drain(1..) {
        daemon.terminate().expect_code(0);
    }
    let left = i64::try_from(LEFT).unwrap();
    broker.lose_ends(stages.iter().map(|stage| (stage.topic.as_str(), 0, left)));
    assert!(stages.iter().all(|stage| broker.end_offsets(&stage.topic) == [left]));
    for stage in [running, away, latest, stops] {
        stage.produce(&broker, "new", WRITTEN);
    }
    daemons.extend(stages[1..].iter().map(Stage::start));

    let new: Vec<String> = (0..WRITTEN).map(|number| format!("new-{number}")).collect();
    for (stage, daemon) in [running, away, latest].into_iter().zip(&mut daemons) {
        stage.wait_for_commit(&broker, daemon, LEFT + WRITTEN);
        let values = stage.values();
        assert_eq!(values[values.len() - WRITTEN..], new, "{}", stage.topic);
        stage.assert_loss(daemon);
    }
    quiet.wait_for_commit(&broker, &mut daemons[3], LEFT);
    quiet.assert_loss(&daemons[3]);
    let line = daemons[4].wait_for_log("connector failed and is restarted");
    assert!(line.contains(&format!("the position {READ} of {}-0 was lost", stops.topic)), "{line}");
    assert_eq!(broker.committed(&stops.topic, &stops.topic), [i64::try_from(READ).ok()]);
    for daemon in daemons {
        daemon.terminate().expect_code(0);
    }
}
