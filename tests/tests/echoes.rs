//! Invariant 8 against a target that echoes all it gets, and against data that a terminal would act upon: no secret is shown
//! or kept in any spelling, content of a record only to whoever asks for its letter, and nothing raw.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::listener::{address, get};
use sluice_tests::sluice::{Exited, Running, Sluice};

/// The variables of the connector below, all of which the target echoes.
const SECRETS: [(&str, &str); 5] = [
    ("HOOK", "T0hook/B1\"&<x> end"),
    ("QUERY", "q=uery/secret+1&more"),
    ("API_KEY", "key\"with\\slash/&<4>"),
    ("USER", "user-of-the-api"),
    ("PASSWORD", "pass:word\"/with+all & <more>"),
];
const FILE_SECRET: &str = "tenant/\"secret\"";
/// What the record holds.
const CONTENT: &str = "card 41114111";

/// Starts a target that answers everything with 422 and all that it was sent, over and over in other spellings.
fn start_echo() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Whoever asked has gone.
            echo(stream).unwrap_or_default();
        }
    });
    host
}

fn echo(mut stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let sent = format!("{head}{}", String::from_utf8_lossy(&body));
    let decoded = percent_decoded(&sent);
    // The secrets come last: the start of an answer is all that is kept.
    let said = json!({ "error": CONTENT, "sent": sent, "decoded": decoded, "page": html(&decoded), "url": percent_encoded(&decoded) });
    let said = format!("{said}\u{1b}[31m");
    write!(stream, "HTTP/1.1 422 No\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{said}", said.len())
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let code = behind
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code.filter(|_| *byte == b'%') {
            Some(code) => (bytes.push(code), rest = &behind[2..]),
            None => (bytes.push(*byte), rest = behind),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02x}").unwrap();
        }
    }
    out
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&#62;")
        .replace('/', "&#x2F;")
}

/// Says whether a text holds a secret in one of the spellings of the target, or part of one.
#[track_caller]
fn assert_no_secret(text: &str) {
    for (name, secret) in SECRETS.into_iter().chain([("file", FILE_SECRET)]) {
        let json = |text: &str| json!(text).to_string().trim_matches('"').to_owned();
        let basic = "dXNlci1vZi10aGUtYXBp";
        for spelled in [
            secret.to_owned(),
            json(secret),
            json(&json(secret)),
            percent_encoded(secret),
            html(secret),
            json(&html(secret)),
            basic.to_owned(),
        ] {
            assert!(!text.contains(&spelled), "{name} as {spelled} in:\n{text}");
        }
    }
}

struct Stage {
    kafka: EmbeddedKafka,
    folder: Folder,
    host: String,
}

