//! What all schema formats share: a converter, which finds the schema of a record, asks for it, keeps it, and has the format
//! read the payload by it; and a serializer, which has a registry know a schema, and the format write by it.

mod converter;
mod files;
mod format;
mod serializer;
mod settings;
mod shelf;

pub(crate) use converter::SchemaConverter;
pub(crate) use format::{SchemaFormat, SchemaSource};
pub(crate) use serializer::{SchemaFile, SchemaSerializer, WriteFormat, WritePayload};
pub(crate) use settings::SchemaOrigin;
