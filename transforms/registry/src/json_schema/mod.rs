//! `json_schema`: JSON that a registry's serializer wrote, and JSON that is held to a schema.

mod format;
mod serializer;
mod settings;
mod steps;
mod types;

pub(crate) use serializer::WriteJson;
pub(crate) use settings::JsonSchemaSettings;