impl Stage {
    fn set_up() -> Self {
        let (kafka, folder, host) = (EmbeddedKafka::start().unwrap(), Folder::new(), start_echo());
        kafka.create_topic("orders", 1).unwrap();
        kafka.create_topic("orders-letters", 1).unwrap();
        let tenant = folder.write("tenant.txt", FILE_SECRET);
        let text = format!(
            "\
source:
  kafka: {{ bootstrap_servers: \"${{env:KAFKA}}\", topics: [\"${{env:TOPIC}}\"] }}
  value: string
sink:
  http:
    url: \"http://${{env:HOST}}/services/${{env:HOOK}}?key=${{env:QUERY}}\"
    headers: {{ x-api-key: \"Key ${{env:API_KEY}}\", x-tenant: \"${{file:{}}}\" }}
    auth: {{ basic: {{ username: \"${{env:USER}}\", password: \"${{env:PASSWORD}}\" }} }}
errors: {{ tolerance: all, threshold: off, dead_letter_queue: {{ topic: orders-letters }} }}
",
            tenant.display()
        );
        folder.write("orders.yaml", text);
        Self { kafka, folder, host }
    }

    fn sluice(&self, arguments: &[&str]) -> Sluice {
        Sluice::new(arguments)
            .envs(SECRETS)
            .envs([("HOST", self.host.as_str()), ("TOPIC", "orders")])
            .env("KAFKA", self.kafka.bootstrap_servers())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.kafka.bootstrap_servers())
    }

    fn file(&self) -> String {
        self.folder.path().join("orders.yaml").display().to_string()
    }

    fn run(&self, argument: &str) -> Running {
        self.sluice(&["run", &self.file(), "--listen=127.0.0.1:0", argument]).spawn()
    }

    fn produce(&self, topic: &str, record: NewRecord) {
        kafka::produce(kafka::client_of(&self.kafka.bootstrap_servers()), topic, [record]);
    }

    fn dlq(&self, arguments: &[&str]) -> Exited {
        let all = [&["dlq", arguments[0], "--topic", "orders-letters"], &arguments[1..]].concat();
        self.sluice(&all).output().expect_code(0)
    }
}

#[test]
fn a_target_that_echoes_everything_tells_no_secret_and_content_only_to_whoever_asks_for_the_letter() {
    let stage = Stage::set_up();
    stage.produce("orders", NewRecord::unkeyed(CONTENT));
    let mut daemon = stage.run("--log-level=debug");
    let address = address(&mut daemon);
    daemon.wait_for_log("for the dead letter queue");
    daemon.wait_while_running("the letter", || get(&address, "/status").body.contains("\"dead_lettered\":1"));
    let status = get(&address, "/status").body;
    let log = daemon.terminate().expect_code(0).stderr;
    let list = stage.dlq(&["list"]).stdout;
    for shown in [&status, &log, &list] {
        assert_no_secret(shown);
        assert!(!shown.contains("41114111"), "{shown}");
    }
    for open in [format!("http://{}", stage.host), "orders-0-0".to_owned()] {
        assert!(log.contains(&open) && list.contains(&open), "{open} stays readable in {log}\n{list}");
    }
    let letter = stage.dlq(&["show", "0:0"]).stdout;
    assert_no_secret(&letter);
    let letter: Value = serde_json::from_str(&letter).unwrap();
    let detail = letter["errors"]["__sluice.errors.detail"].as_str().unwrap();
    assert!(
        detail.contains(CONTENT) && detail.contains("[redacted]") && detail.contains("/services/"),
        "{detail}"
    );
    assert_eq!(letter["value"], CONTENT);
}

#[test]
fn what_a_failed_connector_says_of_its_target_holds_no_secret() {
    let stage = Stage::set_up();
    let text = std::fs::read_to_string(stage.file()).unwrap();
    let text =
        text.split("errors:").next().unwrap().replace("    auth:", "    statuses: { 422: fatal }\n    auth:");
    stage.folder.write("orders.yaml", text);
    stage.produce("orders", NewRecord::unkeyed(CONTENT));
    let mut daemon = stage.run("--log-format=json");
    let line = daemon.wait_for_log("serving /metrics");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    daemon.wait_for_log("connector failed");
    let (status, ready) = (get(&address, "/status").body, get(&address, "/readyz").body);
    let log = daemon.terminate().expect_code(0).stderr;
    for shown in [&status, &ready, &log] {
        assert_no_secret(shown);
        assert!(shown.contains("was answered 422") && !shown.contains("41114111"), "{shown}");
    }
}

#[test]
fn what_a_terminal_would_act_upon_is_escaped_in_text_and_in_json() {
    let stage = Stage::set_up();
    let evil = "a\u{1b}[2Jb\u{9b}31mc\u{202e}d\u{2028}e\r\n0:7  forged-0-7  x  y  z";
    let letter = NewRecord::new(evil, evil)
        .header(evil, evil)
        .header("__connect.errors.topic", "orders")
        .header("__connect.errors.connector.name", evil)
        .header("__connect.errors.exception.message", format!("{evil}{}", "x".repeat(100_000)));
    stage.produce("orders-letters", letter);
    let is_plain = |text: &str| text.chars().all(|char| char == '\n' || (' '..='~').contains(&char));
    let list = stage.dlq(&["list"]).stdout;
    assert_eq!(list.lines().count(), 1, "{list:?}");
    assert!(
        is_plain(&list)
            && list.contains("a\\u001b[2Jb\\u009b31mc\\u202ed\\u2028e\\r\\n0:7")
            && list.len() < 2000,
        "{list:?}"
    );
    let plan = stage.dlq(&["replay", "0:0", "--dry-run"]).stdout;
    assert!(is_plain(&plan) && plan.lines().count() == 2, "{plan:?}");
    for arguments in
        [&["list", "-o", "json"][..], &["show", "0:0"], &["replay", "0:0", "--dry-run", "-o", "json"]]
    {
        let shown = stage.dlq(arguments).stdout;
        assert!(is_plain(&shown), "{arguments:?}: {shown:?}");
    }
    let shown: Value = serde_json::from_str(&stage.dlq(&["show", "0:0"]).stdout).unwrap();
    assert_eq!(
        (&shown["key"], &shown["headers"][0]["name"]),
        (&json!(evil), &json!(evil)),
        "it means the same"
    );
}
