//! What becomes of tombstones, over every sink of the registry: `on_null` means one thing, and where a sink has none it either writes
//! a tombstone or says how to do without.
//!
//! Nobody listens where the sinks point to, so that a put which comes to an end has not asked the target.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use schemars::SchemaGenerator;
use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Plugin, PutError, Record, Registry, Sink};
use sluice_plugin_testing::{record, record_failures, tombstone};

/// Settings of a sink with the least that it needs, and for those that delete with what they need for that.
fn settings(name: &str) -> Value {
    match name {
        "bedrock_kb" => json!({
            "knowledge_base_id": "KB12345678", "data_source_id": "DS12345678", "document_id": "key",
            "region": "eu-west-3", "endpoint_url": "http://127.0.0.1:1",
        }),
        "file" => json!({ "path": "nobody/writes/this.txt" }),
        "http" => json!({ "url": "http://127.0.0.1:1/things/{{@record.key}}" }),
        "kafka" => json!({
            "bootstrap_servers": "127.0.0.1:1", "topic": "copy", "properties": { "message.timeout.ms": "200" },
        }),
        "opensearch" => json!({ "urls": ["http://127.0.0.1:1"], "index": "things", "document_id": "key" }),
        "postgres" => json!({
            "url": "postgres://sluice@127.0.0.1:1/shop", "table": "things", "key": "record_key", "key_columns": ["id"],
        }),
        "s3" => json!({ "bucket": "things", "region": "eu-west-3", "endpoint_url": "http://127.0.0.1:1" }),
        "sqs" => json!({
            "queue_url": "http://127.0.0.1:1/123456789012/things", "region": "eu-west-3",
        }),
        "blackhole" | "stdout" => json!({}),
        other => panic!("`{other}` is new: say here what it needs, and what it does with a tombstone below"),
    }
}

fn names(registry: &Registry) -> Vec<&'static str> {
    registry.sinks().map(Plugin::name).collect()
}

/// Builds a sink with more settings; `None` where it has no such key, or does not take the value.
fn built(registry: &Registry, name: &str, more: &Value) -> Option<Box<dyn Sink>> {
    let mut all = settings(name);
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    registry.sink(name).unwrap().build(all).ok()
}

fn has_on_null(registry: &Registry, name: &str) -> bool {
    built(registry, name, &json!({ "on_null": "reject" })).is_some()
}

fn keyed() -> Record {
    record(7).key("k").build()
}

#[track_caller]
fn rejection(outcome: Result<(), PutError>) -> String {
    let failures = record_failures(outcome);
    assert!(matches!(failures[..], [(0, FailureKind::Rejected, _)]), "{failures:?}");
    failures[0].2.clone()
}

#[test]
fn the_key_says_the_same_of_every_sink_that_has_it() {
    let registry = sluice_sinks::register(Registry::new());
    let mut having = Vec::new();
    for name in names(&registry) {
        let schema = registry.sink(name).unwrap().schema(&mut SchemaGenerator::default());
        let Some(key) = schema.pointer("/properties/on_null") else {
            assert!(!has_on_null(&registry, name), "{name}");
            continue;
        };
        having.push(name);
        let said = key["description"].as_str().unwrap();
        let begins = "What becomes of a tombstone, a record without a value: `reject`, `ignore`, or `delete`";
        assert!(said.starts_with(begins) && said.contains("Default: `reject`"), "{name}: {said}");
        assert_eq!(key["default"], "reject", "{name}");
    }
    assert_eq!(having, ["bedrock_kb", "http", "opensearch", "postgres"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_rejected_or_ignored_and_the_target_hears_nothing_of_it() {
    let registry = sluice_sinks::register(Registry::new());
    for name in names(&registry).into_iter().filter(|name| has_on_null(&registry, name)) {
        for settings in [json!({}), json!({ "on_null": "reject" })] {
            let sink = built(&registry, name, &settings).unwrap();
            // By its key or without one: what it would be called has nothing to do with it.
            for tombstone in [keyed(), tombstone(8)] {
                let said = rejection(sink.put(std::slice::from_ref(&tombstone)).await);
                for part in ["a tombstone has no", "`on_null`", "`ignore`", "`delete`", "transform"] {
                    assert!(said.contains(part), "{name}: {said}");
                }
                assert!(sink.preview(&[tombstone]).is_err(), "{name}");
            }
        }
        let ignoring = built(&registry, name, &json!({ "on_null": "ignore" })).unwrap();
        ignoring.put(&[keyed(), tombstone(8)]).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let shown = ignoring.preview(&[keyed()]).unwrap();
        assert!(shown.is_null() || shown.as_array().is_some_and(Vec::is_empty), "{name}: {shown}");
        assert_eq!(ignoring.id(&keyed()), None, "{name}: it is about nothing");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_deletes_what_its_key_names_and_without_one_it_is_rejected() {
    let registry = sluice_sinks::register(Registry::new());
    for name in names(&registry).into_iter().filter(|name| has_on_null(&registry, name)) {
        let sink = built(&registry, name, &json!({ "on_null": "delete" })).unwrap();
        let shown = sink.preview(&[keyed()]).unwrap().to_string();
        assert!(shown.to_lowercase().contains("delete") && shown.contains('k'), "{name}: {shown}");
        let error = sink.put(&[keyed()]).await.unwrap_err();
        let failure = match error {
            PutError::Batch(failure) => failure,
            PutError::Records(mut failures) => failures.swap_remove(0).1,
        };
        assert_eq!(failure.kind(), FailureKind::Retriable, "{name} asks the target: {failure}");
        assert!(
            !sink.preview(&[tombstone(8)]).is_ok_and(|shown| name != "postgres" && !shown.is_null()),
            "{name}"
        );
    }
    // What names no single thing deletes none: the file is refused.
    for (name, change) in [
        ("bedrock_kb", json!({ "document_id": "origin" })),
        ("http", json!({ "url": "http://127.0.0.1:1/things" })),
        ("opensearch", json!({ "document_id": "origin" })),
        ("postgres", json!({ "key": "origin", "key_columns": [] })),
    ] {
        let mut settings = change;
        settings["on_null"] = json!("delete");
        assert!(built(&registry, name, &settings).is_none(), "{name}");
    }
}

#[test]
fn a_sink_without_the_key_writes_a_tombstone_or_says_how_to_do_without() {
    let registry = sluice_sinks::register(Registry::new());
    for name in names(&registry).into_iter().filter(|name| !has_on_null(&registry, name)) {
        for format in [None, Some("json_lines"), Some("raw"), Some("csv"), Some("parquet")] {
            let settings = format.map_or_else(|| json!({}), |format| json!({ "format": format }));
            let Some(sink) = built(&registry, name, &settings) else { continue };
            match sink.preview(&[keyed()]) {
                Ok(shown) => {
                    // Some show a line as a text.
                    let has_null = shown.to_string().replace('\\', "").contains("\"value\":null");
                    assert!(has_null || name == "blackhole", "{name} {format:?}: {shown}");
                }
                Err(error) => {
                    let said = error.to_string();
                    assert!(
                        said.contains("tombstone")
                            && (said.contains("transform") || said.contains("`filter`")),
                        "{name} {format:?}: {said}"
                    );
                }
            }
        }
    }
}
