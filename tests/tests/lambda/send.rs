//! The function by which `infra/send` writes into a topic: its bootstrap is a shell script around `sluice produce`.

use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use serde_json::json;
use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::client_of;
use sluice_tests::lambda::RuntimeApi;
use sluice_tests::sluice::{binary, root};

use super::{AMPLE, BASE64};
use base64::Engine as _;

const CONNECTOR: &str = "source:
  kafka:
    bootstrap_servers: ${env:KAFKA_BOOTSTRAP_SERVERS}
    topics: [streamtopic]
  value: string
sink:
  bedrock_kb: { knowledge_base_id: \"${env:KBID}\", data_source_id: \"${env:DSID}\" }
";

/// The function, in a folder as the runtime unpacks it; ended when it is dropped.
struct SendFunction {
    api: RuntimeApi,
    process: Child,
    _task: Folder,
}

impl SendFunction {
    fn start() -> Self {
        let (api, task) = (RuntimeApi::start(), Folder::new());
        symlink(binary(), task.path().join("sluice")).unwrap();
        std::fs::create_dir(task.path().join("connectors.d")).unwrap();
        task.write("connectors.d/prices.yaml", CONNECTOR);
        let mut command = Command::new("bash");
        command.arg(root().join("infra/lambda/send")).envs(api.environment());
        command.env("LAMBDA_TASK_ROOT", task.path()).env_remove("KAFKA_BOOTSTRAP_SERVERS");
        command
            .env("SLUICE_SEND_CONNECTOR", "connectors.d/prices.yaml")
            .env("SLUICE_SEND_TOPIC", "streamtopic");
        let process = command.stderr(Stdio::null()).spawn().unwrap();
        Self { api, process, _task: task }
    }
}

impl Drop for SendFunction {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Reads so many records from the beginning of the topic.
fn read(kafka: &EmbeddedKafka, count: usize) -> Vec<(String, String)> {
    let mut client = client_of(&kafka.bootstrap_servers());
    client.set("group.id", "reader").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = client.create().unwrap();
    consumer.subscribe(&["streamtopic"]).unwrap();
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec()).unwrap();
    let mut found = Vec::new();
    for _ in 0..300 {
        if let Some(record) = consumer.poll(Duration::from_millis(100)) {
            let record = record.unwrap();
            found.push((text(record.key()), text(record.payload())));
        }
        if found.len() == count {
            break;
        }
    }
    found
}

#[test]
fn records_of_an_event_are_in_the_topic_when_it_is_answered() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("streamtopic", 1).unwrap();
    let mut function = SendFunction::start();
    let brokers = kafka.bootstrap_servers();
    let event = |format: &str, key: &str, input: &str| {
        let input = BASE64.encode(input);
        json!({"brokers": brokers, "format": format, "key": key, "add": "", "input": input}).to_string()
    };
    let csv = "ticker,price\nOOOO,\"a \"\"quoted\"\" price\"\nZVZZT,$22.34\n";
    let answer = function.api.invoke(event("csv", "ticker", csv), AMPLE);
    assert_eq!(answer.kind, "response", "{answer:?}");
    assert!(answer.body["said"].as_str().unwrap().contains('2'), "{answer:?}");
    let answer = function.api.invoke(event("jsonl", "", "{\"ticker\":\"ZNTRX\"}\n"), AMPLE);
    assert_eq!(answer.kind, "response", "{answer:?}");
    let values = [
        ("OOOO", "{\"ticker\":\"OOOO\",\"price\":\"a \\\"quoted\\\" price\"}"),
        ("ZVZZT", "{\"ticker\":\"ZVZZT\",\"price\":\"$22.34\"}"),
        ("", "{\"ticker\":\"ZNTRX\"}"),
    ];
    assert_eq!(read(&kafka, 3), values.map(|(key, value)| (key.to_owned(), value.to_owned())));
}

#[test]
fn what_was_not_sent_is_an_error_and_the_function_goes_on() {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic("streamtopic", 1).unwrap();
    let mut function = SendFunction::start();
    let brokers = kafka.bootstrap_servers();
    let event = |format: &str, input: &str| {
        json!({"brokers": brokers, "format": format, "key": "", "add": "n=1", "input": input}).to_string()
    };
    let no_object = BASE64.encode("no \"JSON\"\n");
    for wrong in
        [event("jsonl", &no_object), event("jsonl", "=== no base64 ==="), event("xml", ""), "{}".to_owned()]
    {
        let answer = function.api.invoke(wrong.as_str(), AMPLE);
        assert_eq!(answer.kind, "error", "{wrong}: {answer:?}");
        assert!(!answer.error().is_empty(), "{answer:?}");
    }
    let answer = function.api.invoke(event("jsonl", &BASE64.encode("{\"a\":1}\n")), AMPLE);
    assert_eq!(answer.kind, "response", "{answer:?}");
    assert_eq!(read(&kafka, 1), [(String::new(), "{\"a\":1,\"n\":\"1\"}".to_owned())]);
}
