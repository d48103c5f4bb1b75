//! What the source says of the ports of Amazon MSK.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};

use crate::kafka::settings::KafkaSettings;

/// Returns what is said of a broker on a port, with these keys.
fn said(server: &str, more: &Value) -> String {
    let mut settings = json!({ "bootstrap_servers": server, "topics": ["t"] });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let settings: KafkaSettings = serde_json::from_value(settings).unwrap();
    settings.warnings().into_iter().map(|(_, text)| text).collect()
}

fn msk(port: u16) -> String {
    format!("b-1.demo.abc.c2.kafka.eu-central-1.amazonaws.com:{port}")
}

#[test]
fn a_port_that_asks_for_more_than_is_said_is_warned_of_with_the_lines_that_cure_it() {
    let nothing = json!({});
    for (server, lines) in [
        (msk(9098), "auth:\n      msk_iam: {}"),
        (msk(9198), "auth:\n      msk_iam: {}"),
        ("boot-x.c1.kafka-serverless.us-east-1.amazonaws.com:9098".to_owned(), "auth:\n      msk_iam: {}"),
        (format!("a:9092, {}", msk(9098)), "auth:\n      msk_iam: {}"),
        (msk(9096), "auth:\n      scram: {"),
        (msk(9196), "auth:\n      scram: {"),
        (msk(9094), "tls:\n      enabled: true"),
        (msk(9194), "tls:\n      enabled: true"),
    ] {
        assert!(said(&server, &nothing).contains(lines), "{server}: {}", said(&server, &nothing));
    }
}

#[test]
fn a_port_that_gets_what_it_asks_for_is_none_to_warn_of() {
    let iam = json!({ "auth": { "msk_iam": {} } });
    let scram = json!({ "auth": { "scram": { "username": "u", "password": "p" } } });
    let by_properties =
        json!({ "properties": { "security.protocol": "sasl_ssl", "sasl.mechanism": "OAUTHBEARER" } });
    for (server, keys) in [
        (msk(9098), &iam),
        (msk(9096), &scram),
        (msk(9098), &by_properties),
        (msk(9094), &json!({ "tls": {} })),
        (msk(9092), &json!({})),
        (msk(14001), &json!({})),
        ("kafka.example.com:9098".to_owned(), &json!({})),
    ] {
        assert_eq!(said(&server, keys), "", "{server}");
    }
    assert!(said(&msk(9092), &json!({ "tls": {} })).contains("speaks no TLS"));
    assert!(said(&msk(9098), &scram).contains("9096"));
}
