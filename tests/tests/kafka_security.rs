//! Clients that say who they are, on a real broker that asks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use sluice_connector_api::Registry;
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::load::Connector;
use sluice_tests::connector::Folder;
use sluice_tests::environment::EverythingIsSet;
use sluice_tests::kafka::secure::{PASSWORD, SECRET_KEY, SecureBroker, USER};
use sluice_tests::kafka::{self, NewRecord, StoredRecord};
use sluice_tests::listener::{address, send};
use sluice_tests::sluice::{Exited, Running, Sluice, root};

/// A connector from a topic into nothing. Rejected records go to the topic with `-dlq` behind its name.
fn connector(servers: &str, topic: &str, group: &str, security: &str) -> String {
    format!(
        "source:\n  kafka:\n    bootstrap_servers: {servers}\n    topics: [{topic}]\n    group: {group}\n    \
         commit_interval: 100ms\n{security}    properties: {{ reconnect.backoff.max.ms: 200 }}\n\
         sink:\n  blackhole: {{}}\nbatch: {{ linger: 20ms }}\nerrors:\n  tolerance: all\n  \
         dead_letter_queue: {{ topic: {topic}-dlq }}\n"
    )
}

/// Puts the broker's authority and a client's certificate in the folder; returns the key `tls` that trusts it.
fn trust(broker: &SecureBroker, folder: &Folder) -> String {
    folder.write("client.pem.txt", &broker.certificate);
    folder.write("client.key.txt", &broker.key);
    format!("    tls: {{ ca: \"${{file:{}}}\" }}\n", folder.write("ca.pem.txt", &broker.ca).display())
}

fn auth(folder: &Folder, how: &str) -> String {
    let here = folder.path().display();
    let auth = match how {
        "msk-iam" => "msk_iam: { region: eu-central-1 }".to_owned(),
        "mutual-tls" => format!(
            "tls: {{ certificate: \"${{file:{here}/client.pem.txt}}\", key: \"${{file:{here}/client.key.txt}}\" }}"
        ),
        "plain" => format!("plain: {{ username: {USER}, password: \"${{env:PASSWORD}}\" }}"),
        scram => {
            let mechanism = scram.trim_start_matches("scram-");
            format!("scram: {{ username: {USER}, password: \"${{env:PASSWORD}}\", mechanism: {mechanism} }}")
        }
    };
    format!("    auth: {{ {auth} }}\n")
}

/// Runs a command with the credentials that the broker takes.
fn sluice(arguments: &[&str]) -> Sluice {
    Sluice::new(arguments).env("PASSWORD", PASSWORD).envs([
        ("AWS_ACCESS_KEY_ID", "AKIDTESTS"),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ])
}

#[test]
fn each_way_to_authenticate_reads_commits_and_writes_dead_letters() {
    let Some(broker) = SecureBroker::shared() else { return };
    let folder = Folder::new();
    let tls = trust(broker, &folder);
    let ways = ["msk-iam", "mutual-tls", "plain", "scram-sha_256", "scram-sha_512"];
    for way in ways {
        let servers = if way == "mutual-tls" { broker.mutual() } else { broker.sasl() };
        broker.open().create_topic(way, 1);
        broker.open().produce(way, [NewRecord::unkeyed("{}"), NewRecord::unkeyed("no JSON")]);
        let security = auth(&folder, way) + &tls;
        folder.write(&format!("{way}.yaml"), connector(servers, way, way, &security));
    }
    let here = folder.path().display().to_string();
    let checked = sluice(&["check", "--connect", &here]).output().expect_code(0);
    assert_eq!(checked.stdout.matches("1 broker(s) answer").count(), ways.len(), "{checked}");
    let mut daemon = sluice(&["run", &here]).spawn();
    for way in ways {
        daemon.wait_while_running(way, || broker.open().committed(way, way) == [Some(2)]);
        assert_eq!(broker.open().read(&format!("{way}-dlq"))[0].value_text(), "no JSON");
    }
    let log = daemon.log();
    assert!(!log.contains(PASSWORD) && !log.contains(SECRET_KEY), "{log}");
    daemon.terminate().expect_code(0);
}

