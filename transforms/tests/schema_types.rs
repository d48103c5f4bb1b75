//! What a schema says of a document stays with what transforms leave as it was, and with nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![allow(clippy::needless_pass_by_value, reason = "the table reads better")]

use std::sync::Arc;

use serde_json::{Value, json};
use sluice_connector_api::{Json, Payload, Record, Registry, SchemaType, Transformed};
use sluice_plugin_testing::record;

fn object(fields: &[(&str, SchemaType)]) -> SchemaType {
    SchemaType::Object(fields.iter().map(|(name, of)| ((*name).to_owned(), of.clone())).collect())
}

fn typed(value: Value, of: SchemaType) -> Record {
    let json = Json::from(value).with_schema_type(Some(Arc::new(of)));
    record(7).value(Payload::Json(json)).build()
}

fn order() -> Record {
    let of = object(&[
        ("id", SchemaType::Integer(32)),
        ("day", SchemaType::Date),
        ("home", object(&[("city", SchemaType::Text), ("since", SchemaType::Date)])),
    ]);
    typed(json!({ "id": 1, "day": 20_484, "home": { "city": "Łódź", "since": 1 } }), of)
}

fn apply(name: &str, settings: Value, record: Record) -> Record {
    let transform = sluice_transforms::register(Registry::new()).transform(name).unwrap().build(settings);
    match transform.unwrap().apply(record).unwrap() {
        Transformed::One(record) => record,
        other => panic!("{other:?}"),
    }
}

/// Shows what is known of the fields.
fn known(payload: Option<&Payload>) -> String {
    let Some(Payload::Json(json)) = payload else { return "none".to_owned() };
    match json.schema_type() {
        Some(SchemaType::Object(fields)) => {
            let shown: Vec<String> = fields
                .iter()
                .map(|(name, of)| match of {
                    SchemaType::Object(_) => format!("{name}: object"),
                    of => format!("{name}: {of:?}"),
                })
                .collect();
            shown.join(", ")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn types_follow_what_is_left_and_renamed_and_go_with_what_is_changed() {
    for (name, settings, left) in [
        ("replace_field", json!({ "exclude": ["day"] }), "id: Integer(32), home: object"),
        ("replace_field", json!({ "include": ["day", "id"] }), "day: Date, id: Integer(32)"),
        (
            "replace_field",
            json!({ "renames": { "id": "day", "day": "id" } }),
            "home: object, day: Integer(32), id: Date",
        ),
        ("replace_field", json!({ "exclude": ["home.city"] }), "id: Integer(32), day: Date"),
        ("cast", json!({ "spec": { "id": "string" } }), "day: Date, home: object"),
        (
            "timestamp",
            json!({ "field": "day", "from": "unix_seconds", "to": "rfc3339" }),
            "id: Integer(32), home: object",
        ),
        ("mask_field", json!({ "fields": ["day"] }), "id: Integer(32), home: object"),
        ("insert_field", json!({ "topic_field": "id" }), "day: Date, home: object"),
        ("flatten", json!({}), "id: Integer(32), day: Date, home.city: Text, home.since: Date"),
        ("extract_field", json!({ "field": "home" }), "city: Text, since: Date"),
        ("hoist_field", json!({ "field": "order" }), "order: object"),
        ("jq", json!({ "program": "." }), "None"),
    ] {
        let out = apply(name, settings.clone(), order());
        assert_eq!(known(out.value.as_ref()), left, "{name} {settings}");
    }
    let keyed = apply("value_to_key", json!({ "fields": ["id", "home.city"] }), order());
    assert_eq!(known(keyed.key.as_ref()), "id: Integer(32), city: Text");
}

#[test]
fn a_row_of_a_change_has_the_types_of_its_columns() {
    let row = object(&[("id", SchemaType::Integer(32)), ("day", SchemaType::Date), ("op", SchemaType::Date)]);
    let of = object(&[("op", SchemaType::Text), ("before", row.clone()), ("after", row)]);
    let change = json!({ "op": "c", "before": null, "after": { "id": 1, "day": 2, "op": 3 } });
    let out =
        apply("unwrap_cdc", json!({ "key": ["id"], "add_fields": ["op"], "prefix": "" }), typed(change, of));
    assert_eq!(known(out.value.as_ref()), "id: Integer(32), day: Date");
    assert_eq!(out.value.as_ref().unwrap().as_json().unwrap()["op"], "c");
    let Some(Payload::Json(key)) = &out.key else { panic!("no key") };
    assert_eq!(key.schema_type().unwrap().at(&["id"]), Some(&SchemaType::Integer(32)));
}
