//! How a record names its schema: what producers put before the payload, or into headers.

mod key;
mod read;
#[cfg(test)]
mod tests;
mod varint;

pub(crate) use key::SchemaKey;
pub(crate) use read::{ApicurioIds, Framed, Framing, IdKind, MessageName};
pub(crate) use varint::{put_unsigned_varint, put_zigzag_varint, unsigned_varint, zigzag_varint};
