//! The sink and the client against the emulator, and against a server that only listens.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{Failure, FailureKind, Payload, PutError, Record, Sink};
use sluice_emulator::{DocumentFault, DocumentStatus, Emulator, Fault, Operation, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{KnowledgeBase, Question};
use crate::contract::{self, built, of_batch, of_records, text, tombstone, with_value};

async fn emulator() -> Emulator {
    let settings = Settings { indexing_delay: Duration::ZERO, ..Settings::default() };
    Emulator::start(settings).await.unwrap()
}

fn sink_at(url: &str, changes: &Value) -> Box<dyn Sink> {
    let mut settings =
        json!({ "knowledge_base_id": "DEMOKB0001", "data_source_id": "DEMODS0001", "endpoint_url": url });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    built("bedrock_kb", settings)
}

fn sink(emulator: &Emulator) -> Box<dyn Sink> {
    sink_at(&emulator.url(), &json!({}))
}

fn batch() -> [Record; 3] {
    [text(0, "the price of OOOO is 44.50"), text(1, "the price of ZVZZT is 91.60"), text(2, "zażółć 🦀")]
}

/// Puts once against a scripted fault and checks that there was one call.
async fn failure_of(fault: Fault) -> Failure {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, fault);
    let failure = of_batch(sink(&emulator).put(&batch()).await);
    assert_eq!(emulator.calls().len(), 1, "the engine retries, not the SDK");
    failure
}

