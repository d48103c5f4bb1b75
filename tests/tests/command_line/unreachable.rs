//! What a command says where there is no broker: which one was asked, and what to look at. Never the names of an error.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use sluice_tests::sluice::Sluice;

const AWAY: &str =
    "Kafka at 127.0.0.1:1 cannot be reached: the connection is refused; check the address and the network";

#[test]
fn every_command_names_the_brokers_and_what_to_check() {
    let topics = Sluice::new(["topics", "list", "-b=127.0.0.1:1"]).spawn();
    let offsets = Sluice::new(["offsets", "show", "--group=g", "-b=127.0.0.1:1"]).spawn();
    let letters = Sluice::new(["dlq", "list", "--topic=t", "-b=127.0.0.1:1"]).spawn();
    let records = Sluice::new(["produce", "-b=127.0.0.1:1", "-t=t"]).spawn();
    for command in [topics, offsets, letters, records] {
        let ended = command.wait().expect_code(3);
        assert_eq!(ended.stderr, format!("error: {AWAY}"));
        assert!(ended.took < Duration::from_secs(5), "nobody is waited for: {ended}");
    }
}

/// One of the brokers listens, so that the other is tried again, and again.
#[test]
fn produce_says_once_what_is_wrong_with_a_broker() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let servers = format!("127.0.0.1:1,{}", listener.local_addr().unwrap());
    std::thread::spawn(move || while listener.accept().is_ok() {});
    let produce = Sluice::new(["produce", "-b", &servers, "-t=t", "-X=message.timeout.ms=2000"]);
    let ended = produce.input("{}\n").output().expect_code(3);
    let warnings = ended.stderr.lines().filter(|line| line.contains("Connection refused")).count();
    assert_eq!(warnings, 1, "{ended}");
    assert!(ended.stderr.ends_with("error: 1 record(s) were not acknowledged: Message timed out"), "{ended}");
}

/// Stands for the service that a machine on EC2 has its credentials of, and answers every request with this, or never.
fn machine(answer: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept() {
            if let Some(answer) = answer {
                let _request = stream.read(&mut [0; 4096]);
                let _answered = stream.write_all(answer.as_bytes());
            } else {
                held.push(stream);
            }
        }
    });
    format!("http://{address}")
}

#[test]
fn missing_aws_credentials_are_told_in_one_sentence_and_soon() {
    const REFUSAL: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for (answer, said) in [
        (None, "error: found no AWS credentials in any of the usual places; set AWS_ACCESS_KEY_ID and"),
        (Some(REFUSAL), "error: cannot fetch AWS credentials: failed to load IMDS session token"),
    ] {
        let query = Sluice::new(["query", "anything", "--knowledge-base-id=DEMOKB0001"])
            .env("AWS_REGION", "us-east-1")
            .env("AWS_EC2_METADATA_DISABLED", "false")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine(answer));
        let ended = query.output().expect_code(3);
        assert!(ended.stderr.starts_with(said), "{ended}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
        assert!(!ended.stderr.contains(['{', '(']), "no names of Rust: {ended}");
        assert!(ended.took < Duration::from_secs(4), "{ended}");
    }
}

#[test]
fn a_missing_aws_region_is_told_soon() {
    let query = Sluice::new(["query", "anything", "--knowledge-base-id=DEMOKB0001"])
        .env("AWS_CONFIG_FILE", "/no/such")
        .env("AWS_EC2_METADATA_DISABLED", "false")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", machine(None));
    let ended = query.output().expect_code(3);
    assert!(ended.stderr.contains("error: no AWS region is set; set `region`"), "{ended}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
    assert!(ended.took < Duration::from_secs(4), "{ended}");
}
