//! `avro`: records in Avro's binary encoding.
//!
//! Schemas are parsed by `apache-avro`. Payloads are read here, straight into JSON text: the library reads them into values of
//! its own without a bound on depth and on what takes no bytes, and its way from there to JSON loses digits. See
//! docs/decisions/0014-schema-formats.md.

mod connect_names;
mod decode;
mod encode;
mod format;
mod plan;
mod scalars;
mod serializer;
mod settings;
mod styles;
#[cfg(test)]
mod tests;
mod types;

pub(crate) use serializer::WriteAvro;
pub(crate) use settings::AvroSettings;
