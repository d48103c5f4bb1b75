//! A connector looks at its target before it writes: a wrong set-up drains no topic, and an outage is waited for.

use std::net::TcpListener;

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_emulator::{DataSource, DataSourceType, Fault, KnowledgeBaseResource, Operation, Settings};
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::kafka::{self, NewRecord};
use sluice_tests::lambda::RuntimeApi;
use sluice_tests::sluice::{Running, Sluice};

const TOPIC: &str = "prices";
const COUNT: usize = 60;

/// Writes records into a topic.
fn topic() -> EmbeddedKafka {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic(TOPIC, 1).unwrap();
    let records = (0..COUNT).map(|n| NewRecord::unkeyed(format!("{{\"n\":{n}}}")));
    kafka::produce(kafka::client_of(&kafka.bootstrap_servers()), TOPIC, records);
    kafka
}

fn run(kafka: &EmbeddedKafka, knowledge_base: &LocalKnowledgeBase, folder: &Folder) -> Running {
    Sluice::new(["run".as_ref(), folder.path()])
        .envs(knowledge_base.environment())
        .env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())
        .spawn()
}

fn committed(kafka: &EmbeddedKafka) -> Option<i64> {
    kafka::committed(kafka::client_of(&kafka.bootstrap_servers()), TOPIC, TOPIC, 1)[0]
}

/// A knowledge base whose data source takes files from a bucket, and no documents of ours.
fn of_files() -> LocalKnowledgeBase {
    let files = DataSource::new("DEMODS0001", "files").of(DataSourceType::S3);
    let knowledge_bases = vec![KnowledgeBaseResource::new("DEMOKB0001", "files").with(files)];
    LocalKnowledgeBase::start_with(Settings { knowledge_bases, ..Settings::default() })
}

#[test]
fn a_contradiction_fails_the_connector_before_a_record_is_put_whatever_is_tolerated() {
    let (kafka, knowledge_base) = (topic(), of_files());
    let text = ConnectorText::new(TOPIC).tolerant().text() + "  threshold: \"off\"\n";
    let folder = Folder::with("prices.yaml", text);
    let mut process = run(&kafka, &knowledge_base, &folder);
    let line = process.wait_for_log("connector failed and is restarted");
    assert!(
        line.contains("the target is not as the file has it") && line.contains("of the type S3"),
        "{line}"
    );
    let ended = process.terminate().expect_code(0);
    assert!(knowledge_base.ingests().is_empty(), "{ended}");
    assert_eq!(committed(&kafka), None, "{ended}");
}

#[test]
fn a_right_to_look_that_is_missing_is_a_warning_and_the_records_are_stored() {
    let (kafka, knowledge_base) = (topic(), LocalKnowledgeBase::start());
    for operation in [Operation::GetKnowledgeBase, Operation::GetDataSource, Operation::List] {
        knowledge_base.script(operation, Fault::error(403, "AccessDeniedException", "not authorized"));
    }
    let folder = Folder::with("prices.yaml", ConnectorText::new(TOPIC).text());
    let mut process = run(&kafka, &knowledge_base, &folder);
    process.wait_for_log("not looked at: that takes bedrock:GetKnowledgeBase");
    process.wait_while_running("all are stored", || knowledge_base.ids().len() >= COUNT);
    process.terminate().expect_code(0);
}

#[test]
fn an_outage_at_the_start_is_waited_for() {
    let (kafka, knowledge_base) = (topic(), LocalKnowledgeBase::start());
    for _ in 0..3 {
        knowledge_base
            .script(Operation::GetKnowledgeBase, Fault::error(503, "ServiceUnavailableException", "later"));
    }
    let folder = Folder::with("prices.yaml", ConnectorText::new(TOPIC).text());
    let mut process = run(&kafka, &knowledge_base, &folder);
    process.wait_for_log("nothing is put before the target is reached");
    process.wait_while_running("all are stored", || knowledge_base.ids().len() >= COUNT);
    let ended = process.terminate().expect_code(0);
    assert!(!ended.stderr.contains("connector failed"), "{ended}");
    assert_eq!(committed(&kafka), Some(i64::try_from(COUNT).unwrap()), "{ended}");
}

#[test]
fn a_function_looks_within_its_start_and_tells_the_service_what_contradicts() {
    let (api, knowledge_base) = (RuntimeApi::start(), of_files());
    let folder = Folder::with("prices.yaml", ConnectorText::new(TOPIC).text());
    let function = || api.function(Sluice::new(["lambda"]).arg(folder.path()));
    let process = function().envs(knowledge_base.environment()).spawn();
    assert!(api.init_error().error().contains("of the type S3"));
    process.wait().expect_code(2);
}

#[test]
fn a_function_whose_target_does_not_answer_starts_all_the_same() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let api = RuntimeApi::start();
    let sink = format!("  http: {{ url: \"{url}\", request_timeout: 30s }}\n");
    let folder = Folder::with("prices.yaml", ConnectorText::new(TOPIC).sink(sink).text());
    let mut process = api.function(Sluice::new(["lambda"]).arg(folder.path())).spawn();
    process.wait_for_log("did not answer within 3s");
    assert!(process.is_alive());
}
