//! The emulator over HTTP, spoken to by a client of a few lines that no SDK has smoothed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

mod client;
mod control;
mod faults;
mod quotas;
mod resources;
mod search;

use std::time::Duration;

use serde_json::json;
use sluice_emulator::{
    DocumentStatus, Emulator, KnowledgeBaseResource, MAX_BODY_BYTES, Operation, Settings, StoredDocument,
};

use crate::client::{Answer, Client, DOCUMENTS, RETRIEVE, document, documents, identifiers};

/// An emulator that indexes at once.
async fn start() -> (Emulator, Client) {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut Settings)) -> (Emulator, Client) {
    let mut settings = Settings { indexing_delay: Duration::ZERO, ..Settings::default() };
    change(&mut settings);
    let emulator = Emulator::start(settings).await.unwrap();
    let client = Client::new(emulator.address());
    (emulator, client)
}

fn stored_ids(emulator: &Emulator) -> Vec<String> {
    let documents = emulator.documents().into_iter();
    documents.map(|document| document.id).collect()
}

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (status, Some(code)), "{answer:?}");
    assert!(answer.json()["message"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn ingests_lists_gets_and_deletes() {
    let (emulator, client) = start().await;

    let ingested = client.put(DOCUMENTS, &documents(&["a", "b"])).await;
    assert_eq!(ingested.status, 202);
    let detail = &ingested.json()["documentDetails"][0];
    assert_eq!(detail["knowledgeBaseId"], "DEMOKB0001");
    assert_eq!(detail["dataSourceId"], "DEMODS0001");
    assert_eq!(detail["status"], "STARTING");
    let identifier = json!({ "dataSourceType": "CUSTOM", "custom": { "id": "a" } });
    assert_eq!(detail["identifier"], identifier);
    assert!(detail["updatedAt"].as_str().unwrap().ends_with('Z'));

    let listed = client.post(DOCUMENTS, &json!({})).await;
    assert_eq!(listed.status, 200);
    assert_eq!(listed.statuses(), ["INDEXED", "INDEXED"]);

    let named = identifiers(&["b", "unknown"]);
    let got = client.post(&format!("{DOCUMENTS}/getDocuments"), &named).await;
    assert_eq!(got.status, 200);
    assert_eq!(got.statuses(), ["INDEXED", "NOT_FOUND"]);

    let deleted = client.post(&format!("{DOCUMENTS}/deleteDocuments"), &named).await;
    assert_eq!(deleted.status, 202);
    assert_eq!(deleted.statuses(), ["DELETING", "NOT_FOUND"]);
    assert_eq!(stored_ids(&emulator), ["a"]);
}

#[tokio::test]
async fn pages_through_the_list() {
    let (_emulator, client) = start().await;
    client.put(DOCUMENTS, &documents(&["a", "b", "c"])).await;
    let first = client.post(DOCUMENTS, &json!({ "maxResults": 2 })).await;
    assert_eq!(first.ids(), ["a", "b"]);
    let token = &first.json()["nextToken"];
    let next = client.post(DOCUMENTS, &json!({ "maxResults": 2, "nextToken": token })).await;
    assert_eq!(next.ids(), ["c"]);
    assert!(next.json().get("nextToken").is_none());
    let unknown = client.post(DOCUMENTS, &json!({ "nextToken": "elsewhere" })).await;
    assert_refused(&unknown, 400, "ValidationException");
}

#[tokio::test]
async fn retrieves_text_location_score_and_metadata() {
    let (_emulator, client) = start().await;
    let attribute = |key: &str, value| json!({ "key": key, "value": value });
    let mut price = document("ticks-0-0", "the price of OOOO is 44.5");
    price["metadata"] = json!({ "type": "IN_LINE_ATTRIBUTE", "inlineAttributes": [
        attribute("ticker", json!({ "type": "STRING", "stringValue": "OOOO" })),
        attribute("price", json!({ "type": "NUMBER", "numberValue": 44.5 })),
    ] });
    let other = document("ticks-0-1", "the price of ZZZZ is 1");
    client.put(DOCUMENTS, &json!({ "documents": [price, other] })).await;

    let query = json!({ "retrievalQuery": { "text": "What is the price of OOOO?" } });
    let found = client.post(RETRIEVE, &query).await;
    assert_eq!(found.status, 200);
    let results = found.json()["retrievalResults"].clone();
    assert_eq!(results.as_array().unwrap().len(), 2);
    let best = &results[0];
    let content = json!({ "type": "TEXT", "text": "the price of OOOO is 44.5" });
    let id = json!({ "id": "ticks-0-0" });
    assert_eq!(best["content"], content);
    assert_eq!(best["location"], json!({ "type": "CUSTOM", "customDocumentLocation": id }));
    assert!(best["score"].as_f64().unwrap() > results[1]["score"].as_f64().unwrap());
    let metadata = json!({
        "ticker": "OOOO",
        "price": 44.5,
        "x-amz-bedrock-kb-source-uri": "ticks-0-0",
        "x-amz-bedrock-kb-chunk-id": "ticks-0-0#0",
        "x-amz-bedrock-kb-data-source-id": "DEMODS0001",
    });
    assert_eq!(best["metadata"], metadata);
}

#[tokio::test]
async fn retrieves_by_the_arn_of_the_knowledge_base_too() {
    let (_emulator, client) = start().await;
    let query = json!({ "retrievalQuery": { "text": "x" } });
    let arn = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aknowledge-base%2FDEMOKB0001";
    let path = format!("/knowledgebases/{arn}/retrieve");
    assert_eq!(client.post(&path, &query).await.status, 200);
}

#[tokio::test]
async fn a_document_is_indexed_when_its_time_has_come() {
    let delay = Duration::from_hours(1);
    let (emulator, client) = start_with(|s| s.indexing_delay = delay).await;
    client.put(DOCUMENTS, &documents(&["a"])).await;
    assert_eq!(emulator.documents()[0].status, DocumentStatus::Starting);
    tokio::time::pause();
    tokio::time::advance(delay / 2).await;
    assert_eq!(emulator.documents()[0].status, DocumentStatus::InProgress);
    tokio::time::advance(delay / 2).await;
    let StoredDocument { id, text, .. } = emulator.documents().remove(0);
    assert_eq!(emulator.documents()[0].status, DocumentStatus::Indexed);
    assert_eq!((id.as_str(), text.as_str()), ("a", "some text"));
}

#[tokio::test]
async fn a_request_repeated_with_its_client_token_is_ignored() {
    let (emulator, client) = start().await;
    let with_token = |id: &str| {
        let mut body = documents(&[id]);
        body["clientToken"] = "t".repeat(40).into();
        body
    };
    let first = client.put(DOCUMENTS, &with_token("a")).await;
    let again = client.put(DOCUMENTS, &with_token("b")).await;
    assert_eq!((again.status, again.json()), (202, first.json()));
    assert_eq!(stored_ids(&emulator), ["a"]);
}

#[tokio::test]
async fn notes_every_call_with_its_answer() {
    let (emulator, client) = start().await;
    client.put(DOCUMENTS, &documents(&["b", "a"])).await;
    client.put(DOCUMENTS, &documents(&["c", "c"])).await;
    client.post(DOCUMENTS, &json!({})).await;
    let calls: Vec<_> = emulator
        .calls()
        .into_iter()
        .map(|call| (call.operation, call.document_ids.join(" "), call.status))
        .collect();
    let expected = [
        (Operation::Ingest, "b a".to_owned(), Some(202)),
        (Operation::Ingest, "c c".to_owned(), Some(400)),
        (Operation::List, String::new(), Some(200)),
    ];
    assert_eq!(calls, expected);
}

#[tokio::test]
async fn forgets_everything_when_cleared() {
    let (emulator, client) = start().await;
    client.put(DOCUMENTS, &documents(&["a"])).await;
    emulator.clear();
    assert!(emulator.documents().is_empty());
    assert!(emulator.calls().is_empty());
}

#[tokio::test]
async fn does_not_know_other_verbs_and_paths() {
    let (emulator, client) = start().await;
    for (method, path) in [
        ("GET", DOCUMENTS),
        ("DELETE", DOCUMENTS),
        ("PUT", RETRIEVE),
        ("POST", "/"),
        ("POST", "/knowledgebases/DEMOKB0001"),
        ("PUT", "/knowledgebases"),
        ("GET", "/_emulator/elsewhere"),
    ] {
        let answer = client.send(method, path, "{}").await;
        assert_refused(&answer, 404, "UnknownOperationException");
    }
    assert!(emulator.calls().is_empty());
}

/// The model's path ends in a slash, which the Rust SDK leaves out.
#[tokio::test]
async fn lists_with_the_last_slash_and_without() {
    let (_emulator, client) = start().await;
    for path in ["/knowledgebases/", "/knowledgebases"] {
        assert_eq!(client.send("POST", path, "{}").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn finds_only_its_own_knowledge_base_and_data_source() {
    let (_emulator, client) = start().await;
    for path in [
        "/knowledgebases/OTHERKB001/datasources/DEMODS0001/documents",
        "/knowledgebases/DEMOKB0001/datasources/OTHERDS001/documents",
    ] {
        let answer = client.put(path, &documents(&["a"])).await;
        assert_refused(&answer, 404, "ResourceNotFoundException");
    }
    let query = json!({ "retrievalQuery": { "text": "x" } });
    let answer = client.post("/knowledgebases/OTHERKB001/retrieve", &query).await;
    assert_refused(&answer, 404, "ResourceNotFoundException");
}

#[tokio::test]
async fn lists_the_fields_that_break_the_model() {
    let (emulator, client) = start().await;
    let mut body = documents(&["a"]);
    body["documents"][0]["surprise"] = json!(true);
    let answer = client.put(DOCUMENTS, &body).await;
    assert_refused(&answer, 400, "ValidationException");
    let field = &answer.json()["fieldList"][0];
    assert_eq!(field["name"], "documents[0].surprise");
    assert_eq!(field["message"], "Member is not in the service model");
    assert!(emulator.documents().is_empty());
}

#[tokio::test]
async fn answers_bad_bodies_with_a_validation_error() {
    let (_emulator, client) = start().await;
    let padded = format!("{}{{}}", " ".repeat(MAX_BODY_BYTES));
    for body in ["{", "[]", "null", "7", "", "\u{0}", &padded] {
        let answer = client.send("PUT", DOCUMENTS, body).await;
        assert_refused(&answer, 400, "ValidationException");
    }
}

#[tokio::test]
async fn takes_as_many_documents_as_it_is_set_to() {
    let ids: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let (_emulator, client) = start().await;
    let refused = client.put(DOCUMENTS, &documents(&ids)).await;
    assert_refused(&refused, 400, "ValidationException");
    let (_emulator, client) = start_with(|s| s.max_documents_per_ingest = 25).await;
    assert_eq!(client.put(DOCUMENTS, &documents(&ids)).await.status, 202);
}

#[tokio::test]
async fn asks_for_a_signature_before_it_looks_at_the_body() {
    let (emulator, client) = start().await;
    let answer = client.unsigned("PUT", DOCUMENTS, "{").await;
    assert_refused(&answer, 403, "MissingAuthenticationTokenException");
    assert_eq!(emulator.calls()[0].status, Some(403));
}

#[tokio::test]
async fn knows_only_the_access_key_it_is_set_to() {
    let key = "SOMEONEELSE".to_owned();
    let (_emulator, client) = start_with(|s| s.expected_access_key_id = Some(key)).await;
    let answer = client.post(DOCUMENTS, &json!({})).await;
    assert_refused(&answer, 403, "UnrecognizedClientException");
}

#[tokio::test]
async fn does_not_start_with_ids_and_names_that_no_request_could_name() {
    let twice =
        [KnowledgeBaseResource::new("DEMOKB0001", "a"), KnowledgeBaseResource::new("DEMOKB0001", "b")];
    for knowledge_bases in [
        vec![KnowledgeBaseResource::new("too-short", "a")],
        vec![KnowledgeBaseResource::new("DEMOKB0001", "two words")],
        twice.to_vec(),
    ] {
        let settings = Settings { knowledge_bases, ..Settings::default() };
        let error = Emulator::start(settings).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn stops_taking_connections_when_stopped_or_dropped() {
    let (emulator, client) = start().await;
    emulator.stop().await;
    assert!(client.try_send("POST", DOCUMENTS, "{}").await.is_none());

    let (emulator, client) = start().await;
    drop(emulator);
    let gone = async { while client.try_send("POST", DOCUMENTS, "{}").await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
}
