//! Kafka Connect's REST API over a running worker: paths, status codes and bodies as its clients expect them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod any_request;
mod clients;
mod differential;
mod openapi;
mod stage;
mod tls;
mod writes;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker};
use sluice_tests::listener::send;
use sluice_tests::sluice::Sluice;

use crate::stage::{PRICES, Stage, error};

#[test]
fn connectors_are_shown_as_kafka_connect_shows_them() {
    let stage = Stage::with_tasks(2);
    let mut daemon = stage.spawn();
    let root = stage.get("/");
    assert!(
        root["version"].is_string() && root["commit"].is_string() && root["kafka_cluster_id"].is_string(),
        "{root}"
    );
    assert_eq!(stage.get("/health")["status"], "healthy");
    assert_eq!(stage.get("/connectors"), json!(["prices"]));
    assert_eq!(stage.get("/connectors/"), json!(["prices"]), "a slash at the end is no other path");

    let worker = stage.address.as_str();
    let version = root["version"].as_str().unwrap();
    let task = |id| json!({ "id": id, "state": "RUNNING", "worker_id": worker, "version": version });
    let status = json!({
        "name": "prices", "type": "sink", "connector": { "state": "RUNNING", "worker_id": worker, "version": version },
        "tasks": [task(0), task(1)],
    });
    assert_eq!(stage.get("/connectors/prices/status"), status);
    assert_eq!(stage.get("/connectors/prices/tasks/1/status"), task(1));
    let config = stage.get("/connectors/prices/config");
    let of = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (of("name"), of("connector.class"), of("topics")),
        ("prices".into(), "http".into(), "prices".into())
    );
    assert_eq!(
        of("source.kafka.bootstrap_servers"),
        "${env:KAFKA_BOOTSTRAP_SERVERS}",
        "a reference stays one"
    );
    assert!(!config.to_string().contains("hunter2"), "{config}");
    let tasks = json!([{ "connector": "prices", "task": 0 }, { "connector": "prices", "task": 1 }]);
    let info = json!({ "name": "prices", "config": config, "tasks": tasks, "type": "sink" });
    assert_eq!(stage.get(PRICES), info);
    let expanded = stage.get("/connectors?expand=status&expand=info&expand=nothing");
    assert_eq!(expanded, json!({ "prices": { "status": status, "info": info } }));
    let tasks = stage.get("/connectors/prices/tasks");
    assert_eq!((&tasks[1]["id"]["task"], &tasks[1]["config"]["task.class"]), (&json!(1), &json!("http")));

    stage.produce(10);
    daemon.wait_while_running("records", || stage.target.count() >= 10);
    assert_eq!(stage.get("/connectors/prices/topics"), json!({ "prices": { "topics": ["prices"] } }));
    daemon.terminate().expect_code(0);
}

#[test]
fn a_connector_whose_file_was_never_valid_is_there_and_says_why() {
    let stage = Stage::new();
    stage.folder.write("broken.yaml", "source: {}\nsink: { http: { tokn: hunter2-mistyped } }\n");
    let daemon = stage.spawn();
    assert_eq!(stage.get("/connectors"), json!(["broken", "prices"]));
    let info = json!({ "name": "broken", "config": { "name": "broken" }, "tasks": [], "type": "sink" });
    assert_eq!(stage.get("/connectors/broken"), info);
    assert_eq!(stage.get("/connectors/broken/config"), info["config"]);
    assert_eq!(stage.get("/connectors/broken/tasks"), json!([]));
    let expanded = stage.get("/connectors?expand=info&expand=status");
    assert_eq!(expanded["broken"]["info"], info);
    let why = expanded["broken"]["status"]["connector"]["trace"].as_str().unwrap();
    assert!(
        why.contains("broken.yaml:2:") && !expanded.to_string().contains("hunter2-mistyped"),
        "{expanded}"
    );
    for (method, path) in [
        ("PUT", "/pause"),
        ("PUT", "/resume"),
        ("PUT", "/stop"),
        ("POST", "/restart"),
        ("GET", "/offsets"),
        ("GET", "/tap"),
    ] {
        let (status, text) = error(&stage.ask(method, &format!("/connectors/broken{path}"), ""));
        assert!(status == 400 && text.contains("broken.yaml:2:"), "{method} {path}: {status} {text}");
    }
    daemon.terminate().expect_code(0);
}

