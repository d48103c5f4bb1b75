//! The contract of serializers: what converters read, written.

use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Failure, Json, Rejection, SettingsError, Side};

/// Writes JSON as a converter of the same format reads it. It is what tools send records by, such as `sluice produce`; no
/// connector has one.
#[async_trait]
pub trait Serializer: Send + Sync {
    /// Makes ready to write one side of a topic's records: reads the schema, and has the registry know it.
    async fn open(&self, topic: &str, side: Side) -> Result<SerializePayload, Failure>;
}

/// Writes one payload after the other, or says what keeps a document from being one.
pub type SerializePayload = Box<dyn Fn(&Json) -> Result<Bytes, Rejection> + Send + Sync>;

/// By which schema is written, and who has to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SerializerChoices {
    /// The files of the schema: the last one is it, and the others are what it refers to.
    pub schema_files: Vec<PathBuf>,
    /// The addresses of a registry with Confluent's API. Without one, payloads stand alone and name no schema.
    pub registry_urls: Vec<String>,
    /// The subject of the schema in the registry; without one, the topic's name with `-key` or `-value`.
    pub subject: Option<String>,
    /// Which message of the schema is written, where a schema has several.
    pub message: Option<String>,
}

/// Makes a serializer of what was chosen for it.
pub trait SerializerFactory: 'static {
    /// The name of the format, which is that of its converter.
    const NAME: &'static str;

    /// Checks what was chosen, without I/O.
    fn build(choices: SerializerChoices) -> Result<Box<dyn Serializer>, SettingsError>;
}
