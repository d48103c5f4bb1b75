//! Transforms that take a record apart, each on records of its own, beside a few lines that do the same to a value.

use std::hint::black_box;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::read::{GzDecoder, GzEncoder};
use serde_json::{Value, json};
use sluice_connector_api::{Json, Payload, Record, Registry};

use crate::{Part, apply_all, as_read};

/// A text of some sentences.
const TEXT: &str = "The price of it rose, and fell, and rose again before the market closed at five. ";

pub(crate) fn beyond() -> Vec<Part> {
    vec![
        part(
            "parse_json",
            json!({ "field": "text" }),
            |price| json!({ "text": price.to_string() }),
            |mut fields| {
                let parsed: Value = serde_json::from_str(fields["text"].as_str().unwrap()).unwrap();
                fields["text"] = parsed;
                black_box(fields);
            },
        ),
        part(
            "explode",
            json!({ "field": "lines" }),
            |price| json!({ "id": 1, "lines": [price, price, price] }),
            |fields| {
                let Value::Array(lines) = fields["lines"].clone() else { return };
                for line in lines {
                    let mut one = fields.clone();
                    one["lines"] = line;
                    black_box(one);
                }
            },
        ),
        part(
            "chunk",
            json!({ "field": "text", "size": 100 }),
            |_| json!({ "text": TEXT.repeat(5) }),
            |fields| {
                let text = fields["text"].as_str().unwrap().to_owned();
                for piece in text.as_bytes().chunks(90) {
                    let mut one = fields.clone();
                    one["text"] = String::from_utf8_lossy(piece).into();
                    black_box(one);
                }
            },
        ),
        part(
            "decompress",
            json!({ "field": "body" }),
            |price| json!({ "body": packed(&price.to_string()) }),
            |mut fields| {
                let bytes = BASE64.decode(fields["body"].as_str().unwrap()).unwrap();
                let mut text = String::new();
                GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
                fields["body"] = text.into();
                black_box(fields);
            },
        ),
        part(
            "unwrap_cdc",
            json!({}),
            |price| json!({ "before": null, "after": price, "op": "c", "source": { "table": "prices" } }),
            |mut fields| {
                black_box(fields["after"].take());
            },
        ),
    ]
}

fn packed(text: &str) -> String {
    let mut bytes = Vec::new();
    GzEncoder::new(text.as_bytes(), flate2::Compression::default()).read_to_end(&mut bytes).unwrap();
    BASE64.encode(bytes)
}

/// `make` writes a price anew; `plain` does to the value what the transform does to the record.
fn part(name: &'static str, settings: Value, make: fn(&Value) -> Value, plain: fn(Value)) -> Part {
    let registry = sluice_transforms::register(Registry::new());
    let transform = registry.transform(name).unwrap().build(settings).unwrap();
    let made = |record: &Record| {
        let price: Value = serde_json::from_slice(&record.value.as_ref().unwrap().to_bytes()).unwrap();
        make(&price)
    };
    let records = as_read();
    let as_text = records
        .iter()
        .map(|record| with(record, Payload::Json(Json::parse(made(record).to_string().into()).unwrap())));
    let as_value = records.iter().map(|record| with(record, made(record).into()));
    Part {
        name,
        records: as_text.collect(),
        plain_records: as_value.collect(),
        does: Box::new(move |records| apply_all(&*transform, records)),
        plain_name: "a few lines, on a value",
        plain: Box::new(move |records| {
            for mut record in records {
                let Some(Payload::Json(json)) = record.value.take() else { continue };
                plain(json.into_value());
            }
        }),
    }
}

fn with(record: &Record, value: Payload) -> Record {
    let mut record = record.clone();
    record.value = Some(value);
    record
}