/// A connector that copies a topic to the one with `-copy` behind its name, and is the same client on both sides.
fn copying(servers: &str, topic: &str, security: &str, more: &str) -> String {
    let text = connector(servers, topic, topic, security).replace("  blackhole: {}\n", "");
    let sink = format!(
        "sink:\n  kafka:\n    bootstrap_servers: {servers}\n    topic: {topic}-copy\n{more}{security}"
    );
    text.replace("sink:\n", &sink)
}

#[test]
fn the_sink_writes_by_each_way_to_authenticate() {
    let Some(broker) = SecureBroker::shared() else { return };
    let folder = Folder::new();
    let tls = trust(broker, &folder);
    let ways = ["msk-iam", "mutual-tls", "plain", "scram-sha_256", "scram-sha_512"];
    let topics = ways.map(kafka::unique);
    for (way, topic) in ways.iter().zip(&topics) {
        let servers = if *way == "mutual-tls" { broker.mutual() } else { broker.sasl() };
        broker.open().create_topic(topic, 1);
        broker.open().create_topic(&format!("{topic}-copy"), 1);
        broker.open().produce(topic, [NewRecord::unkeyed("{}")]);
        // With a token, also the client that asks for offsets.
        let more = if *way == "msk-iam" { format!("    transactional_id: {topic}\n") } else { String::new() };
        folder.write(&format!("{way}.yaml"), copying(servers, topic, &(auth(&folder, way) + &tls), &more));
    }
    let here = folder.path().display().to_string();
    let checked = sluice(&["check", "--connect", &here]).output().expect_code(0);
    assert_eq!(checked.stdout.matches("may be written").count(), ways.len(), "{checked}");
    let mut daemon = sluice(&["run", &here]).spawn();
    for topic in &topics {
        daemon.wait_while_running(topic, || !broker.open().read(&format!("{topic}-copy")).is_empty());
    }
    let log = daemon.log();
    assert!(!log.contains(PASSWORD) && !log.contains(SECRET_KEY), "{log}");
    daemon.terminate().expect_code(0);
}

#[test]
fn check_says_of_the_topics_of_the_sink_what_the_client_may_not_do() {
    let Some(broker) = SecureBroker::shared() else { return };
    let folder = Folder::new();
    let security = auth(&folder, "plain") + &trust(broker, &folder);
    let check = |topic: &str| {
        folder.write("c.yaml", copying(broker.sasl(), topic, &security, ""));
        sluice(&["check", "--connect", &folder.path().display().to_string()]).output()
    };
    let topic = kafka::unique("rights");
    let copy = format!("{topic}-copy");
    broker.open().create_topic(&topic, 1);
    let missing = check(&topic).expect_code(3);
    assert!(missing.stdout.contains(&format!("sluice topics create {copy}")), "{missing}");
    broker.open().create_topic(&copy, 2);
    let there = check(&topic).expect_code(0);
    assert!(there.stdout.contains("has 2 partition(s), and may be written"), "{there}");
    broker.allow("somebody-else", "Write", &copy);
    let hidden = check(&topic).expect_code(3);
    assert!(hidden.stdout.contains("may not be seen by the client of the sink"), "{hidden}");
    broker.allow(USER, "Describe", &copy);
    let seen = check(&topic).expect_code(3);
    assert!(seen.stdout.contains("may not be written") && seen.stdout.contains("`Write`"), "{seen}");
    // What the connector says of it when it runs, and that nothing is lost by it.
    broker.open().produce(&topic, [NewRecord::unkeyed("{}")]);
    let mut daemon = sluice(&["run", &folder.path().display().to_string()]).spawn();
    daemon.wait_for_log("give the right `Write` on it");
    broker.allow(USER, "Write", &copy);
    daemon.wait_while_running("a record", || broker.open().read(&copy).len() == 1);
    daemon.terminate().expect_code(0);
}

