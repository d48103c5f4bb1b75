//! What holds for any bytes: they give a record or a rejection, and never a panic. `tests/any_bytes.rs` tries some at
//! every change, and the fuzzers in `fuzz/` as many as there is time for.

use std::path::Path;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{
    Converter, ConverterContext, FailureKind, Headers, Json, NotConverted, Origin, Payload, Predicate,
    Record, Registry, Side, Timestamp, TimestampType, Transform, Transformed, field_at, is_same_json,
};
use sluice_runtime::config::interpolate::Follow;
use sluice_runtime::connector::load::Connector;
use sluice_runtime::lambda::KafkaEvent;
use sluice_runtime::offline::replay::as_read;
use sluice_runtime::offline::sample::{self, InputFormat};
use sluice_runtime::offline::suite::Suite;
use tokio::runtime::Runtime;

use crate::connector::Folder;

/// Begins the names that `serde_json` keeps for itself.
pub const PRIVATE: &str = "$serde_json::private::";

/// Templates of every kind.
const TEMPLATES: [&str; 6] = [
    "{{a}} {{b.c}} {{@record.key}} {{@record.headers.h}}",
    "{{#each this}}{{@key}}={{json this}};{{/each}}",
    "{{#if (gt a b)}}{{a}}{{else}}{{default b 'none'}}{{/if}}{{eq a b}}{{lte a 1.50}}",
    "{{#with a}}{{b}}{{/with}}{{lookup b 0}}{{len a}}",
    "{{json @record.value}} {{@record.offset}} {{@record.timestamp}}",
    "{{a.0.[b c].d}}",
];

/// Formats of time that are read and written.
const FORMATS: [&str; 8] = [
    "unix_seconds",
    "unix_millis",
    "unix_nanos",
    "rfc3339",
    "%Y-%m-%d %H:%M:%S",
    "%FT%T%.f%z",
    "%a, %d %b %Y %T %z",
    "%s",
];

fn registry() -> Registry {
    sluice_registry::register(sluice_sinks::register(sluice_transforms::register(Registry::new())))
}

/// JSON is read or refused, and what is read goes out as the same value, and as the same bytes but for blanks.
pub fn json(bytes: &[u8]) {
    let Ok(json) = Json::from_slice(bytes) else { return };
    let out = json.to_bytes();
    assert_eq!(out.len(), json.length());
    let again = Json::parse(out.clone()).expect("JSON");
    assert_eq!(again.value(), json.value());
    assert_eq!(again.to_bytes(), out);
    let written = json.value().to_string();
    assert_eq!(Json::parse(written.into()).expect("JSON").value(), json.value());
    assert!(!out.contains(&b'\n'));
    for (name, value) in json.value().as_object().into_iter().flatten() {
        let found = Json::from_slice(bytes).expect("JSON").find(&[name]).map(|found| format!("{found:?}"));
        let expected = Json::from(value.clone()).find(&[""; 0]).map(|found| format!("{found:?}"));
        assert_eq!(found, expected);
        assert_eq!(field_at(json.value(), &[name]), Some(value));
    }
    // Names may be written with escapes, so any escape may stand for a name of the library's own.
    if !out.contains(&b'\\') && !written_in(&out, PRIVATE) {
        let of_serde: Value = serde_json::from_slice(&out).expect("JSON");
        assert!(is_same_json(&of_serde, json.value()));
    }
}

fn written_in(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Every converter that needs no settings takes or rejects any bytes.
pub fn converters(bytes: &[u8]) {
    static CONVERTERS: OnceLock<Vec<Box<dyn Converter>>> = OnceLock::new();
    let converters = CONVERTERS.get_or_init(|| {
        let registry = registry();
        registry.converters().filter_map(|converter| converter.build(json!({})).ok()).collect()
    });
    assert!(converters.len() >= 3);
    let headers = Headers::new();
    for side in [Side::Key, Side::Value] {
        let context = ConverterContext::new(side, "topic", &headers);
        for converter in converters {
            match converter.convert(Bytes::copy_from_slice(bytes), &context) {
                Ok(payload) => payload.iter().for_each(holds),
                Err(NotConverted::Rejected(rejection)) => assert!(!rejection.to_string().is_empty()),
                Err(_) => {}
            }
        }
    }
}

fn holds(payload: &Payload) {
    assert_eq!(payload.len(), payload.to_bytes().len());
    assert!(!payload.form().is_empty());
    let _shown = payload.to_display();
}

/// A schema of an order in each language.
const SCHEMAS: [(&str, &str); 3] = [
    (
        "order.avsc",
        r#"{"type":"record","name":"Order","fields":[{"name":"a","type":["null","long","string"]},
          {"name":"b","type":{"type":"map","values":{"type":"bytes","logicalType":"decimal","precision":30,"scale":4}}},
          {"name":"c","type":{"type":"array","items":{"type":"long","logicalType":"timestamp-nanos"}}},
          {"name":"d","type":["null","Order",{"type":"fixed","name":"F","size":12,"logicalType":"duration"}]}]}"#,
    ),
    (
        "order.proto",
        "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/struct.proto\";
         message Order { int64 a = 1; map<string, double> b = 2; repeated Order c = 3; oneof d { string e = 4; bytes f = 5; }
         google.protobuf.Timestamp g = 6; google.protobuf.Struct h = 7; }",
    ),
    ("order.json", r#"{"type":"object","properties":{"a":{"type":"number"},"b":{"type":["object","null"]}}}"#),
];

