//! Apicurio's own API, and what its producers write.

use serde_json::{Value, json};
use sluice_wire_testing::{HttpServer, reply};

use crate::support::{Sent, build, read, serve, text};

fn settings(server: &HttpServer, version: &str, others: Value) -> Value {
    let mut apicurio = json!({ "urls": [format!("{}/apis/registry/{version}", server.url)] });
    apicurio.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    json!({ "registry": { "apicurio": apicurio } })
}

fn documents(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(path, body)| (format!("/apis/registry/{path}"), (*body).to_owned())).collect()
}

const RECORD: &[u8] = b"\x02a";

#[tokio::test]
async fn ids_of_both_kinds_and_lengths_are_read() {
    let server = serve(documents(&[
        ("v3/ids/contentIds/7", "\"string\""),
        ("v3/ids/contentIds/7/references", "[]"),
        ("v3/ids/globalIds/8", "\"string\""),
        ("v3/ids/globalIds/8/references", "[]"),
    ]))
    .await;
    let four = Sent::with_id(7, RECORD);
    assert_eq!(text(&*build("avro", settings(&server, "v3", json!({}))), &four).await, "\"a\"");
    let eight = Sent::new([&[0, 0, 0, 0, 0, 0, 0, 0, 8], RECORD].concat());
    let global = settings(&server, "v3", json!({ "id": "global", "id_bytes": 8 }));
    assert_eq!(text(&*build("avro", global), &eight).await, "\"a\"");
    for (name, id) in [("contentId", 7_i64), ("globalId", 8)] {
        let sent = Sent::new(RECORD).with_header(&format!("apicurio.value.{name}"), &id.to_be_bytes());
        assert_eq!(text(&*build("avro", settings(&server, "v3", json!({}))), &sent).await, "\"a\"");
    }
}

#[tokio::test]
async fn references_are_followed_in_both_versions_of_the_api() {
    let customer = json!({"type":"record","name":"C","fields":[{"name":"home","type":"shop.A"}]}).to_string();
    let address =
        json!({"type":"record","name":"A","namespace":"shop","fields":[{"name":"s","type":"string"}]})
            .to_string();
    let reference =
        json!([{ "groupId": null, "artifactId": "a", "version": "1", "name": "shop.A" }]).to_string();
    for (version, content) in [("v3", "/content"), ("v2", "")] {
        let place = format!("{version}/groups/default/artifacts/a/versions/1");
        let server = serve(documents(&[
            (&format!("{version}/ids/contentIds/7"), &customer),
            (&format!("{version}/ids/contentIds/7/references"), &reference),
            (&format!("{place}{content}"), &address),
            (&format!("{place}/references"), "[]"),
        ]))
        .await;
        let converter = build("avro", settings(&server, version, json!({})));
        assert_eq!(text(&*converter, &Sent::with_id(7, RECORD)).await, r#"{"home":{"s":"a"}}"#, "{version}");
    }
}

#[tokio::test]
async fn an_id_that_is_unknown_rejects_the_record_and_a_wrong_path_does_not() {
    for (name, outcome) in [
        (
            "ContentNotFoundException",
            "rejected: the registry has no ids/contentIds/7 (404, contentnotfoundexception)",
        ),
        ("NotFoundException", "fatal: the registry answered 404 to ids/contentIds/7"),
    ] {
        let body = json!({ "name": name, "status": 404 }).to_string();
        let server = HttpServer::start([reply(404, "", &body)]).await;
        let converter = build("avro", settings(&server, "v3", json!({})));
        let failure = read(&*converter, &Sent::with_id(7, RECORD)).await.unwrap_err();
        assert!(failure.starts_with(&outcome.to_lowercase()), "{failure}");
    }
}

#[tokio::test]
async fn a_protobuf_message_is_named_by_a_reference_or_a_header() {
    let schema = "syntax = \"proto3\"; package p; message A { string a = 1; } message B { string b = 1; }";
    let server =
        serve(documents(&[("v3/ids/contentIds/7", schema), ("v3/ids/contentIds/7/references", "[]")])).await;
    let converter = build("protobuf", settings(&server, "v3", json!({})));
    let message = b"\x0a\x01x";
    let reference = Sent::with_id(7, &[b"\x03\x0a\x01B", message.as_slice()].concat());
    assert_eq!(text(&*converter, &reference).await, r#"{"b":"x"}"#);
    let indexes = Sent::with_id(7, &[b"\x02\x02", message.as_slice()].concat());
    assert_eq!(text(&*converter, &indexes).await, r#"{"b":"x"}"#);
    let header = Sent::new(message)
        .with_header("apicurio.value.contentId", &7_i64.to_be_bytes())
        .with_header("apicurio.value.messageType", b"p.B");
    assert_eq!(text(&*converter, &header).await, r#"{"b":"x"}"#);
}
