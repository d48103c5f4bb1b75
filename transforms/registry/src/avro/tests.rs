//! Payloads against the library's own encoder, and payloads that are made to do harm.

use apache_avro::types::Value as AvroValue;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Decimal, Schema};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_connector_api::SchemaType;

use super::format::AvroFormat;
use super::plan::AvroPlan;
use super::styles::AvroStyles;
use crate::framing::{Framed, Framing, MessageName, SchemaKey};
use crate::mapping::MICROS;
use crate::schemas::{SchemaFormat, SchemaSource};

fn plan(schema: &Value) -> AvroPlan {
    let schema = Schema::parse_str(&schema.to_string()).unwrap();
    AvroPlan::new(AvroStyles::default(), &schema, &[]).unwrap()
}

fn read(schema: &Value, payload: &[u8]) -> Result<String, String> {
    let framed = Framed {
        schema: SchemaKey::Files,
        payload: Bytes::copy_from_slice(payload),
        message: MessageName::InPayload(Framing::None),
    };
    let json = AvroFormat { styles: AvroStyles::default() }.read(&plan(schema), &framed)?;
    Ok(String::from_utf8(json.to_bytes().to_vec()).unwrap())
}

/// A schema, a value of it, and the JSON that it stands for.
type Sample = (Value, AvroValue, String);

