//! Positions that do not mean any more what they meant, on a real broker: topics that were made again, logs that lost their
//! beginning or their end, starts that nothing was committed for, and offsets without a record.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_connector_api::TopicPartition;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_runtime::kafka::{KafkaSettings, KafkaSource};
use sluice_runtime::source::budget::Budget;
use sluice_runtime::source::{Event, Offsets, Source};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::listener;
use sluice_tests::sluice::{PATIENCE, Running, Sluice};

/// A connector from the topic into the file `out` beside it, in a group of the topic's name.
struct Setup<'b> {
    broker: &'b Broker,
    topic: String,
    group: String,
    folder: Folder,
}

impl<'b> Setup<'b> {
    /// With more lines of `source.kafka`.
    fn new(broker: &'b Broker, stem: &str, lines: &[&str]) -> Self {
        let topic = kafka::unique(stem);
        Self::of(broker, &topic, &topic, lines)
    }

    fn of(broker: &'b Broker, topic: &str, group: &str, lines: &[&str]) -> Self {
        let (topic, group, folder) = (topic.to_owned(), group.to_owned(), Folder::new());
        let out = folder.path().join("out").display().to_string();
        let lines = lines.iter().fold(String::new(), |all, line| all + "    " + line + "\n");
        let properties = "session.timeout.ms: 6000, topic.metadata.refresh.interval.ms: 500";
        folder.write(
            "c.yaml",
            format!(
                "source:\n  kafka:\n    bootstrap_servers: ${{env:SERVERS}}\n    topics: [{topic}]\n    \
                 group: {group}\n    commit_interval: 100ms\n    properties: {{ {properties} }}\n{lines}  \
                 value: string\nsink:\n  file: {{ path: \"{out}\" }}\nbatch: {{ linger: 20ms }}\n"
            ),
        );
        Self { broker, topic, group, folder }
    }

    fn sluice(&self, arguments: &[&str]) -> Sluice {
        let sluice = Sluice::new(arguments).env("SERVERS", self.broker.bootstrap_servers());
        sluice.env("SLUICE_LISTEN", "127.0.0.1:0")
    }

    fn start(&self) -> Running {
        let mut daemon = self.sluice(&["run", &self.file()]).spawn();
        daemon.wait_for_log("partitions assigned");
        daemon
    }

    fn file(&self) -> String {
        self.folder.path().join("c.yaml").display().to_string()
    }

    fn values(&self) -> Vec<String> {
        values(self.folder.path())
    }

    fn wait_for(&self, daemon: &mut Running, what: &[String]) {
        daemon.wait_while_running("all values", || {
            let values = self.values();
            what.iter().all(|value| values.contains(value))
        });
    }

    fn wait_for_commits(&self, daemon: &mut Running, commits: &[i64]) {
        let expected: Vec<_> = commits.iter().copied().map(Some).collect();
        daemon.wait_while_running("the commits", || {
            self.broker.committed(&self.group, &self.topic) == expected
        });
    }

    fn produce(&self, values: &[String]) {
        self.broker.produce(&self.topic, values.iter().map(|value| NewRecord::unkeyed(value).partition(0)));
    }

    fn recreate(&self, partitions: i32) {
        self.broker.delete_topic(&self.topic);
        self.broker.create_topic(&self.topic, partitions);
    }

    /// What `sluice offsets show` prints.
    fn shown(&self) -> Vec<String> {
        let ended = self.sluice(&["offsets", "show", "--connector", &self.file()]).output().expect_code(0);
        ended.lines().into_iter().map(str::to_owned).collect()
    }
}

fn values(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("out")).unwrap_or_default();
    let value = |line: &str| -> Option<String> {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(line["value"].as_str()?.to_owned())
    };
    text.lines().filter_map(value).collect()
}

fn named(stem: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{stem}-{number}")).collect()
}

/// Returns the one line about a lost position.
fn line_of_loss(daemon: &Running) -> String {
    let lines = daemon.log_lines("the position was lost");
    assert_eq!(lines.len(), 1, "{}", daemon.log());
    lines[0].clone()
}

#[track_caller]
fn assert_loss(line: &str, partition: &str, from: i64, to: i64, why: &str) {
    for part in [
        format!("partition={partition}"),
        format!("from={from}"),
        format!("to={to}"),
        format!("why=\"{why}\""),
    ] {
        assert!(line.contains(&part), "{part} is not in: {line}");
    }
}

