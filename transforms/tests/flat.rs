//! What each of Kafka Connect's transforms does with the records that topics hold: nulls, nested fields, wrong types.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(clippy::needless_pass_by_value, clippy::unnecessary_wraps, reason = "the tables read better")]

use serde_json::{Value, json};
use sluice_connector_api::{Json, Payload, Record, Registry, SettingsError, Transform, Transformed};
use sluice_plugin_testing::{RecordBuilder, record, text, tombstone};

fn build(name: &str, settings: Value) -> Result<Box<dyn Transform>, SettingsError> {
    sluice_transforms::register(Registry::new()).transform(name).unwrap().build(settings)
}

/// Applies a transform; what comes out is shown as it would be stored.
fn apply(name: &str, settings: Value, record: Record) -> Result<Record, String> {
    match build(name, settings).unwrap().apply(record).map_err(|rejection| rejection.to_string())? {
        Transformed::One(record) => Ok(record),
        other => panic!("{other:?}"),
    }
}

fn json_of(text: &str) -> Payload {
    Payload::Json(Json::from_slice(text.as_bytes()).unwrap())
}

/// Applies a transform to a value, once as text and once as a value that was read before.
fn value(name: &str, settings: Value, value: &str) -> Result<String, String> {
    let shown = |payload: Payload| {
        let out = apply(name, settings.clone(), record(7).value(payload).build())?;
        Ok(out.value.as_ref().map_or("tombstone".to_owned(), |value| value.to_display().into_owned()))
    };
    let read: Value = json_of(value).as_json().unwrap().clone();
    let (of_text, of_value) = (shown(json_of(value)), shown(read.into()));
    assert_eq!(of_text, of_value, "{name} {settings} {value}");
    of_text
}

