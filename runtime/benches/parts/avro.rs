//! Avro read to JSON text, beside the library's own reading of it, which ends at values of its own.

use std::hint::black_box;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as AvroValue;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::json;
use sluice_connector_api::{Converter, ConverterContext, Payload, Record, Registry, SchemaId, Side};

use crate::{Part, as_read};

/// A stock price.
const FLAT: &str = r#"{"type":"record","name":"Price","fields":[
    {"name":"timestamp","type":"double"},
    {"name":"ticker","type":"string"},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}
]}"#;

/// An order, with what change data capture puts around it.
const NESTED: &str = r#"{"type":"record","name":"Envelope","fields":[
    {"name":"before","type":["null","string"]},
    {"name":"after","type":["null",{"type":"record","name":"Order","fields":[
        {"name":"id","type":"long"},
        {"name":"placed","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
            {"name":"sku","type":"string"},
            {"name":"count","type":"int"}
        ]}}}
    ]}]},
    {"name":"op","type":"string"},
    {"name":"labels","type":{"type":"map","values":"string"}}
]}"#;

pub(crate) fn flat() -> Part {
    part("`value: avro`, to JSON text", FLAT, price)
}

pub(crate) fn nested() -> Part {
    part("`value: avro`, nested", NESTED, order)
}

fn price(number: u32) -> AvroValue {
    record([
        ("timestamp", AvroValue::Double(1_739_712_345.678)),
        ("ticker", AvroValue::String(format!("Z{:03}", number % 1000))),
        ("price", decimal(1050 + 100 * (number % 90))),
    ])
}

fn order(number: u32) -> AvroValue {
    let item = |count: i32| {
        record([("sku", AvroValue::String(format!("SKU-{number}"))), ("count", AvroValue::Int(count))])
    };
    let order = record([
        ("id", AvroValue::Long(number.into())),
        ("placed", AvroValue::TimestampMillis(1_739_712_345_678)),
        ("total", decimal(number)),
        ("items", AvroValue::Array((1..4).map(item).collect())),
    ]);
    let labels = [("region", "eu-west-3"), ("channel", "web")];
    let labels = labels.map(|(name, value)| (name.to_owned(), AvroValue::String(value.to_owned())));
    record([
        ("before", AvroValue::Union(0, Box::new(AvroValue::Null))),
        ("after", AvroValue::Union(1, Box::new(order))),
        ("op", AvroValue::String("c".to_owned())),
        ("labels", AvroValue::Map(labels.into())),
    ])
}

fn record<const N: usize>(fields: [(&str, AvroValue); N]) -> AvroValue {
    AvroValue::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn decimal(unscaled: u32) -> AvroValue {
    AvroValue::Decimal(apache_avro::Decimal::from(unscaled.to_be_bytes()))
}

/// Reads by a schema what was written by it.
fn part(name: &'static str, schema: &str, value: fn(u32) -> AvroValue) -> Part {
    let converter = converter(schema);
    let schema = Schema::parse_str(schema).unwrap();
    let records = in_avro(&schema, value);
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
        plain_name: "`apache_avro`, to its own values",
        plain: Box::new(move |records| {
            let reader = GenericDatumReader::builder(&schema).build().unwrap();
            for record in records {
                let bytes = record.value.as_ref().unwrap().to_bytes();
                black_box(reader.read_value(&mut bytes.as_ref()).unwrap());
            }
        }),
        plain_records: records.clone(),
        records,
    }
}

fn in_avro(schema: &Schema, value: fn(u32) -> AvroValue) -> Vec<Record> {
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    let mut records = as_read();
    for (record, number) in records.iter_mut().zip(0_u32..) {
        let payload = writer.write_value_to_vec(value(number)).unwrap();
        record.value = Some(Payload::Bytes(payload.into()));
    }
    records
}

/// The converter, with the schema that it has fetched.
fn converter(schema: &str) -> Box<dyn Converter> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), schema).unwrap();
    let registry = sluice_registry::register(Registry::new());
    let settings = json!({ "schema_files": [file.path()] });
    let converter = registry.converter("avro").unwrap().build(settings).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(converter.fetch(&SchemaId::new("schema_files"))).unwrap();
    converter
}
