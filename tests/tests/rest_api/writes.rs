//! Connectors that requests create, change and remove: their files are written, and stay the truth.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sluice_tests::connector::Folder;
use sluice_tests::listener::ListenerAnswer;
use sluice_tests::sluice::{Running, Sluice};

use crate::stage::{PRICES, Stage, error};

impl Stage {
    fn writing(&self) -> Sluice {
        self.sluice().arg("--rest-writes")
    }

    pub(crate) fn spawn_writing(&self) -> Running {
        let mut daemon = self.writing().spawn();
        daemon.wait_for_log("partitions assigned");
        daemon
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    /// A connector into the same target, as it is put.
    pub(crate) fn config(&self) -> Value {
        json!({
            "connector.class": "http", "topics": self.topic, "tasks_max": "1", "batch.linger": "20ms",
            "source.kafka.bootstrap_servers": "${env:KAFKA_BOOTSTRAP_SERVERS}",
            "source.kafka.properties.\"session.timeout.ms\"": "6000", "sink.http.url": self.target.url(),
            "sink.http.headers.x-number": "0123",
        })
    }

    fn ask_json(&self, method: &str, path: &str, body: &Value) -> ListenerAnswer {
        self.ask(method, path, &body.to_string())
    }
}

fn json_of(answer: &ListenerAnswer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn with(mut config: Value, name: &str, value: impl Into<Value>) -> Value {
    config[name] = value.into();
    config
}

#[test]
fn requests_write_nothing_unless_they_may() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let before = stage.text("prices.yaml");
    let new = json!({ "name": "x", "config": stage.config() });
    for (method, path, body) in [
        ("POST", "/connectors", &new),
        ("PUT", "/connectors/x/config", &stage.config()),
        ("PUT", "/connectors/prices/config", &stage.config()),
        ("PATCH", "/connectors/prices/config", &json!({ "batch.linger": "1s" })),
        ("DELETE", PRICES, &json!({})),
    ] {
        let (status, text) = error(&stage.ask_json(method, path, body));
        assert!(status == 403 && text.contains("--rest-writes"), "{method} {path}: {status} {text}");
    }
    assert_eq!(stage.text("prices.yaml"), before);
    assert_eq!(fs::read_dir(stage.folder.path()).unwrap().count(), 1);
    daemon.terminate().expect_code(0);
}

#[test]
fn a_connector_is_created_and_its_file_says_who_wrote_it() {
    let stage = Stage::new();
    let mut daemon = stage.spawn_writing();
    let created =
        stage.ask_json("POST", "/connectors", &json!({ "name": " orders ", "config": stage.config() }));
    let info = json_of(&created, 201);
    assert!(created.head.contains("location: "), "{}", created.head);
    let expected = with(stage.config(), "name", "orders");
    assert_eq!(
        (&info["name"], &info["type"], &info["config"]),
        (&json!("orders"), &json!("sink"), &expected)
    );
    assert_eq!(stage.get("/connectors/orders/config"), expected, "as it was put");
    let text = stage.text("orders.yaml");
    assert!(text.starts_with("# Written by sluice ") && text.contains("POST /connectors"), "{text}");
    assert!(text.contains("x-number: \"0123\"") && text.contains("tasks_max: 1\n"), "{text}");

    stage.produce(10);
    // Both groups read all of them.
    daemon.wait_while_running("records of both", || stage.target.count() >= 20);
    let again = stage.ask_json("POST", "/connectors", &json!({ "name": "orders", "config": stage.config() }));
    assert_eq!(error(&again), (409, "Connector orders already exists".to_owned()));
    daemon.terminate().expect_code(0);
    Sluice::new(["check".as_ref(), stage.folder.path()])
        .env("KAFKA_BOOTSTRAP_SERVERS", &stage.servers)
        .output()
        .expect_code(0);
}

#[test]
fn a_connector_begins_in_the_state_that_is_asked_for_and_a_change_leaves_it_there() {
    let stage = Stage::new();
    let mut daemon = stage.spawn_writing();
    let new = json!({ "name": "orders", "config": stage.config(), "initial_state": "stopped" });
    let created = stage.ask_json("POST", "/connectors", &new);
    assert_eq!(json_of(&created, 201)["tasks"], json!([]));
    assert!(created.head.contains("sluice-state-kept: process"), "{}", created.head);
    let state = || stage.get("/connectors/orders/status")["connector"]["state"].clone();
    assert_eq!(state(), "STOPPED");
    let changed =
        stage.ask_json("PUT", "/connectors/orders/config", &with(stage.config(), "batch.linger", "30ms"));
    json_of(&changed, 200);
    assert_eq!(state(), "STOPPED");
    assert_eq!(stage.ask("PUT", "/connectors/orders/resume", "").status, 202);
    daemon.wait_until("it runs", |_| (state() == "RUNNING").then_some(()));
    let odd = json!({ "name": "x", "config": stage.config(), "initial_state": "asleep" });
    assert_eq!(error(&stage.ask_json("POST", "/connectors", &odd)).0, 400);
    assert!(!stage.file("x.yaml").exists());
    daemon.terminate().expect_code(0);
}

#[test]
fn a_change_keeps_secrets_that_are_blanked_and_says_that_comments_are_lost() {
    let stage = Stage::new();
    let before = stage.text("prices.yaml").replace("tasks_max", "# Mine.\ntasks_max");
    fs::write(stage.file("prices.yaml"), before).unwrap();
    let mut daemon = stage.spawn_writing();
    let shown = stage.get("/connectors/prices/config");
    assert_eq!(shown["sink.http.headers.x-secret"], "[redacted]");
    let changed =
        stage.ask_json("PUT", "/connectors/prices/config", &with(shown.clone(), "batch.linger", "1s"));
    assert_eq!(json_of(&changed, 200)["config"], with(shown.clone(), "batch.linger", "1s"));
    assert!(changed.head.contains("sluice-comments: lost"), "{}", changed.head);
    let text = stage.text("prices.yaml");
    assert!(text.contains("x-secret: hunter2") && text.contains("${env:KAFKA_BOOTSTRAP_SERVERS}"), "{text}");
    assert!(!changed.body.contains("hunter2") && !daemon.log().contains("hunter2"));

    // The comment that says who wrote it is none that would be missed.
    let again = stage.ask_json("PUT", "/connectors/prices/config", &shown);
    assert!(again.status == 200 && !again.head.contains("sluice-comments"), "{}", again.head);
    let moved = with(shown, "sink.http.headers.x-other", "[redacted]");
    let (status, text) = error(&stage.ask_json("PUT", "/connectors/prices/config", &moved));
    assert!(status == 400 && text.contains("sink.http.headers.x-other: "), "{text}");
    stage.produce(3);
    daemon.wait_while_running("records", || stage.target.count() >= 3);
    daemon.terminate().expect_code(0);
}

#[test]
fn put_makes_what_is_not_there_and_patch_changes_single_values() {
    let stage = Stage::new();
    let daemon = stage.spawn_writing();
    let path = "/connectors/a%20b/config";
    let created = stage.ask_json("PUT", path, &stage.config());
    assert_eq!(json_of(&created, 201)["name"], "a b");
    assert!(created.head.contains("/connectors/a%20b\r\n"), "{}", created.head);
    let patched = stage.ask_json("PATCH", path, &json!({ "batch.linger": null, "tasks_max": 2 }));
    let mut expected = with(with(stage.config(), "name", "a b"), "tasks_max", "2");
    expected.as_object_mut().unwrap().shift_remove("batch.linger");
    assert_eq!(json_of(&patched, 200)["config"], expected);
    assert_eq!(stage.get("/connectors/a%20b/config"), expected);
    assert_eq!(stage.get("/connectors/a%20b")["tasks"].as_array().unwrap().len(), 2);
    let missing = error(&stage.ask_json("PATCH", "/connectors/none/config", &json!({})));
    assert_eq!(missing, (404, "Connector none not found".to_owned()));

    assert_eq!(stage.ask("DELETE", "/connectors/a%20b", "").status, 204);
    assert!(!stage.file("a b.yaml").exists());
    assert_eq!(stage.get("/connectors"), json!(["prices"]), "at once");
    let gone = error(&stage.ask("DELETE", "/connectors/a%20b", ""));
    assert_eq!(gone, (404, "Connector a b not found".to_owned()));
    daemon.terminate().expect_code(0);
}

#[test]
fn what_is_not_valid_is_refused_as_check_would_and_nothing_is_written() {
    let stage = Stage::new();
    let daemon = stage.spawn_writing();
    let before = stage.text("prices.yaml");
    let wrong = with(with(stage.config(), "sink.http.url", "nowhere"), "tasks_maximum", "2");
    let (status, text) = error(&stage.ask_json("PUT", "/connectors/prices/config", &wrong));
    assert_eq!(status, 400);
    let head = "Connector configuration is invalid and contains the following 2 error(s):\n";
    assert!(text.starts_with(head) && text.contains("\nsink.http.url: "), "{text}");
    assert!(text.contains("did you mean `tasks_max`?"), "{text}");
    let other = with(stage.config(), "name", "other");
    let (status, text) = error(&stage.ask_json("PUT", "/connectors/prices/config", &other));
    assert!(status == 400 && text.contains("doesn't match connector name in the URL"), "{text}");
    for body in ["", "[]", "{", "\"x\"", "null"] {
        assert_eq!(error(&stage.ask("PUT", "/connectors/prices/config", body)).0, 400, "{body}");
        assert_eq!(error(&stage.ask("POST", "/connectors", body)).0, 400, "{body}");
    }
    for (value, way_out) in [(json!(["a", "b"]), "commas"), (json!({ "a": "b" }), "sink.http.url.KEY")] {
        let mut config = stage.config();
        config["sink.http.url"] = value;
        let new = json!({ "name": "new", "config": config });
        for answer in [
            stage.ask_json("PUT", "/connectors/prices/config", &config),
            stage.ask_json("PATCH", "/connectors/prices/config", &config),
            stage.ask_json("PUT", "/connector-plugins/http/config/validate", &config),
            stage.ask_json("POST", "/connectors", &new),
        ] {
            let (status, text) = error(&answer);
            assert!(status == 400 && text.contains("sink.http.url") && text.contains(way_out), "{text}");
        }
    }
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(3_000_000));
    assert_eq!(error(&stage.ask("PUT", "/connector-plugins/http/config/validate", &long)).0, 413);
    assert_eq!(stage.text("prices.yaml"), before);
    assert_eq!(stage.get("/connectors/prices/status")["connector"]["state"], "RUNNING");
    daemon.terminate().expect_code(0);
}

