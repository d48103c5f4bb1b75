//! Every transform and predicate of the table keeps the contract.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use serde_json::{Value, json};
use sluice_connector_api::{Plugin, Record, Registry};
use sluice_plugin_testing::{predicate_contract, record, settings_contract, tombstone, transform_contract};

fn registry() -> Registry {
    sluice_transforms::register(Registry::new())
}

/// Settings and records that each transform takes.
#[allow(clippy::too_many_lines, reason = "a table")]
fn transforms() -> Vec<(&'static str, Value, Record)> {
    let price = || record(7).key("OOOO").value(json!({ "ticker": "OOOO", "at": 1_739_712_345 })).build();
    vec![
        ("template", json!({ "text": "{{ticker}} at {{@record.offset}} of {{@record.key}}" }), price()),
        ("template", json!({ "text": "<<ticker>>", "delimiters": ["<<", ">>"] }), price()),
        (
            "timestamp",
            json!({ "field": "at", "from": "unix_seconds", "to": "rfc3339", "as": "a.b" }),
            price(),
        ),
        ("cast", json!({ "spec": { "at": "string" } }), price()),
        ("cast", json!({ "spec": "string" }), record(7).value("a").build()),
        ("drop_headers", json!({ "headers": ["trace"] }), price()),
        ("extract_field", json!({ "field": "ticker" }), price()),
        ("filter", json!({}), price()),
        ("flatten", json!({}), price()),
        ("header_from", json!({ "fields": ["at"], "headers": ["at"], "operation": "move" }), price()),
        ("hoist_field", json!({ "field": "line" }), price()),
        (
            "insert_field",
            json!({ "offset_field": "a.b", "timestamp_field": "t", "timestamp_format": "%F" }),
            price(),
        ),
        ("insert_header", json!({ "header": "a", "value_literal": "b" }), price()),
        ("mask_field", json!({ "fields": ["ticker", "a.*.b"], "replacement": "x" }), price()),
        ("regex_router", json!({ "regex": "(.*)", "replacement": "$1-x" }), price()),
        ("replace_field", json!({ "exclude": ["at"], "renames": { "ticker": "symbol" } }), price()),
        ("timestamp_router", json!({}), record(7).timestamp(1_739_712_345_678).build()),
        ("value_to_key", json!({ "fields": ["ticker"] }), price()),
        ("jq", json!({ "program": "{ticker, n: $record.offset}, .at" }), price()),
        ("chunk", json!({ "size": 8, "max_chunks": 3 }), record(7).key("k").value("a long text").build()),
        ("chunk", json!({ "field": "ticker", "index_field": "n" }), price()),
        ("decompress", json!({}), tombstone(7)),
        ("dedupe", json!({ "fields": ["ticker"] }), price()),
        ("dedupe", json!({ "of": "key" }), price()),
        (
            "explode",
            json!({ "field": "l", "index_field": "n" }),
            record(7).value(json!({ "l": [1, { "a": 2 }] })).build(),
        ),
        ("explode", json!({}), record(7).value(json!([1, 2])).build()),
        ("parse_json", json!({ "field": "t" }), record(7).value(json!({ "t": "{\"a\":1}" })).build()),
        ("parse_json", json!({}), record(7).value("[1]").build()),
        (
            "redact",
            json!({ "patterns": ["email", "card", "key"], "regexes": ["x+"], "fields": ["at"] }),
            price(),
        ),
        ("set", json!({ "fields": { "a.b": "{{ticker}}", "c": { "d": ["{{at}} s", 1] } } }), price()),
        (
            "set",
            json!({ "replace": true, "fields": { "a": "{{@record.offset}}" } }),
            record(7).value("text").build(),
        ),
        (
            "unwrap_cdc",
            json!({ "add_fields": ["op"] }),
            record(7).value(json!({ "op": "c", "after": { "id": 1 } })).build(),
        ),
        (
            "unwrap_cdc",
            json!({ "format": "dms" }),
            record(7).value(json!({ "data": {}, "metadata": { "operation": "load" } })).build(),
        ),
        (
            "unwrap_cdc",
            json!({ "format": "maxwell" }),
            record(7).value(json!({ "type": "insert", "data": {} })).build(),
        ),
        (
            "unwrap_cdc",
            json!({ "format": "canal" }),
            record(7).value(json!({ "type": "INSERT", "data": [{}, {}] })).build(),
        ),
    ]
}

/// Settings of each predicate.
fn predicates() -> Vec<(&'static str, Value)> {
    vec![
        ("record_is_tombstone", json!({})),
        ("topic_name_matches", json!({ "pattern": "pri.*" })),
        ("has_header_key", json!({ "name": "trace" })),
        ("jq", json!({ "program": ". != null" })),
        ("field_value", json!({ "field": "a", "equals": 1, "of": "value" })),
    ]
}

#[test]
fn every_transform_keeps_the_contract() {
    let registry = registry();
    for (name, settings, good) in transforms() {
        let plugin = registry.transform(name).unwrap();
        settings_contract(plugin, &settings);
        transform_contract(&*plugin.build(settings).unwrap(), &[good]);
    }
}

#[test]
fn every_predicate_keeps_the_contract() {
    let registry = registry();
    for (name, settings) in predicates() {
        let plugin = registry.predicate(name).unwrap();
        settings_contract(plugin, &settings);
        let good = [record(0).header("trace", "x").build(), record(1).build()];
        predicate_contract(&*plugin.build(settings).unwrap(), &good);
    }
}

#[test]
fn no_plug_in_of_the_table_is_left_out() {
    let registry = registry();
    let missing = |known: Vec<&str>, held: Vec<&str>| -> Vec<String> {
        known.into_iter().filter(|name| !held.contains(name)).map(str::to_owned).collect()
    };
    let held = transforms().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(missing(registry.transforms().map(Plugin::name).collect(), held), [""; 0]);
    let held = predicates().into_iter().map(|(name, _)| name).collect();
    assert_eq!(missing(registry.predicates().map(Plugin::name).collect(), held), [""; 0]);
}
