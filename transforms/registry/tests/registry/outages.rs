//! A registry that is away is no fault of a record, and one that does not know a schema is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use sluice_wire_testing::{HttpReply, HttpServer, reply, status};

use crate::support::{Sent, avro_schema, build, confluent, read, text, unknown, with_confluent};

fn string() -> HttpReply {
    reply(200, "", &avro_schema(&json!("string")).to_string())
}

/// The string `a`.
const RECORD: &[u8] = b"\x02a";

async fn failure_of(answer: HttpReply) -> String {
    let server = HttpServer::start([answer]).await;
    let settings =
        json!({ "registry": { "confluent": { "urls": [server.url], "request_timeout": "300ms" } } });
    read(&*build("avro", settings), &Sent::with_id(7, RECORD)).await.unwrap_err()
}

#[tokio::test]
async fn an_outage_is_waited_for() {
    for answer in [status(500), status(503), status(429), status(408), HttpReply::Close, HttpReply::Hang] {
        let failure = failure_of(answer.clone()).await;
        assert!(failure.starts_with("retriable: "), "{answer:?}: {failure}");
    }
    let gone = "http://127.0.0.1:9";
    let settings = json!({ "registry": { "confluent": { "urls": [gone] } } });
    let failure = read(&*build("avro", settings), &Sent::with_id(7, RECORD)).await.unwrap_err();
    assert!(failure.starts_with("retriable: "), "{failure}");
}

#[tokio::test]
async fn a_wrong_set_up_stops_the_connector() {
    for (answer, says) in [
        (status(401), "set `auth`"),
        (status(403), "set `auth`"),
        (reply(404, "", "<html>"), "check `urls`"),
        (reply(404, "", r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#), "check `urls`"),
        (reply(302, "location: /login\r\n", ""), "check `urls`"),
        (reply(200, "", "<html>"), "check `urls`"),
    ] {
        let failure = failure_of(answer).await;
        assert!(failure.starts_with("fatal: ") && failure.contains(says), "{failure}");
    }
}

#[tokio::test]
async fn a_schema_that_the_registry_has_not_rejects_the_record_with_its_id() {
    let server = confluent(&[(1, avro_schema(&json!("string")))]).await;
    let converter = build("avro", with_confluent(&server, json!({})));
    let failure = read(&*converter, &Sent::with_id(7, RECORD)).await.unwrap_err();
    assert_eq!(failure, "rejected: the registry has no schemas/ids/7 (404, error code 40403)");
    for _ in 0..3 {
        assert!(read(&*converter, &Sent::with_id(7, RECORD)).await.is_err());
    }
    assert_eq!(text(&*converter, &Sent::with_id(1, RECORD)).await, "\"a\"");
    assert_eq!(
        server.lines(),
        ["GET /schemas/ids/7", "GET /schemas/ids/1"],
        "the answer is kept for a while"
    );
}

#[tokio::test]
async fn a_schema_that_cannot_be_used_rejects_its_records_alone() {
    let broken = json!({ "schema": "{\"type\":\"record\"}" });
    let proto = json!({ "schema": "syntax = \"proto3\";", "schemaType": "PROTOBUF" });
    let server = confluent(&[(1, avro_schema(&json!("string"))), (2, broken), (3, proto)]).await;
    let converter = build("avro", with_confluent(&server, json!({})));
    let failure = read(&*converter, &Sent::with_id(2, RECORD)).await.unwrap_err();
    assert!(failure.starts_with("rejected: the schema with the id 2 cannot be used: "), "{failure}");
    let failure = read(&*converter, &Sent::with_id(3, RECORD)).await.unwrap_err();
    assert!(failure.contains("the schema with the id 3 is protobuf, and not avro"), "{failure}");
    assert_eq!(text(&*converter, &Sent::with_id(1, RECORD)).await, "\"a\"");
}

#[tokio::test]
async fn a_schema_is_fetched_once() {
    let server = confluent(&[(1, avro_schema(&json!("string")))]).await;
    let converter = build("avro", with_confluent(&server, json!({})));
    for _ in 0..5 {
        assert_eq!(text(&*converter, &Sent::with_id(1, RECORD)).await, "\"a\"");
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn where_one_host_is_away_the_next_is_asked() {
    let first_is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&first_is_away);
    let first =
        HttpServer::start_answering(
            move |_| {
                if away.load(Ordering::SeqCst) { status(503) } else { unknown() }
            },
        )
        .await;
    let second_is_away = Arc::new(AtomicBool::new(false));
    let away = Arc::clone(&second_is_away);
    let second =
        HttpServer::start_answering(
            move |_| {
                if away.load(Ordering::SeqCst) { HttpReply::Close } else { string() }
            },
        )
        .await;
    let urls = ["http://127.0.0.1:9", &first.url, &second.url];
    let converter = build("avro", json!({ "registry": { "confluent": { "urls": urls } } }));
    assert_eq!(text(&*converter, &Sent::with_id(1, RECORD)).await, "\"a\"");
    assert_eq!((first.seen().len(), second.seen().len()), (1, 1));
    assert_eq!(text(&*converter, &Sent::with_id(2, RECORD)).await, "\"a\"");
    assert_eq!((first.seen().len(), second.seen().len()), (1, 2), "the host that answered is asked first");
    first_is_away.store(false, Ordering::SeqCst);
    second_is_away.store(true, Ordering::SeqCst);
    let failure = read(&*converter, &Sent::with_id(3, RECORD)).await.unwrap_err();
    assert!(failure.starts_with("rejected: "), "{failure}");
}

#[tokio::test]
async fn a_registry_that_is_back_is_asked_again() {
    let server = HttpServer::start([status(503)]).await;
    let converter = build("avro", with_confluent(&server, json!({})));
    let sent = Sent::with_id(1, RECORD);
    assert!(read(&*converter, &sent).await.is_err_and(|failure| failure.starts_with("retriable: ")));
    server.script([string()]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(text(&*converter, &sent).await, "\"a\"");
}

#[tokio::test]
async fn references_that_never_end_reject_the_record() {
    let server = HttpServer::start_answering(|request| {
        let number: u32 = request.path.rsplit('/').next().unwrap().parse().unwrap();
        let reference = json!({ "name": format!("n{number}"), "subject": "s", "version": number + 1 });
        reply(200, "", &json!({ "schema": "\"string\"", "references": [reference] }).to_string())
    })
    .await;
    let converter = build("avro", with_confluent(&server, json!({})));
    let failure = read(&*converter, &Sent::with_id(1, RECORD)).await.unwrap_err();
    assert_eq!(failure, "rejected: the schema refers to more than 256 others");
}