/// Every converter by a schema takes or rejects any bytes, or names the schema that it needs of a registry.
pub fn schema_converters(bytes: &[u8]) {
    static CONVERTERS: OnceLock<Vec<Box<dyn Converter>>> = OnceLock::new();
    let converters = CONVERTERS.get_or_init(|| {
        let folder = Box::leak(Box::new(Folder::new()));
        let [avro, proto, json] = SCHEMAS.map(|(name, text)| folder.write(name, text));
        let registries = [
            json!({ "confluent": { "urls": ["http://127.0.0.1:1"] } }),
            json!({ "apicurio": { "urls": ["http://127.0.0.1:1/apis/registry/v3"], "id": "global" } }),
        ];
        let mut known = vec![
            ("avro", json!({ "schema_files": [avro], "time": "rfc3339", "union": "tagged" })),
            ("avro", json!({ "schema_files": [avro], "encoding": "single_object", "decimal": "string" })),
            ("protobuf", json!({ "schema_files": [proto], "message": "Order" })),
            ("json_schema", json!({ "schema_files": [json] })),
            ("connect_json", json!({ "time": "rfc3339", "decimal": "string" })),
        ];
        for registry in registries {
            known.extend(
                ["avro", "protobuf", "json_schema"].map(|name| (name, json!({ "registry": registry }))),
            );
        }
        let registry = registry();
        let build = |(name, settings): (&str, Value)| registry.converter(name).ok()?.build(settings).ok();
        known.into_iter().filter_map(build).collect()
    });
    assert_eq!(converters.len(), 11);
    let headers = Headers::new();
    let context = ConverterContext::new(Side::Value, "topic", &headers);
    for (index, converter) in converters.iter().enumerate() {
        // Those of files come first.
        converts(&**converter, bytes, &context, index < 5);
    }
}

/// Converts bytes, behind the fetch of a schema where it is at hand.
fn converts(converter: &dyn Converter, bytes: &[u8], context: &ConverterContext<'_>, has_schema: bool) {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let mut fetched = false;
    loop {
        match converter.convert(Bytes::copy_from_slice(bytes), context) {
            Ok(payload) => return payload.iter().for_each(holds),
            Err(NotConverted::Rejected(rejection)) => return assert!(!rejection.to_string().is_empty()),
            Err(NotConverted::NeedsSchema { schema, bytes: given }) => {
                assert!(given == bytes && !fetched, "{schema}");
                if !has_schema {
                    return assert!(!schema.to_string().is_empty());
                }
                let runtime = RUNTIME.get_or_init(|| Runtime::new().expect("a runtime"));
                // One that is among no files rejects the record, now and when it is converted again.
                let answer = runtime.block_on(converter.fetch(&schema));
                assert!(answer.err().is_none_or(|failure| failure.kind() == FailureKind::Rejected));
                fetched = true;
            }
            Err(_) => return,
        }
    }
}

