//! Records as documents of an Amazon Bedrock knowledge base, through `IngestKnowledgeBaseDocuments`.
//!
//! *Stored* means accepted: Bedrock embeds and indexes a document seconds later, and only a status in the
//! answer says so when it will not. A document's id is the record's origin, so a put again overwrites. The
//! principal needs `bedrock:IngestKnowledgeBaseDocuments` and `bedrock:StartIngestionJob` on the knowledge base.

mod answer;
mod filter;
mod request;
mod retrieve;
mod settings;
mod sink;
#[cfg(test)]
mod tests;

pub use filter::{Filter, FilterError};
pub use retrieve::{KnowledgeBase, Passage, Question};
pub use settings::BedrockKbSettings;
