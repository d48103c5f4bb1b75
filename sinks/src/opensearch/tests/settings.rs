//! Settings that contradict each other, or themselves.

use serde_json::{Value, json};
use sluice_connector_api::{Registry, Side};

fn refused(changes: &Value) -> String {
    let mut settings = json!({ "urls": ["http://h:9200"], "index": "prices" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let registry = crate::register(Registry::new());
    let built = registry.sink("opensearch").unwrap().build(settings);
    built.map(|_| ()).map_or_else(|error| error.path().to_owned(), |()| "nothing".to_owned())
}

#[test]
fn what_contradicts_itself_is_refused_at_its_key() {
    let script = |script: Value| json!({ "document_id": "key", "write": { "script": script } });
    for (changes, key) in [
        (json!({ "urls": [] }), "urls"),
        (json!({ "urls": ["ftp://h"] }), "urls.0"),
        (json!({ "urls": ["http://h", "http://me:pw@h"] }), "urls.1"),
        (json!({ "urls": ["http://h?a=b"] }), "urls.0"),
        (json!({ "max_in_flight": 0 }), "max_in_flight"),
        (json!({ "max_in_flight": 65 }), "max_in_flight"),
        (json!({ "max_request_size": "1B" }), "max_request_size"),
        (json!({ "max_request_size": "101MiB" }), "max_request_size"),
        (json!({ "request_timeout": "0s" }), "request_timeout"),
        (json!({ "connect_timeout": "0s" }), "connect_timeout"),
        (json!({ "write": "create", "version": "offset" }), "version"),
        (json!({ "document_id": "generated", "version": "offset" }), "version"),
        (json!({ "document_id": "generated", "write": "update" }), "document_id"),
        (json!({ "document_id": "key", "write": "upsert", "pipeline": "p" }), "pipeline"),
        (json!({ "document_id": "key", "write": "data_stream", "on_null": "delete" }), "on_null"),
        (json!({ "document_id": "key", "index_date": "%Y", "on_null": "delete" }), "index_date"),
        (json!({ "document_id": "key", "routing": "{{a}}", "on_null": "delete" }), "routing"),
        (json!({ "on_null": "delete" }), "document_id"),
        (json!({ "routing": "{{" }), "routing"),
        (script(json!({})), "write.script"),
        (script(json!({ "source": "x", "id": "y" })), "write.script.id"),
        (script(json!({ "id": "y", "lang": "z" })), "write.script.lang"),
        (script(json!({ "id": "y", "params": { "record": 1 } })), "write.script.params.record"),
        (json!({}), "nothing"),
        (json!({ "document_id": "key", "on_null": "delete", "routing": "{{@record.key}}" }), "nothing"),
        (json!({ "write": "create", "version": "none" }), "nothing"),
    ] {
        assert_eq!(refused(&changes), key, "{changes}");
    }
}

#[test]
fn a_document_needs_json() {
    let sink = crate::built::built(
        "opensearch",
        json!({ "urls": ["http://h"], "document_id": { "template": "{{@record.key.id}}" } }),
    );
    let needs = sink.needs();
    assert_eq!((needs[0].side, needs[1].side), (Side::Value, Side::Key));
    assert!(needs[0].way_out.as_deref().unwrap().contains("parse_json"), "{needs:?}");
}
