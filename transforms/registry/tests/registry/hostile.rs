//! Schemas and records that are made to do harm: each is read or refused, within its time, and the process lives.

use std::fmt::Write;
use std::io::Write as _;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

use crate::support::{Sent, build, read, with_confluent};

/// What each may take at most, on a machine that is busy with other things. A stall takes for ever.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads a record by the schema of a registry, on a thread that is no larger than those of the engine.
fn outcome(
    converter: &'static str,
    kind: &str,
    schema: String,
    others: Value,
    payload: Vec<u8>,
) -> Result<Option<String>, String> {
    let (answer, answered) = channel();
    let kind = kind.to_owned();
    thread::Builder::new()
        .stack_size(2 * 1024 * 1024)
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let outcome = runtime.block_on(async {
                let body = json!({ "schema": schema, "schemaType": kind });
                let server = crate::support::confluent(&[(7, body)]).await;
                let converter = build(converter, with_confluent(&server, others));
                read(&*converter, &Sent::with_id(7, &payload)).await
            });
            answer.send(outcome).unwrap();
        })
        .unwrap();
    answered
        .recv_timeout(PATIENCE)
        .unwrap_or_else(|_| panic!("it takes longer than {PATIENCE:?}, or the thread died"))
}

fn held(schema: impl Into<String>, document: impl Into<String>) -> Result<Option<String>, String> {
    outcome("json_schema", "JSON", schema.into(), json!({ "validate": true }), document.into().into_bytes())
}

/// Definitions of which each asks twice for the next one.
fn doubling(keyword: &str, count: usize, last: &str) -> String {
    let mut schema = "{\"$defs\":{".to_owned();
    for number in 0..count {
        let next = number + 1;
        write!(schema, "\"d{number}\":{{\"{keyword}\":[{{\"$ref\":\"#/$defs/d{next}\"}},{{\"$ref\":\"#/$defs/d{next}\"}}]}},")
            .unwrap();
    }
    write!(schema, "\"d{count}\":{last}}},\"$ref\":\"#/$defs/d0\"}}").unwrap();
    schema
}

#[test]
fn a_json_schema_that_asks_for_ever_is_given_up() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for last in ["{\"type\":\"object\"}", "{\"type\":\"string\"}"] {
            let outcome = held(doubling(keyword, 40, last), "{}");
            assert!(
                outcome.is_err() || keyword == "anyOf" || keyword == "allOf",
                "{keyword} {last}: {outcome:?}"
            );
        }
    }
    for schema in [
        r##"{"$ref":"#"}"##,
        r##"{"allOf":[{"$ref":"#"},{"$ref":"#"}]}"##,
        r##"{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}"##,
        r##"{"properties":{"c":{"allOf":[{"$ref":"#"},{"$ref":"#"}]}}}"##,
        r##"{"items":{"anyOf":[{"$ref":"#"},{"$ref":"#"}]},"contains":{"$ref":"#"}}"##,
        r##"{"additionalProperties":{"oneOf":[{"$ref":"#"},{"$ref":"#"},{"not":{"$ref":"#"}}]}}"##,
        r##"{"not":{"$ref":"#"}}"##,
        r##"{"$dynamicAnchor":"x","allOf":[{"$dynamicRef":"#x"}]}"##,
        r##"{"unevaluatedProperties":{"$ref":"#"},"allOf":[{"properties":{"c":{"$ref":"#"}}}]}"##,
    ] {
        let objects = format!("{}1{}", "{\"c\":".repeat(100), "}".repeat(100));
        let arrays = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        for document in ["{}".to_owned(), objects, arrays] {
            let _either_way = held(schema, document);
        }
    }
}

#[test]
fn a_pattern_that_never_ends_is_given_up() {
    let text = "a".repeat(20_000);
    for pattern in ["^(a+)+$", "^(a|a)*b$", r"^(?=(a+)+b)", r"^(a*)*\\1b$", "(x+x+)+y"] {
        let schema = json!({ "items": { "pattern": pattern } }).to_string();
        let many = json!(vec![format!("{}!", &text[..30]); 2000]).to_string();
        let _either_way = held(schema.clone(), many);
        let _either_way = held(schema, json!([format!("{text}!")]).to_string());
        let names = json!({ "patternProperties": { pattern: false } }).to_string();
        let _either_way = held(names, json!({ format!("{}!", &text[..200]): 1 }).to_string());
    }
}

