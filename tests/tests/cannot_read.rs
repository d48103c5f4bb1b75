//! One that cannot read is not healthy: in its state, at `/readyz`, in `/status`, in the metrics and in the log, with the
//! reason and the way out, within a minute; and it is healthy again when it reads again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::secure::{PASSWORD, SecureBroker, USER};
use sluice_tests::kafka::{self, Broker, Damage, NewRecord};
use sluice_tests::listener::{address, get, send};
use sluice_tests::open_metrics::Exposition;
use sluice_tests::process::cpu_seconds;
use sluice_tests::sluice::{Running, Sluice};

/// By when it is to be said.
const SOON: Duration = Duration::from_mins(1);

/// A connector from topics into nothing, with more settings of its source.
fn connector(servers: &str, topics: &str, more: &str) -> String {
    format!(
        "source:\n  kafka:\n    bootstrap_servers: \"{servers}\"\n    topics: [{topics}]\n{more}  value: string\n\
         sink:\n  blackhole: {{}}\n"
    )
}

struct Stage {
    folder: Folder,
    daemon: Running,
    address: String,
    begun: Instant,
}

impl Stage {
    fn start(connectors: &[(&str, String)]) -> Self {
        Self::start_with("not the password", connectors)
    }

    fn start_with(password: &str, connectors: &[(&str, String)]) -> Self {
        let folder = Folder::new();
        for (name, text) in connectors {
            folder.write(&format!("{name}.yaml"), text);
        }
        let begun = Instant::now();
        let sluice = Sluice::new(["run".as_ref(), folder.path()]).arg("--listen=127.0.0.1:0");
        let mut daemon = sluice.env("PASSWORD", password).spawn();
        let address = address(&mut daemon);
        Self { folder, daemon, address, begun }
    }

