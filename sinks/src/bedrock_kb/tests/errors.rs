//! What each failure of the service asks for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_connector_api::{Failure, FailureKind, PutError};
use sluice_emulator::{
    DataSource, DataSourceType, DocumentOutcome, DocumentSelector, Emulator, Fault, KnowledgeBaseResource,
    Operation, Rule, Settings,
};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::super::{KnowledgeBase, Question};
use super::{accepted, batch, emulator, exchanged, keyed, put_answered, read_request, sink, sink_at};
use sluice_plugin_testing::{batch_failure, record_failures, text, tombstone};

/// Puts once against a scripted fault and checks that there was one call.
async fn failure_of(fault: Fault) -> Failure {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, fault);
    let failure = batch_failure(sink(&emulator).put(&batch()).await);
    assert_eq!(emulator.calls().len(), 1, "the engine retries, not the SDK");
    failure
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_none() {
    let failure = batch_failure(put_answered(&accepted("<html>\n  login</html>")).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().ends_with("202, which cannot be read"), "{failure}");
    assert_eq!(failure.detail(), Some("<html> login</html>"));
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
    let failure = batch_failure(put_answered(answer).await);
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
    let failure = batch_failure(sink_at("http://127.0.0.1:1", &json!({})).put(&batch()).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().contains("refused"), "{failure}");
}

#[tokio::test]
async fn a_call_without_an_answer_ends_with_the_time_out() {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, Fault::Delay(Duration::from_mins(1)));
    let start = Instant::now();
    let failure =
        batch_failure(sink_at(&emulator.url(), &json!({ "request_timeout": "300ms" })).put(&batch()).await);
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
async fn what_speaks_of_the_knowledge_base_or_comes_from_a_proxy_is_no_fault_of_the_data() {
    for fault in [
        Fault::error(400, "ValidationException", "The data source has another type."),
        Fault::error(400, "ValidationException", "Knowledge base DEMOKB0001 is in the status DELETING"),
        Fault::error(400, "ResourceNotFoundException", "no such thing"),
        Fault::Raw { status: 400, body: "<html>400 Bad Request</html>".to_owned() },
        Fault::Raw { status: 422, body: String::new() },
    ] {
        let failure = failure_of(fault).await;
        assert_eq!(failure.kind(), FailureKind::Fatal, "{failure}");
    }
    let failure =
        failure_of(Fault::error(400, "ValidationException", "The data source has another type.")).await;
    for word in ["has another type", "DEMOKB0001", "DEMODS0001", "check --connect"] {
        assert!(failure.to_string().contains(word), "{failure}");
    }
}

#[tokio::test]
async fn a_data_source_of_another_type_is_fatal_and_one_bad_document_is_not() {
    let emulator = emulator().await;
    let bad = keyed(1, "k1", Some("a poison text".into()));
    let refused = DocumentOutcome::Refused("The document cannot be stored in the knowledge base.".to_owned());
    emulator.set_rules(vec![Rule {
        documents: DocumentSelector::TextContains("poison".to_owned()),
        outcome: refused,
    }]);
    let failure = batch_failure(sink(&emulator).put(&[text(0, "good"), bad]).await);
    assert_eq!(failure.kind(), FailureKind::Rejected, "{failure}");
    let knowledge_base = KnowledgeBaseResource {
        data_sources: vec![DataSource { kind: DataSourceType::S3, ..DataSource::new("DEMODS0001", "files") }],
        ..KnowledgeBaseResource::new("DEMOKB0001", "prices")
    };
    let settings = Settings { knowledge_bases: vec![knowledge_base], ..Settings::default() };
    let emulator = Emulator::start(settings).await.unwrap();
    let failure = batch_failure(sink(&emulator).put(&batch()).await);
    assert_eq!(failure.kind(), FailureKind::Fatal, "{failure}");
}

#[tokio::test]
async fn an_answer_that_echoes_a_document_is_told_apart_from_the_reason() {
    let echo = "Value 'the price of OOOO is 44.50' is not allowed";
    let failure = batch_failure(put_answered(&invalid(echo, &[])).await);
    assert!(!failure.to_string().contains("44.50") && !format!("{failure:?}").contains("44.50"), "{failure}");
    assert_eq!((failure.kind(), failure.detail()), (FailureKind::Rejected, Some(echo)));
    let Err(PutError::Records(failures)) = put_answered(&invalid(echo, &["documents[0]"])).await else {
        panic!()
    };
    for (_, failure) in &failures {
        assert!(!failure.to_string().contains("44.50"), "{failure}");
    }
    assert_eq!(failures[0].1.detail(), Some(echo));
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
    let failure = batch_failure(sink(&emulator).put(&batch()).await);
    assert_eq!(failure.kind(), FailureKind::Fatal);
    assert!(failure.to_string().contains("UnrecognizedClientException"), "{failure}");
    assert!(failure.to_string().contains("credentials"), "{failure}");
}