#[test]
fn numbers_without_end_are_read_or_refused() {
    for schema in [
        json!({ "multipleOf": 0.01 }),
        json!({ "multipleOf": 3 }),
        json!({ "maximum": 7 }),
        json!({ "type": "integer" }),
        json!({ "const": 1 }),
        json!({ "enum": [1, 2] }),
        json!({ "uniqueItems": true }),
    ] {
        for number in
            ["1e999999999", "1e-999999999", "-1e2147483648", &"9".repeat(100_000), "1e309", "0.1e-400"]
        {
            let _either_way = held(schema.to_string(), number.to_owned());
            let _either_way = held(schema.to_string(), format!("[{number},{number}]"));
        }
    }
    let absurd = r#"{"multipleOf":1e-999999999,"minimum":1e999999999}"#;
    let _either_way = held(absurd, "7");
}

#[test]
fn a_list_in_which_all_is_compared_with_all_is_read_in_time() {
    let objects: Vec<_> =
        (0..20_000).map(|number| json!({ "a": [number], "b": { "c": "x".repeat(8) } })).collect();
    let all = held(r#"{"uniqueItems":true}"#, Value::from(objects).to_string());
    assert!(all.is_ok(), "{:?}", all.err());
}

#[test]
fn a_json_schema_asks_nobody_else() {
    for uri in [
        "http://127.0.0.1:9/x.json",
        "file:///etc/passwd",
        "https://example.invalid/",
        "jar:file:///x!/y",
        "urn:x:y",
    ] {
        let refused = held(json!({ "$ref": uri }).to_string(), "{}").unwrap_err();
        assert!(
            refused.contains("which is not among its references") || refused.contains("cannot be used"),
            "{refused}"
        );
    }
    for deep in ["{\"not\":", "{\"items\":", "{\"allOf\":[", "{\"properties\":{\"a\":"] {
        assert!(held(deep.repeat(50_000), "{}").is_err());
    }
}

fn avro(schema: &Value, payload: &[u8]) -> Result<Option<String>, String> {
    outcome("avro", "AVRO", schema.to_string(), json!({}), payload.to_vec())
}

#[test]
fn avro_that_claims_more_than_there_is_is_refused() {
    let mut doubling = json!({ "type": "record", "name": "R30", "fields": [] });
    for number in (0..30).rev() {
        doubling = json!({ "type": "record", "name": format!("R{number}"), "fields": [
            { "name": "a", "type": doubling }, { "name": "b", "type": format!("R{}", number + 1) },
        ] });
    }
    assert!(avro(&doubling, b"").is_err_and(|reason| reason.contains("more than 65536 bytes of JSON")));
    // A count below zero goes with the length of its block; the least number has no counterpart above zero.
    let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let empty = json!({ "type": "fixed", "name": "F", "size": 0 });
    for items in [json!("null"), json!("long"), empty] {
        for schema in [json!({ "type": "array", "items": items }), json!({ "type": "map", "values": items })]
        {
            assert!(avro(&schema, &[&least[..], &least, &[2]].concat()).is_err(), "{schema}");
            assert!(avro(&schema, &[0xfe; 9]).is_err(), "{schema}");
        }
    }
    let nested = json!({ "type": "record", "name": "T", "fields": [
        { "name": "all", "type": { "type": "array", "items": "T" } }, { "name": "by", "type": { "type": "map", "values": "T" } },
    ] });
    assert!(avro(&nested, &vec![2; 50_000]).is_err());
    assert!(avro(&nested, &vec![0xfe; 50_000]).is_err());
}

#[test]
fn an_avro_schema_that_is_made_to_do_harm_is_refused() {
    let mut deep = "\"int\"".to_owned();
    for _ in 0..20_000 {
        deep = format!("{{\"type\":\"array\",\"items\":{deep}}}");
    }
    assert!(outcome("avro", "AVRO", deep, json!({}), Vec::new()).is_err());
    for schema in [
        json!({ "type": "record", "name": "R", "fields": [{ "name": "a", "type": "S" }] }),
        json!({ "type": "record", "name": "R", "aliases": ["R"], "fields": [{ "name": "a", "type": "R", "default": {} }] }),
        json!({ "type": "fixed", "name": "F", "size": -1 }),
        json!({ "type": "fixed", "name": "F", "size": u64::MAX }),
        json!({ "type": "bytes", "logicalType": "decimal", "precision": u64::MAX, "scale": u64::MAX }),
        json!({ "type": "enum", "name": "E", "symbols": [] }),
        json!(["null", "null"]),
        json!([[["null"]]]),
    ] {
        for payload in [&b""[..], &[0], &[2, 2, 2], &[0xff; 30]] {
            let _either_way = avro(&schema, payload);
        }
    }
    let wide: Vec<_> =
        (0..50_000).map(|number| json!({ "name": format!("f{number}"), "type": "null" })).collect();
    assert!(avro(&json!({ "type": "record", "name": "W", "fields": wide }), b"").is_err());
}

fn protobuf(schema: &str, payload: &[u8]) -> Result<Option<String>, String> {
    outcome("protobuf", "PROTOBUF", schema.to_owned(), json!({}), payload.to_vec())
}

const MESSAGES: &str = "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; import \"google/protobuf/struct.proto\";
    message A { message B { A a = 1; } B b = 1; google.protobuf.Any any = 2; google.protobuf.Value value = 3; map<string, A> by = 4; }";

#[test]
fn a_list_of_indexes_that_names_no_message_is_refused() {
    // In zigzag form: how many, and which.
    for indexes in [
        &[2, 2][..],
        &[4, 0, 4],
        &[6, 0, 0, 0],
        &[2, 1],
        &[1],
        &[0xfe, 0xff, 0xff, 0xff, 0x0f],
        &[2, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xff; 11],
        &[],
        &[4, 0],
    ] {
        let refused = protobuf(MESSAGES, indexes).unwrap_err();
        assert!(refused.starts_with("rejected: "), "{indexes:?}: {refused}");
    }
    assert_eq!(protobuf(MESSAGES, &[4, 0, 0]).unwrap().unwrap(), "{}");
}

#[test]
fn protobuf_within_protobuf_without_end_is_refused() {
    let within = |tag: u8, content: &[u8]| {
        let mut bytes = vec![tag];
        let mut length = content.len();
        while length > 0x7f {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(content);
        bytes
    };
    for tags in [&[0x0a][..], &[0x0a, 0x0a], &[0x1a, 0x32, 0x0a], &[0x22, 0x12]] {
        let mut deep = Vec::new();
        for level in 0..5000 {
            deep = within(tags[level % tags.len()], &deep);
        }
        let _either_way = protobuf(MESSAGES, &[&[0], &deep[..]].concat());
    }
    // Groups, which only their ends close.
    let groups = "syntax = \"proto2\"; message G { optional group Inner = 1 { optional G g = 2; } }";
    let _either_way = protobuf(groups, &[&[0][..], &[0x0b, 0x12, 2].repeat(20_000)].concat());
    let _either_way = protobuf(groups, &[vec![0], vec![0x0b; 50_000]].concat());
    let mut any = Vec::new();
    for _ in 0..300 {
        any = within(0x12, &[within(0x0a, b"x/A"), within(0x12, &any)].concat());
    }
    assert!(
        protobuf(MESSAGES, &[&[0], &any[..]].concat())
            .is_err_and(|reason| reason.contains("deep") || reason.contains("recursion"))
    );
}

#[test]
fn what_is_packed_to_burst_is_refused() {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    for _ in 0..512 {
        packed.write_all(&vec![0; 1 << 20]).unwrap();
    }
    let packed = packed.finish().unwrap();
    let version = [3, 5].into_iter().chain([1; 16]).collect::<Vec<u8>>();
    let converter = build(
        "avro",
        json!({ "registry": { "glue": { "endpoint_url": "http://127.0.0.1:9", "region": "eu-west-1" } } }),
    );
    let sent = Sent::new([version, packed].concat());
    let refused = crate::support::convert(&*converter, &sent).unwrap_err();
    assert!(format!("{refused:?}").contains("unpacks to more than"), "{refused:?}");
}
