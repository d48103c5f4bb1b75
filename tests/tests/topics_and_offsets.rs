//! `sluice topics`, `offsets`, `produce` and `preview --live`, on a real broker.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use serde_json::Value;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::sluice::{Exited, Sluice};

fn sluice(broker: &Broker, arguments: &[&str]) -> Exited {
    Sluice::new(arguments).env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).output()
}

#[test]
fn topics_are_created_listed_and_deleted() {
    let Some(broker) = Broker::shared() else { return };
    let (one, two) = (kafka::unique("topics"), kafka::unique("topics"));
    let create = ["topics", "create", &one, &two, "--partitions=3", "--set=cleanup.policy=compact"];
    let created = sluice(broker, &create).expect_code(0);
    assert_eq!(created.lines().len(), 2, "{created}");
    assert!(created.stdout.contains(&format!("{one}: created")), "{created}");
    let again = sluice(broker, &create).expect_code(0);
    assert!(again.stdout.contains(&format!("{two}: is there already")), "{again}");
    let listed = sluice(broker, &["topics", "list"]).expect_code(0);
    assert!(listed.lines().contains(&&*format!("{one}  3 partition(s)  1 replica(s)")), "{listed}");
    assert!(!listed.stdout.contains("__consumer_offsets"), "{listed}");

    let unasked = sluice(broker, &["topics", "delete", &one]).expect_code(1);
    assert!(unasked.stderr.contains("say --yes"), "{unasked}");
    let deleted = sluice(broker, &["topics", "delete", &one, "--yes"]).expect_code(0);
    assert_eq!(deleted.lines(), [format!("{one}: deleted")]);
    let listed = sluice(broker, &["topics", "list", "--output=json"]).expect_code(0);
    let names: Vec<_> = listed.lines().into_iter().filter(|line| line.contains(&two)).collect();
    assert_eq!(names, [format!("{{\"topic\":\"{two}\",\"partitions\":3,\"replicas\":1}}")]);
    assert!(!listed.stdout.contains(&format!("\"{one}\"")), "{listed}");
}

#[test]
fn what_cannot_be_done_with_a_topic_is_told() {
    let Some(broker) = Broker::shared() else { return };
    let bad = sluice(broker, &["topics", "create", "no topic"]).expect_code(1);
    assert!(bad.stderr.contains("not created: no topic: "), "{bad}");
    let absent = sluice(broker, &["topics", "delete", "absent", "--yes"]).expect_code(1);
    assert!(absent.stderr.contains("not deleted: absent: "), "{absent}");
}

/// A connector from a topic with ten records, a second apart, into nothing.
fn connector(broker: &Broker, topic: &str) -> Folder {
    broker.create_topic(topic, 1);
    let at = |n: i64| 1_700_000_000_000 + 1000 * n;
    broker.produce(topic, (0..10).map(|n| NewRecord::unkeyed("{}").timestamp(at(n))));
    let servers = broker.bootstrap_servers();
    Folder::with(
        "c.yaml",
        format!(
            "source:\n  kafka:\n    bootstrap_servers: {servers}\n    topics: [{topic}]\n    group: {topic}\n    \
             commit_interval: 50ms\nsink:\n  blackhole: {{}}\nbatch: {{ linger: 20ms }}\n"
        ),
    )
}

#[test]
fn offsets_are_shown_and_moved_while_nobody_reads() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("offsets");
    let folder = connector(broker, &topic);
    let file = folder.path().join("c.yaml").display().to_string();
    let offsets = |arguments: &[&str]| {
        Sluice::new(["offsets"].iter().chain(arguments)).arg("--connector").arg(&file).output()
    };
    let shown = |next: &str| {
        let ended = offsets(&["show"]).expect_code(0);
        assert_eq!(ended.lines(), [format!("{topic}-0  {next}")]);
    };
    shown("next none  first 0  end 10  lag 10");
    let mut daemon = Sluice::new(["run", &file]).spawn();
    daemon.wait_while_running("all offsets", || broker.committed(&topic, &topic) == [Some(10)]);
    let refused = offsets(&["reset", "--to=earliest"]).expect_code(3);
    assert!(refused.stderr.contains("has 1 active member(s); stop them first"), "{refused}");
    assert_eq!(broker.committed(&topic, &topic), [Some(10)]);
    daemon.terminate().expect_code(0);

    for (to, offset) in [("earliest", 0), ("4", 4), ("2023-11-14T22:13:26.500Z", 7), ("latest", 10)] {
        let before = broker.committed(&topic, &topic)[0].unwrap();
        let planned = offsets(&["reset", "--dry-run", "--to", to]).expect_code(0);
        assert_eq!(planned.lines(), [format!("{topic}-0  {before} -> {offset}")]);
        assert_eq!(broker.committed(&topic, &topic), [Some(before)], "a plan does nothing");
        assert_eq!(offsets(&["reset", "--to", to]).expect_code(0).stdout, planned.stdout);
        assert_eq!(broker.committed(&topic, &topic), [Some(offset)]);
    }
    let outside = offsets(&["reset", "--to=11"]).expect_code(3);
    assert!(outside.stderr.contains("has no offset 11; it holds 0 to 10"), "{outside}");
    shown("next 10  first 0  end 10  lag 0");
    let by_group = sluice(broker, &["offsets", "show", "--group", &topic, "--output=json"]).expect_code(0);
    let place = format!("\"topic\":\"{topic}\",\"partition\":0,\"next\":10,\"first\":0,\"end\":10,\"lag\":0");
    let whole = format!("{{{place},\"open_transactions\":0,\"position_lost\":null}}");
    assert_eq!(by_group.lines(), [whole]);
    let back = offsets(&["reset", "--to=4", "--dry-run", "--output=json"]).expect_code(0);
    assert_eq!(back.lines(), [format!("{{\"topic\":\"{topic}\",\"partition\":0,\"from\":10,\"to\":4}}")]);
    let large = offsets(&["reset", "--to=4294967296"]).expect_code(3);
    assert!(large.stderr.contains("has no offset 4294967296; it holds 0 to 10"), "{large}");
    offsets(&["reset", "--to=yesterday"]).expect_code(2);
    sluice(broker, &["offsets", "show"]).expect_code(2);
}