#[test]
fn an_operator_pauses_resumes_stops_and_restarts() {
    let stage = Stage::new();
    let mut daemon = stage.spawn();
    let ask = |method: &str, path: &str| stage.ask(method, &format!("{PRICES}{path}"), "");
    let paused = ask("PUT", "/pause");
    assert_eq!(paused.status, 202);
    assert!(paused.head.contains("sluice-state-kept: process"), "{}", paused.head);
    stage.wait_for_state(&mut daemon, "PAUSED");
    assert_eq!(ask("PUT", "/resume/").status, 202);
    stage.wait_for_state(&mut daemon, "RUNNING");

    assert_eq!(ask("POST", "/restart").status, 204);
    let plan = ask("POST", "/restart?includeTasks=True&onlyFailed=False");
    let plan: Value = serde_json::from_str(&plan.body).unwrap();
    assert_eq!(plan["tasks"][0]["state"], "RESTARTING");
    assert_eq!(ask("POST", "/restart?onlyFailed=true").status, 202);
    assert_eq!(ask("POST", "/tasks/0/restart").status, 204);
    assert_eq!(ask("POST", "/tasks/7/restart").status, 404);

    assert_eq!(ask("PUT", "/stop").status, 204);
    stage.wait_for_state(&mut daemon, "STOPPED");
    let status = stage.get("/connectors/prices/status");
    assert_eq!(status["tasks"], json!([]));
    daemon.terminate().expect_code(0);
}

#[test]
fn what_is_asked_for_is_kept_where_there_is_a_state_directory() {
    let stage = Stage::new();
    let states = Folder::new();
    let flag = format!("--state-dir={}", states.path().display());
    let mut daemon = stage.sluice().arg(&flag).spawn();
    daemon.wait_for_log("partitions assigned");
    let stopped = stage.ask("PUT", "/connectors/prices/stop", "");
    assert!(stopped.head.contains("sluice-state-kept: state-directory"), "{}", stopped.head);
    daemon.kill();

    let mut daemon = stage.sluice().arg(&flag).spawn();
    daemon.wait_for_log("serving");
    stage.wait_for_state(&mut daemon, "STOPPED");
    stage.ask("PUT", "/connectors/prices/resume", "");
    daemon.wait_for_log("partitions assigned");
    daemon.terminate().expect_code(0);
}

