//! Protobuf as a schema format.

use prost_reflect::DynamicMessage;
use sluice_connector_api::Json;

use super::compile::{ProtoSchema, from_files, from_registry};
use super::message::find_message;
use super::write::write_record;
use crate::framing::{Framed, SchemaKey};
use crate::mapping::DecimalStyle;
use crate::schemas::{SchemaFormat, SchemaSource};

/// How Protobuf is read.
#[derive(Clone, Debug)]
pub(crate) struct ProtobufFormat {
    /// The message that every record is, where the settings say so.
    pub(crate) message: Option<String>,
    pub(crate) decimal: DecimalStyle,
}

impl SchemaFormat for ProtobufFormat {
    const NAME: &'static str = "Protobuf";
    const KIND: &'static str = "PROTOBUF";
    type Schema = ProtoSchema;

    fn compile(&self, _key: SchemaKey, source: &SchemaSource) -> Result<Option<ProtoSchema>, String> {
        let schema = match source {
            SchemaSource::Registry(text) => from_registry(text),
            SchemaSource::Files(files) => from_files(files, self.message.as_deref()),
        };
        schema.map(Some)
    }

    fn read(&self, schema: &ProtoSchema, framed: &Framed) -> Result<Json, String> {
        let mut payload = framed.payload.as_ref();
        let descriptor = find_message(schema, &framed.message, self.message.as_deref(), &mut payload)?;
        let of = schema.type_of(&descriptor);
        let message = DynamicMessage::decode(descriptor, payload).map_err(|error| error.to_string())?;
        let json = write_record(&message, framed.payload.len(), self.decimal)?;
        Ok(json.with_schema_type(of))
    }
}
