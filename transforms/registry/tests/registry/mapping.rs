//! In AWS Lambda: the event source mapping may have a registry itself, and hands on what it made of the record.

use serde_json::json;

use crate::support::{Sent, avro_schema, build, confluent, read, text, with_confluent};

fn person() -> serde_json::Value {
    avro_schema(&json!({ "type": "record", "name": "P", "fields": [{ "name": "a", "type": "string" }] }))
}

#[tokio::test]
async fn a_record_that_the_mapping_took_the_prefix_off_is_read_by_the_schema_that_it_names() {
    let server = confluent(&[(7, person())]).await;
    let converter = build("avro", with_confluent(&server, json!({})));
    assert_eq!(text(&*converter, &Sent::new(b"\x02x").mapped("7")).await, r#"{"a":"x"}"#);
}

#[tokio::test]
async fn a_record_that_the_mapping_has_read_is_taken_as_it_is() {
    let server = confluent(&[]).await;
    for converter in ["avro", "protobuf", "json_schema"] {
        let converter = build(converter, with_confluent(&server, json!({})));
        assert_eq!(text(&*converter, &Sent::new(b"{\"a\":1.50}").mapped("7")).await, r#"{"a":1.50}"#);
        assert_eq!(text(&*converter, &Sent::new(b"\"key\"").mapped("7")).await, "\"key\"");
    }
    assert!(server.seen().is_empty(), "no registry is asked");
}

#[tokio::test]
async fn a_record_that_the_mapping_left_alone_is_read_as_elsewhere() {
    let server = confluent(&[(7, person())]).await;
    let converter = build("avro", with_confluent(&server, json!({})));
    assert_eq!(text(&*converter, &Sent::with_id(7, b"\x02x")).await, r#"{"a":"x"}"#);
    let failure = read(&*converter, &Sent::new(b"{\"a\":1}")).await.unwrap_err();
    assert!(failure.contains("it looks like JSON"), "{failure}");
}