#[test]
fn offsets_are_shown_and_moved_while_the_connector_is_stopped() {
    let Some(broker) = Broker::shared() else { return };
    let stage = Stage::at(broker);
    let mut daemon = stage.spawn();
    stage.produce(10);
    daemon.wait_while_running("records", || stage.target.count() >= 10);
    let path = "/connectors/prices/offsets";
    let sum = |offsets: &Value| -> i64 {
        offsets["offsets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["offset"]["kafka_offset"].as_i64().unwrap())
            .sum()
    };
    daemon.wait_until("commits", |_| (sum(&stage.get(path)) == 10).then_some(()));
    let one = |offset: Value| {
        let partition = json!({ "kafka_topic": stage.topic, "kafka_partition": "0" });
        json!({ "offsets": [{ "partition": partition, "offset": offset }] }).to_string()
    };
    let (status, text) = error(&stage.ask("PATCH", path, &one(json!({ "kafka_offset": 0 }))));
    assert_eq!(status, 400);
    assert!(text.contains("STOPPED") && text.contains("/connectors/prices/stop"), "{text}");

    stage.ask("PUT", "/connectors/prices/stop", "");
    assert_eq!(error(&stage.ask("PATCH", path, "{\"offsets\":[]}")).0, 400);
    assert_eq!(error(&stage.ask("PATCH", path, &one(json!({ "kafka_offset": -1 })))).0, 400);
    let moved = daemon.wait_until("an empty group", |_| {
        let answer = stage.ask("PATCH", path, &one(json!({ "kafka_offset": "0" })));
        (answer.status == 200).then_some(answer)
    });
    assert!(moved.body.contains("altered successfully"), "{}", moved.body);
    let offsets = stage.get(path);
    let first = &offsets["offsets"][0];
    assert_eq!(
        (&first["partition"]["kafka_partition"], &first["offset"]["kafka_offset"]),
        (&json!(0), &json!(0))
    );

    // No offset is as if the partition had never been read.
    assert_eq!(stage.ask("PATCH", path, &one(Value::Null)).status, 200);
    let before = offsets["offsets"].as_array().unwrap().len();
    assert_eq!(stage.get(path)["offsets"].as_array().unwrap().len(), before - 1);
    let reset = stage.ask("DELETE", path, "");
    assert!(reset.status == 200 && reset.body.contains("reset successfully"), "{}", reset.body);
    assert_eq!(stage.get(path), json!({ "offsets": [] }));
    stage.ask("PUT", "/connectors/prices/resume", "");
    daemon.wait_while_running("all of them again", || stage.target.count() >= 20);
    daemon.terminate().expect_code(0);
}

/// librdkafka ends the process where it asks brokers that cannot take offsets back, as those of `sluice demo`.
#[test]
fn brokers_that_take_no_offsets_back_are_not_asked_to() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let path = "/connectors/prices/offsets";
    stage.ask("PUT", "/connectors/prices/stop", "");
    let at = |offset: Value| {
        let partition = json!({ "kafka_topic": stage.topic, "kafka_partition": 0 });
        json!({ "offsets": [{ "partition": partition, "offset": offset }] }).to_string()
    };
    for _ in 0..3 {
        let (status, text) = error(&stage.ask("PATCH", path, &at(Value::Null)));
        assert!(status == 500 && text.contains("take no offsets back"), "{status} {text}");
    }
    daemon.terminate().expect_code(0);
}

/// What is taken of one partition alone is no success, and what else the group has is shown, too.
#[test]
fn an_offset_that_the_brokers_do_not_take_is_named_and_all_that_the_group_has_are_shown() {
    let Some(broker) = Broker::shared() else { return };
    let stage = Stage::at(broker);
    let mut daemon = stage.spawn();
    let path = "/connectors/prices/offsets";
    stage.ask("PUT", "/connectors/prices/stop", "");
    let at = |topic: &str, partition: i32, offset: Value| {
        let partition = json!({ "kafka_topic": topic, "kafka_partition": partition });
        json!({ "partition": partition, "offset": offset })
    };
    let zero = || json!({ "kafka_offset": 0 });
    let patch = |offsets: Value| stage.ask("PATCH", path, &json!({ "offsets": offsets }).to_string());
    let other = kafka::unique("rest-other");
    broker.create_topic(&other, 1);
    let elsewhere = at(&other, 0, zero());
    daemon.wait_until("an empty group", |_| (patch(json!([elsewhere])).status == 200).then_some(()));
    // Beside them those where reading begins, if the connector had come so far before it was stopped.
    let shown = || stage.get(path)["offsets"].as_array().unwrap().clone();
    assert!(shown().contains(&elsewhere), "{:?}", shown());
    let (status, text) = error(&patch(json!([at(&stage.topic, 0, zero()), at(&stage.topic, 99, zero())])));
    assert!(status == 500 && text.contains(&format!("{}-99", stage.topic)), "{status} {text}");
    assert!(!text.contains(&format!("{}-0", stage.topic)), "that one was taken: {text}");
    assert_eq!(patch(json!([at(&other, 0, Value::Null)])).status, 200);
    assert!(shown().contains(&at(&stage.topic, 0, zero())) && !shown().contains(&elsewhere), "{:?}", shown());
    daemon.terminate().expect_code(0);
}