/// Answers one request with `answer` and returns the request's head and body.
async fn exchange(listener: &TcpListener, answer: &str) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut seen = Vec::new();
    let head_end = loop {
        stream.read_buf(&mut seen).await.unwrap();
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(seen[..head_end].to_vec()).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    while seen.len() < head_end + 4 + length.parse::<usize>().unwrap() {
        stream.read_buf(&mut seen).await.unwrap();
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    (head, seen.split_off(head_end + 4))
}

fn accepted(body: &str) -> String {
    format!(
        "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A server that answers every put alike.
async fn put_answered(answer: &str) -> (Result<(), PutError>, String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = sink_at(&format!("http://{}", listener.local_addr().unwrap()), &json!({}));
    let batch = batch();
    let (outcome, (head, body)) = tokio::join!(sink.put(&batch), exchange(&listener, answer));
    (outcome, head, body)
}

#[tokio::test]
async fn keeps_the_contract() {
    let emulator = emulator().await;
    contract::holds(&*sink(&emulator)).await;
}

#[tokio::test]
async fn keeps_the_contract_with_25_documents_a_call() {
    let settings = Settings { max_documents_per_ingest: 25, ..Settings::default() };
    let emulator = Emulator::start(settings).await.unwrap();
    let sink = sink_at(&emulator.url(), &json!({ "documents_per_call": 25 }));
    assert_eq!(sink.limits().max_records, 25);
    contract::holds(&*sink).await;
}

#[tokio::test]
async fn stores_every_record_as_a_document_in_one_call() {
    let emulator = emulator().await;
    sink(&emulator).put(&batch()).await.unwrap();
    let calls = emulator.calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].document_ids, ["prices-0-0", "prices-0-1", "prices-0-2"]);
    let documents = emulator.documents();
    assert_eq!(documents.len(), 3);
    assert!(documents.iter().any(|document| document.text == "zażółć 🦀"));
}

#[tokio::test]
async fn a_put_again_overwrites() {
    let emulator = emulator().await;
    let sink = sink(&emulator);
    sink.put(&[text(0, "old")]).await.unwrap();
    sink.put(&[text(0, "new")]).await.unwrap();
    let documents = emulator.documents();
    assert_eq!(documents.iter().map(|document| document.text.as_str()).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test]
async fn the_token_is_the_same_over_a_retry_and_another_for_another_text() {
    let emulator = emulator().await;
    let sink = sink(&emulator);
    emulator.script(Operation::Ingest, Fault::DropAfterApplying);
    assert_eq!(of_batch(sink.put(&batch()).await).kind(), FailureKind::Retriable);
    sink.put(&batch()).await.unwrap();
    sink.put(&[text(0, "another text")]).await.unwrap();
    let tokens: Vec<_> = emulator.calls().into_iter().map(|call| call.client_token.unwrap()).collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test]
async fn the_preview_is_the_request_byte_for_byte_but_for_the_order_of_keys() {
    let (outcome, head, body) = put_answered(&accepted(r#"{"documentDetails":[]}"#)).await;
    outcome.unwrap();
    let preview = sink_at("http://127.0.0.1:1", &json!({})).preview(&batch()).unwrap();
    let line =
        format!("{} {} http/1.1", preview["method"].as_str().unwrap(), preview["path"].as_str().unwrap());
    assert_eq!(head.lines().next().unwrap(), line.to_ascii_lowercase());
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), preview["body"]);
    assert_eq!(body.len(), preview["body"].to_string().len());
}

#[tokio::test]
async fn the_sizes_add_up_to_the_body() {
    let (_, _, body) = put_answered(&accepted("{}")).await;
    let sink = sink_at("http://127.0.0.1:1", &json!({}));
    let documents: usize = batch().iter().map(|record| sink.size_of(record)).sum();
    let token = "00000000-0000-0000-0000-000000000000";
    let envelope = format!(r#"{{"clientToken":"{token}","documents":[,,]}}"#).len();
    assert_eq!(body.len(), documents + envelope);
}

#[tokio::test]
async fn an_answer_that_lists_no_document_accepts_them_all() {
    let (outcome, _, _) = put_answered(&accepted("{}")).await;
    outcome.unwrap();
}

#[tokio::test]
async fn a_document_that_the_answer_leaves_out_is_to_be_put_again() {
    let detail = |id: &str| {
        json!({ "knowledgeBaseId": "DEMOKB0001", "dataSourceId": "DEMODS0001", "status": "STARTING",
            "identifier": { "dataSourceType": "CUSTOM", "custom": { "id": id } } })
    };
    let answer = json!({ "documentDetails": [detail("prices-0-2"), detail("prices-0-0")] }).to_string();
    let failures = of_records(put_answered(&accepted(&answer)).await.0);
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Retriable));
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_none() {
    let failure = of_batch(put_answered(&accepted("<html>\n  login</html>")).await.0);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().ends_with("202, which cannot be read: <html> login</html>"), "{failure}");
}

#[tokio::test]
async fn documents_that_were_not_taken_are_named_with_their_reason() {
    for status in [
        DocumentStatus::Failed,
        DocumentStatus::Ignored,
        DocumentStatus::NotFound,
        DocumentStatus::MetadataUpdateFailed,
    ] {
        let emulator = emulator().await;
        let fault = DocumentFault { document: 1.into(), status, reason: "too strange".to_owned() };
        emulator.script(Operation::Ingest, Fault::Documents(vec![fault]));
        let failures = of_records(sink(&emulator).put(&batch()).await);
        assert_eq!(failures.len(), 1);
        assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Rejected));
        assert!(
            failures[0].2.contains("too strange") && failures[0].2.contains(status.as_str()),
            "{failures:?}"
        );
    }
}

#[tokio::test]
async fn records_that_make_no_document_are_named_and_the_others_stored() {
    let emulator = emulator().await;
    let batch = [
        tombstone(0),
        text(1, "good"),
        text(2, "  \n"),
        with_value(3, json!({ "price": 1 }).into()),
        with_value(4, Payload::Bytes(Bytes::from_static(b"\xff"))),
        with_value(5, Payload::Text("x".repeat(10_000_000))),
        text(6, "good too"),
    ];
    let failures = of_records(sink(&emulator).put(&batch).await);
    assert!(failures.iter().all(|(_, kind, _)| *kind == FailureKind::Rejected));
    assert_eq!(failures.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [0, 2, 3, 4, 5]);
    for (failure, word) in failures.iter().zip(["tombstone", "blank", "`template`", "UTF-8", "5242880"]) {
        assert!(failure.2.contains(word), "{failure:?}");
    }
    let ids: Vec<_> = emulator.documents().into_iter().map(|document| document.id).collect();
    assert_eq!(ids, ["prices-0-1", "prices-0-6"]);
}

#[tokio::test]
async fn an_index_is_that_of_the_batch_and_not_of_the_call() {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, Fault::document(1, DocumentStatus::Failed, "too strange"));
    let failures = of_records(sink(&emulator).put(&[tombstone(0), text(1, "a"), text(2, "b")]).await);
    assert_eq!(failures.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [0, 2]);
}

