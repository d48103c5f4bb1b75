//! Records as documents of an Amazon Bedrock knowledge base: written by `IngestKnowledgeBaseDocuments`, deleted by
//! `DeleteKnowledgeBaseDocuments`, confirmed by `GetKnowledgeBaseDocuments`.
//!
//! ```text
//!  record ──> mapping ──> calls ──> Amazon Bedrock ──> verdict ──> stored, or a failure that says what to do
//!             pure        plan, token, client          pure
//! ```
//!
//! | room | makes | of |
//! |---|---|---|
//! | `settings` | what an operator asks for | a connector file |
//! | `mapping` | a document to write or to delete | a record |
//! | `verdict` | what to do, and which document is at fault | an answer |
//! | `calls` | calls of documents, made one at a time | a batch |
//! | `people` | checks, lists, deletions, searches | what a person asks |
//! | `confirmation` | whether accepted documents are indexed | records |
//! | `sink` | the sink: a put is a plan, its calls, and the verdict on each | all of these |
//!
//! A room imports only those above it in this table. `mapping` and `verdict` are pure and do not talk to anybody; all that
//! waits for the service is in `calls` and `people`. Nothing is tried twice here: the engine retries.

mod calls;
mod confirmation;
mod mapping;
mod people;
mod settings;
mod sink;
#[cfg(test)]
mod tests;
mod verdict;

pub use people::{
    DocumentPage, DocumentState, Documents, Filter, FilterError, KnowledgeBase, Passage, Question,
};
pub use settings::{BedrockKbSettings, KnowledgeBaseSettings};
