//! Our transforms beside Kafka Connect's own, on the same records.
//!
//! Where they differ, the difference is one of those below, each with its reason, which docs/transforms.md tells.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::Path;

use serde_json::{Map, Value, json};
use sluice_connector_api::{
    Decimal, Json, Origin, Payload, Record, Registry, Timestamp, TimestampType, Transform, Transformed,
    is_same_json,
};
use sluice_tests::connect::ConnectTransforms;

/// A transform there and here.
struct Pair {
    class: &'static str,
    config: Value,
    name: &'static str,
    settings: Value,
}

fn pair(class: &'static str, config: Value, name: &'static str, settings: Value) -> Pair {
    Pair { class, config, name, settings }
}

/// A difference that is meant.
struct Deviation {
    name: &'static str,
    /// What docs/transforms.md says of it.
    reason: &'static str,
    /// Says whether it is this one: the record, what Kafka Connect makes of it, and what we do.
    is: fn(&Value, &Value, &Value) -> bool,
}

const DEVIATIONS: &[Deviation] = &[
    Deviation { name: "mask_field", reason: "a tombstone passes", is: passes_where_connect_fails },
    Deviation { name: "header_from", reason: "a tombstone passes", is: passes_where_connect_fails },
    Deviation { name: "value_to_key", reason: "a tombstone passes", is: passes_where_connect_fails },
    Deviation {
        name: "hoist_field",
        reason: "a tombstone stays one",
        is: |before, theirs, ours| {
            before["value"].is_null()
                && ours["record"]["value"].is_null()
                && !theirs["record"]["value"].is_null()
        },
    },
    Deviation {
        name: "mask_field",
        reason: "a missing field is not added as null",
        is: |_, theirs, ours| is_same_but(theirs, ours, |theirs, ours| theirs.is_null() && ours.is_none()),
    },
    Deviation {
        name: "cast",
        reason: "a missing field is not added as null",
        is: |_, theirs, ours| is_same_but(theirs, ours, |theirs, ours| theirs.is_null() && ours.is_none()),
    },
    Deviation {
        name: "timestamp",
        reason: "a year beyond 9999 is rejected",
        is: |_, theirs, ours| theirs["record"].is_object() && says(ours, "out of range"),
    },
    Deviation {
        name: "timestamp",
        reason: "a date before 1582 is one of the Gregorian calendar",
        is: |_, theirs, ours| {
            let year = |answer: &Value| {
                answer["record"]["value"]["at"].as_str().is_some_and(|at| at.contains("1520"))
            };
            year(theirs) && year(ours)
        },
    },
    Deviation {
        name: "extract_field",
        reason: "a missing field is no tombstone",
        is: |_, theirs, ours| theirs["record"]["value"].is_null() && says(ours, "is missing"),
    },
    Deviation {
        name: "value_to_key",
        reason: "a missing field is not null in the key",
        is: |_, theirs, ours| theirs["record"]["key"].is_object() && says(ours, "is missing"),
    },
    Deviation {
        name: "cast",
        reason: "a number that is too large is rejected",
        is: |_, theirs, ours| theirs["record"].is_object() && says(ours, "out of the range"),
    },
    Deviation {
        name: "cast",
        reason: "a text is no boolean but for `true` and `false`",
        is: |_, theirs, ours| theirs["record"].is_object() && says(ours, "neither `true` nor `false`"),
    },
    Deviation {
        name: "cast",
        reason: "a number keeps its digits as text",
        is: |_, theirs, ours| is_same_but(theirs, ours, is_same_number),
    },
    Deviation {
        name: "cast",
        reason: "a number of 32 bits has no more digits than it takes",
        is: |_, theirs, ours| is_same_but(theirs, ours, is_same_float),
    },
    Deviation {
        name: "header_from",
        reason: "a number keeps its digits as text",
        is: |_, theirs, ours| {
            let headers =
                |answer: &Value| answer["record"]["headers"].as_array().cloned().unwrap_or_default();
            let (theirs, ours) = (headers(theirs), headers(ours));
            let is_same = |(theirs, ours): (&Value, &Value)| {
                theirs == ours || is_same_number(&theirs[1], Some(&ours[1]))
            };
            theirs.len() == ours.len() && theirs.iter().zip(&ours).all(is_same)
        },
    },
];

fn passes_where_connect_fails(before: &Value, theirs: &Value, ours: &Value) -> bool {
    before["value"].is_null() && theirs.get("rejected").is_some() && is_same_json(before, &ours["record"])
}

