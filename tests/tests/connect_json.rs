//! `connect_json` beside Kafka Connect's own `JsonConverter` with `schemas.enable`, on the same records.
//!
//! Where they differ, the difference is one of those below, each with its reason, which docs/converters.md tells.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{
    Converter, ConverterContext, Headers, Json, NotConverted, Registry, Side, is_same_json,
};
use sluice_tests::connect::ConnectTransforms;

/// A record, and how both are told to read it.
struct Asked {
    /// None: it has no bytes at all.
    record: Option<String>,
    config: Value,
    settings: Value,
}

/// What a converter makes of a record.
#[derive(Debug, PartialEq)]
enum Answer {
    Read(String),
    Tombstone,
    Rejected(String),
}

/// What docs/converters.md says of the differences that are meant.
const DEVIATIONS: [&str; 5] = [
    "no bytes and JSON `null` are tombstones",
    "fields that the schema does not name stay",
    "a field that is missing is not added as null",
    "a value that is not of the type of its schema passes as it was written",
    "a value in which a decimal or a time has to be found, and is not of the type of its schema, is rejected",
];

/// Returns which of the differences explain that two answers are not the same; none where something else has to.
fn explained(record: &str, replaces_null: bool, theirs: &Answer, ours: &Answer) -> Option<Vec<usize>> {
    if matches!(record.trim(), "" | "null") {
        let is_it = matches!(theirs, Answer::Rejected(_)) && *ours == Answer::Tombstone;
        return is_it.then_some(vec![0]);
    }
    if let (Answer::Read(theirs), Answer::Read(ours)) = (theirs, ours) {
        let (mut theirs, mut ours, mut met) = (value(theirs), value(ours), Vec::new());
        if ours.as_object_mut().is_some_and(|fields| fields.shift_remove("unnamed").is_some()) {
            met.push(1);
        }
        if drop_missing(&mut theirs, &ours) {
            met.push(2);
        }
        if is_same_json(&theirs, &ours) {
            return Some(met);
        }
    }
    let envelope = Json::from_slice(record.as_bytes()).ok()?.into_value();
    if fits(&envelope["schema"], &envelope["payload"], replaces_null) {
        return None;
    }
    match ours {
        Answer::Read(ours) => is_same(ours, &envelope["payload"].to_string()).then_some(vec![3]),
        Answer::Rejected(_) => Some(vec![4]),
        Answer::Tombstone => None,
    }
}

/// Drops fields that are null there and missing here.
fn drop_missing(theirs: &mut Value, ours: &Value) -> bool {
    let (Some(theirs), Some(ours)) = (theirs.as_object_mut(), ours.as_object()) else { return false };
    let before = theirs.len();
    theirs.retain(|name, value| !value.is_null() || ours.contains_key(name));
    theirs.len() < before
}

/// Says whether a payload is what its schema says; a payload within another one is looked into.
fn fits(schema: &Value, payload: &Value, replaces_null: bool) -> bool {
    if payload.is_null() {
        return schema["optional"] == true || (replaces_null && schema.get("default").is_some());
    }
    let is_whole = |bits: u32| {
        payload.as_i64().is_some_and(|number| i128::from(number).unsigned_abs() < 1 << (bits - 1))
    };
    let all = |items: &Value, schema: &Value| {
        items.as_array().is_some_and(|items| items.iter().all(|item| fits(schema, item, replaces_null)))
    };
    match schema["type"].as_str().unwrap_or_default() {
        "int8" => is_whole(8),
        "int16" => is_whole(16),
        "int32" => is_whole(32),
        "int64" => is_whole(64),
        "float" => payload.as_f64().is_some_and(|number| number.abs() < f64::from(f32::MAX)),
        "double" => payload.is_number(),
        "boolean" => payload.is_boolean(),
        "string" => payload.is_string(),
        "bytes" => payload.as_str().is_some_and(|text| BASE64.decode(text).is_ok()),
        "array" => all(payload, &schema["items"]),
        "map" if schema["keys"]["type"] == "string" => payload.is_object(),
        "map" => payload.is_array(),
        "struct" => payload.as_object().is_some_and(|fields| {
            let named = schema["fields"].as_array().unwrap();
            named.iter().all(|field| {
                fits(
                    field,
                    fields.get(field["field"].as_str().unwrap()).unwrap_or(&Value::Null),
                    replaces_null,
                )
            })
        }),
        _ => true,
    }
}

fn is_same(one: &str, other: &str) -> bool {
    is_same_json(&value(one), &value(other))
}

fn value(text: &str) -> Value {
    Json::from_slice(text.as_bytes()).unwrap().into_value()
}

fn typed(kind: &str) -> Value {
    json!({ "type": kind, "optional": true })
}

fn named(kind: &str, name: &str) -> Value {
    json!({ "type": kind, "optional": true, "name": name, "version": 1 })
}

