//! `json_schema`: JSON that a registry's serializer wrote, and JSON that is held to a schema.

mod format;
mod settings;

pub(crate) use settings::JsonSchemaSettings;
