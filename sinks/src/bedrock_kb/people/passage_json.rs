//! The SDK's documents, which metadata comes in, as JSON.

use aws_smithy_types::{Document, Number};
use serde_json::Value;

pub(crate) fn json_of(document: Document) -> Value {
    match document {
        Document::Object(members) => members.into_iter().map(|(key, value)| (key, json_of(value))).collect(),
        Document::Array(items) => items.into_iter().map(json_of).collect(),
        Document::Number(Number::PosInt(number)) => number.into(),
        Document::Number(Number::NegInt(number)) => number.into(),
        Document::Number(Number::Float(number)) => number.into(),
        Document::String(text) => text.into(),
        Document::Bool(flag) => flag.into(),
        Document::Null => Value::Null,
    }
}