fn decimal(scale: i64) -> Value {
    let mut schema = named("bytes", "org.apache.kafka.connect.data.Decimal");
    schema["parameters"] = json!({ "scale": scale.to_string() });
    schema
}

fn of_fields(fields: &[(&str, Value)]) -> Value {
    let mut named = Vec::new();
    for (name, schema) in fields {
        let mut schema = schema.clone();
        schema["field"] = (*name).into();
        named.push(schema);
    }
    json!({ "type": "struct", "optional": true, "fields": named })
}

/// Schemas, each with payloads.
#[allow(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<(Value, Vec<&'static str>)> {
    let all = of_fields(&[
        ("price", decimal(2)),
        ("day", named("int32", "org.apache.kafka.connect.data.Date")),
        ("time", named("int32", "org.apache.kafka.connect.data.Time")),
        ("at", named("int64", "org.apache.kafka.connect.data.Timestamp")),
        ("born", named("int32", "io.debezium.time.Date")),
        ("id", typed("int64")),
        ("raw", typed("bytes")),
        ("note", typed("string")),
    ]);
    let nested = of_fields(&[
        ("list", json!({ "type": "array", "optional": true, "items": decimal(1) })),
        (
            "map",
            json!({ "type": "map", "optional": true, "keys": { "type": "string" }, "values": decimal(0) }),
        ),
        (
            "pairs",
            json!({ "type": "map", "optional": true, "keys": { "type": "int32" }, "values": typed("string") }),
        ),
        ("row", of_fields(&[("deep", decimal(3))])),
    ]);
    let defaults = of_fields(&[
        ("a", json!({ "type": "int32", "optional": true, "default": 7 })),
        ("b", json!({ "type": "string", "optional": true, "default": "x" })),
        ("c", json!({ "type": "int32", "default": 9 })),
    ]);
    let mut cases = vec![
        (
            all,
            vec![
                r#"{"price":"EWI=","day":20484,"time":45000500,"at":1769862600500,"born":-1,"id":9007199254740993,"raw":"AP8=","note":"żółć 🦀"}"#,
                r#"{"price":null,"day":null,"time":0,"at":-1,"born":null,"id":-9223372036854775808,"raw":"","note":null}"#,
                r#"{"price":"AA==","day":-1}"#,
                r#"{"price":"/w==","id":1}"#,
                r#"{"price":44.50,"id":1}"#,
                r#"{"price":44,"id":1}"#,
                "{}",
                "null",
                "[]",
                "7",
                r#"{"id":1,"unnamed":2}"#,
                r#"{"price":true}"#,
                r#"{"price":"not base64!"}"#,
                r#"{"id":"text"}"#,
                r#"{"note":7}"#,
            ],
        ),
        (
            nested,
            vec![
                r#"{"list":["EWI=",null,"AQ=="],"map":{"x":"EWI=","y":null},"pairs":[[1,"a"],[2,null]],"row":{"deep":"AQ=="}}"#,
                r#"{"list":[],"map":{},"pairs":[],"row":null}"#,
                r#"{"list":{}}"#,
                r#"{"map":[]}"#,
                r#"{"pairs":{"a":1}}"#,
                r#"{"row":[]}"#,
            ],
        ),
        (defaults, vec!["{}", r#"{"a":null,"b":null,"c":null}"#, r#"{"a":1,"b":"y","c":2}"#, "null"]),
        (json!({ "type": "int32", "optional": true, "default": 7 }), vec!["null", "8"]),
        (json!({ "type": "int32", "optional": false }), vec!["null", "8"]),
        (json!({ "type": "int32" }), vec!["null"]),
        (json!({ "type": "string" }), vec!["null", "\"x\""]),
        (of_fields(&[("a", json!({ "type": "int32" }))]), vec!["{}", r#"{"a":null}"#, r#"{"a":1}"#]),
        (
            Value::Null,
            vec![
                "null",
                "7",
                "44.50",
                "1e3",
                "\"text\"",
                "true",
                "[1,null]",
                r#"{"a":{"b":[]}}"#,
                "9007199254740993",
            ],
        ),
        (json!({ "type": "nothing" }), vec!["1"]),
        (json!({ "no": "type" }), vec!["1"]),
        (json!("int32"), vec!["1"]),
        (json!({ "type": "array" }), vec!["[]", "[1]"]),
        (json!({ "type": "struct" }), vec!["{}", "[]"]),
        (json!({ "type": "map", "keys": { "type": "string" } }), vec!["{}", r#"{"a":1}"#]),
        (named("bytes", "org.apache.kafka.connect.data.Decimal"), vec!["\"EWI=\""]),
    ];
    for kind in ["int8", "int16", "int32", "int64", "float", "double", "boolean", "string", "bytes"] {
        cases.push((
            typed(kind),
            vec![
                "1", "-1", "300", "70000", "44.50", "1e3", "1e300", "true", "false", "\"\"", "\"AP8=\"",
                "null", "{}", "[]",
            ],
        ));
    }
    for scale in [-2, 0, 1, 10] {
        cases.push((
            decimal(scale),
            vec!["\"EWI=\"", "\"AA==\"", "\"gA==\"", "\"AQAAAAAAAAAA\"", "null", "1.5"],
        ));
    }
    cases
}

/// Records that are no envelope, or hardly one.
const RAW: [&str; 13] = [
    "",
    " ",
    "null",
    " null ",
    "{",
    "{}",
    "7",
    "[1]",
    r#"{"a":1}"#,
    r#"{"payload":1}"#,
    r#"{"schema":null}"#,
    r#"{"schema":null,"payload":1,"more":2}"#,
    r#"{"payload":{"a":44.50},"schema":null}"#,
];

fn asked() -> Vec<Asked> {
    let with_schemas = |more: Value| {
        let mut config = json!({ "schemas.enable": "true" });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        config
    };
    let mut asked = Vec::new();
    let mut add = |record: Option<String>| {
        asked.push(Asked { record: record.clone(), config: with_schemas(json!({})), settings: json!({}) });
        asked.push(Asked {
            record,
            config: with_schemas(json!({ "replace.null.with.default": "false" })),
            settings: json!({ "replace_null_with_default": false }),
        });
    };
    add(None);
    for record in RAW {
        add(Some(record.to_owned()));
    }
    for (schema, payloads) in cases() {
        for payload in payloads {
            add(Some(format!("{{\"schema\":{schema},\"payload\":{payload}}}")));
        }
    }
    asked
}

#[test]
fn connect_json_reads_what_kafka_connects_converter_reads_but_for_what_is_told() {
    let Some(connect) = ConnectTransforms::find() else { return };
    let asked = asked();
    let mut lines = Vec::new();
    for side in ["value", "key"] {
        for Asked { record, config, .. } in &asked {
            lines.push(json!({ "side": side, "record": record, "config": config }));
        }
    }
    let mut answers = connect.read_json(&lines).into_iter();
    let (mut unexplained, mut met) = (Vec::new(), [0; DEVIATIONS.len()]);
    for side in [Side::Value, Side::Key] {
        for asked in &asked {
            let (theirs, ours) = (answer_of(&answers.next().unwrap()), read(asked, side));
            if is_same_answer(&theirs, &ours) {
                continue;
            }
            let record = asked.record.as_deref().unwrap_or_default();
            match explained(record, asked.settings == json!({}), &theirs, &ours) {
                Some(these) => these.into_iter().for_each(|index| met[index] += 1),
                None => unexplained.push(format!(
                    "{side} {record} {}\n  theirs {theirs:?}\n  ours   {ours:?}",
                    asked.settings
                )),
            }
        }
    }
    assert!(unexplained.is_empty(), "{} differ:\n{}", unexplained.len(), unexplained.join("\n"));
    for (deviation, met) in DEVIATIONS.iter().zip(met) {
        assert!(met > 0, "no record shows that {deviation}");
    }
}

#[test]
fn every_difference_is_told() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/converters.md");
    let page = std::fs::read_to_string(page).unwrap();
    for deviation in DEVIATIONS {
        assert!(page.lines().any(|line| line.contains(deviation)), "{deviation}");
    }
}

fn answer_of(line: &Value) -> Answer {
    match (&line["read"], &line["null"], &line["rejected"]) {
        (Value::String(text), _, _) => Answer::Read(text.clone()),
        (_, Value::Bool(true), _) => Answer::Tombstone,
        (_, _, Value::String(why)) => Answer::Rejected(why.clone()),
        _ => panic!("{line}"),
    }
}

/// A record without bytes never meets a converter here: the engine takes it for a tombstone.
fn read(asked: &Asked, side: Side) -> Answer {
    let Some(record) = &asked.record else { return Answer::Tombstone };
    let registry = sluice_registry::register(Registry::new());
    let converter: Box<dyn Converter> =
        registry.converter("connect_json").unwrap().build(asked.settings.clone()).unwrap();
    let headers = Headers::new();
    let context = ConverterContext::new(side, "orders", &headers);
    match converter.convert(Bytes::from(record.clone()), &context) {
        Ok(Some(payload)) => Answer::Read(String::from_utf8(payload.to_bytes().to_vec()).unwrap()),
        Ok(None) => Answer::Tombstone,
        Err(NotConverted::Rejected(rejection)) => Answer::Rejected(rejection.to_string()),
        Err(other) => panic!("{other:?}"),
    }
}

/// The same outcome; why something was rejected is said in other words.
fn is_same_answer(theirs: &Answer, ours: &Answer) -> bool {
    match (theirs, ours) {
        (Answer::Read(theirs), Answer::Read(ours)) => is_same(theirs, ours),
        (Answer::Rejected(_), Answer::Rejected(_)) | (Answer::Tombstone, Answer::Tombstone) => true,
        _ => false,
    }
}