#[test]
fn a_topic_that_is_made_again_while_it_is_read_and_is_longer_is_read_from_its_beginning() {
    let Some(broker) = Broker::shared() else { return };
    for policy in ["earliest", "latest"] {
        let setup = Setup::new(broker, "remade", &[&format!("auto_offset_reset: {policy}")]);
        broker.create_topic(&setup.topic, 1);
        let mut daemon = setup.start();
        setup.produce(&named("old", 15));
        setup.wait_for_commits(&mut daemon, &[15]);
        setup.recreate(1);
        let new = named("new", 25);
        setup.produce(&new);
        setup.wait_for(&mut daemon, &new);
        setup.wait_for_commits(&mut daemon, &[25]);
        // Records of the new topic may have been taken for those that follow before it is noticed.
        let line = line_of_loss(&daemon);
        assert!(line.contains(" to=0 why=\"topic_recreated\""), "{line}");
        let status = listener::get(&listener::address(&mut daemon), "/status").body;
        assert!(status.contains("\"to\":0,\"why\":\"topic_recreated\"}"), "{status}");
        let metrics = listener::get(&listener::address(&mut daemon), "/metrics").body;
        let counted = metrics.lines().any(|line| {
            line.starts_with("sluice_lost_positions_total")
                && line.contains("topic_recreated")
                && line.ends_with(" 1")
        });
        assert!(counted, "{metrics}");
        daemon.terminate().expect_code(0);
        // The position is one in the new topic now, and is trusted.
        let mut daemon = setup.start();
        setup.produce(&named("more", 1));
        setup.wait_for(&mut daemon, &named("more", 1));
        assert!(daemon.log_lines("the position was lost").is_empty());
        daemon.terminate().expect_code(0);
    }
}

#[test]
fn a_topic_that_was_made_again_while_nobody_read_it_is_read_from_its_beginning() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "remade-away", &[]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("old", 15));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[15]);
    daemon.terminate().expect_code(0);
    let metadata = broker.committed_metadata(&setup.topic, &setup.topic);
    assert!(metadata.starts_with("sluice:1;id="), "{metadata}");
    setup.recreate(1);
    let new = named("new", 25);
    setup.produce(&new);
    // The brokers may or may not have forgotten the offset with the topic: here they have not.
    broker.commit_with(&setup.topic, &setup.topic, 15, &metadata);
    let shown = setup.shown();
    assert!(shown[0].ends_with("lag 25  position lost: topic_recreated"), "{shown:?}");
    let mut daemon = setup.start();
    setup.wait_for(&mut daemon, &new);
    setup.wait_for_commits(&mut daemon, &[25]);
    assert_loss(&line_of_loss(&daemon), &format!("{}-0", setup.topic), 15, 0, "topic_recreated");
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values()[15..], new[..], "each once, in order");
}

#[test]
fn a_topic_that_is_made_again_with_fewer_or_more_partitions_is_read_whole() {
    let Some(broker) = Broker::shared() else { return };
    for (before, after) in [(3, 1), (1, 3)] {
        let setup = Setup::new(broker, "resized", &["auto_offset_reset: latest"]);
        broker.create_topic(&setup.topic, before);
        let mut daemon = setup.start();
        setup.produce(&named("old", 5));
        daemon.wait_while_running("commits", || broker.committed(&setup.topic, &setup.topic)[0] == Some(5));
        setup.recreate(after);
        let records: Vec<_> = (0..after)
            .flat_map(|partition| {
                named(&format!("new-{partition}"), 9).into_iter().map(move |value| (value, partition))
            })
            .collect();
        broker.produce(
            &setup.topic,
            records.iter().map(|(value, partition)| NewRecord::unkeyed(value).partition(*partition)),
        );
        let expected: Vec<_> = records.into_iter().map(|(value, _)| value).collect();
        setup.wait_for(&mut daemon, &expected);
        let commits = vec![9; usize::try_from(after).unwrap()];
        setup.wait_for_commits(&mut daemon, &commits);
        daemon.terminate().expect_code(0);
    }
}