    /// Waits until `/readyz` says all of this of a connector, and returns what it says.
    #[track_caller]
    fn wait_for(&self, name: &str, parts: &[&str]) -> String {
        loop {
            let said = self.said_of(name);
            if parts.iter().all(|part| said.contains(part)) {
                return said;
            }
            let late = self.begun.elapsed() > SOON;
            assert!(!late, "{name}: {parts:?} not in {said:?}\n{}", self.daemon.log());
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn wait_for_partitions(&self, name: &str, count: usize) {
        self.until(|| self.task(name)["partitions"].as_array().is_some_and(|held| held.len() == count));
    }

    #[track_caller]
    fn until(&self, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            let said = || get(&self.address, "/readyz").body;
            assert!(begun.elapsed() < SOON, "{}\n{}", said(), self.daemon.log());
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn end(self) {
        self.daemon.terminate().expect_code(0);
        drop(self.folder);
    }

    fn said_of(&self, name: &str) -> String {
        let answer = get(&self.address, "/readyz");
        let lines = answer.body.lines().filter(|line| line.starts_with(&format!("{name} task")));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn task(&self, name: &str) -> Value {
        let status: Value = serde_json::from_str(&get(&self.address, "/status").body).unwrap();
        let connectors = status.as_array().unwrap();
        connectors.iter().find(|connector| connector["name"] == name).unwrap()["tasks"][0].clone()
    }

    fn metric(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        Exposition::parse(&get(&self.address, "/metrics").body).value(metric, labels)
    }

    /// Says whether state, metrics and `/status` are those of a connector that cannot read.
    #[track_caller]
    fn assert_cannot_read(&self, name: &str) {
        let task = self.task(name);
        assert_eq!(task["state"], "FAILED", "{task}");
        assert!(!task["cannot_read"].as_array().unwrap().is_empty(), "{task}");
        assert!(self.metric("sluice_read_obstacles", &[("connector", name)]) > 0.5);
        let failed = [("connector", name), ("status", "failed")];
        assert!(self.metric("kafka_connect_connector_task_status", &failed) > 0.5);
        assert!(self.metric("kafka_connect_connector_status", &failed) > 0.5);
    }

    #[track_caller]
    fn assert_reads(&self, name: &str) {
        let task = self.task(name);
        assert_eq!((&task["state"], self.said_of(name).as_str()), (&Value::from("RUNNING"), ""), "{task}");
    }
}

#[test]
fn each_topic_that_is_not_there_is_named_again_and_again_until_it_is_there() {
    let Some(broker) = Broker::shared() else { return };
    let servers = broker.bootstrap_servers();
    let [present, absent, missing, late] = ["present", "absent", "missing", "late"].map(kafka::unique);
    broker.create_topic(&present, 1);
    broker.produce(&present, [NewRecord::unkeyed("x")]);
    let soon = "    properties: { topic.metadata.refresh.interval.ms: 1000 }\n";
    let stage = Stage::start(&[
        ("healthy", connector(&servers, &present, "")),
        ("absent", connector(&servers, &format!("{present}, {absent}, {missing}"), "")),
        ("pattern", connector(&servers, "^nobody-wrote-.*", "")),
        ("late", connector(&servers, &late, soon)),
    ]);
    let not_there = |topic: &str| format!("topic `{topic}` does not exist");
    stage.wait_for("absent", &[&not_there(&absent), &not_there(&missing)]);
    stage.wait_for("late", &[&not_there(&late), "create it"]);
    stage.wait_for("pattern", &["no topic matches `^nobody-wrote-.*`"]);
    for name in ["absent", "late", "pattern"] {
        stage.assert_cannot_read(name);
    }
    let task = stage.task("absent");
    let topics: Vec<_> = task["cannot_read"].as_array().unwrap().iter().map(|one| &one["topic"]).collect();
    assert_eq!(topics, [absent.as_str(), missing.as_str()]);
    stage.assert_reads("healthy");
    let summed = |topic: &str| {
        let lines = stage.daemon.log_lines(&not_there(topic));
        lines.iter().any(|line| line.contains(" times in ") && line.ends_with(&format!("topic=\"{topic}\"")))
    };
    stage.until(|| summed(&absent) && summed(&missing));

    broker.create_topic(&late, 1);
    broker.produce(&late, [NewRecord::unkeyed("x")]);
    stage.until(|| stage.said_of("late").is_empty());
    stage.assert_reads("late");
    stage.end();
}

#[test]
fn what_else_keeps_a_connector_from_reading_is_said_with_the_way_out() {
    let Some(broker) = Broker::shared() else { return };
    let Some(secure) = SecureBroker::shared() else { return };
    let servers = broker.bootstrap_servers();
    let [large, present] = ["large", "present"].map(kafka::unique);
    for topic in [&large, &present] {
        broker.create_topic(topic, 1);
    }
    broker.produce(&large, [NewRecord::unkeyed("x".repeat(200_000))]);
    let other = member_with_ranges(broker, "connect-group", &present);
    let trust = Folder::with("ca.pem.txt", &secure.ca);
    let password = by_password(&trust);
    let small = "    properties: { receive.message.max.bytes: 20000, fetch.max.bytes: 19000, message.max.bytes: 19000 }\n";
    let stage = Stage::start(&[
        ("no-broker", connector("127.0.0.1:1", &present, "")),
        ("group", connector(&servers, &present, "")),
        ("large", connector(&servers, &large, small)),
        ("password", connector(secure.sasl(), &present, &password)),
        ("unencrypted", connector(secure.sasl(), &present, "")),
        (
            "session",
            connector(
                &servers,
                &present,
                "    properties: { session.timeout.ms: 500, heartbeat.interval.ms: 100 }\n",
            ),
        ),
        (
            "assignor",
            connector(
                &servers,
                &present,
                "    properties: { group.protocol: consumer, group.remote.assignor: nobody }\n",
            ),
        ),
    ]);
    stage.wait_for("no-broker", &["127.0.0.1:1", "refused", "check the address"]);
    stage.wait_for("group", &["nconsistent group protocol", "partition.assignment.strategy"]);
    stage.wait_for("large", &["receive.message.max.bytes", "source.kafka.properties"]);
    stage.wait_for("password", &["uthentication", "check `auth`"]);
    stage.wait_for("unencrypted", &["`tls`"]);
    stage.wait_for("session", &["ession timeout", "`group.min.session.timeout.ms`"]);
    stage.wait_for("assignor", &["ssignor", "`group.remote.assignor`"]);
    for name in ["no-broker", "group", "large", "password", "session"] {
        stage.assert_cannot_read(name);
    }
    drop(other);
    stage.until(|| stage.said_of("group").is_empty());
    stage.assert_reads("group");
    // The brokers answer all but the fetches, again and again, and that is no reason to call it healthy.
    for _ in 0..150 {
        assert!(!stage.said_of("large").is_empty(), "{}", stage.daemon.log());
        thread::sleep(Duration::from_millis(100));
    }
    stage.end();
}

/// What takes connections, and answers with these bytes, or never.
fn no_broker(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                if stream.read(&mut [0; 512]).is_ok() && stream.write_all(answer).is_ok() {
                    // Until the client has had enough.
                    while stream.read(&mut [0; 512]).is_ok_and(|count| count > 0) {}
                }
            });
        }
    });
    address
}

