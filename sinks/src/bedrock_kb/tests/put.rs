//! Documents that are stored, and records that make none.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Order, Payload, PutError};
use sluice_emulator::{DocumentFault, DocumentStatus, Emulator, Fault, Operation, Settings};

use super::{accepted, batch, emulator, keyed, mirror, put_answered, sink, sink_at};
use sluice_plugin_testing::{batch_failure, record_failures, sink_contract, text, tombstone, with_value};

#[tokio::test]
async fn keeps_the_contract() {
    let emulator = emulator().await;
    sink_contract(&*sink(&emulator)).await;
}

#[tokio::test]
async fn keeps_the_contract_with_25_documents_a_call() {
    let settings = Settings { max_documents_per_ingest: 25, ..Settings::default() };
    let emulator = Emulator::start(settings).await.unwrap();
    let sink = sink_at(&emulator.url(), &json!({ "documents_per_call": 25 }));
    assert_eq!(sink.limits().max_records, 25);
    sink_contract(&*sink).await;
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
    assert_eq!(batch_failure(sink.put(&batch()).await).kind(), FailureKind::Retriable);
    sink.put(&batch()).await.unwrap();
    sink.put(&[text(0, "another text")]).await.unwrap();
    let tokens: Vec<_> = emulator.calls().into_iter().map(|call| call.client_token.unwrap()).collect();
    assert_eq!(tokens[0], tokens[1]);
    assert_ne!(tokens[1], tokens[2]);
}

#[tokio::test]
async fn an_answer_that_lists_no_document_accepts_them_all() {
    put_answered(&accepted("{}")).await.unwrap();
}

#[tokio::test]
async fn a_document_that_the_answer_leaves_out_is_to_be_put_again() {
    let detail = |id: &str| {
        json!({ "knowledgeBaseId": "DEMOKB0001", "dataSourceId": "DEMODS0001", "status": "STARTING",
            "identifier": { "dataSourceType": "CUSTOM", "custom": { "id": id } } })
    };
    let answer = json!({ "documentDetails": [detail("prices-0-2"), detail("prices-0-0")] }).to_string();
    let failures = record_failures(put_answered(&accepted(&answer)).await);
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].0, failures[0].1), (1, FailureKind::Retriable));
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
        let outcome = sink(&emulator).put(&batch()).await;
        let Err(PutError::Records(failures)) = outcome else { panic!("{outcome:?}") };
        let [(1, failure)] = &failures[..] else { panic!("{failures:?}") };
        assert_eq!((failure.kind(), failure.detail()), (FailureKind::Rejected, Some("too strange")));
        assert!(failure.to_string().contains(status.as_str()), "{failure}");
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
    let failures = record_failures(sink(&emulator).put(&batch).await);
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
    let failures = record_failures(sink(&emulator).put(&[tombstone(0), text(1, "a"), text(2, "b")]).await);
    assert_eq!(failures.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [0, 2]);
}

#[tokio::test]
async fn a_batch_without_a_document_makes_no_call() {
    let emulator = emulator().await;
    assert_eq!(record_failures(sink(&emulator).put(&[tombstone(0), text(1, "")]).await).len(), 2);
    assert!(emulator.calls().is_empty());
}

#[tokio::test]
async fn a_call_that_fails_fails_the_batch_whatever_else_is_wrong_with_it() {
    let emulator = emulator().await;
    emulator.script(Operation::Ingest, Fault::throttled());
    let failure = batch_failure(sink(&emulator).put(&[tombstone(0), text(1, "good")]).await);
    assert_eq!(failure.kind(), FailureKind::Retriable);
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
async fn a_document_that_goes_back_to_what_it_was_is_stored_as_that() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    for (offset, value) in ["first", "second", "first"].into_iter().enumerate() {
        sink.put(&[keyed(i64::try_from(offset).unwrap(), "OOOO", Some(value.into()))]).await.unwrap();
    }
    assert_eq!(emulator.documents()[0].text, "first", "each put has a token of its own");
}

#[tokio::test]
async fn records_of_one_key_are_versions_of_one_document() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    let (old, new) = (keyed(0, "OOOO", Some("old".into())), keyed(1, "OOOO", Some("new".into())));
    assert_eq!((sink.id(&old).as_deref(), sink.id(&new).as_deref()), (Some("OOOO"), Some("OOOO")));
    assert_eq!(sink.limits().order, Order::Id { newest_wins: true });
    sink.put(&[old]).await.unwrap();
    sink.put(&[new]).await.unwrap();
    let texts: Vec<_> = emulator.documents().into_iter().map(|document| document.text).collect();
    assert_eq!(texts, ["new"]);
}

#[tokio::test]
async fn fields_of_the_value_are_the_text_and_the_attributes() {
    let emulator = emulator().await;
    let changes = json!({
        "document_id": { "template": "{{ticker}}" },
        "content": { "template": "{{ticker}} is at {{price}}" },
        "metadata": { "attributes": { "price_usd": { "number": "{{price}}" } }, "origin": ["topic", "offset"] },
    });
    let record = with_value(7, json!({ "ticker": "OOOO", "price": 44.5 }).into());
    sink_at(&emulator.url(), &changes).put(&[record]).await.unwrap();
    let document = emulator.documents().remove(0);
    assert_eq!((document.id.as_str(), document.text.as_str()), ("OOOO", "OOOO is at 44.5"));
    let attributes = json!({ "price_usd": 44.5, "kafka_topic": "prices", "kafka_offset": 7.0 });
    assert_eq!(Value::Object(document.attributes), attributes);
}

#[tokio::test]
async fn what_was_accepted_and_is_put_again_is_written_again() {
    let emulator = emulator().await;
    let sink = sink_at(&emulator.url(), &mirror());
    let version = |offset, text: &str| keyed(offset, "OOOO", Some(text.into()));
    let other = keyed(2, "ZVZZT", Some("other".into()));
    sink.put(&[version(0, "old")]).await.unwrap();
    sink.put(&[version(1, "new")]).await.unwrap();
    // Read again, as after a rebalance: the older version shares its call with another record now.
    sink.put(&[version(0, "old"), other]).await.unwrap();
    sink.put(&[version(1, "new")]).await.unwrap();
    let texts: Vec<_> = emulator.documents().into_iter().map(|document| document.text).collect();
    assert_eq!(texts, ["new", "other"], "a token seen before would have left the older version");
}
