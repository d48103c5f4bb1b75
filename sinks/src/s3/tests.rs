//! The sink `s3` against a server that answers as told, and against a bucket in memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod bucket_in_memory;
mod objects;

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sluice_connector_api::{
    FailureKind, FindingKind, Origin, Record, Sink, SourceTopics, Timestamp, TimestampType,
};

use crate::built::built;
use sluice_plugin_testing::{batch_failure, record_failures, sink_contract, text, tombstone};
use sluice_wire_testing::{HttpReply, HttpServer, reply, status};

fn sink_at(server: &HttpServer, changes: &Value) -> Box<dyn Sink> {
    let mut settings = json!({ "bucket": "archive", "endpoint_url": server.url, "region": "eu-west-3" });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    built("s3", settings)
}

#[tokio::test]
async fn keeps_the_contract() {
    sink_contract(&*sink_at(&HttpServer::start([]).await, &json!({}))).await;
}

#[tokio::test]
async fn a_batch_is_one_signed_object_named_by_where_it_was_read() {
    let server = HttpServer::start([]).await;
    sink_at(&server, &json!({ "prefix": "all of/it/" })).put(&[text(7, "a"), text(9, "b")]).await.unwrap();
    let seen = &server.seen()[0];
    let name = "00000000000000000007-00000000000000000009.jsonl";
    assert_eq!(seen.line(), format!("PUT /archive/all%20of/it/prices/0/{name}"));
    assert_eq!(seen.text().lines().count(), 2);
    assert!(seen.headers["authorization"].contains("/eu-west-3/s3/aws4_request"), "{:?}", seen.headers);
    assert_eq!(seen.headers["content-type"], "application/x-ndjson");
}

/// A preview shows each object that the records would become, by its name.
#[test]
fn a_preview_shows_the_objects_that_are_written() {
    let sink = |changes: &Value| {
        let mut settings = json!({ "bucket": "archive", "region": "eu-west-3" });
        settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        built("s3", settings)
    };
    let row = |offset: i64, hour: Option<i64>, value: Value| {
        let mut record = Record::new(Origin::new("t", 0, offset));
        record.value = Some(value.into());
        record.timestamp =
            hour.map(|hour| Timestamp { kind: TimestampType::CreateTime, millis: hour * 3_600_000 });
        record
    };
    let rows = [
        row(1, Some(0), json!({ "a": 1, "b": "x,y" })),
        row(2, Some(1), json!({ "a": 2 })),
        row(3, None, json!({ "a": 3 })),
    ];
    let by_hour = sink(&json!({ "format": "parquet", "objects": { "path": "%H/" } })).preview(&rows).unwrap();
    let key = |folder: &str| format!("t/{folder}/0-00000000000000000001.parquet");
    let object =
        |folder: &str, rows: Value| json!({ "bucket": "archive", "key": key(folder), "lines": rows });
    assert_eq!(
        by_hour,
        json!([
            object("00", json!([{ "a": 1, "b": "x,y" }])),
            object("01", json!([{ "a": 2 }])),
            object("undated", json!([{ "a": 3 }])),
        ])
    );
    let csv = sink(&json!({ "format": "csv", "columns": ["b", "a"] })).preview(&rows).unwrap();
    assert_eq!(csv["lines"], json!(["b,a", "\"x,y\",1", ",2", ",3"]));
    let other_columns = [row(1, None, json!({ "a": 1 })), row(2, None, json!({ "c": 2 }))];
    let shown = sink(&json!({ "format": "csv" })).preview(&other_columns).unwrap();
    assert_eq!((&shown[0]["lines"], &shown[1]["lines"]), (&json!(["a", "1"]), &json!(["c", "2"])));
}

#[tokio::test]
async fn an_object_may_be_packed() {
    let server = HttpServer::start([]).await;
    sink_at(&server, &json!({ "compression": "gzip", "format": "raw" })).put(&[text(1, "a")]).await.unwrap();
    let seen = &server.seen()[0];
    assert!(seen.path.ends_with("-00000000000000000001.txt.gz"), "{}", seen.path);
    let mut unpacked = String::new();
    GzDecoder::new(&seen.body[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, "a\n");
}

#[tokio::test]
async fn the_parts_of_one_record_have_names_of_their_own() {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, &json!({}));
    for part in 0..2 {
        sink.put(&[text(7, "a").with_part(part)]).await.unwrap();
    }
    let paths = server.lines();
    assert!(paths[0].ends_with("7.0-00000000000000000007.0.jsonl") && paths[0] != paths[1], "{paths:?}");
    let other = Record::new(Origin::new("prices", 1, 7));
    assert_ne!(sink.batch_key(&text(7, "a")), sink.batch_key(&other), "a partition has objects of its own");
}