#[test]
fn each_way_in_which_no_connection_comes_about_is_said_with_the_way_out() {
    let Some(secure) = SecureBroker::shared() else { return };
    let trust = Folder::with("ca.pem.txt", &secure.ca);
    let tls = format!("    tls: {{ ca: \"${{file:{}/ca.pem.txt}}\" }}\n", trust.path().display());
    let scram = |mechanism: &str| {
        format!("    auth: {{ scram: {{ username: {USER}, password: x, mechanism: {mechanism} }} }}\n{tls}")
    };
    let plain = format!("    auth: {{ plain: {{ username: {USER}, password: x }} }}\n{tls}");
    let elsewhere = |address: &str| address.replace("127.0.0.1", "localhost");
    let (http, silent) = (no_broker(b"HTTP/1.1 400 Bad Request\r\n\r\n"), no_broker(b""));
    let cases = [
        ("mechanism", secure.scram().to_owned(), plain, &["SCRAM-SHA-512", "check `auth`"][..]),
        ("weaker", secure.scram().to_owned(), scram("sha_256"), &["SCRAM-SHA-512", "check `auth`"]),
        (
            "expired",
            secure.expired().to_owned(),
            tls.clone(),
            &["certificate of the broker has expired", "`tls`"],
        ),
        ("untrusted", secure.mutual().to_owned(), "    tls: {}\n".to_owned(), &["certificate", "`tls`"]),
        ("nobody", secure.mutual().to_owned(), tls.clone(), &["certificate", "`tls`"]),
        (
            "other-name",
            elsewhere(secure.sasl()),
            scram("sha_512"),
            &["of another host than the address", "`tls`"],
        ),
        ("no-tls-there", secure.open().bootstrap_servers(), tls.clone(), &["`tls`"]),
        (
            "unknown",
            "nobody.invalid:9092".to_owned(),
            String::new(),
            &["nobody.invalid", "check `bootstrap_servers`"],
        ),
        ("http", http, String::new(), &["that is HTTP", "check the address"]),
        ("silent", silent.clone(), String::new(), &[silent.as_str()]),
    ];
    let connectors: Vec<_> =
        cases.iter().map(|(name, servers, more, _)| (*name, connector(servers, "t", more))).collect();
    let stage = Stage::start(&connectors);
    for (name, .., parts) in &cases {
        stage.wait_for(name, parts);
        stage.assert_cannot_read(name);
    }
    stage.end();
}

/// Commits the beginning of each partition of the topic `t` for a group, so that it begins there without asking where that is.
fn commit_beginnings(servers: &str, group: &str, partitions: i32) {
    let member: BaseConsumer = kafka::client_of(servers).set("group.id", group).create().unwrap();
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset("t", partition, Offset::Offset(0)).unwrap();
    }
    let begun = Instant::now();
    while let Err(error) = member.commit(&list, CommitMode::Sync) {
        assert!(begun.elapsed() < SOON, "{error}");
    }
}

