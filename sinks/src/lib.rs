//! Sluice's sinks.
//!
//! | name | stores records | a put again |
//! |---|---|---|
//! | `bedrock_kb` | as documents of an Amazon Bedrock knowledge base | overwrites |
//! | `http` | as HTTP requests | sends again |
//! | `kafka` | as records of another topic | writes again; nothing within a transaction |
//! | `opensearch` | as documents of Elasticsearch or `OpenSearch` | overwrites |
//! | `postgres` | as rows of PostgreSQL tables | with a key overwrites, or stores once with `offsets_table` |
//! | `s3` | as objects of an Amazon S3 bucket | overwrites; with `objects` changes nothing |
//! | `sqs` | in an Amazon SQS queue | sends again; a FIFO queue drops it for five minutes |
//! | `file` | as lines at the end of a file | appends again |
//! | `stdout` | as lines on standard output | writes again |
//! | `blackhole` | nowhere | - |
//!
//! A sink is a settings struct, which is its factory, and a type. To add one, copy `blackhole.rs`, and add its
//! `mod` line and its line in [`register`].

pub mod bedrock_kb;
pub mod blackhole;
#[cfg(test)]
mod built;
pub mod file;
pub mod http;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "opensearch")]
#[allow(clippy::doc_markdown, reason = "OpenSearch is a name, and no code")]
pub mod opensearch;
#[cfg(feature = "postgres")]
pub mod postgres;
mod record;
pub mod s3;
pub mod sqs;
pub mod stdout;

pub use bedrock_kb::{
    BedrockKbSettings, DocumentPage, DocumentState, Documents, Filter, FilterError, KnowledgeBase, Passage,
    Question,
};
pub use record::lines;
use sluice_connector_api::Registry;
use sluice_wire::OnAws;

/// Adds every sink of this crate to a registry.
///
/// ```
/// use sluice_connector_api::Registry;
///
/// let registry = sluice_sinks::register(Registry::new());
/// assert!(registry.sink("bedrock_kb").is_ok());
/// ```
pub fn register(registry: Registry) -> Registry {
    let registry = registry
        .with_sink::<OnAws<bedrock_kb::KnowledgeBaseSettings>>()
        .with_sink::<blackhole::BlackholeSettings>()
        .with_sink::<file::FileSettings>()
        .with_sink::<http::HttpSettings>()
        .with_sink::<OnAws<s3::S3Settings>>()
        .with_sink::<OnAws<sqs::SqsSettings>>()
        .with_sink::<stdout::StdoutSettings>();
    #[cfg(feature = "kafka")]
    let registry = registry.with_sink::<kafka::KafkaSinkSettings>();
    #[cfg(feature = "opensearch")]
    let registry = registry.with_sink::<opensearch::OpensearchSettings>();
    #[cfg(feature = "postgres")]
    let registry = registry.with_sink::<postgres::PostgresSettings>();
    registry
}