fn says(answer: &Value, text: &str) -> bool {
    answer["rejected"].as_str().is_some_and(|reason| reason.contains(text))
}

/// Says whether two values are the same but for fields of which this holds.
fn is_same_but(theirs: &Value, ours: &Value, differ: fn(&Value, Option<&Value>) -> bool) -> bool {
    let (Some(theirs), Some(ours)) =
        (theirs["record"]["value"].as_object(), ours["record"]["value"].as_object())
    else {
        return false;
    };
    let is_right = |(name, their): (&String, &Value)| {
        let our = ours.get(name);
        our.is_some_and(|our| is_same_json(their, our)) || differ(their, our)
    };
    theirs.iter().all(is_right) && ours.keys().all(|name| theirs.contains_key(name))
}

fn is_same_float(theirs: &Value, ours: Option<&Value>) -> bool {
    let float = |value: &Value| value.to_string().parse::<f32>().ok();
    float(theirs).is_some() && float(theirs) == ours.and_then(float)
}

fn is_same_number(theirs: &Value, ours: Option<&Value>) -> bool {
    let number =
        |value: &Value| value.as_str().map(str::to_owned).filter(|text| Decimal::parse(text).is_some());
    match (number(theirs), ours.and_then(number)) {
        (Some(theirs), Some(ours)) => Decimal::parse(&theirs) == Decimal::parse(&ours),
        _ => false,
    }
}

#[allow(clippy::too_many_lines, reason = "a table")]
fn pairs() -> Vec<Pair> {
    let mut pairs = vec![
        pair("DropHeaders", json!({"headers": "b,x"}), "drop_headers", json!({"headers": ["b", "x"]})),
        pair("Filter", json!({}), "filter", json!({})),
        pair("Flatten$Value", json!({}), "flatten", json!({})),
        pair("Flatten$Value", json!({"delimiter": "_"}), "flatten", json!({"delimiter": "_"})),
        pair("Flatten$Key", json!({}), "flatten", json!({"of": "key"})),
        pair("HoistField$Value", json!({"field": "x.y"}), "hoist_field", json!({"field": "x.y"})),
        pair(
            "InsertHeader",
            json!({"header": "b", "value.literal": "new"}),
            "insert_header",
            json!({"header": "b", "value_literal": "new"}),
        ),
        pair(
            "InsertField$Value",
            json!({"topic.field": "t", "partition.field": "p!", "offset.field": "o?", "timestamp.field": "at", "static.field": "a", "static.value": "5"}),
            "insert_field",
            json!({"topic_field": "t", "partition_field": "p!", "offset_field": "o?", "timestamp_field": "at", "static_field": "a", "static_value": "5"}),
        ),
        pair(
            "MaskField$Value",
            json!({"fields": "a,n,o,l,b,missing"}),
            "mask_field",
            json!({"fields": ["a", "n", "o", "l", "b", "missing"]}),
        ),
        pair(
            "MaskField$Value",
            json!({"fields": "a", "replacement": "***"}),
            "mask_field",
            json!({"fields": ["a"], "replacement": "***"}),
        ),
        pair(
            "MaskField$Value",
            json!({"fields": "a", "replacement": "7"}),
            "mask_field",
            json!({"fields": ["a"], "replacement": "7"}),
        ),
        pair(
            "ReplaceField$Value",
            json!({"exclude": "a,x", "renames": "b:B,o:O"}),
            "replace_field",
            json!({"exclude": ["a", "x"], "renames": ["b:B", "o:O"]}),
        ),
        pair(
            "ReplaceField$Value",
            json!({"include": "a,b", "exclude": "b", "renames": "a:n"}),
            "replace_field",
            json!({"include": ["a", "b"], "exclude": ["b"], "renames": {"a": "n"}}),
        ),
        pair("ValueToKey", json!({"fields": "a,b"}), "value_to_key", json!({"fields": ["a", "b"]})),
        pair(
            "RegexRouter",
            json!({"regex": "(pri)(.*)", "replacement": "$2.$1\\$$10"}),
            "regex_router",
            json!({"regex": "(pri)(.*)", "replacement": "$2.$1\\$$10"}),
        ),
        pair(
            "RegexRouter",
            json!({"regex": "pri|prices", "replacement": "x"}),
            "regex_router",
            json!({"regex": "pri|prices", "replacement": "x"}),
        ),
        pair(
            "RegexRouter",
            json!({"regex": "rices", "replacement": "x"}),
            "regex_router",
            json!({"regex": "rices", "replacement": "x"}),
        ),
        pair("TimestampRouter", json!({}), "timestamp_router", json!({})),
        pair(
            "TimestampRouter",
            json!({"topic.format": "a-${timestamp}-${topic}", "timestamp.format": "yy.MM.dd'T'HHmmss.SSS"}),
            "timestamp_router",
            json!({"topic_format": "a-${timestamp}-${topic}", "timestamp_format": "yy.MM.dd'T'HHmmss.SSS"}),
        ),
    ];
    for field in ["a", "o", "n", "missing"] {
        pairs.push(pair(
            "ExtractField$Value",
            json!({"field": field}),
            "extract_field",
            json!({"field": field}),
        ));
    }
    let nested = json!({"field": "o.`p.q`", "field.syntax.version": "V2"});
    pairs.push(pair("ExtractField$Value", nested, "extract_field", json!({"field": "o.`p.q`"})));
    for operation in ["move", "copy"] {
        pairs.push(pair(
            "HeaderFrom$Value",
            json!({"fields": "a,n,o,missing", "headers": "A,b,O,M", "operation": operation}),
            "header_from",
            json!({"fields": ["a", "n", "o", "missing"], "headers": ["A", "b", "O", "M"], "operation": operation}),
        ));
    }
    for kind in ["int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"] {
        let spec = format!("a:{kind}");
        pairs.push(pair("Cast$Value", json!({"spec": spec}), "cast", json!({"spec": spec})));
    }
    pairs.extend(times());
    pairs
}

