//! What each answer means.

use serde_json::{Value, json};
use sluice_connector_api::{Failure, FailureKind, PutError, Trouble};
use sluice_plugin_testing::batch_failure;
use sluice_wire_testing::{HttpReply, HttpServer, reply};

use super::{price, sink_at};

/// The failure of a record whose action `name` is answered like this.
async fn item(changes: Value, name: &str, status: u16, error: Value) -> Option<Failure> {
    let mut item = json!({ "_index": "prices", "_id": "A", "status": status });
    if !error.is_null() {
        item["error"] = error;
    }
    let body = json!({ "took": 1, "errors": true, "items": [{ name: item }] });
    let server = HttpServer::start([reply(200, "", &body.to_string())]).await;
    match sink_at(&server.url, &changes).put(&[price(0, "A")]).await {
        Ok(()) => None,
        Err(PutError::Records(mut failures)) => Some(failures.remove(0).1),
        Err(other) => panic!("{other:?}"),
    }
}

fn error(kind: &str, reason: &str) -> Value {
    json!({ "type": kind, "reason": reason, "index": "prices" })
}

#[tokio::test]
async fn each_answer_for_a_document_says_what_to_do() {
    let cases = [
        (429, error("es_rejected_execution_exception", "rejected execution"), FailureKind::Retriable),
        (429, error("circuit_breaking_exception", "[parent] Data too large"), FailureKind::Retriable),
        (503, error("unavailable_shards_exception", "primary shard is not active"), FailureKind::Retriable),
        (500, Value::Null, FailureKind::Retriable),
        (
            403,
            error("cluster_block_exception", "index [p] blocked by: [FORBIDDEN/8/index write (api)];"),
            FailureKind::Retriable,
        ),
        (
            429,
            error("cluster_block_exception", "index [p] blocked by: [TOO_MANY_REQUESTS/12/disk usage]"),
            FailureKind::Retriable,
        ),
        (
            403,
            error("security_exception", "no permissions for [indices:data/write/bulk]"),
            FailureKind::Fatal,
        ),
        (401, Value::Null, FailureKind::Fatal),
        (400, error("mapper_parsing_exception", "failed to parse field [a]"), FailureKind::Rejected),
        (400, error("strict_dynamic_mapping_exception", "mapping set to strict"), FailureKind::Rejected),
        (
            400,
            error("illegal_argument_exception", "Limit of total fields [1000] has been exceeded"),
            FailureKind::Rejected,
        ),
        (
            400,
            error("illegal_argument_exception", "no write index is defined for alias [p]"),
            FailureKind::Fatal,
        ),
        (
            400,
            error(
                "illegal_argument_exception",
                "Document ID is not supported in create/index operation request",
            ),
            FailureKind::Fatal,
        ),
        (400, error("index_closed_exception", "closed"), FailureKind::Fatal),
        (400, error("routing_missing_exception", "routing is required"), FailureKind::Fatal),
        (400, error("invalid_index_name_exception", "Invalid index name"), FailureKind::Fatal),
        (418, Value::Null, FailureKind::Rejected),
        (400, json!("a text"), FailureKind::Rejected),
    ];
    for (status, said, kind) in cases {
        let failure = item(json!({}), "index", status, said.clone()).await.unwrap();
        assert_eq!(failure.kind(), kind, "{status} {said}: {failure}");
        let throttled = status == 429 && said["type"] != "cluster_block_exception";
        assert_eq!(failure.is_throttled(), throttled, "{failure}");
        assert_eq!(
            failure.is_forbidden(),
            kind == FailureKind::Fatal && matches!(status, 401 | 403),
            "{failure}"
        );
        let detail = failure.detail().unwrap_or_default();
        assert!(said.is_null() || !detail.is_empty(), "{failure}");
    }
}

