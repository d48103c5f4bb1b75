//! Clients that nobody here wrote.

use serde_json::{Value, json};
use sluice_tests::python::Python;

use crate::stage::Stage;

/// `kc` of kafka-connect-py, by its own commands.
#[test]
fn the_client_of_kafka_connect_works_unchanged() {
    let Some(python) = Python::with_packages() else { return };
    let stage = Stage::new();
    let mut daemon = stage.spawn_writing();
    let url = format!("http://{}", stage.address);
    let kc = |arguments: &[&str]| {
        let all: Vec<&str> = ["-u", &url].into_iter().chain(arguments.iter().copied()).collect();
        let output = python.command(30, "kc.py", all).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kc {arguments:?}: {text}{errors}");
        serde_json::from_str::<Value>(&text).unwrap_or(Value::Null)
    };
    assert!(kc(&["info"])["kafka_cluster_id"].is_string());
    assert_eq!(kc(&["list"]), json!(["prices"]));
    assert_eq!(kc(&["get", "prices"])["type"], "sink");
    assert_eq!(kc(&["config", "prices"])["connector.class"], "http");
    kc(&["pause", "prices"]);
    stage.wait_for_state(&mut daemon, "PAUSED");
    kc(&["resume", "--all"]);
    stage.wait_for_state(&mut daemon, "RUNNING");
    kc(&["restart", "prices", "--include-tasks"]);
    kc(&["restart-task", "prices", "0"]);
    assert_eq!(kc(&["status", "prices"])["connector"]["state"], "RUNNING");
    assert_eq!(kc(&["task-status", "prices", "0"])["id"], 0);
    assert_eq!(kc(&["list-tasks", "prices"])[0]["id"]["connector"], "prices");
    assert!(kc(&["list-topics", "prices"])["prices"]["topics"].is_array());
    kc(&["reset-topics", "prices"]);
    assert!(kc(&["list-plugins"]).to_string().contains("bedrock_kb"));
    let config = stage.config().to_string();
    let new = format!("{{\"name\": \"orders\", \"config\": {config}}}");
    assert_eq!(kc(&["create", "-d", &new])["name"], "orders");
    assert_eq!(kc(&["update", "orders", "-d", &config])["config"]["connector.class"], "http");
    kc(&["delete", "orders"]);
    assert_eq!(kc(&["list"]), json!(["prices"]));
    daemon.terminate().expect_code(0);
}

/// kafka-connect-api, kafka-connect-watcher and kafka-connect-healthcheck.
#[test]
fn other_clients_of_kafka_connect_work_unchanged() {
    let Some(python) = Python::with_clients() else { return };
    let stage = Stage::new();
    let daemon = stage.spawn_writing();
    let (host, port) = stage.address.split_once(':').unwrap();
    let output = python.command(120, "connect_clients.py", [host, port, "prices"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.ends_with("ok\n"), "{text}{errors}");
    daemon.terminate().expect_code(0);
}
