//! The settings of every sink of the table keep the contract.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::{Value, json};
use sluice_connector_api::Registry;
use sluice_plugin_testing::settings_contract;

fn example(name: &str) -> Value {
    match name {
        "bedrock_kb" => json!({ "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678" }),
        "file" => json!({ "path": "out.jsonl" }),
        "http" => json!({ "url": "https://api.example.com/" }),
        "kafka" => json!({ "bootstrap_servers": "localhost:9092", "topic": "copy" }),
        "opensearch" => json!({ "urls": ["https://search.example.com:9200"] }),
        "postgres" => json!({ "url": "postgres://sluice@localhost/shop", "table": "prices" }),
        "s3" => json!({ "bucket": "prices", "region": "eu-central-1" }),
        "sqs" => json!({ "queue_url": "https://sqs.eu-central-1.amazonaws.com/123456789012/prices" }),
        _ => json!({}),
    }
}

#[test]
fn every_key_is_documented_and_an_unknown_one_is_refused() {
    let registry = sluice_sinks::register(Registry::new());
    assert!(registry.sinks().count() >= 9);
    for plugin in registry.sinks() {
        settings_contract(plugin, &example(plugin.name()));
    }
}

#[test]
fn every_sink_on_aws_has_the_same_keys_for_it() {
    let registry = sluice_sinks::register(Registry::new());
    for name in ["bedrock_kb", "s3", "sqs"] {
        let mut settings = example(name);
        for (key, value) in
            [("region", "eu-west-3"), ("endpoint_url", "http://localhost:4566"), ("request_timeout", "5s")]
        {
            settings.as_object_mut().unwrap().insert(key.to_owned(), value.into());
        }
        let sink = registry.sink(name).unwrap();
        assert!(sink.build(settings.clone()).is_ok(), "{name}");
        settings.as_object_mut().unwrap().insert("request_timeout".to_owned(), "soon".into());
        assert_eq!(sink.build(settings).map(|_| ()).unwrap_err().path(), "request_timeout", "{name}");
    }
}