fn ok(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn err(text: &str) -> Result<String, String> {
    Err(text.to_owned())
}

#[test]
fn a_tombstone_passes_unchanged_through_every_transform_that_changes_values() {
    for (name, settings) in [
        ("cast", json!({"spec": {"a": "string"}})),
        ("cast", json!({"spec": "string"})),
        ("extract_field", json!({"field": "a"})),
        ("flatten", json!({})),
        ("header_from", json!({"fields": ["a"], "headers": ["a"], "operation": "copy"})),
        ("hoist_field", json!({"field": "a"})),
        ("insert_field", json!({"topic_field": "a"})),
        ("mask_field", json!({"fields": ["a"]})),
        ("replace_field", json!({"exclude": ["a"]})),
        ("timestamp", json!({"field": "a", "from": "unix_millis", "to": "rfc3339"})),
        ("timestamp", json!({"from": "unix_millis", "to": "rfc3339"})),
        ("value_to_key", json!({"fields": ["a"]})),
    ] {
        assert_eq!(apply(name, settings.clone(), tombstone(7)), Ok(tombstone(7)), "{name}");
        if name != "value_to_key" {
            let mut of_key = settings;
            of_key["of"] = json!("key");
            let without_key = text(7, "x");
            assert_eq!(apply(name, of_key, without_key.clone()), Ok(without_key), "{name}");
        }
    }
}

#[test]
fn the_key_is_changed_where_it_is_asked_for_and_the_value_is_not() {
    let both = || record(7).key(json_of(r#"{"a":{"b":1}}"#)).value(json_of(r#"{"a":{"b":1}}"#));
    let cases: [(&str, Value, RecordBuilder); 6] = [
        ("extract_field", json!({"field": "a.b"}), both().key(json!(1))),
        ("flatten", json!({}), both().key(json!({"a.b": 1}))),
        ("hoist_field", json!({"field": "c"}), both().key(json!({"c": {"a": {"b": 1}}}))),
        ("mask_field", json!({"fields": ["a.b"]}), both().key(json!({"a": {"b": 0}}))),
        ("cast", json!({"spec": "a.b:string"}), both().key(json!({"a": {"b": "1"}}))),
        ("replace_field", json!({"exclude": ["a"]}), both().key(json!({}))),
    ];
    for (name, mut settings, expected) in cases {
        settings["of"] = json!("key");
        assert_eq!(apply(name, settings, both().build()), Ok(expected.build()), "{name}");
    }
}

#[test]
fn what_is_no_object_is_refused_with_the_way_out() {
    let refused = apply("mask_field", json!({"fields": ["a"]}), text(7, "x")).unwrap_err();
    assert_eq!(
        refused,
        "the value is text, but the mask_field transform needs an object with `a`; set `value: json` under `source`"
    );
    let list = value("flatten", json!({}), "[1]").unwrap_err();
    assert!(list.starts_with("the value is a JSON array"), "{list}");
}

#[test]
fn cast_follows_the_types_of_kafka_connect() {
    let cast = |kind: &str, field: &str| {
        let cast = value("cast", json!({"spec": {"a": kind}}), &format!(r#"{{"a":{field}}}"#))?;
        Ok(cast.strip_prefix(r#"{"a":"#).unwrap().strip_suffix('}').unwrap().to_owned())
    };
    for (kind, field, expected) in [
        ("int32", "1.9", "1"),
        ("int32", "-1.9", "-1"),
        ("int8", "true", "1"),
        ("int64", "\"-7\"", "-7"),
        ("float64", "44.50", "44.5"),
        ("float64", "7", "7.0"),
        ("float64", "\" 1e3 \"", "1000.0"),
        ("float32", "44.1", "44.1"),
        ("number", "44.50", "44.50"),
        ("number", "\"44.50\"", "44.50"),
        ("number", "\"+.5\"", "0.5"),
        ("boolean", "2", "true"),
        ("boolean", "0.5", "false"),
        ("boolean", "\"TRUE\"", "true"),
        ("string", "44.50", "\"44.50\""),
        ("string", "true", "\"true\""),
        ("string", "null", "null"),
        ("int8", "null", "null"),
    ] {
        assert_eq!(cast(kind, field), ok(expected), "{kind} {field}");
    }
    for (kind, field, reason) in [
        ("int8", "300", "field `a` is out of the range of int8"),
        ("int32", "\"1.5\"", "field `a` is not a number that can become int32"),
        ("int32", "\"x\"", "field `a` is not a number that can become int32"),
        (
            "number",
            "\"$1,234.50\"",
            "field `a` is not a number that can become number; `numbers: point` reads it",
        ),
        (
            "int64",
            "\"1.234.567\"",
            "field `a` is not a number that can become int64; `numbers: comma` reads it",
        ),
        ("float32", "1e39", "field `a` is out of the range of float32"),
        ("boolean", "\"yes\"", "field `a` is neither `true` nor `false`"),
        ("string", "[1]", "field `a` is a JSON array, which cannot become string"),
        ("number", "{}", "field `a` is a JSON object, which cannot become number"),
    ] {
        assert_eq!(cast(kind, field), err(reason), "{kind} {field}");
    }
}

#[test]
fn what_a_cast_refuses_is_the_detail_and_not_the_reason() {
    let transform = build("cast", json!({"spec": {"card": "int64"}})).unwrap();
    let rejection = transform.apply(record(7).value(json!({"card": "4111-1"})).build()).unwrap_err();
    assert_eq!((rejection.to_string().contains("4111"), rejection.detail()), (false, Some("4111-1")));
}

#[test]
fn cast_takes_its_fields_in_each_notation() {
    for spec in [
        json!({"a": "string", "b.*": "string"}),
        json!("a:string, b.*:string"),
        json!(["a:string", "b.*:string"]),
    ] {
        assert_eq!(
            value("cast", json!({"spec": spec}), r#"{"a":1,"b":[2,3]}"#),
            ok(r#"{"a":"1","b":["2","3"]}"#)
        );
    }
    assert_eq!(value("cast", json!({"spec": "string"}), "7"), ok("7"));
    assert_eq!(value("cast", json!({"spec": "int32"}), "\"7\""), ok("7"));
    assert_eq!(value("cast", json!({"spec": {"x": "int32"}}), r#"{"a":1}"#), ok(r#"{"a":1}"#));
}

#[test]
fn cast_reads_prices_where_it_is_told_to() {
    let price = |numbers: &str, text: &str| {
        value("cast", json!({"spec": {"p": "number"}, "numbers": numbers}), &json!({"p": text}).to_string())
    };
    assert_eq!(price("point", "$44.50"), ok(r#"{"p":44.50}"#));
    assert_eq!(price("point", "1,234.5"), ok(r#"{"p":1234.5}"#));
    assert_eq!(price("comma", "1.234,50 €"), ok(r#"{"p":1234.50}"#));
    assert!(price("plain", "$44.50").is_err());
}

#[test]
fn a_field_is_extracted_as_what_it_is() {
    let extract = |field: &str, on_missing: &str| {
        let text = r#"{"s":"x","n":null,"o":{"p":[1,{"q":1.50}]},"a.b":true}"#;
        value("extract_field", json!({"field": field, "on_missing": on_missing}), text)
    };
    assert_eq!(extract("s", "reject"), ok("x"));
    assert_eq!(extract("n", "reject"), ok("tombstone"));
    assert_eq!(extract("o.p.1.q", "reject"), ok("1.50"));
    assert_eq!(extract("`a.b`", "reject"), ok("true"));
    assert_eq!(extract("x", "reject"), err("field `x` is missing"));
    assert_eq!(extract("x", "null"), ok("tombstone"));
    assert_eq!(extract("o.x", "skip"), ok(r#"{"s":"x","n":null,"o":{"p":[1,{"q":1.50}]},"a.b":true}"#));
}

#[test]
fn objects_are_flattened_and_arrays_are_not() {
    let text = r#"{"a":{"b":{"c":1.50},"d":null,"e":{}},"l":[{"f":1}],"a.d":2}"#;
    assert_eq!(value("flatten", json!({}), text), ok(r#"{"a.b.c":1.50,"a.d":2,"l":[{"f":1}]}"#));
    assert_eq!(value("flatten", json!({"delimiter": "_"}), r#"{"a":{"b":1}}"#), ok(r#"{"a_b":1}"#));
    assert_eq!(value("flatten", json!({}), r#"{"a":1e5}"#), ok(r#"{"a":1e5}"#));
}

#[test]
fn fields_become_headers() {
    let settings = |operation: &str| json!({"fields": ["a", "o.p", "x"], "headers": ["A", "P", "X"], "operation": operation});
    let before = || record(7).value(json_of(r#"{"a":"1","o":{"p":[1],"q":null}}"#));
    let mut moved = before().header("A", "1").header("P", "[1]").value(json!({"o": {"q": null}})).build();
    moved.headers.push("X", None);
    assert_eq!(apply("header_from", settings("move"), before().build()), Ok(moved));
    let mut copied = before().header("A", "1").header("P", "[1]").build();
    copied.headers.push("X", None);
    assert_eq!(apply("header_from", settings("copy"), before().build()), Ok(copied));
}

#[test]
fn a_star_is_no_name_of_many_fields_where_one_is_meant() {
    let settings = json!({"fields": ["*"], "headers": ["A"], "operation": "move"});
    let after = apply("header_from", settings, record(7).value(json!({"a": 1})).build()).unwrap();
    assert_eq!(after.value, Some(json!({"a": 1}).into()));
}

#[test]
fn text_and_bytes_are_hoisted_as_strings() {
    let hoist =
        |payload: Payload| apply("hoist_field", json!({"field": "l"}), record(7).value(payload).build());
    for payload in [Payload::from("a"), Payload::Bytes("a".into()), json_of("\"a\"")] {
        assert_eq!(hoist(payload).unwrap().value, Some(json!({"l": "a"}).into()));
    }
    assert!(hoist(Payload::Bytes(vec![0xff].into())).is_err());
}

#[test]
fn where_a_record_comes_from_is_inserted() {
    let settings = json!({
        "topic_field": "t!", "partition_field": "p", "offset_field": "m.o?", "timestamp_field": "at", "static_field": "s",
        "static_value": "5",
    });
    let before =
        record(42).value(json!({"p": "old"})).timestamp(1_739_712_345_678).target_topic("to").build();
    let after = apply("insert_field", settings.clone(), before).unwrap();
    assert_eq!(
        after.value.as_ref().unwrap().to_bytes(),
        r#"{"p":0,"t":"to","m":{"o":42},"at":1739712345678,"s":"5"}"#
    );
    let without = apply("insert_field", settings, record(42).value(json!({})).build()).unwrap();
    assert!(!without.value.as_ref().unwrap().to_display().contains(r#""at""#), "it has no timestamp");
    for (format, expected) in
        [("rfc3339", "2025-02-16T14:25:45.678+01:00"), ("yyyy-MM-dd HH:mm", "2025-02-16 14:25")]
    {
        let settings =
            json!({"timestamp_field": "at", "timestamp_format": format, "time_zone": "Europe/Paris"});
        let after =
            apply("insert_field", settings, record(1).value(json!({})).timestamp(1_739_712_345_678).build());
        assert_eq!(after.unwrap().value, Some(json!({"at": expected}).into()));
    }
    let beyond = json!({"timestamp_field": "at", "timestamp_format": "%F"});
    let far = record(1).value(json!({})).timestamp(i64::MAX).build();
    let refused = apply("insert_field", beyond, far).unwrap_err();
    assert_eq!(refused, "the record's timestamp is past the end of the calendar");
}

#[test]
fn masked_fields_are_empty_in_their_type() {
    let text = r#"{"i":7,"f":44.50,"s":"x","b":true,"l":[1],"o":{"a":1},"n":null}"#;
    let fields = json!({"fields": ["i", "f", "s", "b", "l", "o", "n", "missing"]});
    assert_eq!(
        value("mask_field", fields, text),
        ok(r#"{"i":0,"f":0.0,"s":"","b":false,"l":[],"o":{},"n":null}"#)
    );
    let replaced = |field: &str, replacement: &str| {
        value(
            "mask_field",
            json!({"fields": [field], "replacement": replacement}),
            r#"{"s":"x","i":7,"f":1.5,"b":true}"#,
        )
    };
    assert_eq!(replaced("s", "***"), ok(r#"{"s":"***","i":7,"f":1.5,"b":true}"#));
    assert_eq!(replaced("i", "9"), ok(r#"{"s":"x","i":9,"f":1.5,"b":true}"#));
    assert_eq!(replaced("f", "9.5"), ok(r#"{"s":"x","i":7,"f":9.5,"b":true}"#));
    for (field, replacement) in [("i", "***"), ("i", "9.5"), ("f", "1.x"), ("b", "***"), ("f", "01")] {
        assert!(replaced(field, replacement).is_err(), "{field} {replacement}");
    }
}

#[test]
fn fields_are_removed_kept_and_renamed() {
    let replace = |settings: Value| {
        value("replace_field", settings, r#"{"a":1,"b":{"c":2,"d":3},"e":[{"f":4,"g":5}]}"#)
    };
    assert_eq!(replace(json!({"exclude": ["a", "b.c", "e.*.f", "x"]})), ok(r#"{"b":{"d":3},"e":[{"g":5}]}"#));
    assert_eq!(replace(json!({"include": ["b.c", "a", "x"]})), ok(r#"{"b":{"c":2},"a":1}"#));
    assert_eq!(replace(json!({"include": ["a", "b"], "exclude": ["a"]})), ok(r#"{"b":{"c":2,"d":3}}"#));
    assert_eq!(
        replace(json!({"renames": {"a": "A.1", "b.c": "C"}})),
        ok(r#"{"b":{"d":3,"C":2},"e":[{"f":4,"g":5}],"A.1":1}"#)
    );
    assert_eq!(
        replace(json!({"include": ["a", "e"], "renames": ["a:e", "e:a"]})),
        ok(r#"{"e":1,"a":[{"f":4,"g":5}]}"#)
    );
}

#[test]
fn a_topic_is_routed_as_java_would() {
    let routed = |regex: &str, replacement: &str| {
        let settings = json!({"regex": regex, "replacement": replacement});
        apply("regex_router", settings, record(7).value("a").build()).map(|record| record.topic().to_owned())
    };
    assert_eq!(routed("(pri)(?<rest>.*)", "${rest}-$1"), ok("ces-pri"));
    assert_eq!(routed("ces", "x"), ok("prices"));
    assert_eq!(routed("pri|prices", "x"), ok("xces"), "the whole fits, and what is found first is replaced");
    assert_eq!(routed("prices", ""), err("the topic `prices` would be routed to one without a name"));
    let tombstone = apply("regex_router", json!({"regex": ".*", "replacement": "x"}), tombstone(7)).unwrap();
    assert_eq!((tombstone.topic(), tombstone.origin().topic()), ("x", "prices"));
}

#[test]
fn a_topic_is_routed_by_time() {
    let routed = |settings: Value, record: Record| {
        apply("timestamp_router", settings, record).map(|record| record.topic().to_owned())
    };
    let timed = || record(7).timestamp(1_739_712_345_678).build();
    assert_eq!(routed(json!({}), timed()), ok("prices-20250216"));
    let format = json!({"topic_format": "a.${timestamp}.${topic}", "timestamp_format": "%Y"});
    assert_eq!(routed(format, timed()), ok("a.2025.prices"));
    assert_eq!(routed(json!({}), record(7).build()), err("the record's timestamp is missing"));
}

#[test]
fn a_key_is_made_of_fields() {
    let keyed = |settings: Value| {
        let before = record(7).key("old").value(json_of(r#"{"a":{"id":1.50},"n":null,"s":"x"}"#)).build();
        apply("value_to_key", settings, before)
            .map(|record| record.key.clone().unwrap().to_display().into_owned())
    };
    assert_eq!(keyed(json!({"fields": ["s", "a.id", "n"]})), ok(r#"{"s":"x","id":1.50,"n":null}"#));
    assert_eq!(keyed(json!({"fields": ["x"]})), err("field `x` is missing"));
    assert_eq!(keyed(json!({"fields": ["s", "x"], "on_missing": "null"})), ok(r#"{"s":"x","x":null}"#));
    assert_eq!(keyed(json!({"fields": ["s", "x"], "on_missing": "skip"})), ok("old"));
}

#[test]
fn settings_that_cannot_work_are_refused_at_their_key() {
    for (name, settings, key) in [
        ("cast", json!({"spec": "money"}), "spec"),
        ("cast", json!({"spec": {"a": "int"}}), "spec.a"),
        ("cast", json!({"spec": ["a"]}), "spec.0"),
        ("cast", json!({"spec": {}}), "spec"),
        ("drop_headers", json!({"headers": []}), "headers"),
        ("extract_field", json!({"field": "a..b"}), "field"),
        ("header_from", json!({"fields": ["a"], "headers": [], "operation": "copy"}), "headers"),
        ("hoist_field", json!({"field": ""}), "field"),
        ("insert_field", json!({}), ""),
        ("insert_field", json!({"static_field": "a"}), "static_field"),
        ("insert_field", json!({"static_value": "a"}), "static_value"),
        ("insert_field", json!({"timestamp_field": "a", "timestamp_format": "YYYY-ww"}), "timestamp_format"),
        ("mask_field", json!({"fields": []}), "fields"),
        ("mask_field", json!({"fields": ["a", "b."]}), "fields.1"),
        ("mask_field", json!({"fields": ["a"], "replacement": ""}), "replacement"),
        ("regex_router", json!({"regex": "(", "replacement": ""}), "regex"),
        ("regex_router", json!({"regex": "a", "replacement": "$1"}), "replacement"),
        ("replace_field", json!({}), ""),
        ("replace_field", json!({"renames": ["a"]}), "renames.0"),
        ("replace_field", json!({"renames": {"a": 1}}), "renames.a"),
        ("replace_field", json!({"renames": ["a:b", "a:c"]}), "renames.1"),
        ("timestamp", json!({"from": "rfc3339", "to": "rfc3339", "as": "b"}), "as"),
        ("timestamp_router", json!({"timestamp_format": "nonsense"}), "timestamp_format"),
        ("value_to_key", json!({"fields": ["a.id", "b.id"]}), "fields.1"),
    ] {
        let built = build(name, settings.clone());
        assert_eq!(
            built.err().map(|error| error.path().to_owned()).as_deref(),
            Some(key),
            "{name} {settings}"
        );
    }
}