/// Each comes with a status of 400, as what is wrong with a document does.
#[tokio::test]
async fn a_cluster_that_is_full_or_busy_is_no_fault_of_a_record() {
    let full = "Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [1000]/[1000]";
    let full = item(json!({}), "index", 400, error("validation_exception", full)).await.unwrap();
    assert_eq!(full.kind(), FailureKind::Fatal, "{full}");
    let words = "[script] Too many dynamic script compilations within, max: [75/5m]";
    let cause = json!({ "type": "circuit_breaking_exception", "reason": words });
    let caused_by =
        json!({ "type": "general_script_exception", "reason": "Failed to compile", "caused_by": cause });
    let busy = json!({ "type": "illegal_argument_exception", "reason": "failed to execute script", "caused_by": caused_by });
    let busy = item(json!({}), "index", 400, busy).await.unwrap();
    assert_eq!(busy.kind(), FailureKind::Retriable, "{busy}");
}

#[tokio::test]
async fn a_conflict_says_that_a_document_is_as_new_unless_it_was_to_be_changed() {
    let conflict =
        || error("version_conflict_engine_exception", "version conflict, current version [7] is higher");
    assert!(item(json!({ "document_id": "key" }), "index", 409, conflict()).await.is_none());
    assert!(item(json!({ "write": "create" }), "create", 409, conflict()).await.is_none());
    let update = json!({ "document_id": "key", "write": "upsert" });
    assert_eq!(item(update, "update", 409, conflict()).await.unwrap().kind(), FailureKind::Retriable);
    let other = item(json!({}), "index", 409, error("something_else", "")).await.unwrap();
    assert_eq!(other.kind(), FailureKind::Retriable, "what is not known to be done is not");
}

#[tokio::test]
async fn a_script_that_is_wrong_stops_the_connector_and_one_that_fails_rejects_its_record() {
    let script = |reason: &str| {
        let cause = json!({ "type": "no_viable_alt_exception", "reason": null });
        let caused_by = json!({ "type": "script_exception", "reason": reason, "caused_by": cause });
        json!({ "type": "illegal_argument_exception", "reason": "failed to execute script", "caused_by": caused_by })
    };
    let changes = json!({ "document_id": "key", "write": { "script": { "source": "x" } } });
    let wrong = item(changes.clone(), "update", 400, script("compile error")).await.unwrap();
    assert_eq!(wrong.kind(), FailureKind::Fatal);
    let failed = item(changes.clone(), "update", 400, script("runtime error")).await.unwrap();
    assert_eq!(failed.kind(), FailureKind::Rejected);
    let gone = json!({ "type": "resource_not_found_exception", "reason": "unable to find script [x] in cluster state" });
    let gone = json!({ "type": "illegal_argument_exception", "reason": "failed to execute script", "caused_by": gone });
    assert_eq!(item(changes, "update", 400, gone).await.unwrap().kind(), FailureKind::Fatal);
}

/// A record that the answer quotes says nothing of the set-up, whatever it holds.
#[tokio::test]
async fn data_that_is_quoted_does_not_stop_the_connector_and_is_in_no_reason() {
    for quoted in
        ["pipeline with id [x] does not exist", "compile error", "no write index is defined for alias [x]"]
    {
        let reason = format!("failed to parse field [a]. Preview of field's value: '{quoted} 41114111'");
        let failure =
            item(json!({}), "index", 400, error("mapper_parsing_exception", &reason)).await.unwrap();
        assert_eq!(failure.kind(), FailureKind::Rejected, "{quoted}");
        assert!(
            !failure.to_string().contains("41114111") && failure.detail().unwrap().contains("41114111"),
            "{failure}"
        );
    }
    for kind in ["fail_processor_exception", "exception"] {
        let thrown = error(kind, "pipeline with id [x] does not exist");
        let thrown =
            json!({ "type": kind, "reason": "no write index is defined for alias [x]", "caused_by": thrown });
        assert_eq!(item(json!({}), "index", 400, thrown).await.unwrap().kind(), FailureKind::Rejected);
    }
    let failure = item(json!({}), "index", 400, error("41114111 of the card", "")).await.unwrap();
    assert!(!failure.to_string().contains("41114111"), "{failure}");
}

