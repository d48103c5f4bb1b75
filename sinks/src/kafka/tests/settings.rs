//! Settings that are refused, at their key and without what may be secret.

use serde_json::{Value, json};
use sluice_connector_api::{ReadingTask, Registry, SettingsError};

use crate::built::built;

fn refused(changes: &Value) -> Result<(), SettingsError> {
    let mut settings = json!({ "bootstrap_servers": "h:9092", "topic": "copy" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    crate::register(Registry::new()).sink("kafka").unwrap().build(settings).map(|_| ())
}

#[test]
fn what_would_lose_records_or_makes_no_client_is_refused_at_its_key() {
    let property = |name: &str, value: &str| json!({ "properties": { name: value } });
    for (changes, key) in [
        (json!({ "topic": "a b" }), "topic"),
        (json!({ "topic": "{{" }), "topic"),
        (json!({ "bootstrap_servers": " ," }), "bootstrap_servers"),
        (json!({ "bootstrap_servers": "ssl://h:9092" }), "bootstrap_servers"),
        (json!({ "max_in_flight": 0 }), "max_in_flight"),
        (property("acks", "1"), "properties.acks"),
        (property("enable.idempotence", "false"), "properties.enable.idempotence"),
        (property("transactional.id", "x"), "properties.transactional.id"),
        (property("bootstrap.servers", "x"), "properties.bootstrap.servers"),
        (property("no.such.property", "x"), "properties.no.such.property"),
        (property("linger.ms", "soon"), "properties.linger.ms"),
    ] {
        assert_eq!(refused(&changes).unwrap_err().path(), key, "{changes}");
    }
    for changes in [
        json!({}),
        property("linger.ms", "50"),
        property("compression.codec", "lz4"),
        json!({ "properties": { "security.protocol": "sasl_ssl", "sasl.mechanism": "PLAIN", "sasl.username": "a", "sasl.password": "b" } }),
    ] {
        refused(&changes).unwrap_or_else(|error| panic!("{changes}: {error}"));
    }
}

#[test]
fn a_property_that_is_refused_does_not_show_its_value() {
    let error = refused(&json!({ "properties": { "security.protocol": "hunter2" } })).unwrap_err();
    assert!(
        error.to_string().contains("security.protocol") && !error.to_string().contains("hunter2"),
        "{error}"
    );
}

#[test]
fn exactly_once_takes_an_id_and_the_brokers_of_the_source() {
    let task = |servers: &str| ReadingTask::new("c", 3, "g").with_bootstrap_servers(servers);
    let of = |more: Value| {
        let mut settings = json!({ "bootstrap_servers": "a:9092,b:9092", "topic": "copy" });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        built("kafka", settings)
    };
    let said = |sink: &dyn sluice_connector_api::Sink, servers: &str| sink.exactly_once(&task(servers)).err();
    let plain = of(json!({}));
    assert!(said(&*plain, "a:9092").unwrap().contains("`transactional_id`"));
    let transactional = of(json!({ "transactional_id": "x" }));
    assert!(said(&*transactional, "c:9092").unwrap().contains("one cluster"));
    assert_eq!(said(&*transactional, "c:9092, B"), None);
}
