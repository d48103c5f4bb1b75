//! A look changes nothing: on brokers that create topics by themselves, as Kafka does by default, a topic that is only asked
//! for is not there afterwards, nor is one that was mistyped.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::OnceLock;
use std::time::Duration;

use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::listener::{address, send};
use sluice_tests::sluice::{Exited, Running, Sluice};

/// A broker that creates topics by itself, shared by the tests of this file.
fn creating() -> Option<&'static Broker> {
    static CREATING: OnceLock<Option<Broker>> = OnceLock::new();
    CREATING.get_or_init(Broker::start_creating).as_ref()
}

fn sluice(broker: &Broker, arguments: &[&str]) -> Sluice {
    Sluice::new(arguments).env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers())
}

/// The topics whose names contain this stem.
fn topics(broker: &Broker, stem: &str) -> Vec<String> {
    let listed = sluice(broker, &["topics", "list"]).output().expect_code(0);
    let names = listed.lines().into_iter().filter_map(|line| line.split("  ").next());
    names.filter(|name| name.contains(stem)).map(str::to_owned).collect()
}

/// A connector from topics into nothing, with a dead letter queue.
fn connector(broker: &Broker, topics: &str, queue: &str, properties: &str) -> Folder {
    let servers = broker.bootstrap_servers();
    Folder::with(
        "c.yaml",
        format!(
            "source:\n  kafka:\n    bootstrap_servers: {servers}\n    topics: [{topics}]\n    \
             properties: {{ {properties} }}\nsink:\n  blackhole: {{}}\n\
             errors: {{ tolerance: all, dead_letter_queue: {{ topic: {queue} }} }}\n"
        ),
    )
}

fn file(folder: &Folder) -> String {
    folder.path().join("c.yaml").display().to_string()
}

#[test]
fn a_look_creates_no_topic() {
    let Some(broker) = creating() else { return };
    let stem = kafka::unique("look");
    let absent = |what: &str| format!("{stem}-{what}");
    let named = format!("{}, \"^{}-.*\"", absent("named"), absent("pattern"));
    // Whoever lets the connector create its topics does not let a look do so.
    for properties in ["", "allow.auto.create.topics: true"] {
        let folder = connector(broker, &named, &absent("queue"), properties);
        let file = file(&folder);
        let check = sluice(broker, &["check", "--connect", &file]).output();
        assert!(
            check.stdout.contains(&absent("queue")) && check.stdout.contains("does not exist"),
            "{check}"
        );
        sluice(broker, &["offsets", "show", "--connector", &file]).output().expect_code(3);
        sluice(broker, &["offsets", "reset", "--to=latest", "--connector", &file]).output().expect_code(3);
        sluice(broker, &["dlq", "list", "--topic", &absent("letters"), "--connector", &file])
            .output()
            .expect_code(3);
    }
    sluice(broker, &["offsets", "show", "--group=g", "--topic", &absent("offsets")]).output().expect_code(3);
    assert_eq!(topics(broker, &stem), [""; 0]);
}

/// Every other command that only looks: at letters, at records, at what a connector would do, at a topic to delete.
#[test]
fn no_command_that_looks_creates_a_topic() {
    let Some(broker) = creating() else { return };
    let stem = kafka::unique("glance");
    let absent = |what: &str| format!("{stem}-{what}");
    let folder = connector(broker, &absent("named"), &absent("queue"), "allow.auto.create.topics: true");
    let servers = broker.bootstrap_servers();
    let copy = format!(
        "source: {{ kafka: {{ bootstrap_servers: \"{servers}\", topics: [{}] }}, value: bytes }}\n\
         sink: {{ kafka: {{ bootstrap_servers: \"{servers}\", topic: {} }} }}\n",
        absent("copied"),
        absent("copy"),
    );
    let copy = folder.write("copy.yaml", copy).display().to_string();
    let event = format!(
        r#"{{"eventSource":"aws:kafka","records":{{"{}-0":[{{"offset":1,"value":"eA=="}}]}}}}"#,
        absent("event")
    );
    let event = folder.write("event.json", event).display().to_string();
    let (c, letters, group) = (file(&folder), absent("letters"), absent("group"));
    let looks: &[(&[&str], &[i32])] = &[
        (&["check", "--connect", &copy], &[0, 3]),
        (&["preview", "--live=3", &c], &[0, 3]),
        (&["preview", "--live=3", &copy], &[0, 3]),
        (&["preview", "--input", &event, &c], &[1]),
        (&["lambda", "--event", &event, &c], &[0, 1]),
        (&["lambda", "--event", &event, &copy], &[0, 1]),
        (&["dlq", "list", "--connector", &c], &[0, 3]),
        (&["dlq", "show", "0:0", "--connector", &c], &[3]),
        (&["dlq", "show", "0:0", "--topic", &letters], &[3]),
        (&["dlq", "replay", "--all", "--connector", &c], &[0, 3]),
        (&["dlq", "replay", "--all", "--dry-run", "--topic", &letters, "--to", &absent("to")], &[0, 3]),
        (&["dlq", "replay", "0:0", "--topic", &letters, "--through", &copy], &[3]),
        (&["offsets", "show", "--connector", &copy], &[3]),
        (&["offsets", "reset", "--group", &group, "--topic", &absent("moved"), "--to=earliest"], &[3]),
        (
            &["offsets", "reset", "--group", &group, "--topic", &absent("moved"), "--to=-1h", "--dry-run"],
            &[3],
        ),
        (&["topics", "delete", "--yes", &absent("deleted")], &[1, 3]),
    ];
    for (arguments, codes) in looks {
        let ended = sluice(broker, arguments).output();
        assert!(ended.code.is_some_and(|code| codes.contains(&code)), "{arguments:?}: {ended}");
    }
    assert_eq!(topics(broker, &stem), [""; 0]);
}