#[test]
fn a_partition_without_a_leader_is_named_while_the_others_are_read_and_so_it_is_at_a_start() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("t", 3).unwrap();
    let servers = kafka.bootstrap_servers();
    let write = |partition: i32| {
        kafka::produce(kafka::client_of(&servers), "t", [NewRecord::unkeyed("x").partition(partition)]);
    };
    write(1);
    commit_beginnings(&servers, "connect-goes-on", 3);
    // Before anybody fetches: librdkafka's mock falls over a fetch from a leader that is gone.
    kafka.set_leader("t", 1, false).unwrap();
    let connectors = ["goes-on", "begins"].map(|name| (name, connector(&servers, "t", "")));
    let stage = Stage::start(&connectors);
    let delivered = |name: &str, count: u64| stage.task(name)["records"]["delivered"] == count;
    write(0);
    stage.until(|| delivered("goes-on", 1));
    stage.wait_for("goes-on", &["t-1 at offset 0: the partition has no leader"]);
    stage.wait_for("begins", &["no leader has t-1"]);
    for (name, _) in &connectors {
        stage.assert_cannot_read(name);
        let obstacles = stage.task(name)["cannot_read"].clone();
        assert_eq!(obstacles.as_array().map(Vec::len), Some(1), "what can be read is not named: {obstacles}");
    }
    kafka.set_leader("t", 1, true).unwrap();
    stage.until(|| delivered("goes-on", 2) && delivered("begins", 2));
    stage.until(|| stage.said_of("goes-on").is_empty() && stage.said_of("begins").is_empty());
    stage.assert_reads("goes-on");
    stage.end();
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_is_named_and_the_others_are_read() {
    let Some(broker) = Broker::shared() else { return };
    let [stays, goes, alone] = ["stays", "goes", "alone"].map(kafka::unique);
    for topic in [&stays, &goes, &alone] {
        broker.create_topic(topic, 1);
        broker.produce(topic, [NewRecord::unkeyed("x")]);
    }
    let servers = broker.bootstrap_servers();
    let mut stage = Stage::start(&[
        ("both", connector(&servers, &format!("{stays}, {goes}"), "")),
        ("alone", connector(&servers, &alone, "")),
    ]);
    let delivered = |stage: &Stage, name: &str| stage.task(name)["records"]["delivered"].clone();
    stage.until(|| delivered(&stage, "both") == 2 && delivered(&stage, "alone") == 1);
    broker.delete_topic(&goes);
    broker.delete_topic(&alone);
    stage.begun = Instant::now();
    for (name, topic) in [("both", &goes), ("alone", &alone)] {
        stage.wait_for(name, &[&format!("topic `{topic}` does not exist"), "create it"]);
        stage.assert_cannot_read(name);
    }
    broker.produce(&stays, [NewRecord::unkeyed("x")]);
    stage.until(|| delivered(&stage, "both") == 3);
    for topic in [&goes, &alone] {
        broker.create_topic(topic, 1);
        broker.produce(topic, [NewRecord::unkeyed("x")]);
    }
    stage.until(|| delivered(&stage, "both") == 4 && delivered(&stage, "alone") == 2);
    stage.until(|| stage.said_of("both").is_empty() && stage.said_of("alone").is_empty());
    stage.end();
}

/// KIP-848: the brokers refuse a second member of a static name while the first one lives.
#[test]
fn a_static_name_that_another_process_holds_is_said_until_it_is_free() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("name-held");
    broker.create_topic(&topic, 1);
    let named = "    properties: { group.protocol: consumer, group.instance.id: the-name-itself }\n";
    let held = || [("held", connector(&broker.bootstrap_servers(), &topic, named))];
    let first = Stage::start(&held());
    first.wait_for_partitions("held", 1);
    let second = Stage::start(&held());
    let said =
        second.wait_for("held", &["has a member of this `group.instance.id` already", "an id of its own"]);
    assert!(!said.contains("the-name-itself"), "no value of a property is shown: {said}");
    second.assert_cannot_read("held");
    first.assert_reads("held");
    first.end();
    second.until(|| second.said_of("held").is_empty());
    second.wait_for_partitions("held", 1);
    broker.produce(&topic, [NewRecord::unkeyed("x")]);
    second.until(|| second.task("held")["records"]["delivered"] == 1);
    second.assert_reads("held");
    second.end();
}