#[test]
fn a_name_never_leads_out_of_the_directory() {
    let stage = Stage::new();
    let outside = Folder::new();
    let daemon = stage.spawn_writing();
    let absolute = outside.path().join("x").display().to_string();
    let names = [
        "../x",
        "..",
        ".",
        "a/b",
        ".hidden",
        "a\\b",
        "x.test",
        "a\u{202e}b",
        "a\u{0}b",
        "a\nb",
        "",
        &absolute,
        &"x".repeat(300),
    ];
    for name in names {
        let new = json!({ "name": name, "config": stage.config() });
        let (status, text) = error(&stage.ask_json("POST", "/connectors", &new));
        assert!(status == 400 && text.contains("name: "), "{name}: {status} {text}");
    }
    for path in ["..%2Fx", "%2E%2E", "a%2Fb", ".hidden", "x.test", "%00"] {
        let answer = stage.ask_json("PUT", &format!("/connectors/{path}/config"), &stage.config());
        assert!([400, 404].contains(&error(&answer).0), "{path}: {}", answer.status);
    }
    assert_eq!(fs::read_dir(stage.folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(!stage.folder.path().parent().unwrap().join("x.yaml").exists());
    daemon.terminate().expect_code(0);
}

#[test]
fn a_worker_may_begin_without_a_connector_where_requests_may_make_some() {
    let stage = Stage::new();
    fs::remove_file(stage.file("prices.yaml")).unwrap();
    let refused = stage.sluice().output().expect_code(2);
    assert!(refused.stderr.contains("no connector here"), "{refused}");
    let mut daemon = stage.writing().spawn();
    daemon.wait_for_log("serving");
    assert_eq!(stage.get("/connectors"), json!([]));
    let created =
        stage.ask_json("POST", "/connectors", &json!({ "name": "prices", "config": stage.config() }));
    json_of(&created, 201);
    stage.produce(3);
    daemon.wait_while_running("records", || stage.target.count() >= 3);
    daemon.terminate().expect_code(0);
    let unfollowed = stage.writing().arg("--follow=false").output().expect_code(2);
    assert!(unfollowed.stderr.contains("rest_writes"), "{unfollowed}");
}
