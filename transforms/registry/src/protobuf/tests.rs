//! Payloads and schemas that are made to do harm.

use bytes::Bytes;
use proptest::prelude::*;

use super::format::ProtobufFormat;
use crate::framing::{Framed, Framing, MessageName, SchemaKey};
use crate::registries::{SchemaReference, SchemaText};
use crate::schemas::{SchemaFormat, SchemaSource};

const FORMAT: ProtobufFormat = ProtobufFormat { message: None };

fn source(text: &str) -> SchemaSource {
    SchemaSource::Registry(SchemaText { kind: None, text: text.to_owned(), references: Vec::new() })
}

fn read(schema: &str, payload: &[u8]) -> Result<String, String> {
    let schema = FORMAT.compile(SchemaKey::Files, &source(schema))?.unwrap();
    let framed = Framed {
        schema: SchemaKey::Files,
        payload: Bytes::copy_from_slice(payload),
        message: MessageName::InPayload(Framing::None),
    };
    let json = FORMAT.read(&schema, &framed)?;
    Ok(String::from_utf8(json.to_bytes().to_vec()).unwrap())
}

const WITH_ANY: &str =
    "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; import \"google/protobuf/struct.proto\";
    message M { google.protobuf.Any any = 1; M m = 2; map<string, M> map = 3; google.protobuf.Value value = 4;
    repeated int32 numbers = 5; repeated sint64 more = 6; string text = 7; }";

/// Puts a field with a length before what it holds.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2];
    let mut length = content.len();
    while length > 0x7f {
        bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend(content);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_bytes_are_read_or_refused(payload: Vec<u8>) {
        let _either_way = read(WITH_ANY, &payload);
    }

    #[test]
    fn any_text_is_compiled_or_refused(text in "[a-z{}();=\"<>.0-9 \n]{0,200}") {
        let _either_way = FORMAT.compile(SchemaKey::Files, &source(&text));
    }
}

#[test]
fn a_message_within_a_message_without_end_is_refused() {
    let mut payload = Vec::new();
    for _ in 0..5_000 {
        payload = field(2, &payload);
    }
    assert!(read(WITH_ANY, &payload).is_err());
    let mut payload = Vec::new();
    for _ in 0..3 {
        payload = field(2, &payload);
    }
    assert!(read(WITH_ANY, &payload).is_ok_and(|text| text.starts_with(r#"{"m":{"m":{"m":{"#)));
}

/// The library would follow it to its end, and the process would come to its own.
#[test]
fn an_any_within_an_any_without_end_is_refused() {
    let url = field(1, b"type.googleapis.com/google.protobuf.Any");
    let mut any = Vec::new();
    for _ in 0..5_000 {
        any = [url.clone(), field(2, &any)].concat();
    }
    let error = read(WITH_ANY, &field(1, &any)).unwrap_err();
    assert_eq!(error, "it is nested more than 100 deep");
}

#[test]
fn an_any_of_a_type_that_nobody_knows_stays_bytes() {
    let any = [field(1, b"type.googleapis.com/a.B"), field(2, b"\xff")].concat();
    let text = read(WITH_ANY, &field(1, &any)).unwrap();
    assert!(text.starts_with(r#"{"any":{"@type":"type.googleapis.com/a.B","value":"/w=="}"#), "{text}");
}

#[test]
fn a_schema_that_is_made_to_do_harm_is_refused() {
    for (open, close) in [("message A {", "}"), ("message A { option (x) = {a:", "}"), ("(", ")")] {
        let text = format!("syntax = \"proto3\"; {}{}", open.repeat(20_000), close.repeat(20_000));
        assert!(FORMAT.compile(SchemaKey::Files, &source(&text)).is_err(), "{open}");
    }
    let itself = SchemaText {
        kind: None,
        text: "syntax = \"proto3\"; import \"a.proto\"; message M {}".to_owned(),
        references: vec![SchemaReference {
            name: "a.proto".to_owned(),
            text: "syntax = \"proto3\"; import \"schema.proto\";".to_owned(),
        }],
    };
    assert!(FORMAT.compile(SchemaKey::Files, &SchemaSource::Registry(itself)).is_err());
    let error =
        FORMAT.compile(SchemaKey::Files, &source("syntax = \"proto3\"; import \"none.proto\";")).unwrap_err();
    assert!(error.contains("none.proto"), "{error}");
}

#[test]
fn maps_come_in_the_order_of_their_keys() {
    let schema = "syntax = \"proto3\"; message M { map<int32, string> map = 1; }";
    let entry = |key: u8, value: &[u8]| field(1, &[&[8, key], field(2, value).as_slice()].concat());
    let payload: Vec<u8> = [9, 3, 7, 1, 5].iter().flat_map(|key| entry(*key, b"v")).collect();
    for _ in 0..3 {
        assert_eq!(read(schema, &payload).unwrap(), r#"{"map":{"1":"v","3":"v","5":"v","7":"v","9":"v"}}"#);
    }
}

#[test]
fn what_is_optional_stays_away_and_old_defaults_do_too() {
    let schema =
        "syntax = \"proto2\"; message M { optional int32 a = 1 [default = 7]; required int32 b = 2; }";
    assert_eq!(read(schema, &[16, 1]).unwrap(), r#"{"b":1}"#);
    assert_eq!(read(schema, &[8, 2, 16, 1]).unwrap(), r#"{"a":2,"b":1}"#);
}
