//! Questions.

use serde_json::json;
use sluice_connector_api::{FailureKind, Timestamp, TimestampType};
use sluice_emulator::{Fault, Operation};

use super::super::{KnowledgeBase, Question};
use super::{batch, emulator, sink, sink_at};

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
async fn what_is_found_knows_when_its_record_was_made_where_the_metadata_tell_it() {
    let emulator = emulator().await;
    let mut records = batch();
    for record in &mut records {
        record.timestamp = Some(Timestamp { millis: 1_739_712_345_678, kind: TimestampType::CreateTime });
    }
    for (metadata, made_at) in
        [(json!({ "origin": ["timestamp"] }), Some(1_739_712_345_678)), (json!({}), None)]
    {
        let sink = sink_at(&emulator.url(), &json!({ "metadata": metadata }));
        sink.put(&records).await.unwrap();
        let found = sink.asking().unwrap().ask("price of ZVZZT", 1).await.unwrap();
        assert_eq!((found.len(), found[0].made_at), (1, made_at));
    }
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
