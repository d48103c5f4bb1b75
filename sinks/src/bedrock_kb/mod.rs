//! Records as documents of an Amazon Bedrock knowledge base: written by `IngestKnowledgeBaseDocuments`, deleted by
//! `DeleteKnowledgeBaseDocuments`, confirmed by `GetKnowledgeBaseDocuments`.
//!
//! From a record to a call: `identity`, `content` and `metadata` make a `document`, and `request` makes calls of
//! documents. From an answer to what to do: `answer` reads errors, `blame` finds the document at fault, `status` reads
//! what a success says of each document. All of that is pure; `client` and `place` do the talking.

mod answer;
mod blame;
mod check;
mod client;
mod content;
mod document;
mod document_settings;
mod documents;
mod filter;
mod identity;
mod metadata;
mod place;
mod request;
mod retrieve;
mod settings;
mod sink;
mod status;
#[cfg(test)]
mod tests;
mod tokens;

pub use documents::{DocumentPage, DocumentState, Documents};
pub use filter::{Filter, FilterError};
pub use retrieve::{KnowledgeBase, Passage, Question};
pub use settings::BedrockKbSettings;
