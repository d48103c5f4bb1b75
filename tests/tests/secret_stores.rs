//! References to AWS Secrets Manager and Systems Manager: resolved when a file is loaded, held while the store is away.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::moto::Moto;
use sluice_tests::sluice::Sluice;
use tokio::runtime::Runtime;

/// A store of secrets and a target, which notes the token that it gets with each request.
#[derive(Clone, Default)]
struct World {
    secrets: Arc<Mutex<BTreeMap<&'static str, String>>>,
    /// Whether the store answers.
    is_away: Arc<Mutex<bool>>,
    asked: Arc<Mutex<Vec<String>>>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn start(&self, runtime: &Runtime) -> String {
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().route("/", post(store)).route("/records", post(target)).with_state(self.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn set(&self, name: &'static str, value: &str) {
        self.secrets.lock().unwrap().insert(name, value.to_owned());
    }

    fn last_token(&self) -> Option<String> {
        self.tokens.lock().unwrap().last().cloned()
    }
}

/// Takes what is signed for it, and nothing else, as AWS does.
async fn store(State(world): State<World>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let target = header("x-amz-target").to_owned();
    world.asked.lock().unwrap().push(target.clone());
    let (service, name) = match target.as_str() {
        "secretsmanager.GetSecretValue" => ("secretsmanager", &request["SecretId"]),
        "AmazonSSM.GetParameter" if request["WithDecryption"] == true => ("ssm", &request["Name"]),
        _ => return (StatusCode::BAD_REQUEST, json!({ "__type": "UnknownOperationException" }).to_string()),
    };
    let scope = format!("/eu-central-1/{service}/aws4_request");
    if !header("authorization").contains(&scope) || header("content-type") != "application/x-amz-json-1.1" {
        return (StatusCode::FORBIDDEN, json!({ "__type": "InvalidSignatureException" }).to_string());
    }
    if *world.is_away.lock().unwrap() {
        return (StatusCode::SERVICE_UNAVAILABLE, String::new());
    }
    let secrets = world.secrets.lock().unwrap();
    match (service, name.as_str().and_then(|name| secrets.get(name))) {
        ("ssm", Some(value)) => (StatusCode::OK, json!({ "Parameter": { "Value": value } }).to_string()),
        (_, Some(value)) => (StatusCode::OK, json!({ "SecretString": value }).to_string()),
        ("ssm", None) => (StatusCode::BAD_REQUEST, json!({ "__type": "ParameterNotFound" }).to_string()),
        (_, None) => (StatusCode::BAD_REQUEST, json!({ "__type": "ResourceNotFoundException" }).to_string()),
    }
}

async fn target(State(world): State<World>, headers: HeaderMap) -> StatusCode {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    world.tokens.lock().unwrap().push(format!("{} {}", header("x-token"), header("x-user")));
    StatusCode::OK
}

fn connector(url: &str) -> String {
    connector_with(url, "${aws_secret:prod/http#token}", "${aws_param:/prod/user}")
}

fn connector_with(url: &str, token: &str, user: &str) -> String {
    let sink = format!(
        "  http:\n    url: {url}/records\n    headers:\n      x-token: \"{token}\"\n      x-user: \"{user}\"\n"
    );
    ConnectorText::new("prices").transforms("  []\n").sink(sink).max_records(1).text()
}

fn sluice(arguments: &[&str], url: &str) -> Sluice {
    Sluice::new(arguments)
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", "id")
        .env("AWS_SECRET_ACCESS_KEY", "key")
}

#[test]
fn secrets_are_resolved_when_a_file_is_loaded_and_the_last_ones_hold_while_the_store_is_away() {
    let runtime = Runtime::new().unwrap();
    let world = World::default();
    world.set("prod/http", r#"{"token":"hunter2-first","other":1}"#);
    world.set("/prod/user", "alice-in-chains");
    let url = world.start(&runtime);
    let broker = EmbeddedKafka::start().unwrap();
    broker.create_topic("prices", 1).unwrap();
    let servers = broker.bootstrap_servers();
    let folder = Folder::with("prices.yaml", connector(&url));
    let path = folder.path().to_str().unwrap();
    let mut daemon =
        sluice(&["run", path, "--listen=none"], &url).env("KAFKA_BOOTSTRAP_SERVERS", &servers).spawn();
    daemon.wait_for_log("partitions assigned");
    let produce = || {
        let record = NewRecord::unkeyed("{\"k\":\"k\",\"n\":1}");
        kafka::produce(kafka::client_of(&servers), "prices", [record]);
    };
    produce();
    daemon.wait_while_running("a record", || world.last_token().is_some());
    assert_eq!(world.last_token().unwrap(), "hunter2-first alice-in-chains");

    // The store is away, and somebody changes the file: what it answered last holds. What it answered just now would be taken
    // without asking.
    *world.is_away.lock().unwrap() = true;
    std::thread::sleep(Duration::from_secs(6));
    folder.write("prices.yaml", connector(&url).replace("linger: 20ms", "linger: 30ms"));
    daemon.wait_for_log("keeps the value that it had");
    daemon.wait_for_logs("partitions assigned", 2);
    produce();
    daemon.wait_while_running("another record", || world.tokens.lock().unwrap().len() >= 2);
    assert_eq!(world.last_token().unwrap(), "hunter2-first alice-in-chains");
    let log = daemon.terminate().expect_code(0).stderr;
    assert!(!log.contains("hunter2") && !log.contains("alice-in-chains"), "{log}");
}

#[test]
fn check_looks_at_the_form_of_a_reference_and_asks_nobody() {
    let runtime = Runtime::new().unwrap();
    let world = World::default();
    let url = world.start(&runtime);
    let folder = Folder::with("prices.yaml", connector("http://localhost:1"));
    let path = folder.path().to_str().unwrap();
    let check = || sluice(&["check", path], &url).env("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092").output();
    check().expect_code(0);
    folder.write("prices.yaml", connector("http://localhost:1").replace("#token", "#"));
    assert!(check().expect_code(2).stdout.contains("names a key of the secret"));
    assert!(world.asked.lock().unwrap().is_empty());

    // To run, it has to be there, and what is missing is said with its place.
    folder.write("prices.yaml", connector("http://localhost:1"));
    let run = sluice(&["run", path, "--listen=none"], &url).env("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092");
    let missing = run.output().expect_code(2).stderr;
    assert!(missing.contains("prices.yaml:") && missing.contains("no secret `prod/http`"), "{missing}");
    assert!(missing.contains("no parameter `/prod/user`"), "{missing}");
}

/// A second opinion: what moto makes of our calls, and we of its answers.
#[test]
fn secrets_and_parameters_are_read_of_a_server_that_nobody_here_wrote() {
    let Some(mut moto) = Moto::start() else { return };
    let arn = moto.script("moto_secrets.py", "fill");
    let (runtime, world) = (Runtime::new().unwrap(), World::default());
    let url = world.start(&runtime);
    let broker = EmbeddedKafka::start().unwrap();
    broker.create_topic("prices", 1).unwrap();
    let servers = broker.bootstrap_servers();
    let folder = Folder::with("prices.yaml", connector(&url));
    let path = folder.path().to_str().unwrap();
    let mut daemon =
        sluice(&["run", path, "--listen=none"], &moto.url()).env("KAFKA_BOOTSTRAP_SERVERS", &servers).spawn();
    let mut assigned = 0;
    let mut put_with = |daemon: &mut sluice_tests::sluice::Running, expected: &str| {
        assigned += 1;
        daemon.wait_for_logs("partitions assigned", assigned);
        let before = world.tokens.lock().unwrap().len();
        let record = NewRecord::unkeyed("{\"k\":\"k\",\"n\":1}");
        kafka::produce(kafka::client_of(&servers), "prices", [record]);
        daemon.wait_while_running("a record", || world.tokens.lock().unwrap().len() > before);
        assert_eq!(world.last_token().as_deref(), Some(expected));
    };
    put_with(&mut daemon, "hunter2-first alice-in-chains");
    let by_arn = format!("${{aws_secret:{arn}#port}}");
    folder.write("prices.yaml", connector_with(&url, &by_arn, "${aws_param:/prod/list}"));
    put_with(&mut daemon, "5432 one,two");
    folder.write("prices.yaml", connector_with(&url, "${aws_secret:prod/plain}", "${aws_param:/prod/user}"));
    put_with(&mut daemon, "hunter2-plain alice-in-chains");

    // What was answered just now is taken without asking, for some seconds.
    moto.script("moto_secrets.py", "rotate");
    std::thread::sleep(Duration::from_secs(6));
    folder.write("prices.yaml", connector(&url));
    put_with(&mut daemon, "hunter2-second bob-the-builder");
    moto.stop();
    std::thread::sleep(Duration::from_secs(6));
    folder.write("prices.yaml", connector(&url).replace("linger: 20ms", "linger: 30ms"));
    daemon.wait_for_log("keeps the value that it had");
    put_with(&mut daemon, "hunter2-second bob-the-builder");
    let log = daemon.terminate().expect_code(0).stderr;
    for secret in ["hunter2", "alice-in-chains", "bob-the-builder"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn what_is_not_there_or_no_text_is_said_with_its_place_of_a_server_that_nobody_here_wrote() {
    let Some(moto) = Moto::start() else { return };
    moto.script("moto_secrets.py", "fill");
    let run = |token: &str, user: &str| {
        let folder = Folder::with("prices.yaml", connector_with("http://localhost:1", token, user));
        let path = folder.path().to_str().unwrap().to_owned();
        sluice(&["run", &path, "--listen=none"], &moto.url())
            .env("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
            .output()
            .expect_code(2)
            .stderr
    };
    let missing = run("${aws_secret:prod/none}", "${aws_param:/prod/none}");
    assert!(
        missing.contains("no secret `prod/none`") && missing.contains("no parameter `/prod/none`"),
        "{missing}"
    );
    let wrong = run("${aws_secret:prod/http#none}", "${aws_param:/prod/user}");
    assert!(
        wrong.contains("prices.yaml:") && wrong.contains("none") && !wrong.contains("hunter2"),
        "{wrong}"
    );
    let bytes = run("${aws_secret:prod/bytes}", "${aws_param:/prod/user}");
    assert!(bytes.contains("prices.yaml:") && bytes.contains("prod/bytes"), "{bytes}");
}