/// `TimestampConverter`, whose type and unit are formats here.
fn times() -> Vec<Pair> {
    let mut pairs = Vec::new();
    let here = |from: &str, to: &str| json!({"field": "at", "from": from, "to": to, "on_missing": "null", "on_null": "skip"});
    for (precision, unit) in
        [("milliseconds", "unix_millis"), ("seconds", "unix_seconds"), ("microseconds", "unix_micros")]
    {
        for format in ["yyyy-MM-dd HH:mm:ss", "EEE, d MMM yyyy HH:mm:ss Z", "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"] {
            pairs.push(pair(
                "TimestampConverter$Value",
                json!({"field": "at", "target.type": "string", "format": format, "unix.precision": precision}),
                "timestamp",
                here(unit, format),
            ));
        }
    }
    pairs
}

/// Records as topics hold them.
fn records() -> Vec<Value> {
    let values = [
        json!(null),
        json!({}),
        json!({"a": "x", "b": true, "n": null, "l": [1, {"x": null}], "o": {"p.q": 1.5, "r": {"s": "t"}}}),
        json!({"a": 7, "b": "y", "o": {}, "at": 1_739_712_345}),
        json!({"a": -300, "at": null}),
        json!({"a": 44.5, "o": {"a": {"b": {"c": 1}}, "d": []}}),
        json!({"a": 1e10, "o": "text"}),
        json!({"a": 9_007_199_254_740_993_i64, "b": 0.1}),
        json!({"a": true, "a.b": 1, "o": {"x": 2}}),
        json!({"a": "44.50"}),
        json!({"a": "-12"}),
        json!({"a": "+12"}),
        json!({"a": " 12 "}),
        json!({"a": "TRUE"}),
        json!({"a": ""}),
        json!({"a": "żółć 🦀"}),
        json!({"a": 1.9}),
        json!({"a": -1.9}),
        json!({"a": 0.4}),
        json!({"a": 1e300}),
        json!({"a": [1, 2]}),
        json!({"a": {"b": 1}}),
        json!({"at": 1_739_712_345_678_i64}),
        json!({"at": -14_182_940_000_i64}),
    ];
    let mut records = Vec::new();
    for (number, value) in values.into_iter().enumerate() {
        let timestamp = if number % 3 == 2 { Value::Null } else { json!(1_739_712_345_678_i64) };
        let key = if number % 2 == 0 { json!({"k": {"l": number}}) } else { Value::Null };
        let headers =
            if number % 2 == 0 { json!([["a", "one"], ["b", "two"], ["b", "three"]]) } else { json!([]) };
        records.push(json!({
            "topic": "prices", "partition": 3, "offset": 40 + number, "timestamp": timestamp, "key": key, "value": value,
            "headers": headers,
        }));
    }
    records
}