#[tokio::test]
async fn a_batch_without_a_document_makes_no_call() {
    let emulator = emulator().await;
    assert_eq!(of_records(sink(&emulator).put(&[tombstone(0), text(1, "")]).await).len(), 2);
    assert!(emulator.calls().is_empty());
}

#[tokio::test]
async fn a_call_that_fails_fails_the_batch_whatever_else_is_wrong_with_it() {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, Fault::throttled());
    let failure = of_batch(sink(&emulator).put(&[tombstone(0), text(1, "good")]).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
}

#[tokio::test]
async fn throttles_are_retriable_and_carry_the_wait() {
    let fault = Fault::Error {
        status: 429,
        code: "ThrottlingException".to_owned(),
        message: "Rate exceeded".to_owned(),
        retry_after: Some(Duration::from_millis(1500)),
    };
    let failure = failure_of(fault).await;
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.is_throttled());
    assert_eq!(failure.wait(), Some(Duration::from_millis(1500)));
    assert!(failure.to_string().contains("429 ThrottlingException: Rate exceeded"), "{failure}");
}

#[tokio::test]
async fn the_standard_header_counts_in_seconds() {
    let answer = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 3\r\ncontent-length: 0\r\n\r\n";
    let failure = of_batch(put_answered(answer).await.0);
    assert_eq!((failure.kind(), failure.wait()), (FailureKind::Retriable, Some(Duration::from_secs(3))));
    assert!(!failure.is_throttled());
}

#[tokio::test]
async fn whatever_else_asks_for_fewer_calls_is_a_throttle_too() {
    let faults = [
        Fault::too_many_concurrent(),
        Fault::Raw { status: 429, body: "<html>slow down</html>".to_owned() },
        Fault::error(402, "ServiceQuotaExceededException", "resubmit your request later"),
    ];
    for fault in faults {
        let failure = failure_of(fault).await;
        assert!(failure.is_throttled(), "{failure}");
    }
}

