//! Questions.

use sluice_connector_api::FailureKind;
use sluice_emulator::{Fault, Operation};

use super::super::{KnowledgeBase, Question};
use super::{batch, emulator, sink};

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