#[test]
fn what_is_left_behind_a_position_that_fell_off_the_log_is_read_whatever_the_start() {
    let Some(broker) = Broker::shared() else { return };
    for policy in ["earliest", "latest"] {
        let setup = Setup::new(broker, "trimmed", &[&format!("auto_offset_reset: {policy}")]);
        broker.create_topic(&setup.topic, 1);
        let mut daemon = setup.start();
        setup.produce(&named("a", 10));
        setup.wait_for_commits(&mut daemon, &[10]);
        daemon.terminate().expect_code(0);
        let more = named("b", 50);
        setup.produce(&more);
        broker.delete_records(&setup.topic, 0, 30);
        let shown = setup.shown();
        assert!(
            shown[0].ends_with("next 10  first 30  end 60  lag 30  position lost: log_trimmed"),
            "{shown:?}"
        );
        let mut daemon = setup.start();
        setup.wait_for(&mut daemon, &more[20..]);
        setup.wait_for_commits(&mut daemon, &[60]);
        assert_loss(&line_of_loss(&daemon), &format!("{}-0", setup.topic), 10, 30, "log_trimmed");
        daemon.terminate().expect_code(0);
        assert_eq!(setup.values()[10..], more[20..], "{policy}: each once, in order");
    }
}

#[test]
fn a_log_that_was_emptied_behind_a_position_is_noticed_without_a_record() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "emptied", &[]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 10));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[10]);
    daemon.terminate().expect_code(0);
    setup.produce(&named("b", 5));
    broker.delete_records(&setup.topic, 0, 15);
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[15]);
    assert_loss(&line_of_loss(&daemon), &format!("{}-0", setup.topic), 10, 15, "log_trimmed");
    daemon.terminate().expect_code(0);
}

#[test]
fn a_commit_beyond_the_end_is_told_and_everything_is_read() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "beyond", &["auto_offset_reset: latest"]);
    broker.create_topic(&setup.topic, 1);
    let all = named("a", 10);
    setup.produce(&all);
    broker.commit(&setup.topic, &setup.topic, 0, 100);
    let shown = setup.shown();
    assert!(
        shown[0].ends_with("next 100  first 0  end 10  lag 10  position lost: log_truncated"),
        "{shown:?}"
    );
    let mut daemon = setup.start();
    setup.wait_for(&mut daemon, &all);
    setup.wait_for_commits(&mut daemon, &[10]);
    assert_loss(&line_of_loss(&daemon), &format!("{}-0", setup.topic), 100, 0, "log_truncated");
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values(), all);
}

#[test]
fn a_start_at_the_end_of_a_quiet_topic_is_kept() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "quiet", &["auto_offset_reset: latest"]);
    broker.create_topic(&setup.topic, 2);
    setup.produce(&named("before", 3));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[3, 0]);
    daemon.terminate().expect_code(0);
    setup.produce(&named("after", 5));
    let mut daemon = setup.start();
    setup.wait_for(&mut daemon, &named("after", 5));
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values(), named("after", 5));
}

/// The commits of the other topics tell that the group read by the same pattern before. Those of the topic itself are gone with
/// it where it is deleted.
#[test]
fn a_topic_that_comes_or_is_made_again_while_nobody_reads_is_read_whole_where_the_group_reads_others() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "others", &["auto_offset_reset: latest"]);
    let text = std::fs::read_to_string(setup.file()).unwrap();
    let pattern = format!("topics: [\"^{}.*\"]", setup.topic);
    setup.folder.write("c.yaml", text.replace(&format!("topics: [{}]", setup.topic), &pattern));
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("before", 3));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[3]);
    daemon.terminate().expect_code(0);
    // As if the group had begun an hour ago: members that come together are told apart by ten seconds.
    let metadata = broker.committed_metadata(&setup.topic, &setup.topic);
    let (before, behind) = metadata.split_once('@').unwrap_or_else(|| panic!("{metadata}"));
    let began: i64 = behind.parse().unwrap();
    broker.commit_with(&setup.topic, &setup.topic, 3, &format!("{before}@{}", began - 3600));
    let other = format!("{}-2", setup.topic);
    let mut expected = Vec::new();
    for round in ["first", "second"] {
        let values = named(round, 5);
        broker.create_topic(&other, 1);
        broker.produce(&other, values.iter().map(|value| NewRecord::unkeyed(value).partition(0)));
        let mut daemon = setup.start();
        setup.wait_for(&mut daemon, &values);
        daemon.wait_while_running("the commit", || broker.committed(&setup.topic, &other) == [Some(5)]);
        daemon.terminate().expect_code(0);
        broker.delete_topic(&other);
        expected.extend(values);
    }
    assert_eq!(setup.values(), expected);
}

