//! Payloads and schemas that are made to do harm.

use std::fmt::Write;

use bytes::Bytes;
use proptest::prelude::*;
use sluice_connector_api::SchemaType;

use super::format::ProtobufFormat;
use crate::framing::{Framed, Framing, MessageName, SchemaKey};
use crate::mapping::DecimalStyle;
use crate::registries::{SchemaReference, SchemaText};
use crate::schemas::{SchemaFormat, SchemaSource};

const FORMAT: ProtobufFormat = ProtobufFormat { message: None, decimal: DecimalStyle::Number };

fn source(text: &str) -> SchemaSource {
    SchemaSource::Registry(SchemaText { kind: None, text: text.to_owned(), references: Vec::new() })
}

fn read(schema: &str, payload: &[u8]) -> Result<String, String> {
    read_as(&FORMAT, schema, payload)
}

fn read_as(format: &ProtobufFormat, schema: &str, payload: &[u8]) -> Result<String, String> {
    let schema = format.compile(SchemaKey::Files, &source(schema))?.unwrap();
    let framed = Framed {
        schema: SchemaKey::Files,
        payload: Bytes::copy_from_slice(payload),
        message: MessageName::InPayload(Framing::None),
    };
    let json = format.read(&schema, &framed)?;
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

const WITH_KNOWN: &str = "syntax = \"proto3\"; import \"confluent/type/decimal.proto\"; import \"confluent/types/decimal.proto\";
    import \"confluent/meta.proto\"; import \"google/type/money.proto\"; import \"google/type/date.proto\";
    message M { confluent.type.Decimal price = 1 [(confluent.field_meta).doc = \"in euros\"]; google.type.Money money = 2;
    google.type.Date day = 3; }";

/// Confluent's serializers register no reference to such a file.
#[test]
fn files_that_nobody_registers_are_there() {
    let decimal = field(1, &[field(1, &[0x11, 0x62]).as_slice(), &[16, 9, 24, 2]].concat());
    let money = field(2, &[field(1, b"EUR").as_slice(), &[16, 44]].concat());
    let day = field(3, &[8, 0xea, 0x0f, 16, 1]);
    assert_eq!(
        read(WITH_KNOWN, &[decimal.as_slice(), &money, &day].concat()).unwrap(),
        r#"{"price":44.50,"money":{"currency_code":"EUR","units":44,"nanos":0},"day":{"year":2026,"month":1,"day":0}}"#
    );
    assert_eq!(read(WITH_KNOWN, &field(1, &[])).unwrap(), r#"{"price":0}"#);
    let string = ProtobufFormat { decimal: DecimalStyle::String, ..FORMAT };
    assert_eq!(read_as(&string, WITH_KNOWN, &decimal).unwrap(), r#"{"price":"44.50"}"#);
    let absurd = field(1, &[field(1, &[1]).as_slice(), &[24, 0xff, 0xff, 0xff, 0xff, 0x07]].concat());
    assert!(read(WITH_KNOWN, &absurd).is_err_and(|error| error.contains("more digits")));
    let theirs = SchemaText {
        kind: None,
        text:
            "syntax = \"proto3\"; import \"google/type/date.proto\"; message M { google.type.Date day = 1; }"
                .to_owned(),
        references: vec![SchemaReference {
            name: "google/type/date.proto".to_owned(),
            text: "syntax = \"proto3\"; package google.type; message Date { int32 year = 1; }".to_owned(),
        }],
    };
    let schema = FORMAT.compile(SchemaKey::Files, &SchemaSource::Registry(theirs)).unwrap().unwrap();
    let messages: Vec<_> = schema.file.messages().collect();
    let day = messages[0].get_field_by_name("day").unwrap().kind();
    assert_eq!(day.as_message().unwrap().fields().count(), 1, "what is registered goes first");
}

/// A message takes as long as what is in it, however many fields it might have.
#[test]
fn fields_that_are_not_set_cost_nothing() {
    let mut schema = "syntax = \"proto3\"; message M { repeated M all = 20001; ".to_owned();
    for number in 1..19_000 {
        write!(schema, "optional bool f{number} = {number}; ").unwrap();
    }
    schema.push('}');
    let empty = [0x8a, 0xe2, 0x09, 0];
    let begun = std::time::Instant::now();
    let text = read(&schema, &empty.repeat(20_000)).unwrap();
    assert_eq!(text.len(), "{\"all\":[]}".len() + "{\"all\":[]},".len() * 20_000 - 1);
    assert!(begun.elapsed() < std::time::Duration::from_mins(1), "{:?}", begun.elapsed());
}

#[test]
fn a_record_has_what_its_schema_says_beside_it() {
    let text = "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/wrappers.proto\";
        import \"google/protobuf/struct.proto\"; import \"confluent/type/decimal.proto\";
        message Order { int32 id = 1; uint64 count = 2; optional string note = 3; google.protobuf.Timestamp at = 4; Kind kind = 5;
        map<string, double> limits = 6; repeated Line lines = 7; google.protobuf.Int64Value most = 8; google.protobuf.Struct free = 9;
        confluent.type.Decimal price = 10; Order before = 11; bytes raw = 12; }
        enum Kind { NONE = 0; } message Line { float part = 1; }";
    let schema = FORMAT.compile(SchemaKey::Files, &source(text)).unwrap().unwrap();
    let framed = Framed {
        schema: SchemaKey::Files,
        payload: Bytes::new(),
        message: MessageName::InPayload(Framing::None),
    };
    let json = FORMAT.read(&schema, &framed).unwrap();
    let of = json.schema_type().unwrap();
    let at = |path: &[&str]| of.at(path).cloned().unwrap();
    assert_eq!((at(&["id"]), at(&["count"])), (SchemaType::Integer(32), SchemaType::Unsigned(64)));
    assert_eq!((at(&["note"]), at(&["kind"])), (SchemaType::Text, SchemaType::Text));
    assert_eq!((at(&["at"]), at(&["most"])), (SchemaType::Instant(1_000_000), SchemaType::Integer(64)));
    assert_eq!((at(&["limits", "x"]), at(&["lines", "0", "part"])), (SchemaType::Double, SchemaType::Float));
    assert_eq!(
        (at(&["free"]), at(&["price"]), at(&["before"])),
        (SchemaType::Unknown, SchemaType::Unknown, SchemaType::Unknown)
    );
    assert_eq!(at(&["raw"]), SchemaType::Bytes);
}
