use std::io::Read;

use bytes::Bytes;
use sluice_connector_api::{FindingKind, TraceParent};
use sluice_wire_testing::SeenRequest;

use super::*;

#[tokio::test]
async fn each_record_makes_a_request_of_its_own_in_order() {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, "/p/{{ticker}}?n={{@record.offset}}", &json!({ "method": "PUT" }));
    assert_eq!(sink.limits().max_records, 1);
    sink.put(&prices()).await.unwrap();
    assert_eq!(server.lines(), ["PUT /p/OOOO?n=0", "PUT /p/ZVZZT?n=1", "PUT /p/ACME?n=2"]);
    assert_eq!(server.seen()[1].json(), json!({ "ticker": "ZVZZT", "price": 1 }));
    assert_eq!(server.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn without_keep_alive_each_request_has_its_connection() {
    let server = HttpServer::start([]).await;
    sink_at(&server, "/", &json!({ "keep_alive": "0s" })).put(&prices()).await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn the_content_type_follows_from_the_value_unless_it_is_set() {
    let server = HttpServer::start([]).await;
    let records = [
        price(0, "OOOO"),
        text(1, "zażółć"),
        with_value(2, Payload::Bytes(Bytes::from_static(b"\xff\x00"))),
        text(3, ""),
    ];
    sink_at(&server, "/", &json!({})).put(&records).await.unwrap();
    sink_at(&server, "/", &json!({ "headers": { "Content-Type": "a/b" } })).put(&records[..1]).await.unwrap();
    let seen = server.seen();
    let types: Vec<_> = seen.iter().map(|seen| seen.headers["content-type"].as_str()).collect();
    let plain = "text/plain; charset=utf-8";
    assert_eq!(types, ["application/json", plain, "application/octet-stream", plain, "a/b"]);
    assert_eq!(seen[1].text(), "zażółć");
    assert_eq!(seen[2].body, b"\xff\x00");
    assert_eq!(seen[3].headers["content-length"], "0", "an empty value is a value");
}

#[tokio::test]
async fn a_body_that_is_called_json_and_is_not_is_rejected_alone() {
    let server = HttpServer::start([]).await;
    let records = [
        text(0, r#"{"total": 1.50}"#),
        text(1, r#"{"total": }"#),
        text(2, r#"{"name": "a "b""}"#),
        price(3, "OOOO"),
        with_value(4, Payload::Bytes(Bytes::from_static(b"\xff"))),
    ];
    for kind in ["application/json; charset=utf-8", "application/vnd.example+JSON"] {
        let sink = sink_at(&server, "/", &json!({ "headers": { "content-type": kind } }));
        let failures = details(sink.put(&records).await);
        let indices: Vec<_> = failures.iter().map(|(index, kind, ..)| (*index, *kind)).collect();
        assert_eq!(indices, [1, 2, 4].map(|index| (index, FailureKind::Rejected)));
        assert!(
            failures[0].2.contains("the body is not JSON, though `content-type` says so"),
            "{failures:?}"
        );
    }
    assert_eq!(server.seen().len(), 4);
    let other = sink_at(&server, "/", &json!({ "headers": { "content-type": "text/json-like" } }));
    other.put(&records).await.unwrap();
}

#[tokio::test]
async fn a_batch_is_one_body_in_each_format() {
    let server = HttpServer::start([]).await;
    let records = [price(0, "OOOO"), text(1, "a \"b\"\n"), text(2, "c")];
    for (batch, content_type, body) in [
        (
            json!({ "format": "json_array" }),
            "application/json",
            r#"[{"ticker":"OOOO","price":0},"a \"b\"\n","c"]"#,
        ),
        (
            json!({ "format": "json_lines" }),
            "application/x-ndjson",
            "{\"ticker\":\"OOOO\",\"price\":0}\n\"a \\\"b\\\"\\n\"\n\"c\"\n",
        ),
        (
            json!({ "format": "raw" }),
            "text/plain; charset=utf-8",
            "{\"ticker\":\"OOOO\",\"price\":0}\na \"b\"\n\nc",
        ),
        (
            json!({ "format": "raw", "separator": "--" }),
            "text/plain; charset=utf-8",
            "{\"ticker\":\"OOOO\",\"price\":0}--a \"b\"\n--c",
        ),
    ] {
        let sink = sink_at(&server, "/", &json!({ "batch": batch }));
        sink.put(&records).await.unwrap();
        let seen = server.seen().pop().unwrap();
        assert_eq!((seen.headers["content-type"].as_str(), seen.text()), (content_type, body));
        let measured: usize = records.iter().map(|record| sink.size_of(record)).sum();
        assert!(measured.abs_diff(body.len()) <= 2, "{measured} {body}");
    }
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn bytes_that_json_cannot_hold_are_rejected_and_the_others_are_sent() {
    let server = HttpServer::start([]).await;
    let records =
        [price(0, "OOOO"), with_value(1, Payload::Bytes(Bytes::from_static(b"\xff"))), text(2, "c")];
    let sink = sink_at(&server, "/", &json!({ "batch": { "format": "json_array" } }));
    assert_eq!(kinds(sink.put(&records).await), [(1, FailureKind::Rejected)]);
    assert_eq!(server.seen()[0].text(), r#"[{"ticker":"OOOO","price":0},"c"]"#);
    let sink = sink_at(&server, "/", &json!({ "batch": { "format": "raw" } }));
    sink.put(&records).await.unwrap();
    assert_eq!(server.seen()[1].headers["content-type"], "application/octet-stream");
}

#[tokio::test]
async fn a_batch_is_parted_where_url_or_headers_change() {
    let server = HttpServer::start([]).await;
    let changes = json!({ "batch": { "format": "raw" }, "headers": { "x-n": "{{n}}" } });
    let sink = sink_at(&server, "/{{t}}", &changes);
    let record = |offset, t: &str, n: i64| with_value(offset, json!({ "t": t, "n": n }).into());
    let records =
        [record(0, "a", 1), record(1, "a", 1), record(2, "b", 1), record(3, "b", 2), record(4, "a", 1)];
    sink.put(&records).await.unwrap();
    assert_eq!(server.lines(), ["POST /a", "POST /b", "POST /b", "POST /a"]);
    assert_eq!(server.seen()[0].text().lines().count(), 2);
}

#[tokio::test]
async fn tombstones_are_rejected_ignored_or_deleted() {
    let server = HttpServer::start([]).await;
    let records = [price(0, "OOOO"), gone(1, "a/b"), price(2, "ACME")];
    assert_eq!(kinds(sink_at(&server, "/", &json!({})).put(&records).await), [(1, FailureKind::Rejected)]);
    sink_at(&server, "/", &json!({ "on_null": "ignore" })).put(&records).await.unwrap();
    assert!(server.lines().iter().all(|line| line == "POST /"));
    let changes = json!({ "on_null": "delete", "method": "PUT", "headers": { "x-price": "{{price}}", "x-n": "{{@record.offset}}" } });
    sink_at(&server, "/p/{{@record.key}}", &changes).put(&records).await.unwrap();
    assert_eq!(server.lines()[4..], ["PUT /p/OOOO", "DELETE /p/a%2Fb", "PUT /p/ACME"]);
    let delete = &server.seen()[5];
    assert!(delete.body.is_empty() && !delete.headers.contains_key("content-type"));
    assert!(!delete.headers.contains_key("x-price"), "a tombstone has no price");
    assert_eq!(delete.headers["x-n"], "1");
}

#[tokio::test]
async fn a_tombstone_parts_a_batch_so_that_order_holds() {
    let server = HttpServer::start([status(200), status(404)]).await;
    let changes = json!({
        "on_null": "delete",
        "delete_path": "/p/{{@record.key}}?soft=1",
        "batch": { "format": "json_array" },
    });
    let records = [price(0, "A"), price(1, "B"), gone(2, "A"), gone(3, "B"), price(4, "A")];
    sink_at(&server, "/p", &changes).put(&records).await.unwrap();
    let lines = server.lines();
    assert_eq!(lines, ["POST /p", "DELETE /p/A?soft=1", "DELETE /p/B?soft=1", "POST /p"]);
    assert_eq!(server.seen()[0].json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_tombstone_without_a_key_is_rejected_and_deletes_nothing() {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, "/p/{{@record.key}}", &json!({ "on_null": "delete" }));
    assert_eq!(kinds(sink.put(&[tombstone(0)]).await), [(0, FailureKind::Rejected)]);
    assert_eq!(kinds(sink.put(&[gone(0, "")]).await), [(0, FailureKind::Rejected)]);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn data_cannot_leave_its_place_in_a_path_or_a_header() {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, "/p/{{ticker}}/z", &json!({ "headers": { "x-ticker": "{{ticker}}" } }));
    for ticker in ["..", ".", "", "a\r\nx-admin: 1"] {
        assert_eq!(kinds(sink.put(&[price(0, ticker)]).await), [(0, FailureKind::Rejected)], "{ticker:?}");
    }
    assert!(server.seen().is_empty());
    sink.put(&[price(0, "../../admin?x#y@evil.com")]).await.unwrap();
    assert_eq!(server.lines(), ["POST /p/..%2F..%2Fadmin%3Fx%23y%40evil.com/z"]);
    assert_eq!(server.seen()[0].headers["x-ticker"], "../../admin?x#y@evil.com");
}

#[tokio::test]
async fn a_body_is_compressed_when_asked_for() {
    let server = HttpServer::start([]).await;
    let changes = json!({ "compression": "gzip", "batch": { "format": "json_lines" } });
    sink_at(&server, "/", &changes).put(&prices()).await.unwrap();
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.headers["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*seen.body).read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 3);
    assert!(text.ends_with("{\"ticker\":\"ACME\",\"price\":2}\n"), "{text}");
}

#[tokio::test]
async fn a_preview_shows_the_request_without_sending_it() {
    let server = HttpServer::start([]).await;
    let changes = json!({
        "auth": { "basic": { "username": "me", "password": "hunter2" } },
        "headers": { "x-n": "{{@record.offset}}" },
        "compression": "gzip",
    });
    let sink = sink_at(&server, "/p/{{ticker}}", &changes);
    let shown = sink.preview(&prices()[..1]).unwrap();
    let headers = json!({
        "content-type": "application/json", "x-n": "0", "content-encoding": "gzip", "authorization": "[redacted]",
    });
    assert_eq!(shown["method"], "POST");
    assert_eq!(shown["url"], format!("{}/p/OOOO", server.url));
    assert_eq!(shown["headers"], headers);
    assert_eq!(shown["body"], json!({ "ticker": "OOOO", "price": 0 }));
    assert_eq!(sink.preview(&prices()).unwrap().as_array().unwrap().len(), 3);
    assert!(sink.preview(&[tombstone(0)]).is_err());
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_check_asks_for_a_head_and_says_what_that_proves() {
    for (reply, good, words) in [
        (status(200), true, "with 200"),
        (status(405), true, "whether it takes a PATCH is seen at the first one"),
        (status(401), true, "change `auth`"),
        (status(501), true, "501"),
        (status(503), false, "503"),
    ] {
        let server = HttpServer::start([reply]).await;
        let findings = sink_at(&server, "/a/b-{{ticker}}", &json!({ "method": "PATCH" })).check().await;
        assert_eq!(server.lines(), ["HEAD /a"]);
        assert_eq!(findings.len(), 1);
        let said = findings[0].as_result();
        assert_eq!(said.is_ok(), good, "{said:?}");
        assert!(said.unwrap_or_else(|wrong| wrong).contains(words));
    }
    let server = HttpServer::start([status(401)]).await;
    let auth = json!({ "auth": { "bearer": { "token": "t" } } });
    let findings = sink_at(&server, "/", &auth).check().await;
    assert_eq!(findings[0].kind, FindingKind::Wrong, "{findings:?}");
    let sink = built("http", json!({ "url": "http://127.0.0.1:1/secret" }));
    let findings = sink.check().await;
    assert!(findings[0].as_result().is_err_and(|wrong| wrong.contains("did not get through")));
    assert!(!format!("{findings:?}").contains("secret"));
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// Puts records with these headers, and returns what the requests say of traces.
async fn traces(changes: &Value, records: &[&[(&str, &str)]]) -> Vec<(Option<String>, Option<String>)> {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, "/", changes);
    let batch: Vec<_> = (0..).zip(records).map(|(offset, headers)| traced(offset, headers)).collect();
    sink.put(&batch).await.unwrap();
    let header = |request: &SeenRequest, name: &str| request.headers.get(name).cloned();
    let seen = server.seen();
    seen.iter().map(|request| (header(request, "traceparent"), header(request, "tracestate"))).collect()
}

fn traced(offset: i64, headers: &[(&str, &str)]) -> Record {
    let mut record = price(offset, "OOOO");
    for (name, value) in headers {
        record.headers.push(*name, Some(value.to_string().into()));
    }
    record
}

#[tokio::test]
async fn the_trace_of_the_records_is_handed_on_where_they_share_it() {
    let (one, state) = (("traceparent", TRACE), ("tracestate", "vendor=1"));
    let other = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b8-01");
    let given = |text: &str| Some(text.to_owned());
    let alone = traces(&json!({}), &[&[one, state], &[], &[("traceparent", "00-evil\r\nx: y")]]).await;
    assert_eq!(alone, [(given(TRACE), given("vendor=1")), (None, None), (None, None)]);
    let lines = json!({ "batch": { "format": "json_lines" } });
    assert_eq!(traces(&lines, &[&[one, state], &[one]]).await, [(given(TRACE), given("vendor=1"))]);
    for mixed in [[&[one][..], &[other]], [&[one], &[]], [&[], &[one]]] {
        assert_eq!(traces(&lines, &mixed).await, [(None, None)], "{mixed:?}");
    }
    let own = json!({ "headers": { "traceparent": "mine" } });
    assert_eq!(traces(&own, &[&[one, state]]).await, [(given("mine"), None)]);
    let evil = ("tracestate", "a=1\u{1}");
    assert_eq!(traces(&json!({}), &[&[one, evil]]).await, [(given(TRACE), None)]);
}

#[tokio::test]
async fn where_puts_are_traced_the_target_is_told_of_the_span_of_the_put() {
    let server = HttpServer::start([]).await;
    let sink = sink_at(&server, "/", &json!({ "batch": { "format": "json_lines" } }));
    let written = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let batch = [traced(0, &[("traceparent", TRACE), ("tracestate", "vendor=1")]), traced(1, &[])];
    TraceParent::within(TraceParent::from_header(written), sink.put(&batch)).await.unwrap();
    let headers = &server.seen()[0].headers;
    assert_eq!(headers.get("traceparent").map(String::as_str), Some(written));
    assert_eq!(headers.get("tracestate"), None, "that is of another trace");
}
