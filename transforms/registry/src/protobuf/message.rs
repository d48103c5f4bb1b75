//! Which message of a schema a record is.

use prost_reflect::MessageDescriptor;

use super::compile::{ProtoSchema, known};
use crate::framing::{Framing, MessageName, unsigned_varint, zigzag_varint};

/// The deepest nesting of a message that a list of indexes may name.
const MAX_INDEXES: i64 = 64;

/// Finds the message, and moves the payload past what names it.
pub(super) fn find_message(
    schema: &ProtoSchema,
    name: &MessageName,
    set: Option<&str>,
    payload: &mut &[u8],
) -> Result<MessageDescriptor, String> {
    let named = match name {
        MessageName::InPayload(Framing::Confluent) => by_indexes(schema, payload)?,
        MessageName::InPayload(Framing::Glue) => by_sorted_index(schema, payload)?,
        MessageName::InPayload(Framing::Apicurio(_)) => by_type_reference(schema, payload)?,
        MessageName::InPayload(Framing::None | Framing::SingleObject) => first(schema)?,
        MessageName::Indexes(indexes) if indexes.is_empty() => first(schema)?,
        MessageName::Indexes(indexes) => by_indexes(schema, &mut indexes.as_ref())?,
        MessageName::Named(name) => by_name(schema, name)?,
    };
    match set {
        Some(set) => by_name(schema, set),
        None => Ok(named),
    }
}

fn first(schema: &ProtoSchema) -> Result<MessageDescriptor, String> {
    schema.file.messages().next().ok_or_else(|| "its schema has no message".to_owned())
}

fn by_name(schema: &ProtoSchema, name: &str) -> Result<MessageDescriptor, String> {
    let name = name.trim_start_matches('.');
    if let Some(message) = schema.file.parent_pool().get_message_by_name(name) {
        return Ok(message);
    }
    let of_file = schema.messages.iter().find(|message| message.name() == name);
    of_file
        .cloned()
        .ok_or_else(|| format!("its schema has no message of the name that it gives; {}", known(schema)))
}

/// Confluent's list: how many indexes, and the indexes from the outermost message inwards, all in zigzag form. A single zero
/// is short for the first message.
fn by_indexes(schema: &ProtoSchema, bytes: &mut &[u8]) -> Result<MessageDescriptor, String> {
    let broken = || "the list of indexes that names its message is broken".to_owned();
    let count = zigzag_varint(bytes).ok_or_else(broken)?;
    if count == 0 {
        return first(schema);
    }
    if !(1..=MAX_INDEXES).contains(&count) {
        return Err(broken());
    }
    let mut found: Option<MessageDescriptor> = None;
    for _ in 0..count {
        let index = zigzag_varint(bytes).and_then(|index| usize::try_from(index).ok()).ok_or_else(broken)?;
        let inner = match &found {
            None => schema.file.messages().nth(index),
            Some(outer) => outer.child_messages().nth(index),
        };
        found = Some(inner.ok_or("its schema has no message at the index that it gives")?);
    }
    found.ok_or_else(broken)
}

/// AWS Glue's index: a number without a sign, into the messages sorted by their full names.
fn by_sorted_index(schema: &ProtoSchema, bytes: &mut &[u8]) -> Result<MessageDescriptor, String> {
    let index = unsigned_varint(bytes).and_then(|index| usize::try_from(index).ok());
    let message = index.and_then(|index| schema.messages.get(index)).cloned();
    message.ok_or_else(|| "its schema has no message at the index that it gives".to_owned())
}

/// Apicurio's reference: a message of its own with the name as field 1, and its length before it. Its serializers can also
/// be set to write Confluent's list.
fn by_type_reference(schema: &ProtoSchema, bytes: &mut &[u8]) -> Result<MessageDescriptor, String> {
    let mut rest = *bytes;
    if let Some(name) = type_reference(&mut rest)
        && let Ok(message) = by_name(schema, name)
    {
        *bytes = rest;
        return Ok(message);
    }
    by_indexes(schema, bytes)
}

fn type_reference<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    /// The key of field 1 with a length.
    const NAME: u64 = 10;
    let length = usize::try_from(unsigned_varint(bytes)?).ok()?;
    let (mut reference, rest) = bytes.split_at_checked(length)?;
    if unsigned_varint(&mut reference)? != NAME {
        return None;
    }
    let length = usize::try_from(unsigned_varint(&mut reference)?).ok()?;
    let name = std::str::from_utf8(reference.get(..length)?).ok()?;
    *bytes = rest;
    Some(name)
}