/// With the older protocol the second member of a static name puts the first one out.
#[test]
fn a_member_whose_static_name_another_process_took_says_so() {
    let Some(broker) = Broker::shared() else { return };
    let topic = kafka::unique("name-taken");
    broker.create_topic(&topic, 1);
    let named = "    properties: { group.instance.id: the-name-itself }\n";
    let taken = || [("taken", connector(&broker.bootstrap_servers(), &topic, named))];
    let first = Stage::start(&taken());
    first.wait_for_partitions("taken", 1);
    let second = Stage::start(&taken());
    let said = first.wait_for("taken", &["`group.instance.id`", "an id of its own"]);
    assert!(!said.contains("the-name-itself"), "{said}");
    second.end();
    first.end();
}

/// How a client says who it is, with the password of the environment, and trusts the authority in this folder.
fn by_password(trust: &Folder) -> String {
    format!(
        "    auth: {{ scram: {{ username: {USER}, password: \"${{env:PASSWORD}}\", mechanism: sha_512 }} }}\n    \
         tls: {{ ca: \"${{file:{}/ca.pem.txt}}\" }}\n",
        trust.path().display()
    )
}

/// Lets the user read topics and use groups.
fn give_rights(secure: &SecureBroker, topics: [&str; 2], groups: [&str; 3]) {
    let topics = topics.map(|topic| [USER, "Read", "TOPIC", topic]);
    let groups = groups.map(|group| [USER, "Read", "GROUP", group]);
    secure.allow_all(&[&topics[..], &groups].concat());
}