#[test]
fn our_transforms_do_what_those_of_kafka_connect_do_but_for_what_is_told() {
    let Some(connect) = ConnectTransforms::find() else { return };
    let (pairs, records) = (pairs(), records());
    let mut asked = Vec::new();
    for pair in &pairs {
        for record in &records {
            asked.push(json!({"type": pair.class, "config": pair.config, "record": record}));
        }
    }
    let mut answers = connect.apply(&asked).into_iter();
    let (mut unexplained, mut met) = (Vec::new(), vec![0; DEVIATIONS.len()]);
    for pair in &pairs {
        let transform = build(pair);
        for record in &records {
            let (theirs, ours) = (answers.next().unwrap(), answer(&*transform, record));
            if is_same_answer(&theirs, &ours) {
                continue;
            }
            let deviation = DEVIATIONS
                .iter()
                .position(|deviation| deviation.name == pair.name && (deviation.is)(record, &theirs, &ours));
            match deviation {
                Some(index) => met[index] += 1,
                None => unexplained.push(format!(
                    "{} {}\n  {record}\n  theirs {theirs}\n  ours   {ours}",
                    pair.class, pair.config
                )),
            }
        }
    }
    assert!(unexplained.is_empty(), "{} differ:\n{}", unexplained.len(), unexplained.join("\n"));
    for (deviation, met) in DEVIATIONS.iter().zip(met) {
        assert!(met > 0, "{}: no record shows that {}", deviation.name, deviation.reason);
    }
}

#[test]
fn every_difference_is_told_with_its_reason() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/transforms.md");
    let page = std::fs::read_to_string(page).unwrap();
    for deviation in DEVIATIONS {
        let is_told =
            |line: &str| line.contains(&format!("`{}`", deviation.name)) && line.contains(deviation.reason);
        assert!(page.lines().any(is_told), "{}: {}", deviation.name, deviation.reason);
    }
}

fn build(pair: &Pair) -> Box<dyn Transform> {
    let registry = sluice_transforms::register(Registry::new());
    registry.transform(pair.name).unwrap().build(pair.settings.clone()).unwrap()
}

/// The same outcome; why something was rejected is said in other words.
fn is_same_answer(theirs: &Value, ours: &Value) -> bool {
    assert!(theirs.get("refused").is_none(), "{theirs}");
    match (theirs.get("record"), ours.get("record")) {
        (Some(theirs), Some(ours)) => is_same_record(theirs, ours),
        (None, None) => theirs.get("rejected").is_some() == ours.get("rejected").is_some(),
        _ => false,
    }
}

fn is_same_record(theirs: &Value, ours: &Value) -> bool {
    ["topic", "key", "value", "headers"].iter().all(|part| is_same_json(&theirs[*part], &ours[*part]))
}

/// Applies our transform, and tells its outcome as the driver does.
fn answer(transform: &dyn Transform, record: &Value) -> Value {
    match transform.apply(read(record)) {
        Ok(Transformed::One(after)) => json!({"record": written(&after, record)}),
        Ok(_) => json!({"dropped": true}),
        Err(rejection) => json!({"rejected": rejection.to_string()}),
    }
}

fn read(record: &Value) -> Record {
    let offset = record["offset"].as_i64().unwrap();
    let mut read = Record::new(Origin::new("prices", 3, offset));
    read.key = payload(&record["key"]);
    read.value = payload(&record["value"]);
    read.timestamp =
        record["timestamp"].as_i64().map(|millis| Timestamp { millis, kind: TimestampType::CreateTime });
    for header in record["headers"].as_array().unwrap() {
        let text = header[1].as_str().unwrap().to_owned();
        read.headers.push(header[0].as_str().unwrap(), Some(text.into()));
    }
    read
}

/// As a converter reads it: as text that is looked into when it has to be.
fn payload(value: &Value) -> Option<Payload> {
    (!value.is_null()).then(|| Payload::Json(Json::parse(value.to_string().into()).unwrap()))
}

/// What is left of the record as it was is written as it was given.
fn written(after: &Record, before: &Value) -> Value {
    let json_of = |payload: &Option<Payload>| match payload {
        None => Value::Null,
        Some(Payload::Json(json)) => json.value().clone(),
        Some(text) => text.as_text().unwrap().into(),
    };
    let header = |header: &sluice_connector_api::Header| {
        let text = header.value.as_ref().map(|text| String::from_utf8(text.to_vec()).unwrap());
        json!([header.name, text])
    };
    let mut written = Map::new();
    for kept in ["partition", "offset", "timestamp"] {
        written.insert(kept.to_owned(), before[kept].clone());
    }
    written.insert("topic".to_owned(), after.topic().into());
    written.insert("key".to_owned(), json_of(&after.key));
    written.insert("value".to_owned(), json_of(&after.value));
    written.insert("headers".to_owned(), after.headers.iter().map(header).collect());
    written.into()
}
