use sluice_connector_api::{Order, Registry};

use super::*;
use crate::http::HttpSettings;

fn refused(changes: &Value) -> Option<String> {
    let mut settings = json!({ "url": "https://h/p" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let registry = Registry::new().with_sink::<HttpSettings>();
    registry.sink("http").unwrap().build(settings).err().map(|error| error.to_string())
}

#[test]
fn a_url_is_enough() {
    assert_eq!(refused(&json!({})), None);
    let limits = built("http", json!({ "url": "https://h/" })).limits();
    assert_eq!((limits.max_records, limits.max_in_flight, limits.order), (1, 4, Order::KeyOrPartition));
}

#[test]
fn wrong_settings_name_their_key() {
    let oauth2 = |changes: Value| {
        let mut settings =
            json!({ "token_url": "https://l/t", "client_id": "a", "client_secret": "hunter2" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        json!({ "auth": { "oauth2": settings } })
    };
    assert_eq!(refused(&oauth2(json!({}))), None);
    for (changes, key) in [
        (json!({ "url": "ftp://h/" }), "url: "),
        (json!({ "url": "https://h/#a" }), "url: "),
        (json!({ "url": "https://{{host}}/p" }), "url: scheme, host and port"),
        (json!({ "url": "https://h/{{#if a}}b" }), "url: "),
        (json!({ "method": "GET" }), "method: "),
        (json!({ "headers": { "host": "x" } }), "headers.host: "),
        (json!({ "headers": { "x-a": "{{a" } }), "headers.x-a: "),
        (json!({ "batch": { "format": "json_lines", "separator": "," } }), "batch.separator: "),
        (json!({ "on_null": "delete" }), "on_null: "),
        (json!({ "on_null": "delete", "url": "https://h/{{id}}" }), "on_null: `id` is in the value"),
        (json!({ "on_null": "delete", "delete_path": "/p/{{@record.offset}}" }), "delete_path: "),
        (json!({ "on_null": "delete", "delete_path": "p/{{@record.key}}" }), "delete_path: "),
        (
            json!({ "on_null": "delete", "delete_path": "/p/{{#if @record.headers.a}}{{@record.key}}{{/if}}" }),
            "delete_path: the path of a DELETE takes plain tags alone",
        ),
        (
            json!({ "on_null": "delete", "delete_path": "/p/{{default @record.key 'all'}}" }),
            "delete_path: the path of a DELETE takes plain tags alone",
        ),
        (json!({ "delete_path": "/p/{{@record.key}}" }), "delete_path: "),
        (json!({ "request_timeout": "0s" }), "request_timeout: "),
        (json!({ "connect_timeout": "0s" }), "connect_timeout: "),
        (json!({ "max_in_flight": 0 }), "max_in_flight: "),
        (json!({ "max_in_flight": 65 }), "max_in_flight: "),
        (json!({ "tls": { "cert_file": "a" } }), "tls.cert_file: "),
        (json!({ "tls": { "key_file": "a" } }), "tls.key_file: "),
        (json!({ "item_errors": { "pointer": "items", "status": "/s" } }), "item_errors.pointer: "),
        (json!({ "statuses": { "204": "fatal" } }), "statuses.204: "),
        (
            json!({ "auth": { "basic": { "username": "a:b", "password": "hunter2" } } }),
            "auth.basic.username: ",
        ),
        (json!({ "auth": { "bearer": { "token": "hunter2\n" } } }), "auth.bearer.token: "),
        (json!({ "auth": { "header": { "name": "a b", "value": "hunter2" } } }), "auth.header.name: "),
        (
            json!({ "auth": { "header": { "name": "X-A", "value": "hunter2" } }, "headers": { "x-a": "b" } }),
            "auth.header.name: ",
        ),
        (oauth2(json!({ "token_url": "login" })), "auth.oauth2.token_url: "),
        (oauth2(json!({ "params": { "scope": "a" } })), "auth.oauth2.params.scope: "),
    ] {
        let reason = refused(&changes).unwrap_or_default();
        assert!(reason.starts_with(key), "{changes}: {reason}");
        assert!(!reason.contains("hunter2"), "{reason}");
    }
    assert!(refused(&json!({ "uri": "x" })).is_some());
    assert!(
        refused(&json!({ "auth": { "basic": { "username": "a", "password": "b", "realm": "c" } } }))
            .is_some()
    );
}

#[test]
fn settings_show_no_secret() {
    for auth in [
        json!({ "basic": { "username": "me", "password": "hunter2" } }),
        json!({ "bearer": { "token": "hunter2" } }),
        json!({ "header": { "name": "x-api-key", "value": "hunter2" } }),
        json!({ "oauth2": { "token_url": "https://l/t", "client_id": "me", "client_secret": "hunter2" } }),
    ] {
        let settings: HttpSettings =
            serde_json::from_value(json!({ "url": "https://h/", "auth": auth })).unwrap();
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(!serde_json::to_string(&settings).unwrap().contains("hunter2"));
        let sink = built("http", json!({ "url": "https://h/", "auth": auth }));
        assert!(!sink.preview(&prices()).unwrap().to_string().contains("hunter2"));
    }
}

#[test]
fn the_schema_carries_patterns_ranges_and_defaults() {
    let schema = schemars::schema_for!(HttpSettings);
    let properties = schema.get("properties").unwrap();
    assert_eq!(properties["url"]["pattern"], "^https?://.");
    assert_eq!(properties["max_in_flight"]["maximum"], 64);
    assert_eq!(properties["request_timeout"]["default"], "30s");
    assert_eq!(properties["auth"]["default"], "none");
    assert_eq!(properties["method"]["default"], "POST");
    let auth = &schemars::schema_for!(HttpSettings).to_value()["$defs"]["HttpAuthSettings"]["anyOf"];
    let keys: Vec<_> = auth[0]["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["basic", "bearer", "header", "oauth2", "sigv4"]);
    assert!(auth[0]["properties"]["oauth2"]["description"].as_str().unwrap().contains("kept until"));
    assert_eq!(auth[1]["const"], "none");
    for (name, property) in properties.as_object().unwrap() {
        assert!(property.get("description").is_some(), "{name}");
    }
}

#[test]
fn what_reads_a_field_needs_json() {
    let needs = |changes: Value| {
        let mut settings = json!({ "url": "https://h/p" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let needs = built("http", settings).needs();
        needs
            .iter()
            .map(|need| format!("{} {} {}", need.why.path(), need.side, need.forms))
            .collect::<Vec<_>>()
    };
    assert_eq!(needs(json!({})), [""; 0]);
    assert_eq!(needs(json!({ "url": "https://h/{{@record.value}}/{{@record.key}}" })), [""; 0]);
    let both = json!({ "url": "https://h/{{id}}", "headers": { "x-a": "{{@record.key.id}}" } });
    assert_eq!(needs(both), ["url value JSON", "headers.x-a key JSON"]);
    let delete = json!({ "on_null": "delete", "delete_path": "/p/{{@record.key.id}}" });
    assert_eq!(needs(delete), ["delete_path key JSON"]);
}