/// In the middle of its work, with transactions and without: nothing is lost, and nothing is there twice.
#[test]
fn a_right_that_is_taken_under_a_running_connector_is_told_and_giving_it_back_is_enough() {
    let Some(broker) = SecureBroker::shared() else { return };
    for way in ["at-least-once", "transactions"] {
        let folder = Folder::new();
        let security = auth(&folder, "plain") + &trust(broker, &folder);
        let topic = kafka::unique(way);
        let copy = format!("{topic}-copy");
        for name in [&topic, &copy] {
            broker.open().create_topic(name, 1);
        }
        let more = match way {
            "transactions" => format!("    transactional_id: {topic}\n"),
            _ => String::new(),
        };
        folder.write("c.yaml", copying(broker.sasl(), &topic, &security, &more));
        let mut daemon = sluice(&["run", &folder.path().display().to_string()]).spawn();
        let produce = |from: usize| {
            broker
                .open()
                .produce(&topic, (from..from + 20).map(|n| NewRecord::unkeyed(format!("{{\"n\":{n}}}"))));
        };
        produce(0);
        daemon.wait_while_running("records", || broker.open().read(&copy).len() == 20);
        broker.allow("somebody-else", "Write", &copy);
        produce(20);
        daemon.wait_for_log("give");
        assert_eq!(broker.open().committed(&topic, &topic), [Some(20)], "{way}: nothing is passed over");
        broker.allow(USER, "Write", &copy);
        daemon.wait_while_running("every offset", || broker.open().committed(&topic, &topic) == [Some(40)]);
        let values: Vec<_> = broker.open().read(&copy).iter().map(StoredRecord::value_text).collect();
        let expected: Vec<_> = (0..40).map(|n| format!("{{\"n\":{n}}}")).collect();
        assert_eq!(values, expected, "{way}");
        daemon.terminate().expect_code(0);
    }
}

/// A connector that puts what is good into a file, and rejects what is not JSON.
struct Rejecting {
    topic: String,
    folder: Folder,
}

impl Rejecting {
    fn set_up(broker: &SecureBroker, stem: &str) -> Self {
        let (topic, folder) = (kafka::unique(stem), Folder::new());
        broker.open().create_topic(&topic, 1);
        let security = auth(&folder, "plain") + &trust(broker, &folder);
        let text = connector(broker.sasl(), &topic, &topic, &security);
        let file = format!("  file: {{ path: {} }}\n", folder.path().join("out.jsonl").display());
        folder.write("c.yaml", text.replace("  blackhole: {}\n", &file));
        broker.open().produce(&topic, ["{}", "no JSON", "{}", "{}"].map(NewRecord::unkeyed));
        Self { topic, folder }
    }

    fn queue(&self) -> String {
        format!("{}-dlq", self.topic)
    }

    fn file(&self) -> String {
        self.folder.path().join("c.yaml").display().to_string()
    }

    fn run(&self) -> Running {
        sluice(&["run", &self.file(), "--listen=127.0.0.1:0"]).spawn()
    }

    /// How often the sink was given a record.
    fn puts(&self) -> usize {
        let text = std::fs::read_to_string(self.folder.path().join("out.jsonl"));
        text.unwrap_or_default().lines().count()
    }

    fn is_done(&self, broker: &SecureBroker, offset: i64) -> bool {
        broker.open().committed(&self.topic, &self.topic) == [Some(offset)]
    }

    /// Waits until all is done up to an offset, and has a start that failed tried again at once: it would wait ever longer.
    fn wait_for_commit(&self, daemon: &mut Running, broker: &SecureBroker, offset: i64) {
        let (address, mut failures) = (address(daemon), 0);
        daemon.wait_until("every offset", |daemon| {
            let now = daemon.log_lines("connector failed").len();
            if now > failures {
                failures = now;
                send(&address, "POST", "/connectors/c/restart?includeTasks=true", &[], "");
            }
            self.is_done(broker, offset).then_some(())
        });
    }
}