#[test]
fn the_first_records_of_partitions_that_were_added_are_read() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "added", &["auto_offset_reset: latest"]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("before", 3));
    let write = |partition: i32| {
        let value = format!("first-{partition}");
        broker.produce(&setup.topic, [NewRecord::unkeyed(&value).partition(partition)]);
        value
    };
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[3]);
    broker.add_partitions(&setup.topic, 2);
    let while_running = write(1);
    setup.wait_for(&mut daemon, &[while_running]);
    setup.wait_for_commits(&mut daemon, &[3, 1]);
    daemon.terminate().expect_code(0);
    broker.add_partitions(&setup.topic, 3);
    let while_away = write(2);
    let mut daemon = setup.start();
    setup.wait_for(&mut daemon, &[while_away]);
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values(), ["first-1", "first-2"]);
}

#[test]
fn a_topic_that_is_made_after_the_connector_began_is_read_whole() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "later", &["auto_offset_reset: latest"]);
    let mut daemon = setup.sluice(&["run", &setup.file()]).spawn();
    daemon.wait_for_log("does not exist, or may not be seen");
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 5));
    setup.wait_for(&mut daemon, &named("a", 5));
    daemon.terminate().expect_code(0);
}

#[test]
fn a_connector_that_is_told_to_stops_at_a_lost_position_until_the_group_is_moved() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "stops", &["on_position_lost: stop"]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 10));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[10]);
    daemon.terminate().expect_code(0);
    setup.produce(&named("b", 50));
    broker.delete_records(&setup.topic, 0, 30);
    let mut daemon = setup.start();
    let line = daemon.wait_for_log("connector failed and is restarted");
    assert!(line.contains(&format!("the position 10 of {}-0 was lost", setup.topic)), "{line}");
    assert!(line.contains("`sluice offsets reset` says where to go on"), "{line}");
    daemon.wait_for_logs("connector failed and is restarted", 2);
    daemon.terminate().expect_code(0);
    assert_eq!(
        (setup.values(), broker.committed(&setup.topic, &setup.topic)),
        (named("a", 10), vec![Some(10)])
    );
    setup
        .sluice(&["offsets", "reset", "--to=earliest", "--connector", &setup.file()])
        .output()
        .expect_code(0);
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[60]);
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values()[10..], named("b", 50)[20..]);
}

/// Brokers forget what a group has committed of a topic when it is deleted: a restart alone would go on in the new one.
#[test]
fn a_connector_that_is_told_to_stops_at_a_topic_that_was_made_again_however_often_it_is_restarted() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "stops-anew", &["on_position_lost: stop"]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 10));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[10]);
    setup.recreate(1);
    setup.produce(&named("b", 5));
    let line = daemon.wait_for_log("connector failed and is restarted");
    for part in ["was lost", "made again", "`sluice offsets reset` says where to go on"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    daemon.wait_for_logs("connector failed and is restarted", 3);
    daemon.terminate().expect_code(0);
    let mut daemon = setup.start();
    daemon.wait_for_log("connector failed and is restarted");
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values(), named("a", 10), "nothing of the new topic is read");
    setup
        .sluice(&["offsets", "reset", "--to=earliest", "--connector", &setup.file()])
        .output()
        .expect_code(0);
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[5]);
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values()[10..], named("b", 5));
}

#[test]
fn partitions_that_were_added_are_read_from_their_beginning_though_the_process_was_killed_at_once() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "added-killed", &["auto_offset_reset: latest"]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("before", 3));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[3]);
    broker.add_partitions(&setup.topic, 3);
    let write = |partition: i32, round: &str| {
        let value = format!("{round}-{partition}");
        broker.produce(&setup.topic, [NewRecord::unkeyed(&value).partition(partition)]);
        value
    };
    let first = [write(1, "first"), write(2, "first")];
    daemon.wait_for_logs("partitions assigned", 2);
    daemon.kill();
    let second = [write(1, "second"), write(2, "second")];
    let mut daemon = setup.start();
    setup.wait_for(&mut daemon, &[first, second].concat());
    setup.wait_for_commits(&mut daemon, &[3, 2, 2]);
    daemon.terminate().expect_code(0);
    assert!(!setup.values().iter().any(|value| value.starts_with("before")), "{:?}", setup.values());
}