fn leaf() -> impl Strategy<Value = Sample> {
    prop_oneof![
        Just((json!("null"), AvroValue::Null, "null".to_owned())),
        any::<bool>().prop_map(|value| (json!("boolean"), AvroValue::Boolean(value), value.to_string())),
        any::<i32>().prop_map(|value| (json!("int"), AvroValue::Int(value), value.to_string())),
        any::<i64>().prop_map(|value| (json!("long"), AvroValue::Long(value), value.to_string())),
        (-1e9_f64..1e9).prop_map(|value| (
            json!("double"),
            AvroValue::Double(value),
            json!(value).to_string()
        )),
        ".*".prop_map(|value| {
            let text = json!(value).to_string();
            (json!("string"), AvroValue::String(value), text)
        }),
        (any::<i64>(), 0_u32..6).prop_map(|(unscaled, scale)| {
            let schema = json!({"type":"bytes","logicalType":"decimal","precision":20,"scale":scale});
            let value = AvroValue::Decimal(Decimal::from(unscaled.to_be_bytes()));
            let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale as usize + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
            let point = if scale == 0 { "" } else { "." };
            let sign = if unscaled < 0 { "-" } else { "" };
            (schema, value, format!("{sign}{whole}{point}{fraction}"))
        }),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|(schema, value, text)| {
                let items = AvroValue::Array(vec![value.clone(), value]);
                (json!({"type":"array","items":schema}), items, format!("[{text},{text}]"))
            }),
            (inner.clone(), "[a-z]{0,5}").prop_map(|((schema, value, text), name)| {
                let map = AvroValue::Map([(name.clone(), value)].into_iter().collect());
                (json!({"type":"map","values":schema}), map, format!("{{{}:{text}}}", json!(name)))
            }),
            (proptest::collection::vec(inner, 0..4), any::<u64>()).prop_map(|(fields, number)| {
                let name = |index: usize| format!("f{index}");
                let (mut schemas, mut values, mut texts) = (Vec::new(), Vec::new(), Vec::new());
                for (index, (schema, value, text)) in fields.into_iter().enumerate() {
                    schemas.push(json!({ "name": name(index), "type": schema }));
                    values.push((name(index), value));
                    texts.push(format!("{}:{text}", json!(name(index))));
                }
                let schema = json!({"type":"record","name":format!("R{number}"),"fields":schemas});
                (schema, AvroValue::Record(values), format!("{{{}}}", texts.join(",")))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_the_library_writes_is_read((schema, value, expected) in sample()) {
        let parsed = Schema::parse_str(&schema.to_string());
        // Two records may have got one name.
        prop_assume!(parsed.is_ok());
        let parsed = parsed.unwrap();
        let writer = GenericDatumWriter::builder(&parsed).build().unwrap();
        let payload = writer.write_value_to_vec(value).unwrap();
        prop_assert_eq!(read(&schema, &payload), Ok(expected));
    }

    #[test]
    fn any_bytes_are_read_or_refused(payload: Vec<u8>) {
        let schema = json!({"type":"record","name":"R","fields":[
            {"name":"a","type":{"type":"map","values":["null","R","string",{"type":"array","items":"R"}]}},
            {"name":"b","type":{"type":"bytes","logicalType":"big-decimal"}},
            {"name":"c","type":{"type":"enum","name":"E","symbols":["A"]}},
        ]});
        let _either_way = read(&schema, &payload);
    }
}

/// What Debezium marks by a name alone is known to targets that make columns.
#[test]
fn a_marked_type_says_what_it_is() {
    let field = |name: &str, base: &str, mark: &str| json!({ "name": name, "type": ["null", { "type": base, "connect.name": mark }], "default": null });
    let schema = json!({ "type": "record", "name": "Row", "fields": [
        field("day", "int", "io.debezium.time.Date"),
        field("at", "long", "io.debezium.time.MicroTimestamp"),
        field("zoned", "string", "io.debezium.time.ZonedTimestamp"),
        field("id", "string", "io.debezium.data.Uuid"),
        field("year", "int", "io.debezium.time.Year"),
    ] });
    let files = SchemaSource::Files(vec![("row.avsc".to_owned(), schema.to_string().into_bytes())]);
    let plan = AvroFormat::default().compile(SchemaKey::Files, &files).unwrap().unwrap();
    let of = |name: &str| plan.of.as_ref().unwrap().at(&[name]).cloned().unwrap();
    assert_eq!((of("day"), of("at")), (SchemaType::Date, SchemaType::Local(MICROS)));
    assert_eq!((of("zoned"), of("id")), (SchemaType::Instant(MICROS), SchemaType::Uuid));
    assert_eq!(of("year"), SchemaType::Integer(32));
}

#[test]
fn a_record_that_never_ends_is_refused() {
    let itself = json!({"type":"record","name":"R","fields":[{"name":"r","type":"R"}]});
    assert_eq!(read(&itself, b""), Err("it is nested more than 100 deep".to_owned()));
    let chain = json!({"type":"record","name":"R","fields":[{"name":"r","type":["null","R"]}]});
    assert_eq!(read(&chain, &vec![2; 100_000]), Err("it is nested more than 100 deep".to_owned()));
    assert_eq!(read(&chain, &[2, 2, 0]), Ok(r#"{"r":{"r":{"r":null}}}"#.to_owned()));
}

#[test]
fn lengths_that_nothing_stands_behind_are_refused() {
    // The greatest number, in ten bytes.
    let greatest = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    for schema in [
        json!("string"),
        json!("bytes"),
        json!({"type":"array","items":"string"}),
        json!({"type":"map","values":"null"}),
    ] {
        assert!(read(&schema, &greatest).is_err(), "{schema}");
        assert!(read(&schema, &[1]).is_err(), "{schema}: below zero");
    }
    let nulls = json!({"type":"array","items":"null"});
    assert!(read(&nulls, &greatest).is_err_and(|error| error.contains("more than 65536 bytes of JSON")));
    let empty = json!({"type":"array","items":{"type":"record","name":"N","fields":[]}});
    assert!(read(&empty, &greatest).is_err_and(|error| error.contains("more than 65536 bytes of JSON")));
    assert!(read(&json!("long"), &[0xff; 11]).is_err());
    let fixed = json!({"type":"fixed","name":"F","size":4_000_000_000_u64});
    assert!(read(&fixed, &[0; 16]).is_err());
}

#[test]
fn decimals_of_absurd_scale_or_length_are_refused() {
    let scale = json!({"type":"bytes","logicalType":"decimal","precision":1_000_000_000,"scale":999_999_999});
    assert!(read(&scale, &[2, 7]).is_err());
    let long = json!({"type":"bytes","logicalType":"decimal","precision":1_000_000,"scale":2});
    let payload = [&[0x80, 0x20][..], &[7; 2048]].concat();
    assert!(read(&long, &payload).is_err_and(|error| error.contains("more digits")));
}

#[test]
fn what_does_not_fit_its_schema_is_refused() {
    assert_eq!(read(&json!("boolean"), &[2]), Err("a boolean is neither 0 nor 1".to_owned()));
    assert_eq!(read(&json!(["null", "int"]), &[4]), Err("a union has no such type".to_owned()));
    assert_eq!(read(&json!("string"), &[2, 0xff]), Err("a string is not valid UTF-8".to_owned()));
    let error = read(&json!("null"), &[0, 0]).unwrap_err();
    assert!(error.starts_with("2 bytes are left behind the record"), "{error}");
}

#[test]
fn arrays_may_come_in_blocks_with_their_lengths() {
    let schema = json!({"type":"array","items":"int"});
    // Two blocks: one of one item, one of two that says its length in bytes.
    assert_eq!(read(&schema, &[2, 2, 3, 4, 4, 6, 0]), Ok("[1,2,3]".to_owned()));
}

#[test]
fn a_decimal_may_say_its_scale_itself_and_a_duration_has_three_parts() {
    let big = json!({"type":"bytes","logicalType":"big-decimal"});
    assert_eq!(read(&big, &[8, 4, 0x11, 0x62, 4]), Ok("44.50".to_owned()));
    let duration = json!({"type":"fixed","name":"D","size":12,"logicalType":"duration"});
    assert_eq!(
        read(&duration, &[1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 0x0b, 0, 0]),
        Ok("\"P1M2DT3.004S\"".to_owned())
    );
}