/// A file of sample records gives records or says in which line it does not; so does a file of tests.
pub fn samples(bytes: &[u8]) {
    for format in [InputFormat::Value, InputFormat::Record] {
        match sample::read(bytes, "t", format) {
            Ok(records) => {
                for record in &records {
                    assert!((0..i64::MAX).contains(&record.origin().offset()));
                    [&record.key, &record.value].into_iter().flatten().for_each(holds);
                }
            }
            Err(error) => assert!(error.to_string().starts_with("line "), "{error}"),
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Suite::parse(Path::new("fuzz.test.yaml"), text) {
        Ok(suite) => suite.cases.iter().for_each(|case| drop(case.placed("t"))),
        Err(problems) => assert!(problems.iter().all(|problem| !problem.to_string().is_empty())),
    }
}

/// The headers of a dead letter that say where its record was read, whatever they hold, say it or do not.
pub fn letters(bytes: &[u8]) {
    const NAMES: [&str; 3] = ["topic", "partition", "offset"];
    let mut letter = record(Payload::Bytes(Bytes::copy_from_slice(bytes)));
    for (name, value) in NAMES.iter().zip(bytes.split(|byte| *byte == b',')) {
        letter.headers.push(format!("__connect.errors.{name}"), Some(Bytes::copy_from_slice(value)));
    }
    if let Some(record) = as_read(&letter) {
        assert!((0..i64::MAX).contains(&record.origin().offset()) && record.origin().partition() >= 0);
        assert_eq!((&record.value, record.headers.len()), (&letter.value, 1));
    }
}

/// The template takes or rejects any record, and a template that does not parse says so.
pub fn template(bytes: &[u8]) {
    static TRANSFORMS: OnceLock<Vec<Box<dyn Transform>>> = OnceLock::new();
    let transforms = TRANSFORMS.get_or_init(|| {
        let build = |text: &&str| build_transform("template", json!({ "text": text }));
        TEMPLATES.iter().filter_map(build).collect()
    });
    assert_eq!(transforms.len(), TEMPLATES.len());
    for record in records(bytes) {
        for transform in transforms {
            applies(&**transform, &record);
        }
    }
    let (text, value) = halves(bytes);
    let text = std::str::from_utf8(text).ok();
    if let Some(transform) = text.and_then(|text| build_transform("template", json!({ "text": text }))) {
        for record in records(value) {
            applies(&*transform, &record);
        }
    }
}

/// `timestamp` takes or rejects any record, in every pair of formats, and a pattern that cannot work is refused.
pub fn timestamp(bytes: &[u8]) {
    static TRANSFORMS: OnceLock<Vec<Box<dyn Transform>>> = OnceLock::new();
    let transforms = TRANSFORMS.get_or_init(|| {
        let pairs = FORMATS.iter().flat_map(|from| FORMATS.map(|to| (*from, to)));
        let zones = pairs.zip(["UTC", "Europe/Paris", "America/New_York"].iter().cycle());
        let build = |((from, to), zone): ((&str, &str), &&str)| {
            let settings = json!({
                "field": "a", "from": from, "to": to, "time_zone": zone, "as": "b.c", "on_missing": "skip", "on_null": "null",
            });
            build_transform("timestamp", settings)
        };
        zones.filter_map(build).collect()
    });
    assert_eq!(transforms.len(), FORMATS.len() * FORMATS.len());
    let text = String::from_utf8_lossy(bytes);
    let field = record(Payload::from(json!({ "a": text })));
    for record in records(bytes).iter().chain([&field]) {
        for transform in transforms {
            applies(&**transform, record);
        }
    }
    let (pattern, value) = halves(bytes);
    if let Ok(pattern) = std::str::from_utf8(pattern) {
        let settings = json!({ "field": "a", "from": pattern, "to": pattern });
        let value = json!({ "a": String::from_utf8_lossy(value) });
        if let Some(transform) = build_transform("timestamp", settings) {
            applies(&*transform, &record(value.into()));
        }
    }
}

/// Every transform that changes fields, keys, headers or topics takes or rejects any record.
pub fn transforms(bytes: &[u8]) {
    static TRANSFORMS: OnceLock<Vec<Box<dyn Transform>>> = OnceLock::new();
    let known = [
        ("cast", json!({ "spec": "a:int32,b.*:float32,*.d:number", "numbers": "point" })),
        ("cast", json!({ "spec": "boolean" })),
        ("cast", json!({ "spec": "number", "numbers": "comma", "of": "key" })),
        ("chunk", json!({ "size": 3, "overlap": 1, "max_chunks": 50 })),
        ("chunk", json!({ "field": "a", "size": 1, "index_field": "b.n" })),
        ("decompress", json!({ "max_size": "1 KiB", "into": "json" })),
        ("decompress", json!({ "field": "a", "codec": "deflate" })),
        ("drop_headers", json!({ "headers": ["h"] })),
        ("explode", json!({ "field": "b", "index_field": "n.m" })),
        ("explode", json!({ "only": true })),
        ("extract_field", json!({ "field": "b.c", "on_missing": "null" })),
        ("dedupe", json!({ "fields": ["a", "b.c"] })),
        ("dedupe", json!({ "of": "value" })),
        ("flatten", json!({ "delimiter": "" })),
        ("header_from", json!({ "fields": ["a", "b.c"], "headers": ["x", "h"], "operation": "move" })),
        ("hoist_field", json!({ "field": "a" })),
        (
            "jq",
            json!({ "program": "[.. | numbers] | add, (.a? // \"none\"), ($record.value | tojson | fromjson)" }),
        ),
        (
            "insert_field",
            json!({ "timestamp_field": "b.c", "timestamp_format": "rfc3339", "topic_field": "a" }),
        ),
        ("mask_field", json!({ "fields": ["*", "b.c.*"], "replacement": "7" })),
        ("parse_json", json!({ "field": "a", "as": "b.c" })),
        ("parse_json", json!({})),
        ("redact", json!({ "patterns": ["email", "card", "key"], "fields": ["b.*"] })),
        ("replace_field", json!({ "include": ["a", "b.c"], "renames": { "a": "b", "b.c": "a" } })),
        ("set", json!({ "fields": { "a": "{{b}}", "b.c": "{{a}} {{@record.value}}" } })),
        ("value_to_key", json!({ "fields": ["b.c", "a"], "on_missing": "null" })),
        ("unwrap_cdc", json!({ "key": ["a"], "add_fields": ["op", "b.c"], "on_delete": "rewrite" })),
        ("unwrap_cdc", json!({ "format": "canal" })),
    ];
    let transforms = TRANSFORMS.get_or_init(|| {
        known.iter().filter_map(|(name, settings)| build_transform(name, settings.clone())).collect()
    });
    assert_eq!(transforms.len(), known.len());
    for record in records(bytes) {
        for transform in transforms {
            applies(&**transform, &record);
        }
    }
}

/// A program of jq is refused with its place or runs within its bounds, whatever it is, and so does any record with one.
pub fn jq(bytes: &[u8]) {
    let (program, value) = halves(bytes);
    if let Ok(program) = std::str::from_utf8(program)
        && let Some(transform) = build_transform("jq", json!({ "program": program }))
    {
        for record in records(value) {
            applies(&*transform, &record);
        }
    }
}

/// Every predicate answers for any record.
pub fn predicates(bytes: &[u8]) {
    static PREDICATES: OnceLock<Vec<Box<dyn Predicate>>> = OnceLock::new();
    let predicates = PREDICATES.get_or_init(|| {
        let registry = registry();
        let build = |(name, settings): (&str, Value)| registry.predicate(name).ok()?.build(settings).ok();
        let known = [
            ("record_is_tombstone", json!({})),
            ("has_header_key", json!({ "name": "h" })),
            ("topic_name_matches", json!({ "pattern": "t.*" })),
            ("field_value", json!({ "field": "b.c", "greater_than": 1, "matches": "[0-9]+" })),
        ];
        known.into_iter().filter_map(build).collect()
    });
    assert_eq!(predicates.len(), 4);
    for record in records(bytes) {
        for predicate in predicates {
            let _answer = predicate.test(&record);
        }
    }
}

/// A connector file is loaded, or every problem in it has a place and a text.
pub fn connector_file(bytes: &[u8]) {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let loading =
        Connector::parse(Path::new("fuzz.yaml"), text, REGISTRY.get_or_init(registry), Follow::Local);
    if let Err(problems) = futures::executor::block_on(loading) {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.to_string().is_empty()));
    }
}

