//! What the serializers of others wrote is read: see `tests/vectors/make.py`.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::types::Value as AvroValue;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::Deserialize;
use serde_json::{Value, json};
use sluice_wire_testing::{HttpServer, reply};

use crate::support::{Sent, avro_schema, build, confluent, read, serve, with_confluent};

#[derive(Deserialize)]
struct Case {
    name: String,
    converter: String,
    settings: Value,
    record: String,
    /// None where the record has to be rejected.
    expected: Option<String>,
    schemas: BTreeMap<String, Value>,
    headers: BTreeMap<String, String>,
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// AWS Glue, which has these versions of schemas.
async fn glue(schemas: BTreeMap<String, Value>) -> HttpServer {
    HttpServer::start_answering(move |request| {
        assert_eq!(request.headers["x-amz-target"], "AWSGlue.GetSchemaVersion");
        assert!(request.headers["authorization"].contains("/glue/aws4_request"));
        let id = request.json()["SchemaVersionId"].as_str().unwrap().to_owned();
        reply(200, "", &schemas[&id].to_string())
    })
    .await
}

async fn settings(case: &Case) -> (HttpServer, Value) {
    if case.settings["glue"] == json!(true) {
        let server = glue(case.schemas.clone()).await;
        let settings =
            json!({ "registry": { "glue": { "region": "eu-central-1", "endpoint_url": server.url } } });
        return (server, settings);
    }
    let documents = case.schemas.iter().map(|(path, body)| (path.clone(), body.to_string()));
    let server = serve(documents.collect()).await;
    let settings = with_confluent(&server, case.settings.clone());
    (server, settings)
}

#[tokio::test]
async fn records_of_other_serializers_are_read_as_they_were_meant() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("../vectors/vectors.json")).unwrap();
    assert!(cases.len() >= 15);
    for case in cases {
        let (_server, settings) = settings(&case).await;
        let converter = build(&case.converter, settings);
        let mut sent = Sent::new(unhex(&case.record));
        for (name, value) in &case.headers {
            sent = sent.with_header(name, &unhex(value));
        }
        let found = read(&*converter, &sent).await;
        if let Some(expected) = &case.expected {
            assert_eq!(found.as_ref(), Ok(&Some(expected.clone())), "{}", case.name);
        } else {
            let error = found.unwrap_err();
            assert!(
                error.starts_with("rejected: the value is not valid JSON: what stands at /home/street"),
                "{error}"
            );
            assert!(!error.contains('3'), "no content of the record is shown: {error}");
        }
    }
}

/// `docs/converters.md` shows what goes in and what comes out.
#[tokio::test]
async fn the_examples_of_the_page_are_so() {
    let page = include_str!("../../../../docs/converters.md");
    let order = json!({ "type": "record", "name": "Order", "fields": [
        { "name": "id", "type": "long" },
        { "name": "price", "type": { "type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2 } },
        { "name": "at", "type": { "type": "long", "logicalType": "timestamp-millis" } },
    ] });
    let server = confluent(&[(7, avro_schema(&order))]).await;
    let converter = build("avro", with_confluent(&server, json!({ "time": "rfc3339" })));
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `00 ")).collect();
    let cells: Vec<&str> = rows[0].split('`').collect();
    let record = Sent::new(unhex(&cells[1].replace(' ', "")));
    assert_eq!(read(&*converter, &record).await, Ok(Some(cells[3].to_owned())));

    let connect = build("connect_json", json!({ "time": "rfc3339" }));
    let mut seen = 0;
    for row in page.lines().filter(|line| line.starts_with("| `{\"schema\":")) {
        let cells: Vec<&str> = row.split('`').collect();
        let expected = if row.ends_with("| a tombstone |") { None } else { Some(cells[3].to_owned()) };
        assert_eq!(read(&*connect, &Sent::new(cells[1])).await, Ok(expected));
        seen += 1;
    }
    assert_eq!(seen, 2);
}

/// What Debezium's Avro marks with `connect.name` alone, as its `connect_json` does with the name of a schema.
#[tokio::test]
async fn times_of_debezium_in_avro_are_what_they_are_in_connects_json() {
    let written = 1_769_862_600_500_000_i64;
    let types = [
        ("int", "io.debezium.time.Date", 20_484, "\"2026-01-31\""),
        ("int", "io.debezium.time.Time", 45_000_500, "\"12:30:00.5\""),
        ("long", "io.debezium.time.MicroTime", 45_000_500_000, "\"12:30:00.5\""),
        ("long", "io.debezium.time.NanoTime", 45_000_500_000_000, "\"12:30:00.5\""),
        ("long", "io.debezium.time.Timestamp", written / 1000, "\"2026-01-31T12:30:00.5\""),
        ("long", "io.debezium.time.MicroTimestamp", written, "\"2026-01-31T12:30:00.5\""),
        ("long", "io.debezium.time.NanoTimestamp", written * 1000, "\"2026-01-31T12:30:00.5\""),
        ("long", "io.debezium.time.MicroTimestamp", i64::MAX, "9223372036854775807"),
        ("int", "io.debezium.time.Year", 2026, "2026"),
        ("long", "io.debezium.time.MicroDuration", 7, "7"),
    ];
    for (base, name, number, text) in types {
        let marked = json!({ "type": base, "connect.version": 1, "connect.name": name });
        let schema = json!({ "type": "record", "name": "Row", "namespace": "shop", "fields": [
            { "name": "t", "type": ["null", marked], "default": null },
            { "name": "sure", "type": marked, "default": 0 },
        ] });
        let server = confluent(&[(7, avro_schema(&schema))]).await;
        let row = AvroValue::Record(vec![
            ("t".to_owned(), AvroValue::Union(1, Box::new(number_of(base, number)))),
            ("sure".to_owned(), number_of(base, number)),
        ]);
        let parsed = Schema::parse_str(&schema.to_string()).unwrap();
        let datum = GenericDatumWriter::builder(&parsed).build().unwrap().write_value_to_vec(row).unwrap();
        let record = Sent::new([&[0, 0, 0, 0, 7], datum.as_slice()].concat());
        for (settings, expected) in [
            (json!({}), format!("{{\"t\":{number},\"sure\":{number}}}")),
            (json!({ "time": "rfc3339" }), format!("{{\"t\":{text},\"sure\":{text}}}")),
        ] {
            let converter = build("avro", with_confluent(&server, settings));
            assert_eq!(read(&*converter, &record).await, Ok(Some(expected)), "{name}");
        }
    }
}

fn number_of(base: &str, number: i64) -> AvroValue {
    if base == "int" { AvroValue::Int(number.try_into().unwrap()) } else { AvroValue::Long(number) }
}