#[test]
fn a_group_that_is_not_there_is_told_with_the_nearest_that_is() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("groups");
    let folder = connector(broker, &topic);
    let mut daemon = Sluice::new(["run", "--listen=none"]).arg(folder.path()).spawn();
    daemon.wait_while_running("all offsets", || broker.committed(&topic, &topic) == [Some(10)]);
    daemon.terminate().expect_code(0);
    let near = sluice(broker, &["offsets", "show", "--group", &format!("{topic}x")]).expect_code(3);
    assert_eq!(near.stderr, format!("error: there is no group `{topic}x`; did you mean `{topic}`?"));
    let far = sluice(broker, &["offsets", "show", "--group", "zzz"]).expect_code(3);
    assert_eq!(far.stderr, "error: there is no group `zzz`");
}

#[test]
fn preview_takes_the_newest_records_of_a_topic_and_leaves_its_group_alone() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("newest");
    let folder = connector(broker, &topic);
    let file = folder.path().join("c.yaml").display().to_string();
    let preview = |count: &str| sluice(broker, &["preview", &file, "--live", count, "--output=json"]);
    let shown: Value = serde_json::from_str(&preview("3").expect_code(0).stdout).unwrap();
    let origins: Vec<_> =
        shown["records"].as_array().unwrap().iter().map(|record| &record["origin"]).collect();
    assert_eq!(origins, [&format!("{topic}-0-7"), &format!("{topic}-0-8"), &format!("{topic}-0-9")]);
    let all: Value = serde_json::from_str(&preview("50").expect_code(0).stdout).unwrap();
    assert_eq!(all["records"].as_array().unwrap().len(), 10);
    let groups = sluice(broker, &["offsets", "show", "--connector", &file]).expect_code(0);
    assert!(groups.stdout.contains("lag 10"), "nothing was committed: {groups}");

    broker.delete_topic(&topic);
    let absent = preview("3").expect_code(3);
    assert!(absent.stderr.contains(&format!("there is no topic {topic}")), "{absent}");
}

/// Sends input to a topic of its own and returns what it holds: key, value and the number of headers, by record.
fn produced(broker: &Broker, arguments: &[&str], input: &str) -> Vec<String> {
    let topic = kafka::unique("produced");
    broker.create_topic(&topic, 1);
    let sluice = Sluice::new(["produce", "--topic", &topic].iter().chain(arguments)).input(input);
    sluice.env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).output().expect_code(0);
    let text = |bytes: Option<Vec<u8>>| match bytes {
        Some(bytes) => String::from_utf8(bytes).unwrap(),
        None => "(null)".to_owned(),
    };
    let records = broker.read(&topic).into_iter();
    records
        .map(|record| format!("{} {} {}", text(record.key), text(record.value), record.headers.len()))
        .collect()
}

#[test]
fn produce_sends_tombstones_headers_and_keys_that_are_no_field() {
    let Some(broker) = Broker::shared() else { return };
    let arguments = ["--key-delimiter=:", "--null=NULL", "--header=a=1", "--header=b="];
    let sent = produced(broker, &arguments, "\u{feff}k:{\"n\":1}\nk:NULL\nNULL:7\n");
    assert_eq!(sent, ["k {\"n\":1} 2", "k (null) 2", "(null) 7 2"]);
    let keyed = produced(broker, &["--key=id"], "{\"id\":null}\n{\"id\":7}\n");
    assert_eq!(keyed, ["(null) {\"id\":null} 0", "7 {\"id\":7} 0"]);
    let text = produced(broker, &["--format=text", "--key-text=all"], "{ not JSON\n");
    assert_eq!(text, ["all { not JSON 0"]);
    let csv = produced(broker, &["--format=csv", "--delimiter=;", "--key=a"], "a;b\n1;\"x;y\"\n");
    assert_eq!(csv, ["1 {\"a\":\"1\",\"b\":\"x;y\"} 0"]);
}

#[test]
fn produce_sends_the_records_that_preview_reads() {
    let Some(broker) = Broker::shared() else { return };
    let records = "\u{feff}{\"key\":\"k\",\"value\":{\"n\":1.50},\"headers\":{\"a\":\"1\"},\"partition\":0,\"offset\":9}\n\n\
                   {\"key\":\"k\",\"value\":null,\"timestamp\":1700000000000}\n";
    let sent = produced(broker, &["--format=record"], records);
    assert_eq!(sent, ["k {\"n\":1.50} 1", "k (null) 0"]);
    let topic = kafka::unique("refused");
    broker.create_topic(&topic, 1);
    let refused = Sluice::new(["produce", "--topic", &topic, "--format=record"]).input("{\"valeu\":1}\n");
    let refused = refused.env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers()).output().expect_code(1);
    assert!(refused.stderr.contains("line 1: is not a record in full: unknown field `valeu`"), "{refused}");
}
