//! Converters, each beside the plainest reading of the same bytes.

use std::hint::black_box;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use serde_json::{Value, json};
use sluice_connector_api::{Converter, ConverterContext, Payload, Record, Registry, SchemaId, Side};

use crate::{Part, as_read, prices};

const PROTO: &str =
    "syntax = \"proto3\"; message Price { double timestamp = 1; string ticker = 2; string price = 3; }";

/// What documents are held to.
const JSON_SCHEMA: &str = r#"{"type":"object","required":["ticker"],"properties":{
    "timestamp":{"type":"number"},"ticker":{"type":"string","maxLength":10},"price":{"type":"string"}}}"#;

/// The schema that `JsonConverter` would write before each price.
const CONNECT_SCHEMA: &str = r#"{"type":"struct","fields":[{"field":"timestamp","type":"double"},
    {"field":"ticker","type":"string"},{"field":"price","type":"string"}]}"#;

pub(crate) fn formats() -> Vec<Part> {
    vec![
        part("`value: bytes`", prices::converter("bytes"), as_read(), "the bytes", |bytes| {
            black_box(bytes.to_vec());
        }),
        part("`value: string`", prices::converter("string"), as_read(), "`String::from_utf8`", |bytes| {
            black_box(String::from_utf8(bytes.to_vec()).unwrap());
        }),
        part("`value: long`", prices::converter("long"), changed(long), "`i64::from_be_bytes`", |bytes| {
            black_box(Payload::from(Value::from(i64::from_be_bytes(bytes.try_into().unwrap()))));
        }),
        part(
            "`value: connect_json`",
            of_registry("connect_json", json!({})),
            changed(enveloped),
            "`serde_json::from_slice`, schema and all",
            |bytes| {
                let mut envelope: Value = serde_json::from_slice(bytes).unwrap();
                black_box(envelope.get_mut("payload").unwrap().take());
            },
        ),
        part(
            "`value: json_schema`, with `validate`",
            with_file("json_schema", JSON_SCHEMA, ".json", json!({ "validate": true })),
            as_read(),
            "`serde_json::from_slice`",
            |bytes| {
                black_box(serde_json::from_slice::<Value>(bytes).unwrap());
            },
        ),
        protobuf(),
    ]
}

fn protobuf() -> Part {
    let descriptor = descriptor();
    part(
        "`value: protobuf`, to JSON text",
        with_file("protobuf", PROTO, ".proto", json!({})),
        changed(in_protobuf),
        "`prost_reflect`, to its own values",
        move |bytes| {
            black_box(DynamicMessage::decode(descriptor.clone(), bytes).unwrap());
        },
    )
}

fn part(
    name: &'static str,
    converter: Box<dyn Converter>,
    records: Vec<Record>,
    plain_name: &'static str,
    plain: impl Fn(&[u8]) + 'static,
) -> Part {
    Part {
        name,
        does: Box::new(move |records| {
            for record in records {
                let bytes = record.value.as_ref().unwrap().to_bytes();
                let context = ConverterContext::new(Side::Value, record.origin().topic(), &record.headers);
                let payload = converter.convert(bytes, &context).unwrap().unwrap();
                black_box(payload.to_bytes());
            }
        }),
        plain_name,
        plain: Box::new(move |records| {
            for record in records {
                plain(&record.value.as_ref().unwrap().to_bytes());
            }
        }),
        plain_records: records.clone(),
        records,
    }
}

fn of_registry(name: &str, settings: Value) -> Box<dyn Converter> {
    sluice_registry::register(Registry::new()).converter(name).unwrap().build(settings).unwrap()
}

/// A converter with the schema of a file, which it has read.
fn with_file(name: &str, schema: &str, ending: &str, mut settings: Value) -> Box<dyn Converter> {
    let file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
    std::fs::write(file.path(), schema).unwrap();
    settings.as_object_mut().unwrap().insert("schema_files".to_owned(), json!([file.path()]));
    let converter = of_registry(name, settings);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(converter.fetch(&SchemaId::new("schema_files"))).unwrap();
    converter
}

/// The prices, written anew.
fn changed(change: fn(&[u8]) -> Vec<u8>) -> Vec<Record> {
    let mut records = as_read();
    for record in &mut records {
        let bytes = change(&record.value.as_ref().unwrap().to_bytes());
        record.value = Some(Payload::Bytes(bytes.into()));
    }
    records
}

fn long(price: &[u8]) -> Vec<u8> {
    i64::try_from(price.len()).unwrap().to_be_bytes().to_vec()
}

fn enveloped(price: &[u8]) -> Vec<u8> {
    format!("{{\"schema\":{CONNECT_SCHEMA},\"payload\":{}}}", String::from_utf8_lossy(price)).into_bytes()
}

fn in_protobuf(price: &[u8]) -> Vec<u8> {
    let price: Value = serde_json::from_slice(price).unwrap();
    let text = |name: &str| price.get(name).and_then(Value::as_str).unwrap();
    let mut bytes = vec![1 << 3 | 1];
    bytes.extend(price.get("timestamp").and_then(Value::as_f64).unwrap().to_le_bytes());
    for (number, text) in [(2_u8, text("ticker")), (3, text("price"))] {
        bytes.extend([number << 3 | 2, u8::try_from(text.len()).unwrap()]);
        bytes.extend(text.as_bytes());
    }
    bytes
}

fn descriptor() -> MessageDescriptor {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("price.proto"), PROTO).unwrap();
    let files = protox::compile(["price.proto"], [folder.path()]).unwrap();
    DescriptorPool::from_file_descriptor_set(files).unwrap().get_message_by_name("Price").unwrap()
}