#[tokio::test]
async fn a_record_that_makes_no_line_is_named_and_the_others_are_stored() {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, &json!({ "format": "raw" }));
    let failures = record_failures(sink.put(&[text(0, "a"), tombstone(1)]).await);
    assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Rejected));
    assert_eq!(server.seen()[0].text(), "a\n");
}

#[tokio::test]
async fn each_failure_says_what_to_do() {
    let error = |status, code: &str| reply(status, "", &format!("<Error><Code>{code}</Code></Error>"));
    let cases = [
        (error(503, "SlowDown"), FailureKind::Retriable, true),
        (error(500, "InternalError"), FailureKind::Retriable, false),
        (error(400, "RequestTimeout"), FailureKind::Retriable, false),
        (error(400, "ExpiredToken"), FailureKind::Retriable, false),
        (error(403, "RequestTimeTooSkewed"), FailureKind::Retriable, false),
        (error(409, "ConditionalRequestConflict"), FailureKind::Retriable, false),
        (error(503, "ServiceUnavailable"), FailureKind::Retriable, false),
        (error(400, "InvalidToken"), FailureKind::Fatal, false),
        (error(400, "AuthorizationHeaderMalformed"), FailureKind::Fatal, false),
        (error(507, "InsufficientStorage"), FailureKind::Retriable, false),
        (error(403, "AccessDenied"), FailureKind::Fatal, false),
        (error(404, "NoSuchBucket"), FailureKind::Fatal, false),
        (error(301, "PermanentRedirect"), FailureKind::Fatal, false),
        (error(400, "EntityTooLarge"), FailureKind::Rejected, false),
        (HttpReply::Close, FailureKind::Retriable, false),
    ];
    for (reply, kind, throttled) in cases {
        let server = HttpServer::start([reply.clone()]).await;
        let failure = batch_failure(sink_at(&server, &json!({})).put(&[text(0, "a")]).await);
        assert_eq!((failure.kind(), failure.is_throttled()), (kind, throttled), "{reply:?}: {failure}");
    }
}

#[tokio::test]
async fn the_check_asks_for_the_bucket_and_writes_nothing() {
    let server = HttpServer::start([status(200), status(404), status(404)]).await;
    let sink = sink_at(&server, &json!({}));
    assert_eq!(sink.check().await.last().unwrap().kind, FindingKind::Good);
    assert!(sink.check().await.last().unwrap().as_result().is_err());
    let part = "PUT /archive/sluice-check.jsonl?partNumber=1&uploadId=sluice-check";
    assert_eq!(server.lines(), ["HEAD /archive/", part, "HEAD /archive/"]);
}

/// What a connector reads.
struct Orders;

#[async_trait::async_trait]
impl SourceTopics for Orders {
    fn bootstrap_servers(&self) -> &'static str {
        "127.0.0.1:1"
    }

    fn names(&self) -> Vec<String> {
        vec!["orders".to_owned()]
    }

    fn reads(&self, topic: &str) -> bool {
        topic == "orders"
    }

    async fn cluster_id(&self) -> Option<String> {
        None
    }
}

/// A part of an upload that is not there stores nothing, and is refused before that where the right is missing.
#[tokio::test]
async fn a_right_that_is_missing_is_told_before_anything_is_written() {
    let denied = || reply(403, "", "<Error><Code>AccessDenied</Code></Error>");
    for (answer, knows_topic, kind) in [
        (reply(404, "", "<Error><Code>NoSuchUpload</Code></Error>"), true, FindingKind::Good),
        (denied(), true, FindingKind::Wrong),
        // It may be given for the keys that are written, which nobody knows.
        (denied(), false, FindingKind::Unseen),
        (reply(400, "", "<Error><Code>InvalidArgument</Code></Error>"), true, FindingKind::Unseen),
        (status(200), true, FindingKind::Unseen),
        (status(503), true, FindingKind::Unreachable),
    ] {
        let server = HttpServer::start([status(200), answer.clone()]).await;
        let sink =
            sink_at(&server, &json!({ "prefix": "raw/", "objects": { "path": "all/" }, "format": "csv" }));
        if knows_topic {
            sink.meets(std::sync::Arc::new(Orders)).unwrap();
        }
        let finding = sink.check().await.pop().unwrap();
        assert_eq!(finding.kind, kind, "{answer:?}: {finding:?}");
        assert!(finding.text.contains("s3:PutObject") || kind != FindingKind::Wrong, "{finding:?}");
        let key = if knows_topic { "raw/orders/all/sluice-check.csv" } else { "raw/sluice-check.csv" };
        assert_eq!(server.lines()[1], format!("PUT /archive/{key}?partNumber=1&uploadId=sluice-check"));
    }
}
