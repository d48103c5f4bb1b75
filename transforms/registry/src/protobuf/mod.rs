//! `protobuf`: records in Protobuf's encoding.
//!
//! `.proto` text is compiled by `protox`, payloads are decoded by `prost-reflect`. What comes of them is written here: the
//! library's own JSON has maps in another order each time, and follows `Any` without a bound.

mod compile;
mod format;
mod known_files;
mod message;
mod serializer;
mod settings;
#[cfg(test)]
mod tests;
mod types;
mod write;

pub(crate) use serializer::WriteProtobuf;
pub(crate) use settings::ProtobufSettings;