/// What is removed before it is read is a gap, also while nothing is asked for.
#[test]
fn records_that_are_removed_before_a_paused_connector_reads_them_are_told_when_it_goes_on() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "removed-paused", &[]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 10));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[10]);
    let address = listener::address(&mut daemon);
    let steer = |what: &str| {
        let url = format!("http://{address}");
        setup.sluice(&[what, "c", "--url", &url]).output().expect_code(0);
    };
    steer("pause");
    setup.produce(&named("b", 50));
    broker.delete_records(&setup.topic, 0, 30);
    steer("resume");
    setup.wait_for(&mut daemon, &named("b", 50)[20..]);
    setup.wait_for_commits(&mut daemon, &[60]);
    let line = line_of_loss(&daemon);
    daemon.terminate().expect_code(0);
    // What was asked for before the pause still came.
    let (values, all) = (setup.values(), named("b", 50));
    let before = values.len() - 40;
    assert_loss(&line, &format!("{}-0", setup.topic), 10 + i64::try_from(before).unwrap(), 30, "log_trimmed");
    assert_eq!(values[10..], [&all[..before], &all[20..]].concat());
}

/// A tool may commit anything, and with any words.
#[test]
fn a_commit_of_another_tool_is_a_position_whatever_it_says_beside_and_however_large_it_is() {
    let Some(broker) = Broker::shared() else { return };
    let all = named("a", 10);
    for (offset, metadata, first) in [
        (5, "{\"by\":\"a tool\"}", 5),
        (5, "sluice:1;id=short;partitions=x;topics=@", 5),
        (5, "sluice:9;id=AAAAAAAAAAAAAAAAAAAAAQ", 5),
        (i64::MAX, "", 0),
        (10, "at the end", 10),
    ] {
        let setup = Setup::new(broker, "tool", &["auto_offset_reset: latest"]);
        broker.create_topic(&setup.topic, 1);
        setup.produce(&all);
        broker.commit_with(&setup.topic, &setup.topic, offset, metadata);
        let shown = setup.shown();
        assert!(!shown[0].contains("lag -"), "{shown:?}");
        let mut daemon = setup.start();
        setup.wait_for(&mut daemon, &all[first..]);
        setup.produce(&named("b", 1));
        setup.wait_for_commits(&mut daemon, &[11]);
        let losses = daemon.log_lines("the position was lost").len();
        assert_eq!(losses, usize::from(offset == i64::MAX), "{offset} {metadata}");
        daemon.terminate().expect_code(0);
        assert_eq!(setup.values(), [&all[first..], &named("b", 1)].concat(), "{offset} {metadata}");
        let metadata = broker.committed_metadata(&setup.topic, &setup.topic);
        assert!(metadata.starts_with("sluice:1;id="), "{metadata}");
    }
}

#[test]
fn a_commit_without_metadata_is_trusted_and_pinned_with_the_next() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "plain", &[]);
    broker.create_topic(&setup.topic, 1);
    let all = named("a", 10);
    setup.produce(&all);
    broker.commit(&setup.topic, &setup.topic, 0, 5);
    assert_eq!(broker.committed_metadata(&setup.topic, &setup.topic), "");
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[10]);
    assert!(daemon.log_lines("the position was lost").is_empty());
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values(), all[5..]);
    let metadata = broker.committed_metadata(&setup.topic, &setup.topic);
    assert!(metadata.starts_with("sluice:1;id=") && metadata.contains(";partitions=1;"), "{metadata}");
}

/// What goes with an offset is worth less than the offset.
#[test]
fn brokers_that_keep_no_words_beside_an_offset_keep_the_offset() {
    let Some(broker) = Broker::start_with("offset.metadata.max.bytes=20\n") else { return };
    let topic = kafka::unique("few-words");
    broker.create_topic(&topic, 1);
    broker.produce(&topic, [NewRecord::unkeyed("a"), NewRecord::unkeyed("b")]);
    let folder = Folder::new();
    let file = folder.write(
        "c.yaml",
        format!(
            "source:\n  kafka:\n    bootstrap_servers: \"{}\"\n    topics: [{topic}]\n    group: {topic}\n  \
             value: string\nsink:\n  blackhole: {{}}\n",
            broker.bootstrap_servers()
        ),
    );
    let mut daemon = Sluice::new(["run".as_ref(), file.as_os_str()]).spawn();
    daemon.wait_while_running("the commit", || broker.committed(&topic, &topic) == [Some(2)]);
    daemon.terminate().expect_code(0);
    assert_eq!(broker.committed_metadata(&topic, &topic), "");
}