#[tokio::test]
async fn trouble_of_the_service_and_of_the_network_is_retriable() {
    let faults = [
        Fault::error(500, "InternalServerException", "oops"),
        Fault::Raw { status: 502, body: "<html>bad gateway</html>".to_owned() },
        Fault::Raw { status: 503, body: String::new() },
        Fault::error(403, "ExpiredTokenException", "the security token is expired"),
        Fault::DropBeforeApplying,
        Fault::DropAfterApplying,
    ];
    for fault in faults {
        let failure = failure_of(fault).await;
        assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
        assert!(!failure.is_throttled(), "{failure}");
        assert!(failure.to_string().contains("IngestKnowledgeBaseDocuments"), "{failure}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_retriable_and_the_failure_says_why() {
    let failure = of_batch(sink_at("http://127.0.0.1:1", &json!({})).put(&batch()).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_call_without_an_answer_ends_with_the_time_out() {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, Fault::Delay(Duration::from_mins(1)));
    let start = Instant::now();
    let failure =
        of_batch(sink_at(&emulator.url(), &json!({ "request_timeout": "300ms" })).put(&batch()).await);
    assert!(start.elapsed() < Duration::from_secs(30));
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().contains("request_timeout"), "{failure}");
}

#[tokio::test]
async fn fault_with_the_data_rejects_the_batch() {
    for fault in [
        Fault::error(400, "ValidationException", "You provided duplicate documents in the request."),
        Fault::Raw { status: 413, body: "<html>too large</html>".to_owned() },
    ] {
        let failure = failure_of(fault).await;
        assert_eq!(failure.kind(), FailureKind::Rejected, "{failure}");
    }
}

#[tokio::test]
async fn fault_with_the_set_up_is_fatal_and_names_the_way_out() {
    let denied = failure_of(Fault::error(403, "AccessDeniedException", "not authorized")).await;
    for word in
        ["bedrock:IngestKnowledgeBaseDocuments", "bedrock:StartIngestionJob", "knowledge-base/DEMOKB0001"]
    {
        assert!(denied.to_string().contains(word), "{denied}");
    }
    let missing = failure_of(Fault::error(404, "ResourceNotFoundException", "no such thing")).await;
    assert!(
        missing.to_string().contains("DEMOKB0001") && missing.to_string().contains("DEMODS0001"),
        "{missing}"
    );
    let elsewhere = failure_of(Fault::Raw { status: 302, body: "<html>log in</html>".to_owned() }).await;
    assert!(elsewhere.to_string().contains("endpoint_url"), "{elsewhere}");
    for failure in [denied, missing, elsewhere] {
        assert_eq!(failure.kind(), FailureKind::Fatal);
    }
}

#[tokio::test]
async fn wrong_credentials_are_fatal() {
    let settings = Settings { expected_access_key_id: Some("SOMEONEELSE".to_owned()), ..Settings::default() };
    let emulator = Emulator::start(settings).await.unwrap();
    let failure = of_batch(sink(&emulator).put(&batch()).await);
    assert_eq!(failure.kind(), FailureKind::Fatal);
    assert!(failure.to_string().contains("UnrecognizedClientException"), "{failure}");
    assert!(failure.to_string().contains("credentials"), "{failure}");
}

#[tokio::test]
async fn a_preview_names_the_records_that_make_no_document_and_calls_nobody() {
    let emulator = emulator().await;
    let sink = sink(&emulator);
    sink.preview(&batch()).unwrap();
    let Err(PutError::Records(failures)) = sink.preview(&[text(0, "good"), tombstone(1)]) else { panic!() };
    assert_eq!(failures[0].0, 1);
    assert!(emulator.calls().is_empty());
}

#[tokio::test]
async fn the_check_finds_a_knowledge_base_that_answers() {
    let emulator = emulator().await;
    let findings = sink(&emulator).check().await;
    assert_eq!(findings.len(), 3);
    assert!(findings.iter().all(|finding| finding.outcome.is_ok()), "{findings:?}");
    assert!(emulator.calls().iter().all(|call| call.operation == Operation::List));
}

#[tokio::test]
async fn the_check_says_what_is_wrong_and_the_way_out() {
    let emulator = emulator().await;
    let other = sink_at(&emulator.url(), &json!({ "knowledge_base_id": "OTHERKB001" })).check().await;
    let wrong = other.last().unwrap().outcome.clone().unwrap_err();
    assert!(wrong.contains("OTHERKB001") && wrong.contains("knowledge_base_id"), "{wrong}");
    emulator.script(Operation::List, Fault::error(403, "AccessDeniedException", "no"));
    let denied = sink(&emulator).check().await;
    let wrong = denied.last().unwrap().outcome.clone().unwrap_err();
    assert!(wrong.contains("bedrock:ListKnowledgeBaseDocuments"), "{wrong}");
}

#[tokio::test]
async fn a_question_finds_the_document_that_answers_it() {
    let emulator = emulator().await;
    sink(&emulator).put(&batch()).await.unwrap();
    let knowledge_base = KnowledgeBase::new(None, Some(emulator.url()));
    let passages = knowledge_base.retrieve("DEMOKB0001", &question("price of ZVZZT", 1)).await.unwrap();
    assert_eq!(passages.len(), 1);
    assert_eq!(passages[0].text, "the price of ZVZZT is 91.60");
    assert_eq!(passages[0].document_id.as_deref(), Some("prices-0-1"));
    assert!(passages[0].score.is_some());
    assert!(passages[0].metadata.contains_key("x-amz-bedrock-kb-data-source-id"), "{passages:?}");
}

#[tokio::test]
async fn a_question_that_fails_says_what_to_do() {
    let emulator = emulator().await;
    let knowledge_base = KnowledgeBase::new(None, Some(emulator.url()));
    let missing = knowledge_base.retrieve("OTHERKB001", &question("price", 5)).await.unwrap_err();
    assert_eq!(missing.kind(), FailureKind::Fatal);
    assert!(missing.to_string().contains("OTHERKB001"), "{missing}");
    emulator.script(Operation::Retrieve, Fault::error(403, "AccessDeniedException", "no"));
    let denied = knowledge_base.retrieve("DEMOKB0001", &question("price", 5)).await.unwrap_err();
    assert!(denied.to_string().contains("bedrock:Retrieve"), "{denied}");
}

fn question(text: &str, number_of_results: i32) -> Question {
    Question { text: text.to_owned(), number_of_results, filter: None }
}