#[test]
fn a_queue_that_may_not_be_written_is_told_before_anything_is_put_and_giving_the_right_is_enough() {
    let Some(broker) = SecureBroker::shared() else { return };
    let seen = Rejecting::set_up(broker, "letters-not-written");
    let hidden = Rejecting::set_up(broker, "letters-not-seen");
    broker.open().create_topic(&seen.queue(), 1);
    broker.open().create_topic(&hidden.queue(), 1);
    broker.allow_all(&[
        [USER, "Describe", "TOPIC", &seen.queue()],
        ["somebody-else", "Write", "TOPIC", &hidden.queue()],
    ]);
    let cases = [&seen, &hidden];
    for case in cases {
        let checked = sluice(&["check", "--connect", &case.file()]).output().expect_code(3);
        let wrong = format!("dead letter topic {}: may not be written; give the right `Write`", case.queue());
        assert!(checked.stdout.contains(&wrong), "{checked}");
    }
    let mut daemons = cases.map(Rejecting::run);
    for (case, daemon) in cases.iter().zip(&mut daemons) {
        for line in daemon.wait_for_logs("the dead letter queue is not as the file has it", 2) {
            assert!(line.contains(&case.queue()) && line.contains("`Write`"), "{line}");
        }
        assert_eq!(case.puts(), 0);
    }
    broker.allow_all(&[[USER, "Write", "TOPIC", &seen.queue()], [USER, "Write", "TOPIC", &hidden.queue()]]);
    for (case, mut daemon) in cases.iter().zip(daemons) {
        case.wait_for_commit(&mut daemon, broker, 4);
        assert_eq!((case.puts(), broker.open().read(&case.queue()).len()), (3, 1));
        daemon.terminate().expect_code(0);
    }
}

#[test]
fn a_right_that_is_taken_from_a_queue_under_a_running_connector_has_nothing_put_over_and_over() {
    let Some(broker) = SecureBroker::shared() else { return };
    let case = Rejecting::set_up(broker, "letters-taken");
    let mut daemon = case.run();
    daemon.wait_while_running("every offset", || case.is_done(broker, 4));
    broker.allow("somebody-else", "Write", &case.queue());
    broker.open().produce(&case.topic, ["{}", "no JSON", "{}", "{}"].map(NewRecord::unkeyed));
    let line = daemon.wait_for_log("connector failed");
    assert!(line.contains(&case.queue()) && line.contains("give the right `Write` on it"), "{line}");
    daemon.wait_for_log("the dead letter queue is not as the file has it");
    daemon.wait_for_log("failures=3");
    assert!(case.puts() <= 6, "{} puts of 6 records", case.puts());
    broker.allow(USER, "Write", &case.queue());
    case.wait_for_commit(&mut daemon, broker, 8);
    assert!(
        case.puts() <= 8,
        "what was behind the letter was put twice at most: {} puts\n{}",
        case.puts(),
        daemon.log()
    );
    assert_eq!(broker.open().read(&case.queue()).len(), 2);
    daemon.terminate().expect_code(0);
}

/// Every token ends after 15 s, the shortest there is, and the broker cuts off connections whose token has ended.
#[test]
fn tokens_are_replaced_while_records_flow() {
    let Some(broker) = SecureBroker::shared() else { return };
    let topic = kafka::unique("tokens");
    broker.open().create_topic(&topic, 1);
    let folder = Folder::new();
    let security = "    auth: { msk_iam: { region: eu-central-1, token_lifetime: 15s } }\n".to_owned();
    folder.write("c.yaml", connector(broker.sasl(), &topic, &topic, &(security + &trust(broker, &folder))));
    let before = broker.tokens().len();
    let mut daemon = sluice(&["run", &folder.path().display().to_string(), "--listen=none"]).spawn();
    for second in 1..=26 {
        broker.open().produce(&topic, [NewRecord::unkeyed("{}")]);
        daemon.wait_while_running("a commit", || broker.open().committed(&topic, &topic) == [Some(second)]);
        sleep(Duration::from_secs(1));
    }
    let log = daemon.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "nothing is amiss: {log}");
    daemon.terminate().expect_code(0);
    let taken = broker.tokens().len() - before;
    assert!(taken > 2, "{taken} token(s) in more than 26 s");
}

