//! What the keys `auth` and `tls` of the source become, and what is refused.
#![allow(clippy::unwrap_used, clippy::string_slice, reason = "a test may panic")]

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::kafka::settings::KafkaSettings;

const MSK: &str = "b-1.demo.abc123.c2.kafka.eu-central-1.amazonaws.com:9098";
const PEM: &str = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";

fn settings(servers: &str, more: &Value) -> KafkaSettings {
    let mut settings = json!({ "bootstrap_servers": servers, "topics": ["t"] });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(settings).unwrap()
}

/// Returns the properties about security, of the consumer and of all other clients alike.
fn properties(more: &Value) -> BTreeMap<String, String> {
    let settings = settings(MSK, more);
    assert_eq!(settings.security().problems(), []);
    // The map itself hides what it takes for secrets.
    let about_security = |config: rdkafka::ClientConfig| -> BTreeMap<String, String> {
        let names = config.config_map().into_keys().map(str::to_owned).collect::<Vec<_>>();
        let kept = names.into_iter().filter(|name| ["sec", "sas", "ssl"].contains(&&name[..3]));
        kept.map(|name| (name.clone(), config.get(&name).unwrap().to_owned())).collect()
    };
    let (consumer, other) = (settings.client_config("c"), settings.access().config);
    let properties = about_security(consumer);
    assert_eq!(properties, about_security(other));
    properties
}

#[track_caller]
fn assert_properties(more: &Value, expected: &[(&str, &str)]) {
    let mut expected: BTreeMap<_, _> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    expected.entry("ssl.ca.location".to_owned()).or_insert_with(|| "probe".to_owned());
    assert_eq!(properties(more), expected);
}

fn error(servers: &str, more: &Value) -> String {
    settings(servers, more).validate().unwrap_err().to_string()
}

#[test]
fn each_way_to_authenticate_becomes_properties_of_librdkafka() {
    assert_properties(&json!({}), &[]);
    assert_properties(&json!({ "tls": {} }), &[("security.protocol", "ssl")]);
    assert_properties(
        &json!({ "auth": { "msk_iam": {} } }),
        &[("security.protocol", "sasl_ssl"), ("sasl.mechanism", "OAUTHBEARER")],
    );
    assert_properties(
        &json!({ "auth": { "scram": { "username": "u", "password": "p" } }, "tls": { "ca": PEM } }),
        &[
            ("security.protocol", "sasl_ssl"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "u"),
            ("sasl.password", "p"),
            ("ssl.ca.pem", PEM),
        ],
    );
    assert_properties(
        &json!({ "auth": { "tls": { "certificate": PEM, "key": PEM, "key_password": "p" } } }),
        &[
            ("security.protocol", "ssl"),
            ("ssl.certificate.pem", PEM),
            ("ssl.key.pem", PEM),
            ("ssl.key.password", "p"),
        ],
    );
}

#[test]
fn without_tls_only_what_is_said_to_be_meant_goes_unencrypted() {
    let off = json!({ "enabled": false });
    let plain = |unencrypted| {
        let plain = json!({ "username": "u", "password": "p", "unencrypted": unencrypted });
        json!({ "auth": { "plain": plain }, "tls": off })
    };
    assert!(error(MSK, &plain(false)).starts_with("auth.plain: the password would cross"));
    assert_properties(
        &plain(true),
        &[
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", "u"),
            ("sasl.password", "p"),
        ],
    );
    let scram = json!({ "scram": { "username": "u", "password": "p", "mechanism": "sha_256" } });
    let scram = properties(&json!({ "auth": scram, "tls": off }));
    assert_eq!(scram.get("security.protocol").unwrap(), "sasl_plaintext");
    assert_eq!(scram.get("sasl.mechanism").unwrap(), "SCRAM-SHA-256");
    for auth in [json!({ "msk_iam": {} }), json!({ "tls": { "certificate": PEM, "key": PEM } })] {
        let refused = error(MSK, &json!({ "auth": auth, "tls": off }));
        assert!(refused.contains("remove `tls.enabled: false`"), "{refused}");
    }
}

#[test]
fn a_property_beside_the_key_that_sets_it_is_refused_with_the_key() {
    let scram = json!({ "scram": { "username": "u", "password": "p" } });
    for (name, way_out) in [
        ("security.protocol", "`auth` and `tls` set it"),
        ("sasl.mechanisms", "use `auth`"),
        ("sasl.jaas.config", "use `auth`"),
        ("ssl.ca.location", "use `tls.ca`"),
        ("ssl.key.password", "use `auth.tls.key`"),
    ] {
        let both = json!({ "auth": scram, "properties": { name: "x" } });
        assert_eq!(error(MSK, &both), format!("properties.{name}: `{name}` cannot be set: {way_out}"));
    }
    settings(MSK, &json!({ "properties": { "security.protocol": "ssl" } })).validate().unwrap();
    let other = json!({ "ssl.endpoint.identification.algorithm": "none" });
    settings(MSK, &json!({ "auth": scram, "properties": other })).validate().unwrap();
}

#[test]
fn iam_needs_a_region_a_port_and_a_lifetime_that_there_can_be() {
    let iam = |iam: Value| json!({ "auth": { "msk_iam": iam } });
    assert!(error("localhost:9098", &iam(json!({}))).starts_with("auth.msk_iam: needs `region`"));
    settings("localhost:9098", &iam(json!({ "region": "eu-west-1" }))).validate().unwrap();
    let port = error(&MSK.replace("9098", "9092"), &iam(json!({})));
    assert!(port.starts_with("bootstrap_servers: ") && port.contains("9098"), "{port}");
    for lifetime in ["16m", "14s"] {
        let refused = error(MSK, &iam(json!({ "token_lifetime": lifetime })));
        assert_eq!(refused, "auth.msk_iam.token_lifetime: is not from 15s to 15m");
    }
}

#[test]
fn a_path_where_a_certificate_belongs_is_told_from_one() {
    let own = |certificate, key| json!({ "auth": { "tls": { "certificate": certificate, "key": key } } });
    assert!(error(MSK, &own("/etc/client.pem", PEM)).contains("auth.tls.certificate: is no PEM"));
    assert!(error(MSK, &own(PEM, "hunter2")).starts_with("auth.tls.key: is no PEM"));
    let refused = error(MSK, &json!({ "tls": { "ca": "/etc/ca.pem" } }));
    assert_eq!(refused, "tls.ca: is no PEM; to have it read from a file, write `${file:/path}`");
}

#[test]
fn secrets_of_authentication_are_never_shown() {
    let secret = "hunter2";
    for auth in [
        json!({ "scram": { "username": "u", "password": secret } }),
        json!({ "plain": { "username": "u", "password": secret } }),
        json!({ "tls": { "certificate": secret, "key": secret, "key_password": secret } }),
    ] {
        let settings = settings(MSK, &json!({ "auth": auth, "tls": { "ca": secret } }));
        let shown = format!("{settings:?} {:?} {:?}", settings.access(), settings.validate());
        assert!(!shown.contains(secret), "{shown}");
    }
}