/// Asks a worker for all that it tells, and for what a configuration would be.
#[test]
fn no_request_that_looks_creates_a_topic() {
    let Some(broker) = creating() else { return };
    let stem = kafka::unique("asked");
    let absent = |what: &str| format!("{stem}-{what}");
    let folder = connector(broker, &absent("named"), &absent("queue"), "");
    let mut daemon: Running = sluice(broker, &["run", &file(&folder), "--listen=127.0.0.1:0"]).spawn();
    let address = address(&mut daemon);
    daemon.wait_for_log(&format!("topic `{}` does not exist", absent("named")));
    for path in [
        "/",
        "/status",
        "/readyz",
        "/metrics",
        "/connectors?expand=info&expand=status",
        "/connectors/c",
        "/connectors/c/config",
        "/connectors/c/status",
        "/connectors/c/tasks",
        "/connectors/c/topics",
        "/connectors/c/offsets",
        "/live",
        "/live/c",
        "/live/c/dead-letters",
        "/connector-plugins/blackhole/config",
    ] {
        let answer = send(&address, "GET", path, &[], "");
        assert!(answer.status < 600 && answer.status != 404, "{path}: {} {}", answer.status, answer.body);
    }
    let servers = broker.bootstrap_servers();
    let config = format!(
        r#"{{"connector.class":"kafka","topics":"{}","source.kafka.bootstrap_servers":"{servers}","bootstrap_servers":"{servers}","topic":"{}"}}"#,
        absent("validated"),
        absent("into"),
    );
    let answer = send(
        &address,
        "PUT",
        "/connector-plugins/kafka/config/validate",
        &[("Content-Type", "application/json")],
        &config,
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    send(&address, "PUT", "/connectors/c/stop", &[], "");
    daemon.wait_until("a stop", |_| {
        send(&address, "GET", "/connectors/c/status", &[], "").body.contains("STOPPED").then_some(())
    });
    let moved = format!(
        r#"{{"offsets":[{{"partition":{{"kafka_topic":"{}","kafka_partition":0}},"offset":{{"kafka_offset":7}}}}]}}"#,
        absent("moved")
    );
    let answer =
        send(&address, "PATCH", "/connectors/c/offsets", &[("Content-Type", "application/json")], &moved);
    assert!(answer.status >= 400, "{}", answer.body);
    send(&address, "DELETE", "/connectors/c/offsets", &[], "");
    daemon.terminate().expect_code(0);
    assert_eq!(topics(broker, &stem), [""; 0]);
}

#[test]
fn letters_are_sent_to_no_topic_that_is_not_there() {
    let Some(broker) = creating() else { return };
    let (queue, mistyped) = (kafka::unique("letters"), kafka::unique("mistyped"));
    broker.create_topic(&queue, 1);
    broker.produce(&queue, [NewRecord::unkeyed("x").header("__connect.errors.topic", &mistyped)]);
    let replay = |more: &[&str]| -> Exited {
        let all = [&["dlq", "replay", "--all", "--topic", &queue][..], more].concat();
        sluice(broker, &all).output().expect_code(3)
    };
    for refused in [replay(&["--to", &mistyped]), replay(&[])] {
        let way_out = format!("`sluice topics create {mistyped}`");
        assert!(refused.stderr.contains(&way_out) && refused.stderr.contains("does not exist"), "{refused}");
    }
    assert_eq!(topics(broker, &mistyped), [""; 0]);
}

#[test]
fn records_are_produced_to_a_topic_that_is_not_there_only_where_that_is_asked_for() {
    let Some(broker) = creating() else { return };
    let mistyped = kafka::unique("typo");
    let produce = |more: &[&str]| {
        let all = [&["produce", "--topic", &mistyped][..], more].concat();
        sluice(broker, &all).input("{}\n").output()
    };
    let refused = produce(&[]).expect_code(3);
    let way_out = format!("`sluice topics create {mistyped}`");
    assert!(refused.stderr.contains(&way_out) && refused.stderr.contains("does not exist"), "{refused}");
    assert_eq!(refused.stderr.lines().count(), 1, "{refused}");
    assert_eq!(topics(broker, &mistyped), [""; 0]);
    let asked = produce(&["-X", "allow.auto.create.topics=true"]).expect_code(0);
    assert_eq!(
        (asked.stdout.as_str(), asked.stderr.as_str()),
        (&*format!("1 record(s) acknowledged in {mistyped}"), "")
    );
}

#[test]
fn a_connector_creates_no_topic_that_it_is_to_read_and_its_queue_when_it_is_needed() {
    let Some(broker) = creating() else { return };
    let stem = kafka::unique("running");
    let (present, absent, queue) =
        (format!("{stem}-present"), format!("{stem}-absent"), format!("{stem}-queue"));
    broker.create_topic(&present, 1);
    let folder = connector(broker, &format!("{present}, {absent}"), &queue, "");
    let mut daemon = sluice(broker, &["run", &file(&folder)]).spawn();
    daemon.wait_for_log(&format!("topic `{absent}` does not exist"));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(topics(broker, &stem), [present.as_str()]);
    broker.produce(&present, [NewRecord::unkeyed("no JSON")]);
    daemon.wait_for_log("dead letter topic created");
    daemon.wait_while_running("the letter", || broker.end_offsets(&queue) == [1]);
    assert_eq!(topics(broker, &stem), [present.as_str(), &queue]);
    daemon.terminate().expect_code(0);
}