#[test]
fn plug_ins_say_what_they_can_be_told_and_a_configuration_is_validated() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let plugins = stage.get("/connector-plugins");
    assert!(plugins.as_array().unwrap().iter().all(|plugin| plugin["type"] == "sink"), "{plugins}");
    let all = stage.get("/connector-plugins?connectorsOnly=false");
    let kinds: Vec<_> =
        all.as_array().unwrap().iter().map(|plugin| plugin["type"].as_str().unwrap()).collect();
    for kind in ["sink", "converter", "transformation", "predicate"] {
        assert!(kinds.contains(&kind), "{kind}");
    }
    let keys = stage.get("/connector-plugins/http/config");
    let key = |name: &str| keys.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone();
    assert_eq!(
        (&key("sink.http.url")["required"], &key("sink.http.url")["importance"]),
        (&json!(true), &json!("HIGH"))
    );
    assert_eq!(key("tasks_max")["type"], "LONG");
    assert_eq!(error(&stage.ask("GET", "/connector-plugins/htpp/config", "")).1, "Unknown plugin htpp.");

    let validate =
        |config: Value| stage.ask("PUT", "/connector-plugins/http/config/validate", &config.to_string());
    let good = json!({
        "name": "x", "connector.class": "http", "topics": "a, b", "sink.http.url": "http://localhost/x",
        "source.kafka.bootstrap_servers": "localhost:9092", "tasks_max": "2",
    });
    let answer: Value = serde_json::from_str(&validate(good.clone()).body).unwrap();
    assert_eq!((&answer["name"], &answer["error_count"]), (&json!("http"), &json!(0)), "{answer}");
    let mut bad = good;
    bad["sink.http.url"] = "nowhere".into();
    bad["tasks_maximum"] = "2".into();
    let answer = validate(bad);
    assert_eq!(answer.status, 200, "even with errors");
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["error_count"], 2, "{answer}");
    let errors = |name: &str| {
        let configs = answer["configs"].as_array().unwrap();
        configs.iter().find(|config| config["value"]["name"] == name).unwrap()["value"]["errors"].to_string()
    };
    assert!(errors("sink.http.url").contains("url"), "{answer}");
    assert!(errors("tasks_maximum").contains("tasks_max"), "{answer}");
    assert_eq!(error(&validate(json!({ "connector.class": "s3" }))).0, 400);
    assert_eq!(error(&validate(json!({}))).0, 400);
    daemon.terminate().expect_code(0);
}

#[test]
fn levels_are_changed_while_it_runs() {
    let stage = Stage::new();
    let mut daemon = stage.spawn();
    assert_eq!(stage.get("/admin/loggers")["root"], json!({ "level": "INFO", "last_modified": null }));
    let put = |name: &str, level: &str| {
        stage.ask("PUT", &format!("/admin/loggers/{name}"), &json!({ "level": level }).to_string())
    };
    assert_eq!(put("hyper", "debug").body, "[\"hyper\"]");
    let level = stage.get("/admin/loggers/hyper");
    assert!(level["level"] == "DEBUG" && level["last_modified"].is_u64(), "{level}");
    assert_eq!(error(&put("root", "loud")).0, 404);
    assert_eq!(error(&stage.ask("PUT", "/admin/loggers/root", "{}")).0, 400);
    assert_eq!(put("root?scope=cluster", "DEBUG").status, 204);
    stage.produce(1);
    daemon.wait_for_log("put: stored");
    daemon.terminate().expect_code(0);
}

#[test]
fn nobody_without_the_token_and_no_page_from_elsewhere_gets_in() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let foreign = [("Origin", "http://evil.example"), ("Content-Type", "text/plain")];
    assert_eq!(send(&stage.address, "PUT", "/connectors/prices/stop", &foreign, "").status, 403);
    assert_eq!(stage.get("/connectors/prices/status")["connector"]["state"], "RUNNING");
    daemon.terminate().expect_code(0);

    let mut daemon = stage.sluice().env("SLUICE_REST_TOKEN", "s3cret-token").spawn();
    daemon.wait_for_log("serving");
    assert_eq!(error(&stage.ask("GET", "/connectors", "")).0, 401);
    let token = [("Authorization", "Bearer s3cret-token")];
    assert_eq!(send(&stage.address, "GET", "/connectors", &token, "").status, 200);
    assert_eq!(stage.ask("GET", "/metrics", "").status, 200, "metrics and health are open");
    daemon.terminate().expect_code(0);
}

