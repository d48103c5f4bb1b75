//! The converter that all schema formats share: it finds the schema of a record, asks for it, keeps it, and has the format
//! read the payload by it.

mod converter;
mod files;
mod format;
mod settings;
mod shelf;

pub(crate) use converter::SchemaConverter;
pub(crate) use format::{SchemaFormat, SchemaSource};
pub(crate) use settings::SchemaOrigin;
