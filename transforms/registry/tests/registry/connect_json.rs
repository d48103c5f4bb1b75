//! Kafka Connect's envelope of schema and payload.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sluice_connector_api::{NotConverted, Side};

use crate::support::{Sent, build, convert};

fn read(settings: Value, record: &[u8]) -> Result<Option<String>, String> {
    convert(&*build("connect_json", settings), &Sent::new(record)).map_err(|error| match error {
        NotConverted::Rejected(rejection) => rejection.to_string(),
        other => panic!("{other:?}"),
    })
}

fn open(settings: Value, schema: Value, payload: &str) -> Result<Option<String>, String> {
    read(settings, format!("{{\"schema\": {schema}, \"payload\": {payload}}}").as_bytes())
}

fn fields(of: &[(&str, Value)]) -> Value {
    let mut fields = Vec::new();
    for (name, schema) in of {
        let mut schema = schema.clone();
        schema["field"] = json!(name);
        fields.push(schema);
    }
    json!({ "type": "struct", "fields": fields, "optional": false, "name": "Row" })
}

fn named(kind: &str, name: &str) -> Value {
    json!({ "type": kind, "name": name, "optional": true, "version": 1 })
}

#[test]
fn what_stands_for_nothing_is_a_tombstone() {
    let optional = json!({ "type": "string", "optional": true }).to_string();
    for record in [
        "",
        "null",
        " null\n",
        r#"{"schema":null,"payload":null}"#,
        r#"{"schema": null, "payload": null}"#,
        &format!(r#"{{"schema":{optional},"payload":null}}"#),
    ] {
        assert_eq!(read(json!({}), record.as_bytes()), Ok(None), "{record}");
    }
}

/// As Connect has it: a delete is not what somebody meant whose schema allows no null.
#[test]
fn null_where_the_schema_allows_none_is_no_tombstone() {
    for schema in [json!({ "type": "string" }), json!({ "type": "string", "optional": false })] {
        let error = open(json!({}), schema, "null").unwrap_err();
        assert!(error.contains("its payload is null, and its schema is not `optional`"), "{error}");
    }
}

#[test]
fn a_list_is_no_envelope() {
    for list in [r#"[null,{"a":1}]"#, r#" [{"type":"string"},"x"]"#, r"[null,null]"] {
        let error = read(json!({}), list.as_bytes()).unwrap_err();
        assert!(error.contains("(expected an object); JSON without one is for"), "{list}: {error}");
    }
}

/// The last one is what it would be if its name were another.
#[test]
fn a_default_is_what_the_schema_says_whatever_its_fields_are_called() {
    for default in [
        "1.50",
        "18446744073709551616",
        r#"{"a":[1.50]}"#,
        r#"{"$serde_json::private::Number":"7"}"#,
        r#"{"$serde_json::private::RawValue":"{\"role\":\"admin\"}"}"#,
    ] {
        let of_field =
            format!(r#"{{"field":"f","type":"struct","optional":true,"fields":[],"default":{default}}}"#);
        let schema = format!(r#"{{"type":"struct","fields":[{of_field}]}}"#);
        let record = format!(r#"{{"schema":{schema},"payload":{{"f":null}}}}"#);
        assert_eq!(
            read(json!({}), record.as_bytes()),
            Ok(Some(format!(r#"{{"f":{default}}}"#))),
            "{default}"
        );
    }
}

#[test]
fn a_schema_that_is_none_of_connects_is_refused() {
    for (schema, says) in [
        (json!({ "type": "nothing" }), "`nothing` is no type"),
        (json!({ "type": "struct" }), "a `struct` has no `fields`"),
        (json!({ "type": "array" }), "an `array` has no `items`"),
        (json!({ "type": "map", "keys": { "type": "string" } }), "a `map` has no `values`"),
        (json!({ "type": "array", "items": { "type": "map" } }), "a `map` has no `keys`"),
    ] {
        let error = open(json!({}), schema, "[]").unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn a_payload_comes_without_its_envelope_and_keeps_its_digits() {
    let schema = fields(&[("a", json!({ "type": "double" }))]);
    assert_eq!(
        open(json!({}), schema, r#"{"a": 1.50, "b": 9007199254740993}"#).unwrap().unwrap(),
        r#"{"a":1.50,"b":9007199254740993}"#
    );
    assert_eq!(read(json!({}), br#"{"schema":null,"payload":[1]}"#).unwrap().unwrap(), "[1]");
    assert_eq!(open(json!({}), json!({ "type": "int64" }), "7").unwrap().unwrap(), "7");
    let marked = [b"\xef\xbb\xbf".as_slice(), br#"{"schema":null,"payload":1}"#].concat();
    assert_eq!(read(json!({}), &marked).unwrap().unwrap(), "1");
}

#[test]
fn a_key_stays_the_same_when_its_schema_changes() {
    let converter = build("connect_json", json!({}));
    let key = |schema: Value| {
        let text = json!({ "schema": schema, "payload": { "id": 7 } }).to_string();
        let mut sent = Sent::new(text);
        sent.side = Side::Key;
        convert(&*converter, &sent).unwrap()
    };
    let one = fields(&[("id", json!({ "type": "int32" }))]);
    let other = fields(&[("id", json!({ "type": "int64", "doc": "longer" }))]);
    assert_eq!(key(one), Some(r#"{"id":7}"#.to_owned()));
    assert_eq!(key(other), Some(r#"{"id":7}"#.to_owned()));
}

/// `ETQ=` is what Kafka Connect writes for 44.04 with a scale of 2.
#[test]
fn decimals_come_in_base64_and_keep_their_scale() {
    let mut decimal = named("bytes", "org.apache.kafka.connect.data.Decimal");
    decimal["parameters"] = json!({ "scale": "2", "connect.decimal.precision": "9" });
    let scaled = named("struct", "io.debezium.data.VariableScaleDecimal");
    let schema = fields(&[
        ("price", decimal.clone()),
        ("free", scaled),
        ("list", json!({ "type": "array", "items": decimal })),
    ]);
    let payload = r#"{"price":"EWI=","free":{"scale":1,"value":"EWI="},"list":["EWI=",null,44.50]}"#;
    let found = open(json!({}), schema.clone(), payload).unwrap().unwrap();
    assert_eq!(found, r#"{"price":44.50,"free":445.0,"list":[44.50,null,44.50]}"#);
    let found = open(json!({ "decimal": "string" }), schema.clone(), payload).unwrap().unwrap();
    assert_eq!(found, r#"{"price":"44.50","free":"445.0","list":["44.50",null,"44.50"]}"#);
    let error = open(json!({}), schema, r#"{"price":"§"}"#).unwrap_err();
    assert_eq!(
        error,
        "the value is not Connect's JSON: its payload: `price`: it is not Base64, in which its schema has a decimal"
    );
}

#[test]
fn times_are_numbers_or_text() {
    let types = [
        ("int32", "org.apache.kafka.connect.data.Date", "20484", "\"2026-01-31\""),
        ("int32", "org.apache.kafka.connect.data.Time", "45000500", "\"12:30:00.5\""),
        ("int64", "org.apache.kafka.connect.data.Timestamp", "1769862600500", "\"2026-01-31T12:30:00.5Z\""),
        ("int32", "io.debezium.time.Date", "20484", "\"2026-01-31\""),
        ("int32", "io.debezium.time.Time", "45000500", "\"12:30:00.5\""),
        ("int64", "io.debezium.time.MicroTime", "45000500000", "\"12:30:00.5\""),
        ("int64", "io.debezium.time.NanoTime", "45000500000000", "\"12:30:00.5\""),
        ("int64", "io.debezium.time.Timestamp", "1769862600500", "\"2026-01-31T12:30:00.5\""),
        ("int64", "io.debezium.time.MicroTimestamp", "1769862600500000", "\"2026-01-31T12:30:00.5\""),
        ("int64", "io.debezium.time.NanoTimestamp", "1769862600500000000", "\"2026-01-31T12:30:00.5\""),
        ("int64", "io.debezium.time.MicroTimestamp", "9223372036854775807", "9223372036854775807"),
        ("string", "io.debezium.time.ZonedTimestamp", "\"2026-01-31T12:30:00Z\"", "\"2026-01-31T12:30:00Z\""),
        ("int32", "io.debezium.time.Year", "2026", "2026"),
        ("int64", "io.debezium.time.MicroDuration", "7", "7"),
        ("int64", "org.apache.kafka.connect.data.Timestamp", "null", "null"),
    ];
    for (kind, name, written, text) in types {
        let schema = fields(&[("t", named(kind, name))]);
        let payload = format!("{{\"t\":{written}}}");
        assert_eq!(open(json!({}), schema.clone(), &payload).unwrap().unwrap(), payload, "{name}");
        let found = open(json!({ "time": "rfc3339" }), schema, &payload).unwrap().unwrap();
        assert_eq!(found, format!("{{\"t\":{text}}}"), "{name}");
    }
}

#[test]
fn what_is_nested_is_reached() {
    let date = || named("int32", "org.apache.kafka.connect.data.Date");
    let schema = fields(&[
        ("row", fields(&[("d", date())])),
        ("map", json!({ "type": "map", "keys": { "type": "string" }, "values": date() })),
        ("pairs", json!({ "type": "map", "keys": date(), "values": { "type": "string" } })),
        ("list", json!({ "type": "array", "items": fields(&[("d", date())]) })),
    ]);
    let payload = r#"{"row":{"d":0},"map":{"x":0},"pairs":[[0,"v"]],"list":[{"d":0}]}"#;
    let found = open(json!({ "time": "rfc3339" }), schema.clone(), payload).unwrap().unwrap();
    let day = "\"1970-01-01\"";
    assert_eq!(
        found,
        format!(
            r#"{{"row":{{"d":{day}}},"map":{{"x":{day}}},"pairs":[[{day},"v"]],"list":[{{"d":{day}}}]}}"#
        )
    );
    let error = open(json!({ "time": "rfc3339" }), schema, r#"{"row":[]}"#).unwrap_err();
    assert!(error.contains("`row`: it is not an object"), "{error}");
}

/// As Connect does, unless it is told otherwise.
#[test]
fn a_default_takes_the_place_of_a_null() {
    let schema = fields(&[("a", json!({ "type": "int32", "default": 7, "optional": true }))]);
    for payload in [r#"{"a":null}"#, "{}"] {
        assert_eq!(open(json!({}), schema.clone(), payload).unwrap().unwrap(), r#"{"a":7}"#);
        let kept = open(json!({ "replace_null_with_default": false }), schema.clone(), payload);
        assert_eq!(kept.unwrap().unwrap(), payload);
    }
    assert_eq!(open(json!({}), json!({ "type": "int32", "default": 7 }), "null").unwrap().unwrap(), "7");
}

#[test]
fn what_is_no_envelope_says_what_to_do() {
    for record in [r#"{"a":1}"#, r#"{"payload":1}"#, r#"{"schema":null,"payload":1,"x":2}"#, "[1]", "7", "{"]
    {
        let error = read(json!({}), record.as_bytes()).unwrap_err();
        assert!(
            error.contains("`schema` and `payload`") && error.contains("the converter `json`"),
            "{error}"
        );
    }
    assert!(open(json!({}), json!({ "no": "type" }), "1").unwrap_err().contains("its schema cannot be read"));
    // What was found is a part of the record, and a reason is logged.
    for record in [r#"{"schema":"4111 1111","payload":1}"#, r#""4111 1111""#, r#"{"4111 1111":1}"#] {
        let error = read(json!({}), record.as_bytes()).unwrap_err();
        assert!(error.contains("expected ") && !error.contains("4111"), "{error}");
    }
    let nameless = named("bytes", "org.apache.kafka.connect.data.Decimal");
    assert!(open(json!({}), nameless, "\"EWI=\"").unwrap_err().contains("`scale`"));
}

#[test]
fn an_envelope_that_is_made_to_do_harm_is_rejected() {
    let mut deep = String::new();
    for _ in 0..50_000 {
        write!(deep, "{{\"type\":\"array\",\"items\":").unwrap();
    }
    assert!(read(json!({}), format!("{{\"schema\":{deep}").as_bytes()).is_err());
    let closed = format!("{{\"schema\":{deep}1{},\"payload\":1}}", "}".repeat(50_000));
    assert!(read(json!({}), closed.as_bytes()).is_err());
    let payload = format!("{{\"schema\":null,\"payload\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(read(json!({}), payload.as_bytes()).is_err());
    let mut huge = named("bytes", "org.apache.kafka.connect.data.Decimal");
    huge["parameters"] = json!({ "scale": "2147483647" });
    assert!(open(json!({}), huge, "\"EWI=\"").unwrap_err().contains("more digits than anybody's"));
}
