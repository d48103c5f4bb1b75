//! The control endpoint, as curl uses it.

use serde_json::{Value, json};

use crate::client::{Client, DOCUMENTS, documents};
use crate::start;

async fn ask(client: &Client, method: &str, what: &str, body: &Value) -> u16 {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    client.unsigned(method, &format!("/_emulator/{what}"), &body).await.status
}

async fn told(client: &Client, what: &str) -> Value {
    client.unsigned("GET", &format!("/_emulator/{what}"), "").await.json()
}

#[tokio::test]
async fn scripts_faults_that_are_named_or_spelled_out() {
    let (_emulator, client) = start().await;
    let faults = [
        (json!("throttled"), 429),
        (json!("throttled_without_code"), 429),
        (json!("too_many_concurrent"), 400),
        (json!("quota_exceeded"), 402),
        (json!("internal_error"), 500),
        (json!("bad_gateway"), 502),
        (json!("access_denied"), 403),
        (json!("expired_token"), 403),
        (json!({ "error": { "status": 503, "code": "Busy", "retry_after": "2s" } }), 503),
        (json!({ "raw": { "status": 413, "body": "<html>" } }), 413),
        (json!({ "documents": [{ "document": 0, "status": "IGNORED" }] }), 202),
    ];
    for (fault, status) in faults {
        let script = json!({ "operation": "ingest", "fault": fault });
        assert_eq!(ask(&client, "POST", "faults", &script).await, 204, "{script}");
        assert_eq!(client.put(DOCUMENTS, &documents(&["a"])).await.status, status, "{script}");
    }
    assert_eq!(client.put(DOCUMENTS, &documents(&["a"])).await.status, 202);
}

#[tokio::test]
async fn faults_wait_until_they_strike_or_are_forgotten() {
    let (_emulator, client) = start().await;
    let script = json!({ "operation": "IngestKnowledgeBaseDocuments", "times": 2, "fault": "hang" });
    assert_eq!(ask(&client, "POST", "faults", &script).await, 204);
    assert_eq!(told(&client, "faults").await, json!({ "IngestKnowledgeBaseDocuments": ["hang", "hang"] }));
    assert_eq!(ask(&client, "DELETE", "faults", &Value::Null).await, 204);
    assert_eq!(told(&client, "faults").await, json!({}));
    assert_eq!(client.put(DOCUMENTS, &documents(&["a"])).await.status, 202);
}

#[tokio::test]
async fn changes_limits_and_rules() {
    let (_emulator, client) = start().await;
    let limits = json!({ "rates": [{ "calls_per_second": 0.001 }] });
    assert_eq!(ask(&client, "PUT", "limits", &limits).await, 204);
    assert_eq!(told(&client, "limits").await["rates"][0]["calls_per_second"], json!(0.001));
    assert_eq!(client.put(DOCUMENTS, &documents(&["a"])).await.status, 202);
    assert_eq!(client.put(DOCUMENTS, &documents(&["a"])).await.status, 429);
    assert_eq!(client.unsigned("PUT", "/_emulator/limits", "none").await.status, 204);
    let rules = json!([{ "documents": { "id": "b" }, "outcome": { "refused": "no" } }]);
    assert_eq!(ask(&client, "PUT", "rules", &rules).await, 204);
    assert_eq!(told(&client, "rules").await, rules);
    assert_eq!(client.put(DOCUMENTS, &documents(&["b"])).await.status, 400);
}

#[tokio::test]
async fn tells_what_arrived_and_what_is_stored() {
    let (_emulator, client) = start().await;
    client.put(DOCUMENTS, &documents(&["a"])).await;
    client.put(DOCUMENTS, &documents(&["b", "b"])).await;
    let calls = told(&client, "calls").await["calls"].clone();
    assert_eq!(calls[0]["operation"], "IngestKnowledgeBaseDocuments");
    assert_eq!((&calls[0]["status"], &calls[0]["error"]), (&json!(202), &Value::Null));
    assert_eq!((&calls[1]["status"], &calls[1]["error"]), (&json!(400), &json!("ValidationException")));
    assert!(calls[0]["at"].as_str() < calls[1]["answered_at"].as_str());
    let documents = told(&client, "documents").await["documents"].clone();
    assert_eq!(documents.as_array().unwrap().len(), 1);
    assert_eq!(documents[0]["text"], "some text");
    assert_eq!(documents[0]["status"], "INDEXED");
    assert_eq!(ask(&client, "POST", "clear", &Value::Null).await, 204);
    assert_eq!(told(&client, "documents").await["documents"], json!([]));
}

#[tokio::test]
async fn says_what_is_wrong_with_what_it_is_asked() {
    let (_emulator, client) = start().await;
    for (method, what, body, part) in [
        ("POST", "faults", r#"{"operation": "write", "fault": "throttled"}"#, "unknown variant `write`"),
        ("POST", "faults", r#"{"operation": "ingest", "fault": "trottled"}"#, "trottled"),
        ("PUT", "limits", r#"{"rate": 5}"#, "unknown field `rate`"),
        ("PUT", "rules", "{}", "expected a sequence"),
    ] {
        let answer = client.unsigned(method, &format!("/_emulator/{what}"), body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains(part), "{answer:?}");
    }
}