/// What a browser sends for a page of another site.
const FOREIGN: [(&str, &str); 4] = [
    ("Origin", "http://evil.example"),
    ("Origin", "null"),
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Site", "same-site"),
];

/// Asks each method of each path of the API with these headers, but for what lasts; returns the answers.
fn all_answers(stage: &Stage, document: &Value, headers: &[(&str, &str)]) -> Vec<(String, String, u16)> {
    let mut answers = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let asked = path.replace("{name}", "prices").replace("{task}", "0").replace("{plugin}", "http");
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let body = if method == "get" { "" } else { "{}" };
            let answer = send(&stage.address, &method.to_uppercase(), &asked, headers, body);
            answers.push((method.clone(), path.clone(), answer.status));
        }
    }
    answers
}

#[test]
fn no_path_does_or_shows_anything_for_a_page_of_another_site() {
    let stage = Stage::new();
    let daemon = stage.spawn_writing();
    let document = stage.get("/openapi.json");
    for foreign in FOREIGN {
        let answers = all_answers(&stage, &document, &[foreign]);
        assert!(answers.len() > 30, "{answers:?}");
        for (method, path, status) in answers {
            assert_eq!(status, 403, "{method} {path} with {foreign:?}");
        }
    }
    // Somebody who follows a link sees what it leads to himself; the page that he comes from does not.
    let link =
        [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")];
    let by_link = |path: &str| send(&stage.address, "GET", path, &link, "").status;
    assert_eq!([by_link("/"), by_link("/connectors"), by_link("/live")], [200; 3]);
    assert_eq!([by_link("/connectors/prices/tap"), by_link("/live/prices/dead-letters")], [403; 2]);
    for host in ["evil.example", "evil.example:8083", "127.0.0.1.evil.example"] {
        for (method, path, status) in all_answers(&stage, &document, &[("Host", host)]) {
            assert_eq!(status, 403, "{method} {path} by the name {host}");
        }
    }
    assert_eq!(stage.get("/connectors/prices/status")["connector"]["state"], "RUNNING");
    assert_eq!(std::fs::read_dir(stage.folder.path()).unwrap().count(), 1);
    daemon.terminate().expect_code(0);
}

#[test]
fn no_path_is_for_anybody_without_the_token_nor_for_a_page_with_a_password_that_the_browser_knows() {
    let stage = Stage::new();
    let mut daemon = stage.sluice().arg("--rest-writes").env("SLUICE_REST_TOKEN", "s3cret-token").spawn();
    daemon.wait_for_log("serving");
    let bearer = [("Authorization", "Bearer s3cret-token")];
    let document: Value =
        serde_json::from_str(&send(&stage.address, "GET", "/openapi.json", &bearer, "").body).unwrap();
    let wrong = STANDARD.encode("anybody:s3cret-toke");
    let wrong = [format!("Basic {wrong}"), "Bearer s3cret".to_owned(), "s3cret-token".to_owned()];
    for given in wrong.iter().map(|wrong| [("Authorization", wrong.as_str())]) {
        for (method, path, status) in all_answers(&stage, &document, &given) {
            assert_eq!(status, 401, "{method} {path} with {given:?}");
        }
    }
    for (method, path, status) in all_answers(&stage, &document, &[]) {
        assert_eq!(status, 401, "{method} {path}");
    }
    let basic = format!("Basic {}", STANDARD.encode("anybody:s3cret-token"));
    let basic = ("Authorization", basic.as_str());
    assert_eq!(send(&stage.address, "GET", "/connectors", &[basic], "").status, 200, "as kc does");
    for foreign in FOREIGN {
        for path in ["/connectors", "/connectors/prices/restart"] {
            assert_eq!(
                send(&stage.address, "POST", path, &[basic, foreign], "").status,
                403,
                "{path} {foreign:?}"
            );
        }
        for path in ["/connectors/prices/tap", "/live", "/live/prices/dead-letters"] {
            assert_eq!(
                send(&stage.address, "GET", path, &[basic, foreign], "").status,
                403,
                "{path} {foreign:?}"
            );
        }
    }
    assert_eq!(send(&stage.address, "POST", "/connectors/prices/restart", &[basic], "").status, 204);
    daemon.terminate().expect_code(0);
}

#[test]
fn what_is_not_there_is_said_as_kafka_connect_says_it() {
    let stage = Stage::new();
    let daemon = stage.spawn();
    let said = |method: &str, path: &str| error(&stage.ask(method, path, ""));
    assert_eq!(said("GET", "/connectors/x"), (404, "Connector x not found".to_owned()));
    assert_eq!(said("GET", "/connectors/x/status"), (404, "No status found for connector x".to_owned()));
    assert_eq!(said("PUT", "/connectors/x/pause"), (404, "Unknown connector x".to_owned()));
    assert_eq!(said("GET", "/nowhere"), (404, "HTTP 404 Not Found".to_owned()));
    assert_eq!(said("DELETE", "/connectors"), (405, "HTTP 405 Method Not Allowed".to_owned()));
    let (status, text) = said("DELETE", "/connectors/prices");
    assert!(status == 403 && text.contains("file"), "{text}");
    daemon.terminate().expect_code(0);
}

#[test]
fn the_command_line_steers_a_running_worker() {
    let stage = Stage::new();
    let mut daemon = stage.sluice().env("SLUICE_REST_TOKEN", "s3cret-token").spawn();
    daemon.wait_for_log("partitions assigned");
    let url = format!("http://{}", stage.address);
    let sluice = |arguments: &[&str]| {
        let command = Sluice::new(arguments).env("SLUICE_REST_TOKEN", "s3cret-token").env("SLUICE_URL", &url);
        command.output().expect_code(0).stdout
    };
    assert_eq!(sluice(&["connectors"]), "prices  RUNNING  1 task(s)");
    assert_eq!(sluice(&["status", "prices"]), "prices  RUNNING  1 task(s)\n  task 0  RUNNING");
    let json: Value = serde_json::from_str(&sluice(&["status", "prices", "--output=json"])).unwrap();
    assert_eq!(json["tasks"][0]["worker_id"], stage.address.as_str());
    let paused = sluice(&["pause", "prices"]);
    assert!(paused.contains("as long as the process lasts"), "{paused}");
    let asked: Value = serde_json::from_str(&sluice(&["pause", "prices", "--output=json"])).unwrap();
    assert_eq!(asked, json!({ "name": "prices", "asked": "pause", "kept": "process" }));
    assert!(sluice(&["connectors"]).contains("PAUSED"));
    sluice(&["resume", "prices"]);
    sluice(&["restart", "prices"]);
    let plan: Value = serde_json::from_str(&sluice(&["restart", "prices", "--output=json"])).unwrap();
    assert_eq!((&plan["name"], &plan["tasks"][0]["state"]), (&json!("prices"), &json!("RESTARTING")));
    sluice(&["stop", "prices"]);
    assert_eq!(sluice(&["status", "prices"]), "prices  STOPPED  0 task(s)");

    let unknown = Sluice::new(["pause", "price", "--url", &url]).env("SLUICE_REST_TOKEN", "s3cret-token");
    assert!(unknown.output().expect_code(1).stderr.contains("Unknown connector price"));
    let without = Sluice::new(["connectors", "--url", &url]).output().expect_code(3);
    assert!(without.stderr.contains("SLUICE_REST_TOKEN"), "{without}");
    let bare = Sluice::new(["connectors", "--url", &stage.address]).env("SLUICE_REST_TOKEN", "s3cret-token");
    assert!(bare.output().expect_code(0).stdout.starts_with("prices  "), "an address without http://");
    let nobody = Sluice::new(["connectors", "--url=http://127.0.0.1:1"]).output().expect_code(3);
    assert!(nobody.stderr.contains("127.0.0.1:1") && nobody.stderr.contains("--url"), "{nobody}");
    daemon.terminate().expect_code(0);
}