/// A refusal as the model has it.
fn invalid(words: &str, fields: &[&str]) -> String {
    let fields: Vec<_> = fields.iter().map(|name| json!({ "name": name, "message": "is wrong" })).collect();
    let body = json!({ "message": words, "fieldList": fields }).to_string();
    format!(
        "HTTP/1.1 400 Bad Request\r\nx-amzn-errortype: ValidationException\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_document_that_the_service_names_is_rejected_at_once_and_the_others_put_again() {
    for answer in [
        invalid("The request is invalid.", &["documents[1].content"]),
        invalid("The document 'prices-0-1' cannot be read.", &[]),
    ] {
        let failures = record_failures(put_answered(&answer).await);
        let kinds: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
        let expected = [(0, FailureKind::Retriable), (1, FailureKind::Rejected), (2, FailureKind::Retriable)];
        assert_eq!(kinds, expected);
        assert!(failures[1].2.contains("document prices-0-1 is at fault"), "{failures:?}");
    }
}

#[tokio::test]
async fn a_document_is_blamed_by_its_place_in_the_batch_and_not_in_the_call() {
    let batch = [tombstone(0), text(1, "a"), text(2, "b")];
    let answer = invalid("The request is invalid.", &["documents[0].content"]);
    let failures = record_failures(exchanged(&json!({}), &batch, &answer).await.0);
    let mut kinds: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
    kinds.sort_by_key(|(index, _)| *index);
    assert_eq!(kinds, [(0, FailureKind::Rejected), (1, FailureKind::Rejected), (2, FailureKind::Retriable)]);
}

#[tokio::test]
async fn nobody_is_blamed_on_a_guess() {
    for fields in [&["documents.1.content"] as &[_], &["documents"], &[]] {
        let failure = batch_failure(put_answered(&invalid("The request is invalid.", fields)).await);
        assert_eq!(failure.kind(), FailureKind::Rejected, "the engine narrows it down");
    }
}

#[tokio::test]
async fn too_many_at_once_is_no_fault_of_the_data_even_where_it_names_a_document() {
    let words = "Your account's sum of concurrent IngestKnowledgeBaseDocuments and DeleteKnowledgeBaseDocuments requests \
                 can't exceed (10)";
    let failure = batch_failure(put_answered(&invalid(words, &["documents[1]"])).await);
    assert!(failure.is_throttled(), "{failure}");
}

/// Starts a server that answers every request with a status and a body without an end, and counts the bytes that it got rid of.
async fn endless(status: &'static str, piece: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\r\n{{\"message\":\"");
            read_request(&mut stream).await;
            let mut next = stream.write_all(head.as_bytes()).await;
            // As much as would fill the memory, were it kept.
            while next.is_ok() && counted.load(Ordering::Relaxed) < 200_000_000 {
                next = stream.write_all(piece.as_bytes()).await;
                counted.fetch_add(piece.len(), Ordering::Relaxed);
            }
        }
    });
    (url, sent)
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off_and_counts_by_its_status() {
    let piece: &'static str = "x".repeat(64 * 1024).leak();
    for (status, kind) in [
        ("202 Accepted", FailureKind::Retriable),
        ("400 Bad Request", FailureKind::Fatal),
        ("500 Internal Server Error", FailureKind::Retriable),
        ("403 Forbidden", FailureKind::Fatal),
    ] {
        let (url, sent) = endless(status, piece).await;
        let failure = batch_failure(sink_at(&url, &json!({})).put(&batch()).await);
        assert_eq!(failure.kind(), kind, "{failure}");
        assert!(
            failure.to_string().len() < 500 && failure.detail().is_none_or(|said| said.len() <= 4096),
            "{failure}"
        );
        let sent = sent.load(Ordering::Relaxed);
        assert!(sent < 20_000_000, "{sent} bytes went out before the sink had enough");
    }
}

#[tokio::test]
async fn people_read_no_endless_answer_either() {
    let piece: &'static str = "x".repeat(64 * 1024).leak();
    let (url, sent) = endless("200 OK", piece).await;
    let question = Question { text: "a".to_owned(), number_of_results: 1, filter: None };
    let failure = KnowledgeBase::new(None, Some(url)).retrieve("DEMOKB0001", &question).await.unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
    assert!(failure.to_string().len() < 500, "{failure}");
    assert!(sent.load(Ordering::Relaxed) < 40_000_000);
}
