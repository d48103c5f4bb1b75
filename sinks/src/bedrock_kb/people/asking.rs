//! Questions of people to the knowledge base of a connector, as the contract has them.

use async_trait::async_trait;
use sluice_connector_api::{Ask, Failure, FoundText};
use tokio::sync::OnceCell;

use super::retrieve::{KnowledgeBase, Question};
use crate::bedrock_kb::settings::BedrockKbSettings;

/// The knowledge base of a connector, of which a client is made at the first question.
pub(crate) struct AskedBase {
    settings: BedrockKbSettings,
    base: OnceCell<(KnowledgeBase, String)>,
}

impl AskedBase {
    /// Makes one that has asked nothing yet.
    pub(crate) fn new(settings: BedrockKbSettings) -> Self {
        Self { settings, base: OnceCell::new() }
    }
}

#[async_trait]
impl Ask for AskedBase {
    async fn ask(&self, question: &str, most: usize) -> Result<Vec<FoundText>, Failure> {
        let (base, id) = self.base.get_or_try_init(|| KnowledgeBase::of(&self.settings)).await?;
        let number_of_results = i32::try_from(most.clamp(1, 100)).unwrap_or(1);
        let question = Question { text: question.to_owned(), number_of_results, filter: None };
        let mut found = Vec::new();
        for passage in base.retrieve(id, &question).await? {
            let made_at = passage.timestamp();
            let text = FoundText::new(passage.text).with_id(passage.document_id).with_score(passage.score);
            found.push(text.with_made_at(made_at));
        }
        Ok(found)
    }
}
