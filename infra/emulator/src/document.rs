//! A document: as it arrives, how its content came, and as it stands.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::DocumentStatus;

/// A document as it arrives.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewDocument {
    /// The id of a custom document, the location of an S3 object.
    pub(crate) id: String,
    /// What can be read of it.
    pub(crate) text: String,
    pub(crate) content: DocumentContent,
    pub(crate) attributes: Map<String, Value>,
}

/// A document as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDocument {
    /// The knowledge base it is in.
    pub knowledge_base_id: String,
    /// The data source it is in.
    pub data_source_id: String,
    /// Its id, unique in the data source; the location of an S3 document.
    pub id: String,
    /// Its text, as ingested last; what can be read of bytes as UTF-8. Empty where there is none.
    pub text: String,
    /// How its content came.
    pub content: DocumentContent,
    /// Its metadata attributes, as ingested last: strings, numbers, booleans, lists of strings.
    pub attributes: Map<String, Value>,
    /// Its status at the time of asking.
    pub status: DocumentStatus,
    /// Why, where a fault or a rule set the status.
    pub status_reason: Option<String>,
    /// When the last request that changed it was accepted.
    pub updated_at: Timestamp,
}

/// How the content of a document came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentContent {
    /// As text in the request.
    Text,
    /// As bytes in the request.
    Bytes {
        /// What they are.
        mime_type: String,
        /// The bytes, decoded.
        data: Vec<u8>,
    },
    /// As the location of an object, which is never fetched.
    S3Location {
        /// Where it is said to be.
        uri: String,
    },
}

impl DocumentContent {
    /// Returns the text that bytes hold.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Bytes { data, .. } => std::str::from_utf8(data).ok(),
            Self::Text | Self::S3Location { .. } => None,
        }
    }
}
