//! What an operator writes below `bedrock_kb`. Settings know nothing of the sink that is built of them.

mod document;
mod knowledge_base;

pub(crate) use document::{
    Attribute, BytesContent, ContentSettings, DocumentId, DocumentIdForm, MetadataSettings, OriginAttribute,
    Profile, S3Content,
};
pub use knowledge_base::{BedrockKbSettings, KnowledgeBaseSettings};
