//! `sluice check --connect`: what cannot be reached or may not be used exits with code 3.

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_emulator::Settings;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::{ConnectorText, Folder};
use sluice_tests::sluice::Sluice;

const TOPIC: &str = "prices";

fn kafka() -> EmbeddedKafka {
    let kafka = EmbeddedKafka::start().unwrap();
    kafka.create_topic(TOPIC, 3).unwrap();
    kafka
}

fn check(topic: &str, bootstrap_servers: &str, knowledge_base: &LocalKnowledgeBase) -> (Folder, Sluice) {
    let folder = Folder::with("c.yaml", ConnectorText::new(topic).text());
    let sluice = Sluice::new(["check", "--connect", "--timeout=3s"])
        .arg(folder.path())
        .envs(knowledge_base.environment())
        .env("KAFKA_BOOTSTRAP_SERVERS", bootstrap_servers);
    (folder, sluice)
}

/// Returns the lines that say what is wrong.
fn wrong(sluice: Sluice) -> Vec<String> {
    let ended = sluice.output().expect_code(3);
    ended.lines().into_iter().filter(|line| line.starts_with('✗')).map(str::to_owned).collect()
}

#[test]
fn where_all_is_well_it_says_what_it_saw() {
    let (kafka, knowledge_base) = (kafka(), LocalKnowledgeBase::start());
    let (_folder, sluice) = check(TOPIC, &kafka.bootstrap_servers(), &knowledge_base);
    let ended = sluice.output().expect_code(0);
    let lines = ended.lines();
    let found = |part: &str| lines.iter().any(|line| line.starts_with("✓ c: ") && line.contains(part));
    assert!(found("1 broker(s) answer"), "{ended}");
    assert!(found("topic prices: 3 partition(s)"), "{ended}");
    assert!(found("AWS credentials: found"), "{ended}");
    assert!(found("knowledge base DEMOKB0001: ACTIVE, of the type VECTOR"), "{ended}");
    assert_eq!(knowledge_base.documents(), [], "a check writes nothing");
}

#[test]
fn a_broker_that_cannot_be_reached_is_named() {
    let knowledge_base = LocalKnowledgeBase::start();
    let (_folder, sluice) = check(TOPIC, "127.0.0.1:1", &knowledge_base);
    let wrong = wrong(sluice);
    assert!(wrong.len() == 1 && wrong[0].contains("127.0.0.1:1: cannot be reached"), "{wrong:?}");
}

#[test]
fn a_topic_that_does_not_exist_is_named_and_not_created() {
    let (kafka, knowledge_base) = (kafka(), LocalKnowledgeBase::start());
    for _ in 0..2 {
        let (_folder, sluice) = check("absent", &kafka.bootstrap_servers(), &knowledge_base);
        let wrong = wrong(sluice);
        assert!(wrong.len() == 1 && wrong[0].contains("topic absent: does not exist"), "{wrong:?}");
    }
}

#[test]
fn a_wrong_knowledge_base_id_is_named() {
    let (kafka, knowledge_base) = (kafka(), LocalKnowledgeBase::start());
    let (_folder, sluice) = check(TOPIC, &kafka.bootstrap_servers(), &knowledge_base);
    let wrong = wrong(sluice.env("KBID", "WRONGKB001"));
    assert!(wrong.len() == 1 && wrong[0].contains("knowledge base WRONGKB001"), "{wrong:?}");
    assert!(wrong[0].contains("404 ResourceNotFoundException"), "{wrong:?}");
}

#[test]
fn wrong_credentials_are_told_from_missing_ones() {
    let kafka = kafka();
    let settings = Settings { expected_access_key_id: Some("AKIDGOOD".to_owned()), ..Settings::default() };
    let knowledge_base = LocalKnowledgeBase::start_with(settings);
    let (_folder, sluice) = check(TOPIC, &kafka.bootstrap_servers(), &knowledge_base);
    let refused = wrong(sluice.env("AWS_ACCESS_KEY_ID", "AKIDWRONG"));
    assert!(refused.len() == 1 && refused[0].contains("403 UnrecognizedClientException"), "{refused:?}");

    let folder = Folder::with("c.yaml", ConnectorText::new(TOPIC).text());
    let missing = wrong(
        Sluice::new(["check", "--connect"])
            .arg(folder.path())
            .envs([("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001"), ("AWS_REGION", "us-east-1")])
            .env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()),
    );
    assert!(missing.len() == 1 && missing[0].contains("AWS_ACCESS_KEY_ID"), "{missing:?}");
}

#[test]
fn a_service_that_cannot_be_reached_is_named() {
    let (kafka, knowledge_base) = (kafka(), LocalKnowledgeBase::start());
    let (_folder, sluice) = check(TOPIC, &kafka.bootstrap_servers(), &knowledge_base);
    let wrong = wrong(sluice.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
    assert!(wrong.len() == 1 && wrong[0].contains("Connection refused"), "{wrong:?}");
}

/// The address of a service that the environment names counts for every sink on AWS.
#[test]
fn a_bucket_is_looked_for_where_the_environment_says() {
    let kafka = kafka();
    let brokers = kafka.bootstrap_servers();
    let source = format!("source:\n  kafka: {{ bootstrap_servers: \"{brokers}\", topics: [{TOPIC}] }}\n");
    let folder =
        Folder::with("c.yaml", format!("{source}sink: {{ s3: {{ bucket: archive, region: eu-west-3 }} }}\n"));
    let check = |more: &[(&str, &str)]| {
        let credentials = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
        let check = Sluice::new(["check", "--connect"]).arg(folder.path()).envs(credentials);
        wrong(check.envs(more.iter().copied())).concat()
    };
    let nowhere = "http://127.0.0.1:1";
    for more in [
        &[("AWS_ENDPOINT_URL", nowhere)][..],
        &[("AWS_ENDPOINT_URL", "http://127.0.0.1:2"), ("AWS_ENDPOINT_URL_S3", nowhere)],
    ] {
        let wrong = check(more);
        assert!(wrong.contains("127.0.0.1:1 did not get through"), "{wrong}");
    }
}

#[test]
fn without_connect_nothing_is_reached() {
    let folder = Folder::with("c.yaml", ConnectorText::new(TOPIC).text());
    let ended = Sluice::new(["check"])
        .arg(folder.path())
        .envs([("KBID", "DEMOKB0001"), ("DSID", "DEMODS0001"), ("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")])
        .output()
        .expect_code(0);
    assert_eq!(ended.lines().len(), 1, "{ended}");
}