#[tokio::test]
async fn each_answer_to_a_whole_request_says_what_to_do() {
    let refusal = |kind: &str, reason: &str| json!({ "error": error(kind, reason), "status": 0 }).to_string();
    let cases = [
        (400, refusal("parse_exception", "cannot parse"), FailureKind::Rejected),
        (
            400,
            refusal("illegal_argument_exception", "explicit index in bulk is not allowed"),
            FailureKind::Fatal,
        ),
        (
            400,
            r#"{"error":"no handler found for uri [/x/_bulk] and method [POST]"}"#.to_owned(),
            FailureKind::Fatal,
        ),
        // Who stands before a cluster looks into no document, and would refuse each of them.
        (400, "<html>400 Bad Request</html>".to_owned(), FailureKind::Fatal),
        (400, r#"{"message":"Bad Request"}"#.to_owned(), FailureKind::Fatal),
        (400, String::new(), FailureKind::Fatal),
        (422, "<html>".to_owned(), FailureKind::Fatal),
        (451, String::new(), FailureKind::Fatal),
        (413, "<html>".to_owned(), FailureKind::Rejected),
        (413, String::new(), FailureKind::Rejected),
        (401, String::new(), FailureKind::Fatal),
        (403, r#"{"Message":"User: anonymous is not authorized"}"#.to_owned(), FailureKind::Fatal),
        (301, String::new(), FailureKind::Fatal),
        (404, String::new(), FailureKind::Fatal),
        (405, String::new(), FailureKind::Fatal),
        (429, String::new(), FailureKind::Retriable),
        (503, "<html>".to_owned(), FailureKind::Retriable),
        (200, "<html>".to_owned(), FailureKind::Retriable),
        (200, r#"{"items":[{"index":{"status":20"#.to_owned(), FailureKind::Retriable),
        (200, "{}".to_owned(), FailureKind::Fatal),
        (200, r#"{"items":[]}"#.to_owned(), FailureKind::Fatal),
    ];
    for (status, body, kind) in cases {
        let server = HttpServer::start([reply(status, "retry-after: 3\r\n", &body)]).await;
        let failure = batch_failure(sink_at(&server.url, &json!({})).put(&[price(0, "A")]).await);
        assert_eq!(failure.kind(), kind, "{status} {body}: {failure}");
        let waits = kind == FailureKind::Retriable && status != 200;
        assert_eq!(failure.wait().is_some(), waits, "{status}: {failure}");
        assert_eq!(failure.is_throttled(), status == 429);
    }
    for (reply, trouble) in [(HttpReply::Close, Trouble::Unreachable), (HttpReply::Hang, Trouble::TimedOut)] {
        let server = HttpServer::start([reply]).await;
        let sink = sink_at(&server.url, &json!({ "request_timeout": "200ms" }));
        let failure = batch_failure(sink.put(&[price(0, "A")]).await);
        assert_eq!((failure.kind(), failure.trouble()), (FailureKind::Retriable, trouble));
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept_and_the_batch_is_narrowed_down() {
    let long =
        json!({ "items": [{ "index": { "status": 400, "error": { "reason": "x".repeat(17 << 20) } } }] });
    let server = HttpServer::start([reply(200, "", &long.to_string())]).await;
    let failure = batch_failure(sink_at(&server.url, &json!({})).put(&[price(0, "A")]).await);
    assert_eq!(failure.kind(), FailureKind::Rejected);
    assert!(failure.to_string().contains("16 MiB"), "{failure}");
}

#[tokio::test]
async fn the_next_host_is_asked_when_one_does_not_answer() {
    let good = json!({ "items": [{ "index": { "status": 201 } }] }).to_string();
    let (away, busy) =
        (HttpServer::start([HttpReply::Close]).await, HttpServer::start([reply(503, "", "")]).await);
    let there = HttpServer::start([reply(200, "", &good), reply(200, "", &good)]).await;
    let sink = sink_at(&away.url, &json!({ "urls": [away.url, busy.url, format!("{}/es/", there.url)] }));
    for _ in 0..2 {
        assert_eq!(batch_failure(sink.put(&[price(0, "A")]).await).kind(), FailureKind::Retriable);
    }
    sink.put(&[price(0, "A")]).await.unwrap();
    sink.put(&[price(1, "A")]).await.unwrap();
    assert_eq!(there.lines(), ["POST /es/prices/_bulk", "POST /es/prices/_bulk"]);
    assert_eq!((away.seen().len(), busy.seen().len()), (1, 1));
}
