//! Avro read to JSON text, beside the library's own reading of it, which ends at values of its own.

use std::hint::black_box;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as AvroValue;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::json;
use sluice_connector_api::{Converter, ConverterContext, Payload, Record, Registry, SchemaId, Side};

use crate::{Part, as_read};

/// The stock prices as an Avro record.
const SCHEMA: &str = r#"{"type":"record","name":"Price","fields":[
    {"name":"timestamp","type":"double"},
    {"name":"ticker","type":"string"},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}
]}"#;

fn schema() -> Schema {
    Schema::parse_str(SCHEMA).unwrap()
}

fn in_avro() -> Vec<Record> {
    let schema = schema();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    let mut records = as_read();
    for (record, number) in records.iter_mut().zip(0_u32..) {
        let price = (1050 + 100 * (number % 90)).to_be_bytes();
        let fields = [
            ("timestamp", AvroValue::Double(1_739_712_345.678)),
            ("ticker", AvroValue::String(format!("Z{:03}", number % 1000))),
            ("price", AvroValue::Decimal(apache_avro::Decimal::from(price))),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value));
        let payload = writer.write_value_to_vec(AvroValue::Record(fields.into())).unwrap();
        record.value = Some(Payload::Bytes(payload.into()));
    }
    records
}

/// The converter, with the schema that it has fetched.
fn converter() -> Box<dyn Converter> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), SCHEMA).unwrap();
    let registry = sluice_registry::register(Registry::new());
    let settings = json!({ "schema_files": [file.path()] });
    let converter = registry.converter("avro").unwrap().build(settings).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(converter.fetch(&SchemaId::new("schema_files"))).unwrap();
    converter
}

pub(crate) fn avro() -> Part {
    let (converter, schema) = (converter(), schema());
    Part {
        name: "`value: avro`, to JSON text",
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
        records: in_avro(),
        plain_records: in_avro(),
    }
}
