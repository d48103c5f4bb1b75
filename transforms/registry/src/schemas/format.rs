//! What a schema format is to the converter.

use sluice_connector_api::Json;

use crate::framing::{Framed, SchemaKey};
use crate::registries::SchemaText;

/// Where the text of a schema comes from.
#[derive(Clone, Debug)]
pub(crate) enum SchemaSource {
    /// From a registry.
    Registry(SchemaText),
    /// From the files of the settings, in their order: name and content.
    Files(Vec<(String, Vec<u8>)>),
}

/// A format of schemas and of payloads.
pub(crate) trait SchemaFormat: Send + Sync + 'static {
    /// The name of its converter, such as `avro`.
    const NAME: &'static str;
    /// What registries call it, such as `AVRO`.
    const KIND: &'static str;
    /// A schema that is ready to read payloads.
    type Schema: Send + Sync + 'static;

    /// Makes the schema with a key ready, or says what is wrong with it. `None` where files hold no such schema.
    fn compile(&self, key: SchemaKey, source: &SchemaSource) -> Result<Option<Self::Schema>, String>;

    /// Reads a payload as JSON, or says what is wrong with it, without its content.
    fn read(&self, schema: &Self::Schema, framed: &Framed) -> Result<Json, String>;
}