#[test]
fn commands_without_a_connector_of_their_own_take_one_from_a_file() {
    let Some(broker) = SecureBroker::shared() else { return };
    let topic = kafka::unique("commands");
    broker.open().create_topic(&topic, 1);
    let folder = Folder::new();
    let security = auth(&folder, "msk-iam") + &trust(broker, &folder);
    let file = folder.write("c.yaml", connector(broker.sasl(), &topic, &topic, &security));
    let file = file.display().to_string();
    let produce = ["produce", "--topic", &topic, "--connector", &file];
    let produced = sluice(&produce).input("{\"n\":1}\n{\"n\":2}\n").output().expect_code(0);
    assert!(produced.stdout.contains("2 record(s) acknowledged"), "{produced}");
    let listed = sluice(&["dlq", "list", "--topic", &topic, "--connector", &file]).output().expect_code(0);
    assert_eq!(listed.lines().len(), 2, "{listed}");
    let created = sluice(&["topics", "create", &kafka::unique("more"), "--connector", &file]).output();
    assert!(created.expect_code(0).stdout.ends_with(": created"), "an admin client has a token, too");
    let nobody = sluice(&produce).env("AWS_ACCESS_KEY_ID", "").env("AWS_SECRET_ACCESS_KEY", "").output();
    let nobody = nobody.expect_code(3);
    assert!(nobody.stderr.contains("cannot get AWS credentials"), "{nobody}");
}

/// Returns the lines that say what is wrong with one connector.
fn wrong(broker: &SecureBroker, auth: &str, tls: bool, key: &str) -> Vec<String> {
    let folder = Folder::new();
    let trust = trust(broker, &folder);
    let security = format!("    auth: {{ {auth} }}\n{}", if tls { trust.as_str() } else { "" });
    folder.write("c.yaml", connector(broker.sasl(), "t", "g", &security));
    let check = sluice(&["check", "--connect", "--timeout=60s", &folder.path().display().to_string()]);
    let begun = Instant::now();
    let ended: Exited = check.env("AWS_SECRET_ACCESS_KEY", key).output().expect_code(3);
    assert!(begun.elapsed() < Duration::from_secs(30), "a refusal is told as soon as it is known");
    let lines = ended.lines().into_iter().filter(|line| line.starts_with("✗ c: Kafka"));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let Some(broker) = SecureBroker::shared() else { return };
    let alice = |password: &str| format!("scram: {{ username: {USER}, password: {password} }}");
    let password = wrong(broker, &alice("wrong"), true, SECRET_KEY);
    assert!(password.len() == 1 && password[0].contains("invalid credentials"), "{password:?}");
    let authority = wrong(broker, &alice(PASSWORD), false, SECRET_KEY);
    assert!(authority.len() == 1 && authority[0].contains("certificate"), "{authority:?}");
    let signature = wrong(broker, "msk_iam: { region: eu-central-1 }", true, "another");
    assert!(signature.len() == 1 && signature[0].contains("invalid_token"), "{signature:?}");
}

#[tokio::test]
async fn every_example_of_the_page_is_a_good_connector() {
    let folder = Folder::new();
    // They are read where the clients are tried.
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&key).unwrap().pem();
    folder.write("ca.pem", &certificate);
    folder.write("client.pem", &certificate);
    folder.write("client.key", key.serialize_pem());
    let page = std::fs::read_to_string(root().join("docs/kafka-security.md")).unwrap();
    let examples: Vec<_> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 5);
    for example in examples {
        let here = folder.path().display().to_string();
        let text = format!("{}sink: {{ blackhole: {{}} }}\n", example.replace("/etc/sluice", &here));
        let registry = sluice_sinks::register(sluice_transforms::register(Registry::new()))
            .with_provider::<EverythingIsSet>();
        let connector = Connector::parse(Path::new("c.yaml"), &text, &registry, Follow::Every).await;
        assert!(connector.is_ok(), "{example}{connector:?}");
    }
}