#[test]
fn offsets_without_a_record_are_no_lag() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "aborted", &[]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 3));
    let aborted = named("aborted", 20);
    let aborted: Vec<&str> = aborted.iter().map(String::as_str).collect();
    broker.open_transaction(&setup.topic, &setup.topic, &aborted).abort();
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[24]);
    let address = listener::address(&mut daemon);
    daemon.wait_while_running("no lag", || {
        lag(&setup.topic, &listener::get(&address, "/metrics").body) == Some(0.0)
    });
    assert!(setup.shown()[0].ends_with("next 24  first 0  end 24  lag 0"), "{:?}", setup.shown());
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values(), named("a", 3));
}

#[test]
fn a_transaction_that_hangs_is_seen_and_holds_nothing_before_it() {
    let Some(broker) = Broker::shared() else { return };
    let setup = Setup::new(broker, "hangs", &[]);
    broker.create_topic(&setup.topic, 1);
    setup.produce(&named("a", 3));
    let open = broker.open_transaction(&setup.topic, &setup.topic, &["in it"]);
    setup.produce(&named("behind", 4));
    let mut daemon = setup.start();
    setup.wait_for_commits(&mut daemon, &[3]);
    assert!(setup.shown()[0].ends_with("lag 0  behind open transactions 5"), "{:?}", setup.shown());
    let address = listener::address(&mut daemon);
    daemon.wait_while_running("the metric", || {
        let metrics = listener::get(&address, "/metrics").body;
        metrics.lines().any(|line| {
            line.starts_with("sluice_partition_open_transaction_records{") && line.ends_with(" 5.0")
        })
    });
    open.commit();
    setup.wait_for_commits(&mut daemon, &[9]);
    daemon.terminate().expect_code(0);
    assert_eq!(setup.values().len(), 8);
}

