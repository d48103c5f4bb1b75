//! Proof that documents are indexed.

use std::time::Duration;

use serde_json::{Value, json};
use sluice_connector_api::{Confirmation, FailureKind, Record, Sink};
use sluice_emulator::{
    DocumentOutcome, DocumentSelector, DocumentStatus, Emulator, Fault, Operation, Rule, Settings,
};

use super::{emulator, keyed, mirror, sink_at};

fn confirming(emulator: &Emulator) -> Box<dyn Sink> {
    let mut changes = mirror();
    changes["confirm"] = "indexed".into();
    sink_at(&emulator.url(), &changes)
}

/// The answers for a batch: `pending`, `stored`, or what failed.
async fn confirmed(sink: &dyn Sink, batch: &[Record]) -> Vec<String> {
    let shown = |confirmation| match confirmation {
        Confirmation::Pending => "pending".to_owned(),
        Confirmation::Stored => "stored".to_owned(),
        Confirmation::Failed(failure) => {
            assert_eq!(failure.kind(), FailureKind::Rejected);
            failure.to_string()
        }
    };
    sink.confirmation().unwrap().confirm(batch).await.unwrap().into_iter().map(shown).collect()
}

fn write(offset: i64, key: &str) -> Record {
    keyed(offset, key, Some("text".into()))
}

#[tokio::test]
async fn the_engine_is_asked_to_confirm_only_where_the_settings_say_so() {
    let sink = |changes: Value| sink_at("http://127.0.0.1:1", &changes);
    assert!(sink(json!({})).confirmation().is_none());
    let settings = json!({ "confirm": "indexed", "confirm_interval": "1s", "confirm_timeout": "2m" });
    let confirm = sink(settings).confirmation().unwrap().limits();
    assert_eq!(
        (confirm.max_records, confirm.interval, confirm.timeout),
        (10, Duration::from_secs(1), Duration::from_mins(2))
    );
    let pace = confirm.pace.unwrap();
    assert!(pace.calls_per_second <= 5.0);
    assert_ne!(
        pace.scope,
        sink(json!({})).limits().pace.unwrap().scope,
        "statuses have a quota of their own"
    );
}

#[tokio::test]
async fn a_document_is_stored_when_it_is_indexed_and_not_before() {
    let settings = Settings { indexing_delay: Duration::from_mins(10), ..Settings::default() };
    let slow = Emulator::start(settings).await.unwrap();
    for (emulator, expected) in [(&slow, "pending"), (&emulator().await, "stored")] {
        let sink = confirming(emulator);
        sink.put(&[write(0, "a"), write(1, "b")]).await.unwrap();
        assert_eq!(confirmed(&*sink, &[write(0, "a"), write(1, "b")]).await, [expected; 2]);
        let last = emulator.calls().pop().unwrap();
        assert_eq!((last.operation, last.document_ids.len()), (Operation::Get, 2), "one call for all");
    }
}

#[tokio::test]
async fn a_document_that_fails_later_is_rejected_with_the_reason() {
    let settings = Settings { indexing_delay: Duration::from_millis(1), ..Settings::default() };
    let emulator = Emulator::start(settings).await.unwrap();
    let sink = confirming(&emulator);
    let settle = |id: &str, status| {
        let outcome =
            DocumentOutcome::Settles { status, reason: "cannot be embedded".to_owned(), after: None };
        Rule { documents: DocumentSelector::Id(id.to_owned()), outcome }
    };
    let rules = vec![settle("a", DocumentStatus::Failed), settle("c", DocumentStatus::PartiallyIndexed)];
    emulator.set_rules(rules);
    sink.put(&[write(0, "a"), write(1, "b"), write(2, "c")]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let seen = confirmed(&*sink, &[write(0, "a"), write(1, "b"), write(2, "c")]).await;
    assert!(seen[0].starts_with("document a is FAILED; "), "{}", seen[0]);
    assert_eq!(seen[1], "stored");
    assert!(seen[2].starts_with("document c is PARTIALLY_INDEXED; "), "{}", seen[2]);
    assert!(!seen.concat().contains("embedded"), "what the service says is in the detail: {seen:?}");
}

#[tokio::test]
async fn a_deleted_document_is_confirmed_when_it_is_gone() {
    let emulator = emulator().await;
    let sink = confirming(&emulator);
    sink.put(&[write(0, "a"), write(1, "b")]).await.unwrap();
    let (gone, there) = (keyed(2, "a", None), keyed(3, "b", None));
    sink.put(std::slice::from_ref(&gone)).await.unwrap();
    assert_eq!(confirmed(&*sink, &[gone, there]).await, ["stored", "pending"]);
    assert_eq!(confirmed(&*sink, &[keyed(4, "never", None)]).await, ["stored"]);
}

#[tokio::test]
async fn a_question_that_fails_says_nothing_of_the_records() {
    let emulator = emulator().await;
    let sink = confirming(&emulator);
    emulator.script(Operation::Get, Fault::throttled());
    let throttled = sink.confirmation().unwrap().confirm(&[write(0, "a")]).await.unwrap_err();
    assert!(throttled.is_throttled(), "{throttled}");
    emulator.script(Operation::Get, Fault::error(403, "AccessDeniedException", "no"));
    let denied = sink.confirmation().unwrap().confirm(&[write(0, "a")]).await.unwrap_err();
    assert_eq!(denied.kind(), FailureKind::Fatal);
    assert!(denied.to_string().contains("bedrock:GetKnowledgeBaseDocuments"), "{denied}");
}
