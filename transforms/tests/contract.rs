//! Every transform and predicate of the table keeps the contract.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use serde_json::{Value, json};
use sluice_connector_api::{Plugin, Record, Registry};
use sluice_plugin_testing::{predicate_contract, record, settings_contract, transform_contract};

fn registry() -> Registry {
    sluice_transforms::register(Registry::new())
}

/// Settings and records that each transform takes.
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
    ]
}

/// Settings of each predicate.
fn predicates() -> Vec<(&'static str, Value)> {
    vec![
        ("record_is_tombstone", json!({})),
        ("topic_name_matches", json!({ "pattern": "pri.*" })),
        ("has_header_key", json!({ "name": "trace" })),
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