fn lag(topic: &str, metrics: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| {
        line.starts_with("sluice_partition_lag_records{") && line.contains(&format!("topic=\"{topic}\""))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_dead_letter_queue_that_ends_in_a_mark_is_listed() {
    let Some(broker) = Broker::shared() else { return };
    let queue = kafka::unique("marked-queue");
    broker.create_topic(&queue, 1);
    broker.open_transaction(&queue, &queue, &["letter"]).commit();
    broker.open_transaction(&queue, &queue, &["never"]).abort();
    let servers = broker.bootstrap_servers();
    let listed =
        Sluice::new(["dlq", "list", "--topic", &queue]).env("KAFKA_BOOTSTRAP_SERVERS", servers).output();
    let listed = listed.expect_code(0);
    assert_eq!(listed.lines().len(), 1, "{listed}");
    assert!(listed.waited.as_secs() < 10, "{listed}");
}

/// A topic that keeps the newest of each key, and whose log is cleaned as soon as it can be.
const CLEANED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.ms", "50"),
    ("min.cleanable.dirty.ratio", "0.001"),
    ("delete.retention.ms", "0"),
];

/// The leader is another one meanwhile, too, so that whoever asks where the log of the old one ended asks for cleaned offsets.
#[test]
fn what_the_log_cleaner_removes_is_no_loss_wherever_the_position_is() {
    let Some(mut broker) = Broker::start_with("log.cleaner.backoff.ms=200\n") else { return };
    let topic = kafka::unique("cleaned");
    broker.create_topic_with(&topic, 1, &CLEANED);
    let keyed = |broker: &Broker, key: &str, count: usize| {
        let values = named(key, count);
        broker.produce(&topic, values.iter().map(|value| NewRecord::new(key, value).partition(0)));
        // What is written next begins a segment, and those before it are cleaned.
        std::thread::sleep(Duration::from_millis(100));
    };
    keyed(&broker, "a", 10);
    for offset in [5, 10] {
        broker.commit(&format!("{topic}-{offset}"), &topic, 0, offset);
    }
    let metadata = {
        let setup = Setup::of(&broker, &topic, &format!("{topic}-pinned"), &[]);
        let mut daemon = setup.start();
        setup.wait_for_commits(&mut daemon, &[10]);
        daemon.terminate().expect_code(0);
        broker.committed_metadata(&setup.group, &topic)
    };
    assert!(metadata.starts_with("sluice:1;id="), "{metadata}");
    broker.restart();
    keyed(&broker, "a", 30);
    keyed(&broker, "b", 20);
    keyed(&broker, "c", 1);
    let deadline = Instant::now() + PATIENCE;
    while broker.read(&topic).len() > 3 {
        assert!(Instant::now() < deadline, "the log is not cleaned: {} records", broker.read(&topic).len());
        std::thread::sleep(Duration::from_millis(100));
    }
    let left = ["a-29", "b-19", "c-0"].map(str::to_owned);
    for group in ["5", "10", "pinned", "new"] {
        let setup = Setup::of(&broker, &topic, &format!("{topic}-{group}"), &["on_position_lost: stop"]);
        let mut daemon = setup.start();
        setup.wait_for_commits(&mut daemon, &[61]);
        let address = listener::address(&mut daemon);
        daemon.wait_while_running("no lag", || {
            lag(&topic, &listener::get(&address, "/metrics").body) == Some(0.0)
        });
        assert!(setup.shown()[0].contains("end 61  lag 0"), "{:?}", setup.shown());
        let log = daemon.log();
        assert!(!log.contains("lost") && !log.contains("WARN"), "{group}: {log}");
        daemon.terminate().expect_code(0);
        assert_eq!(setup.values(), left, "{group}");
    }
    let listed = Sluice::new(["dlq", "list", "--topic", &topic])
        .env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
        .output()
        .expect_code(0);
    assert_eq!(listed.lines().len(), 3, "{listed}");
    assert!(listed.waited.as_secs() < 10, "{listed}");
}

/// A member of the group `g` on librdkafka's mock cluster, where it begins at the end.
fn member(kafka: &EmbeddedKafka) -> KafkaSource {
    let settings = json!({
        "bootstrap_servers": kafka.bootstrap_servers(), "topics": ["t"], "group": "g", "auto_offset_reset": "latest",
        "properties": { "session.timeout.ms": "6000", "heartbeat.interval.ms": "500" },
    });
    let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
    KafkaSource::new("test", &settings, Budget::new(1 << 20), &Arc::default()).unwrap()
}

async fn next(source: &mut KafkaSource) -> Event {
    tokio::time::timeout(Duration::from_secs(45), source.next()).await.unwrap()
}

fn write(kafka: &EmbeddedKafka, count: usize) {
    let values = named("v", count);
    let records = values.iter().map(|value| NewRecord::unkeyed(value).partition(0));
    kafka::produce(kafka::client_of(&kafka.bootstrap_servers()), "t", records);
}

fn at(offset: i64) -> Offsets {
    vec![(TopicPartition::new("t", 0), offset)]
}

/// Reads records until there are so many; returns their offsets.
async fn read(source: &mut KafkaSource, count: usize) -> Vec<i64> {
    let mut offsets = Vec::new();
    while offsets.len() < count {
        if let Event::Records(records) = next(source).await {
            offsets.extend(records.iter().map(|record| record.origin().offset()));
        }
    }
    offsets
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_to_be_pinned_and_is_where_the_next_member_begins() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("t", 1).unwrap();
    write(&kafka, 3);
    let mut first = member(&kafka);
    assert!(matches!(next(&mut first).await, Event::Assigned(_)));
    let Event::Passed(starts) = next(&mut first).await else { panic!("no start") };
    assert_eq!(starts, at(3));
    first.close(starts).await;
    write(&kafka, 2);
    let mut second = member(&kafka);
    assert!(matches!(next(&mut second).await, Event::Assigned(_)));
    assert_eq!(read(&mut second, 2).await, [3, 4]);
    second.close(Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_beyond_the_end_begins_anew_before_its_first_record_comes() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("t", 1).unwrap();
    write(&kafka, 3);
    let mut first = member(&kafka);
    assert!(matches!(next(&mut first).await, Event::Assigned(_)));
    first.close(at(100)).await;
    let mut second = member(&kafka);
    assert!(matches!(next(&mut second).await, Event::Assigned(_)));
    let mut event = next(&mut second).await;
    // These brokers keep no metadata, so that it is written again.
    if let Event::Passed(offsets) = &event {
        assert_eq!(*offsets, at(100));
        event = next(&mut second).await;
    }
    let Event::Restarted(partition, offset) = event else { panic!("no beginning") };
    assert_eq!(vec![(partition, offset)], at(0));
    assert_eq!(read(&mut second, 3).await, [0, 1, 2]);
    second.close(Vec::new()).await;
}
