//! Where the fields of an object stand in its text.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::numbers;
use super::read::DIGITS;

/// Fields for which there is room at once.
const ROOM: usize = 8;
/// So few fields are compared with each other.
const FEW: usize = 24;
/// Brackets that open something, of any kind and anywhere, in a text that is not deeper than may be read, which is 128.
const MOST_BRACKETS: usize = 100;

/// A string, a number or a boolean, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// The characters of a string.
    Text(&'a str),
    /// The digits of a number.
    Number(&'a str),
    /// `true` or `false`.
    Bool(&'a str),
}

impl<'a> Scalar<'a> {
    /// Takes a value that is one; `None` for null, arrays and objects.
    pub fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) => Some(Self::Number(number.as_str())),
            Value::Bool(true) => Some(Self::Bool("true")),
            Value::Bool(false) => Some(Self::Bool("false")),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Returns the text, the digits, `true` or `false`.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Bool(text) => text,
        }
    }
}

/// The fields of an object, in their order.
#[derive(Clone)]
pub(super) struct Fields(Vec<(Span, Span)>);

/// A piece of a text, in bytes.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    length: u32,
}

impl Fields {
    /// Finds the fields of an object. `None` where the text is none, or is one whose pieces do not stand for themselves:
    /// escapes, or exponents, whose form is changed where a name comes twice.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        if numbers::may_have_exponents(text) || !is_plain(text) {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_str(std::str::from_utf8(text).ok()?);
        let fields = deserializer.deserialize_map(Finder { start: text.as_ptr().addr() }).ok()?;
        deserializer.end().ok()?;
        Some(fields)
    }

    /// Returns what the last field of a name is, as `serde_json` has it where there are several.
    pub(super) fn get<'a>(&self, text: &'a [u8], name: &str) -> Option<Scalar<'a>> {
        let (_, value) = self.0.iter().rev().find(|(field, _)| field.of(text) == Some(name.as_bytes()))?;
        let value = std::str::from_utf8(value.of(text)?).ok()?;
        match value.as_bytes().first()? {
            b'"' => value.strip_prefix('"')?.strip_suffix('"').map(Scalar::Text),
            b'-' | b'0'..=b'9' => Some(Scalar::Number(value)),
            b't' | b'f' => Some(Scalar::Bool(value)),
            _ => None,
        }
    }

    /// Says whether the text is an object without objects or arrays in it, without blanks and with each name once.
    pub(super) fn are_compact(&self, text: &[u8]) -> bool {
        let is_flat = |value: Span| !matches!(value.of(text), Some([b'[' | b'{', ..]));
        // Two quotes and a colon for each, commas between them, and the braces.
        let fields = self.0.iter().map(|(name, value)| name.length as usize + value.length as usize + 3);
        let length = fields.sum::<usize>() + self.0.len().saturating_sub(1) + 2;
        let came_before = |(index, name): (usize, Span)| {
            self.0.iter().take(index).any(|(other, _)| other.of(text) == name.of(text))
        };
        length == text.len()
            && self.0.len() <= FEW
            && self.0.iter().all(|(_, value)| is_flat(*value))
            && !self.0.iter().map(|(name, _)| *name).enumerate().any(came_before)
    }
}

/// Looks at all of it, and so at many bytes at once.
fn is_plain(text: &[u8]) -> bool {
    let count = |wanted: fn(u8) -> bool| text.iter().map(|byte| usize::from(wanted(*byte))).sum::<usize>();
    count(|byte| byte == b'\\') == 0 && count(|byte| matches!(byte, b'[' | b'{')) <= MOST_BRACKETS
}

impl Span {
    fn of(self, text: &[u8]) -> Option<&[u8]> {
        let start = usize::try_from(self.start).ok()?;
        text.get(start..)?.get(..usize::try_from(self.length).ok()?)
    }
}

/// Finds the fields of an object whose text begins at an address.
struct Finder {
    start: usize,
}

impl Finder {
    fn span<E: Error>(&self, piece: &str) -> Result<Span, E> {
        let start = u32::try_from(piece.as_ptr().addr() - self.start).map_err(E::custom)?;
        Ok(Span { start, length: u32::try_from(piece.len()).map_err(E::custom)? })
    }
}

impl<'de> Visitor<'de> for Finder {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields, A::Error> {
        let mut found = Vec::with_capacity(ROOM);
        while let Some(name) = fields.next_key::<&'de str>()? {
            if name == DIGITS {
                return Err(A::Error::custom("a name of serde_json's own"));
            }
            let value = fields.next_value::<&'de RawValue>()?;
            found.push((self.span(name)?, self.span(value.get())?));
        }
        Ok(Fields(found))
    }
}