/// A Lambda event gives its records or is refused as a whole, and what is wrong with one record alone rejects that one.
pub fn lambda_event(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice::<KafkaEvent>(bytes) else { return };
    let Ok(read) = event.into_records() else { return };
    for (record, _) in &read.records {
        assert!(read.partitions.contains(record.origin().topic_partition()));
        [&record.key, &record.value].into_iter().flatten().for_each(holds);
    }
}

fn build_transform(name: &str, settings: Value) -> Option<Box<dyn Transform>> {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(registry).transform(name).expect("a transform").build(settings).ok()
}

fn applies(transform: &dyn Transform, record: &Record) {
    let origin = record.origin().clone();
    let after = match transform.apply(record.clone()) {
        Ok(Transformed::One(record)) => vec![record],
        Ok(Transformed::Several(records)) => records,
        Ok(_) => Vec::new(),
        Err(rejection) => {
            assert!(!rejection.to_string().is_empty());
            return;
        }
    };
    for record in after {
        assert_eq!(record.origin(), &origin);
        record.value.iter().for_each(holds);
    }
}

/// Records whose value is these bytes, in each form that they have.
fn records(bytes: &[u8]) -> Vec<Record> {
    let json = Json::from_slice(bytes).ok().map(Payload::Json);
    let text = std::str::from_utf8(bytes).ok().map(Payload::from);
    let bytes = Payload::Bytes(Bytes::copy_from_slice(bytes));
    [json, text, Some(bytes)].into_iter().flatten().map(record).collect()
}

fn record(value: Payload) -> Record {
    let mut record = Record::new(Origin::new("topic", 0, 7));
    record.key = Some(value.clone());
    record.headers.push("h", Some(value.to_bytes()));
    record.timestamp = Some(Timestamp { millis: 1_739_712_345_678, kind: TimestampType::CreateTime });
    record.value = Some(value);
    record
}

/// Cuts at the first zero byte, or takes all of it for both.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, bytes),
    }
}
