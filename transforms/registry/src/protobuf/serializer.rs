//! Protobuf as a format that payloads are written in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost_reflect::prost::Message;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor};
use serde_json::{Map, Number, Value, json};

use super::compile::{ProtoSchema, from_files};
use super::known_files::DECIMAL;
use crate::framing::{put_unsigned_varint, put_zigzag_varint};
use crate::mapping::unscaled_bytes;
use crate::schemas::{SchemaFile, WriteFormat, WritePayload};

/// Writes Protobuf.
pub(crate) struct WriteProtobuf;

impl WriteFormat for WriteProtobuf {
    const NAME: &'static str = "protobuf";
    const KIND: &'static str = "PROTOBUF";

    fn compile(files: &[SchemaFile], message: Option<&str>, is_framed: bool) -> Result<WritePayload, String> {
        let files: Vec<_> =
            files.iter().map(|file| (file.path.clone(), file.text.clone().into_bytes())).collect();
        let schema = from_files(&files, message)?;
        let descriptor = match message {
            Some(message) => schema.file.parent_pool().get_message_by_name(message),
            None => schema.file.messages().next(),
        };
        let descriptor = descriptor.ok_or_else(|| "the schema has no message".to_owned())?;
        let prefix = if is_framed { indexes(&schema, &descriptor)? } else { Vec::new() };
        Ok(Box::new(move |document| {
            let options = DeserializeOptions::new().deny_unknown_fields(true);
            let message = DynamicMessage::deserialize_with_options(
                descriptor.clone(),
                plain(document, Some(&descriptor)),
                &options,
            );
            let message = message.map_err(|error| error.to_string())?;
            Ok([prefix.clone(), message.encode_to_vec()].concat())
        }))
    }

    /// Files are imported by their paths below some folder; that of the name alone is the most likely.
    fn reference_name(file: &SchemaFile) -> Result<String, String> {
        Ok(file.path.rsplit('/').next().unwrap_or(&file.path).to_owned())
    }
}

/// Confluent's list of indexes, from the outermost message inwards; the first message is a single zero.
fn indexes(schema: &ProtoSchema, message: &MessageDescriptor) -> Result<Vec<u8>, String> {
    let mut path = Vec::new();
    let mut at = message.clone();
    while let Some(parent) = at.parent_message() {
        path.push(place(parent.child_messages(), &at)?);
        at = parent;
    }
    path.push(place(schema.file.messages(), &at)?);
    path.reverse();
    let mut bytes = Vec::new();
    if path == [0] {
        put_unsigned_varint(&mut bytes, 0);
        return Ok(bytes);
    }
    put_zigzag_varint(&mut bytes, i64::try_from(path.len()).map_err(|error| error.to_string())?);
    for index in path {
        put_zigzag_varint(&mut bytes, index);
    }
    Ok(bytes)
}

fn place(
    messages: impl Iterator<Item = MessageDescriptor>,
    wanted: &MessageDescriptor,
) -> Result<i64, String> {
    let found = (0..).zip(messages).find(|(_, message)| message == wanted);
    found.map(|(index, _)| index).ok_or_else(|| {
        format!("`{}` is a message of another file than the last; name its file last", wanted.full_name())
    })
}

/// A document as the reader of Protobuf's JSON takes it: it knows no numbers that keep their digits, and Confluent's decimals as
/// messages alone.
fn plain(document: &Value, of: Option<&MessageDescriptor>) -> Value {
    if let Some(decimal) = of.filter(|of| of.full_name() == DECIMAL).and_then(|_| decimal(document)) {
        return decimal;
    }
    match document {
        Value::Number(number) if number.as_i64().is_none() && number.as_u64().is_none() => {
            let float = number.as_f64().and_then(Number::from_f64);
            Value::Number(float.unwrap_or_else(|| number.clone()))
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| plain(item, of)).collect()),
        Value::Object(fields) => {
            let mut changed = Map::new();
            for (name, value) in fields {
                changed.insert(name.clone(), plain(value, within(of, name).as_ref()));
            }
            Value::Object(changed)
        }
        other => other.clone(),
    }
}

/// Returns the message that a field of a message is, or an entry of a map.
fn within(of: Option<&MessageDescriptor>, name: &str) -> Option<MessageDescriptor> {
    let of = of?;
    if of.is_map_entry() {
        return of.map_entry_value_field().kind().as_message().cloned();
    }
    let field = of.get_field_by_name(name).or_else(|| of.get_field_by_json_name(name))?;
    field.kind().as_message().cloned()
}

/// Takes a decimal apart that is written as a number, or as its digits.
fn decimal(document: &Value) -> Option<Value> {
    let text = match document {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    let behind = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = i64::try_from(behind).ok()?.checked_sub(exponent.parse::<i64>().ok()?)?.max(0);
    let unscaled = unscaled_bytes(&text, usize::try_from(scale).ok()?)?;
    Some(json!({ "value": BASE64.encode(unscaled), "precision": digits, "scale": scale }))
}
