//! A real schema registry, asked by both of its APIs, and away for a while.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{
    Converter, ConverterContext, Failure, FailureKind, Headers, NotConverted, Registry, Side,
};
use sluice_tests::schema_registry::SchemaRegistry;

fn build(name: &str, settings: Value) -> Box<dyn Converter> {
    sluice_registry::register(Registry::new()).converter(name).unwrap().build(settings).unwrap()
}

fn confluent(registry: &SchemaRegistry) -> Value {
    json!({ "registry": { "confluent": { "urls": [format!("{}/apis/ccompat/v7", registry.url())] } } })
}

fn apicurio(registry: &SchemaRegistry, version: &str) -> Value {
    json!({ "registry": { "apicurio": { "urls": [format!("{}/apis/registry/{version}", registry.url())] } } })
}

/// Reads a record that begins with an id of four bytes, and fetches its schema once.
async fn read(converter: &dyn Converter, id: u32, payload: &[u8]) -> Result<String, Failure> {
    let bytes = Bytes::from([&[0], id.to_be_bytes().as_slice(), payload].concat());
    let headers = Headers::new();
    let context = ConverterContext::new(Side::Value, "orders", &headers);
    if let Err(NotConverted::NeedsSchema { schema, .. }) = converter.convert(bytes.clone(), &context) {
        converter.fetch(&schema).await?;
    }
    let payload = converter.convert(bytes, &context).unwrap().unwrap();
    Ok(String::from_utf8(payload.to_bytes().to_vec()).unwrap())
}

const PROTO: &str =
    "syntax = \"proto3\"; package shop; import \"common.proto\"; message Order { Address to = 1; }";
const COMMON: &str = "syntax = \"proto3\"; package shop; message Address { string street = 1; }";

/// Registers a schema of each format, each of which refers to another. Returns their ids, payloads and what these mean.
fn register(registry: &SchemaRegistry) -> Vec<(&'static str, u32, &'static [u8], &'static str)> {
    let address =
        json!({"type":"record","name":"Address","namespace":"shop","fields":[{"name":"s","type":"string"}]});
    registry.register("address", &json!({ "schema": address.to_string() }));
    let order = json!({"type":"record","name":"Order","namespace":"shop","fields":[{"name":"to","type":"shop.Address"}]});
    let reference = |name: &str, subject: &str| json!([{ "name": name, "subject": subject, "version": 1 }]);
    let avro = json!({ "schema": order.to_string(), "references": reference("shop.Address", "address") });
    registry.register("common", &json!({ "schema": COMMON, "schemaType": "PROTOBUF" }));
    let protobuf = json!({ "schema": PROTO, "schemaType": "PROTOBUF", "references": reference("common.proto", "common") });
    // Apicurio tells the format by this, whatever else it is told.
    let dialect = "http://json-schema.org/draft-07/schema#";
    let street = json!({ "$schema": dialect, "type": "object", "required": ["street"] });
    registry.register("street", &json!({ "schema": street.to_string(), "schemaType": "JSON" }));
    let place = json!({ "$schema": dialect, "properties": { "to": { "$ref": "street.json" } } });
    let json = json!({
        "schema": place.to_string(), "schemaType": "JSON", "references": reference("street.json", "street"),
    });
    vec![
        ("avro", registry.register("order", &avro), b"\x02x", r#"{"to":{"s":"x"}}"#),
        (
            "protobuf",
            registry.register("proto", &protobuf),
            b"\0\x0a\x03\x0a\x01x",
            r#"{"to":{"street":"x"}}"#,
        ),
        (
            "json_schema",
            registry.register("json", &json),
            b"{\"to\":{\"street\":1.50}}",
            r#"{"to":{"street":1.50}}"#,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_of_a_real_registry_are_read_by_both_of_its_apis() {
    let Some(registry) = SchemaRegistry::start() else { return };
    for (format, id, payload, expected) in register(&registry) {
        for settings in [confluent(&registry), apicurio(&registry, "v3"), apicurio(&registry, "v2")] {
            let mut settings = settings;
            if format == "json_schema" {
                settings["validate"] = true.into();
            }
            let converter = build(format, settings.clone());
            assert_eq!(read(&*converter, id, payload).await.unwrap(), expected, "{format} {settings}");
            let failure = read(&*converter, 999, payload).await.unwrap_err();
            assert_eq!(failure.kind(), FailureKind::Rejected, "{failure}");
            assert!(failure.to_string().contains("999"), "{failure}");
        }
    }
    let mut wrong = confluent(&registry);
    wrong["registry"]["confluent"]["urls"] = json!([registry.url()]);
    let failure = read(&*build("avro", wrong), 1, b"\x02x").await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Fatal, "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_registry_that_stops_is_waited_for() {
    let Some(mut registry) = SchemaRegistry::start() else { return };
    let (_, id, payload, expected) = register(&registry)[0];
    let kept = build("avro", confluent(&registry));
    assert_eq!(read(&*kept, id, payload).await.unwrap(), expected);
    registry.stop();
    let failure = read(&*build("avro", confluent(&registry)), id, payload).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
    assert_eq!(read(&*kept, id, payload).await.unwrap(), expected, "what was fetched is kept");
    registry.launch();
    let again = register(&registry)[0].1;
    assert_eq!(read(&*build("avro", confluent(&registry)), again, payload).await.unwrap(), expected);
}