/// In a process whose other tests have the user make no topic.
#[test]
fn a_dead_letter_queue_that_may_not_be_made_is_told_before_anything_is_put() {
    let Some(secure) = SecureBroker::shared() else { return };
    let trust = Folder::with("ca.pem.txt", &secure.ca);
    let topic = kafka::unique("letters-not-made");
    let queue = format!("{topic}-dlq");
    secure.open().create_topic(&topic, 1);
    secure.open().produce(&topic, ["{}", "no JSON", "{}"].map(NewRecord::unkeyed));
    let rule = ["somebody-else", "Create", "CLUSTER", "kafka-cluster"];
    secure.allow_all(&[rule, [USER, "Describe", "TOPIC", &queue]]);
    let letters = format!("errors: {{ tolerance: all, dead_letter_queue: {{ topic: {queue} }} }}\n");
    let text = connector(secure.sasl(), &topic, &by_password(&trust)).replace("string", "json") + &letters;
    let stage = Stage::start_with(PASSWORD, &[("unmade", text)]);
    let said = stage.wait_for("unmade", &[&format!("topic `{queue}` is not there")]);
    for part in
        ["may not be created", &format!("sluice topics create {queue}"), "the right `Create`", "`Write`"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let delivered = stage.metric("sluice_records_delivered_total", &[("connector", "unmade")]);
    assert!(delivered < 0.5, "nothing is put");
    secure.allow_all(&[[USER, "Create", "TOPIC", &queue], [USER, "Write", "TOPIC", &queue]]);
    // A start that failed is tried again at once: it would wait ever longer.
    let failures = Cell::new(0);
    stage.until(|| {
        let now = stage.daemon.log_lines("connector failed").len();
        if now > failures.replace(now) {
            send(&stage.address, "POST", "/connectors/unmade/restart?includeTasks=true", &[], "");
        }
        secure.open().committed("connect-unmade", &topic) == [Some(3)]
    });
    assert_eq!(secure.open().read(&queue)[0].value_text(), "no JSON");
    stage.end();
}

#[test]
fn a_right_that_is_missing_is_named_until_it_is_given_and_needs_no_restart() {
    let Some(secure) = SecureBroker::shared() else { return };
    let trust = Folder::with("ca.pem.txt", &secure.ca);
    let names = ["unread", "unseen", "joining", "assigned", "taken"];
    let [unread, unseen, joining, assigned, taken] = names.map(kafka::unique);
    for topic in [&unread, &unseen, &joining, &assigned, &taken] {
        secure.open().create_topic(topic, 2);
    }
    secure.open().produce(&unread, [NewRecord::unkeyed("x").partition(0)]);
    let nobody = "somebody-else";
    secure.allow_all(&[
        [USER, "Describe", "TOPIC", &unread],
        [nobody, "Read", "TOPIC", &unseen],
        [nobody, "Read", "GROUP", "connect-joining"],
        [nobody, "Read", "GROUP", "connect-assigned"],
    ]);
    let security = by_password(&trust);
    let by_brokers = format!("{security}    properties: {{ group.protocol: consumer }}\n");
    let mut stage = Stage::start_with(
        PASSWORD,
        &[
            ("unread", connector(secure.sasl(), &unread, &security)),
            ("unseen", connector(secure.sasl(), &unseen, &security)),
            ("joining", connector(secure.sasl(), &joining, &security)),
            ("assigned", connector(secure.sasl(), &assigned, &by_brokers)),
            ("taken", connector(secure.sasl(), &taken, &security)),
        ],
    );
    stage.wait_for_partitions("taken", 2);
    secure.allow_all(&[[nobody, "Read", "GROUP", "connect-taken"]]);
    stage.begun = Instant::now();
    secure.open().produce(&taken, [NewRecord::unkeyed("x")]);
    let may_not_read = format!("topic `{unread}` may not be read");
    stage
        .wait_for("unread", &[&format!("{unread}-0 at offset 0: "), &may_not_read, "the right `Read` on it"]);
    stage.wait_for(
        "unseen",
        &[&format!("topic `{unseen}` does not exist, or may not be seen"), "allow Describe"],
    );
    for name in ["joining", "assigned", "taken"] {
        stage.wait_for(
            name,
            &[&format!("the group `connect-{name}` may not be used"), "the right `Read` on the group"],
        );
    }
    for name in names {
        stage.assert_cannot_read(name);
    }
    let place = [("connector", "unread"), ("topic", &*unread), ("partition", "1")];
    assert!(stage.metric("sluice_read_obstacle", &place) > 0.5);
    assert!(stage.daemon.log_lines("connector failed").is_empty(), "{}", stage.daemon.log());
    give_rights(secure, [&unread, &unseen], ["connect-joining", "connect-assigned", "connect-taken"]);
    // Nothing is written to most of them, so that no record says that they are read.
    stage.until(|| names.iter().all(|name| stage.said_of(name).is_empty()));
    for name in names {
        stage.assert_reads(name);
    }
    stage.until(|| stage.task("unread")["records"]["delivered"] == 1);
    stage.end();
}

/// Joins a group with another way to assign partitions than Sluice's.
fn member_with_ranges(broker: &Broker, group: &str, topic: &str) -> BaseConsumer {
    let mut client = broker.client();
    client.set("group.id", group).set("partition.assignment.strategy", "range");
    let member: BaseConsumer = client.create().unwrap();
    member.subscribe(&[topic]).unwrap();
    let begun = Instant::now();
    while member.assignment().unwrap().count() == 0 {
        assert!(begun.elapsed() < SOON, "the other member does not join");
        let _nothing = member.poll(Duration::from_millis(100)).is_none();
    }
    member
}

#[test]
fn the_advertised_host_that_nobody_knows_is_named_and_so_is_the_batch_that_cannot_be_read() {
    let Some((mut broker, unresolved)) = Broker::start_unresolved() else { return };
    let topic = "spoiled";
    broker.create_topic(topic, 2);
    let gzip = broker.client().set("compression.type", "gzip").to_owned();
    kafka::produce(gzip, topic, [NewRecord::unkeyed("x".repeat(5000)).partition(1)]);
    // Of one that is not packed, and whose sum is not looked at, librdkafka says nothing.
    let silent = "silent";
    broker.create_topic(silent, 1);
    broker.produce(silent, [NewRecord::unkeyed("x".repeat(5000))]);
    let damaged = "damaged";
    broker.create_topic(damaged, 1);
    for value in ["first", "second", "third"] {
        broker.produce(damaged, [NewRecord::unkeyed(value)]);
    }
    let one_bit = (damaged, 0, Damage::OneBit(1));
    broker.damage([(topic, 1, Damage::AllBytes), (silent, 0, Damage::AllBytes), one_bit]);
    broker.produce(topic, [NewRecord::unkeyed("good").partition(0)]);
    let unchecked = "    properties: { check.crcs: false }\n";
    let stage = Stage::start(&[
        ("unresolved", connector(&unresolved, topic, "")),
        ("spoiled", connector(&broker.bootstrap_servers(), topic, "")),
        ("silent", connector(&broker.bootstrap_servers(), silent, unchecked)),
        ("damaged", connector(&broker.bootstrap_servers(), damaged, "")),
        ("unchecked", connector(&broker.bootstrap_servers(), damaged, unchecked)),
    ]);
    let said = stage.wait_for("unresolved", &["broker.invalid", "advertised.listeners"]);
    assert!(!said.contains(&unresolved), "{said}");
    stage.wait_for("spoiled", &["cannot be read", "sluice offsets reset"]);
    let task = stage.task("spoiled");
    let obstacle = &task["cannot_read"][0];
    assert_eq!(
        (&obstacle["topic"], &obstacle["partition"], &obstacle["offset"]),
        (&topic.into(), &1.into(), &0.into())
    );
    assert_eq!(task["records"]["delivered"], 1, "the other partition is read");
    stage.wait_for("silent", &["nothing comes of a partition that holds more", "sluice offsets reset"]);
    let obstacle = &stage.task("silent")["cannot_read"][0];
    assert_eq!((&obstacle["topic"], &obstacle["offset"]), (&silent.into(), &0.into()));
    stage.wait_for("damaged", &["damaged-0 at offset 1: ", "CRC32C", "sluice offsets reset"]);
    for name in ["unresolved", "spoiled", "silent", "damaged"] {
        stage.assert_cannot_read(name);
        assert!(!stage.daemon.log_lines(&format!("connector={name}")).is_empty());
    }
    assert_eq!(stage.task("damaged")["records"]["delivered"], 1, "what is before it, and nothing behind it");
    assert_eq!(broker.committed("connect-damaged", damaged), [Some(1)]);
    assert_eq!(stage.task("unchecked")["records"]["delivered"], 3, "as whoever wants it so");
    // What cannot be read is asked for again and again, and not as fast as the broker answers.
    let before = cpu_seconds(stage.daemon.id());
    thread::sleep(Duration::from_secs(4));
    let spent = cpu_seconds(stage.daemon.id()) - before;
    assert!(spent < 2.0, "{spent} s of 4");
    stage.end();
}

#[test]
fn a_broker_that_goes_and_comes_back_is_noticed_though_no_record_flows() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("t", 1).unwrap();
    let mut stage = Stage::start(&[("quiet", connector(&kafka.bootstrap_servers(), "t", ""))]);
    stage.daemon.wait_for_log("partitions assigned");
    stage.assert_reads("quiet");
    kafka.down().unwrap();
    stage.begun = Instant::now();
    stage.wait_for("quiet", &["cannot read"]);
    stage.assert_cannot_read("quiet");
    kafka.up().unwrap();
    stage.until(|| stage.said_of("quiet").is_empty());
    stage.assert_reads("quiet");
}
