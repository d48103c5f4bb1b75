//! Tombstones.

use serde_json::json;
use sluice_connector_api::{FailureKind, PutError};
use sluice_emulator::{DocumentStatus, Emulator, Fault, Operation, Settings};

use super::{emulator, keyed, mirror, sink_at};
use sluice_plugin_testing::{batch_failure, record_failures};

#[tokio::test]
async fn a_tombstone_deletes_the_document_of_its_id() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    sink.put(&[keyed(0, "a", Some("one".into())), keyed(1, "b", Some("two".into()))]).await.unwrap();
    sink.put(&[keyed(2, "a", None)]).await.unwrap();
    let ids: Vec<_> = emulator.documents().into_iter().map(|document| document.id).collect();
    assert_eq!(ids, ["b"]);
}

#[tokio::test]
async fn a_document_that_is_not_there_is_deleted_already() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    sink.put(&[keyed(0, "a", None), keyed(1, "b", None)]).await.unwrap();
    sink.put(&[keyed(2, "a", None)]).await.unwrap();
    assert_eq!(emulator.calls().len(), 2);
}

#[tokio::test]
async fn writes_and_deletes_never_share_a_batch_and_where_they_do_their_order_holds() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    let (write, delete) = (keyed(1, "a", Some("new".into())), keyed(0, "a", None));
    assert_ne!(sink.batch_key(&write), sink.batch_key(&delete));
    assert_eq!(sink.batch_key(&write), sink.batch_key(&keyed(2, "b", Some("x".into()))));
    sink.put(&[delete.clone(), write.clone()]).await.unwrap();
    assert_eq!(emulator.documents().len(), 1, "deleted, then written");
    let mut later = delete;
    later.key = Some("b".into());
    assert!(sink.preview(&[write, later]).unwrap().as_array().is_some_and(|calls| calls.len() == 2));
}

#[tokio::test]
async fn no_more_deletes_share_a_batch_than_a_call_takes() {
    let settings = Settings { max_documents_per_ingest: 25, ..Settings::default() };
    let emulator = Emulator::start(settings).await.unwrap();
    let mut changes = mirror();
    changes["documents_per_call"] = 25.into();
    let sink = sink_at(&emulator.url(), &changes);
    let limits = sink.limits();
    let deletes: Vec<_> = (0..25).map(|offset| keyed(offset, &format!("k{offset}"), None)).collect();
    let mut bytes = 0;
    let fit = deletes.iter().take_while(|record| {
        bytes += sink.size_of(record);
        bytes <= limits.max_batch_bytes
    });
    assert_eq!((limits.max_records, fit.count()), (25, 10));
    sink.put(&deletes[..10]).await.unwrap();
}

#[tokio::test]
async fn an_ignored_tombstone_is_stored_by_doing_nothing_and_supersedes_nothing() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &json!({ "document_id": "key", "on_null": "ignore" }));
    let tombstone = keyed(1, "a", None);
    assert_eq!(sink.id(&tombstone), None, "or the write before it would never be put");
    sink.put(std::slice::from_ref(&tombstone)).await.unwrap();
    assert!(emulator.calls().is_empty());
    sink.put(&[keyed(0, "a", Some("text".into())), tombstone]).await.unwrap();
    assert_eq!(emulator.documents().len(), 1);
}

#[tokio::test]
async fn a_tombstone_is_rejected_unless_told_otherwise() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &json!({ "document_id": "key" }));
    let failures = record_failures(sink.put(&[keyed(0, "a", None)]).await);
    assert_eq!((failures[0].0, failures[0].1), (0, FailureKind::Rejected));
    assert!(failures[0].2.contains("`on_null`"), "{failures:?}");
    assert_eq!(sink.id(&keyed(0, "a", None)), None);
}

#[tokio::test]
async fn a_tombstone_without_a_key_is_rejected_by_its_index() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    let mut nameless = keyed(1, "", None);
    nameless.key = None;
    let failures = record_failures(sink.put(&[keyed(0, "a", None), nameless]).await);
    assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Rejected));
    assert_eq!(emulator.calls()[0].document_ids, ["a"]);
}

#[tokio::test]
async fn a_delete_that_fails_says_what_to_do() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    for (fault, kind) in [
        (Fault::throttled(), FailureKind::Retriable),
        (Fault::too_many_concurrent(), FailureKind::Retriable),
        (Fault::DropAfterApplying, FailureKind::Retriable),
        (Fault::error(400, "ValidationException", "no"), FailureKind::Rejected),
    ] {
        emulator.script(Operation::Delete, fault);
        assert_eq!(batch_failure(sink.put(&[keyed(0, "a", None)]).await).kind(), kind);
    }
    emulator.script(Operation::Delete, Fault::error(403, "AccessDeniedException", "no"));
    let denied = batch_failure(sink.put(&[keyed(0, "a", None)]).await);
    assert_eq!(denied.kind(), FailureKind::Fatal);
    assert!(denied.to_string().contains("bedrock:DeleteKnowledgeBaseDocuments"), "{denied}");
    let tokens: Vec<_> = emulator.calls().into_iter().map(|call| call.client_token.unwrap()).collect();
    assert!(tokens.iter().all(|token| *token == tokens[0]), "the same over its retries: {tokens:?}");
}

#[tokio::test]
async fn a_document_that_cannot_be_deleted_is_named_with_the_reason() {
    let emulator = emulator().await;
    emulator.script(Operation::Delete, Fault::document(1, DocumentStatus::Failed, "locked"));
    let sink = sink_at(&emulator.url(), &mirror());
    let outcome = sink.put(&[keyed(0, "a", None), keyed(1, "b", None)]).await;
    let Err(PutError::Records(failures)) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failures[0].0, failures[0].1.kind()), (1, FailureKind::Rejected));
    assert_eq!(failures[0].1.detail(), Some("locked"));
}
