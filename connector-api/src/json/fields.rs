//! Where the fields of an object stand in its text.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::found::Scalar;
use super::numbers;

/// Fields for which there is room at once.
const ROOM: usize = 8;
/// So few fields are compared with each other.
const FEW: usize = 24;
/// Brackets that open something, of any kind and anywhere, in a text that is not deeper than may be read, which is 128.
const MOST_BRACKETS: usize = 100;

/// What the text says of a field by itself.
#[derive(Clone, Copy)]
pub(super) enum FieldPiece<'a> {
    Scalar(Scalar<'a>),
    Null,
    /// An array or an object, which takes reading.
    Nested,
}

impl<'a> FieldPiece<'a> {
    fn of(value: &'a str) -> Option<Self> {
        Some(match value.as_bytes().first()? {
            b'"' => Self::Scalar(Scalar::Text(value.strip_prefix('"')?.strip_suffix('"')?)),
            b'-' | b'0'..=b'9' => Self::Scalar(Scalar::Number(value)),
            b't' | b'f' => Self::Scalar(Scalar::Bool(value)),
            b'n' => Self::Null,
            _ => Self::Nested,
        })
    }
}

/// The fields of an object, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FieldPlaces(Vec<(Span, Span)>);

/// A piece of a text, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

impl FieldPlaces {
    /// Finds the fields of an object. `None` where the text is none, or is one whose pieces do not stand for themselves:
    /// escapes, or exponents, whose form is changed where a name comes twice.
    pub(super) fn find(text: &str) -> Option<Self> {
        if numbers::may_have_exponents(text.as_bytes()) || !is_plain(text.as_bytes()) {
            return None;
        }
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = deserializer.deserialize_map(Finder { start: text.as_ptr().addr() }).ok()?;
        deserializer.end().ok()?;
        Some(fields)
    }

    /// Returns what the last field of a name is, as `serde_json` has it where there are several.
    pub(super) fn get<'a>(&self, text: &'a str, name: &str) -> Option<FieldPiece<'a>> {
        // Most names differ in their length already.
        let is_name = |field: Span| field.length as usize == name.len() && field.of(text) == Some(name);
        let (_, value) = self.0.iter().rev().find(|(field, _)| is_name(*field))?;
        FieldPiece::of(value.of(text)?)
    }

    /// Returns what each field is, those that come twice each time.
    pub(super) fn pieces<'a>(&self, text: &'a str) -> impl Iterator<Item = FieldPiece<'a>> {
        self.0
            .iter()
            .map(move |(_, value)| value.of(text).and_then(FieldPiece::of).unwrap_or(FieldPiece::Nested))
    }

    /// Returns where the only field of an object is that is `{"`, a name of so many bytes, `":`, a value and `}`. `None` where
    /// its pieces do not stand for themselves, or the name takes escapes.
    pub(super) fn of_only_field(text: &str, name: usize) -> Option<Self> {
        let name = Span::new(2, name)?;
        let value_start = text.len().min(name.length as usize + "{\"\":".len());
        let value = Span::new(value_start, text.len().checked_sub(value_start + 1)?)?;
        let takes_escapes = |byte: u8| byte < b' ' || byte == b'"';
        if name.of(text)?.bytes().any(takes_escapes) || !is_plain(text.as_bytes()) {
            return None;
        }
        Some(Self(vec![(name, value)]))
    }

    /// Takes the places of fields that were just written, in their order.
    pub(super) fn from_spans(fields: Vec<(Span, Span)>) -> Self {
        Self(fields)
    }

    /// Says whether no field is an object. What stands in arrays does not count, and what comes twice counts each time.
    pub(super) fn have_no_object(&self, text: &str) -> bool {
        !self.0.iter().any(|(_, value)| value.of(text).is_some_and(|value| value.starts_with('{')))
    }

    /// Says whether the text is an object without objects or arrays in it, without blanks and with each name once.
    pub(super) fn are_compact(&self, text: &str) -> bool {
        let is_flat = |value: Span| !value.of(text).is_some_and(|value| value.starts_with(['[', '{']));
        // Two quotes and a colon for each, commas between them, and the braces.
        let fields = self.0.iter().map(|(name, value)| name.length as usize + value.length as usize + 3);
        let length = fields.sum::<usize>() + self.0.len().saturating_sub(1) + 2;
        length == text.len()
            && self.0.iter().all(|(_, value)| is_flat(*value))
            && Span::differ(&self.0.iter().map(|(name, _)| *name), text)
    }
}

/// Looks at all of it, and so at many bytes at once.
fn is_plain(text: &[u8]) -> bool {
    let count = |wanted: fn(u8) -> bool| text.iter().map(|byte| usize::from(wanted(*byte))).sum::<usize>();
    count(|byte| byte == b'\\') == 0 && count(|byte| matches!(byte, b'[' | b'{')) <= MOST_BRACKETS
}

impl Span {
    /// `None` where it lies beyond what is told apart.
    pub(super) fn new(start: usize, length: usize) -> Option<Self> {
        Some(Self { start: u32::try_from(start).ok()?, length: u32::try_from(length).ok()? })
    }

    /// Says whether pieces differ from each other. Of more than a few nobody says so.
    pub(super) fn differ(pieces: &(impl ExactSizeIterator<Item = Self> + Clone), text: &str) -> bool {
        let came_before = |(index, piece): (usize, Self)| {
            pieces
                .clone()
                .take(index)
                .any(|other| other.length == piece.length && other.of(text) == piece.of(text))
        };
        pieces.len() <= FEW && !pieces.clone().enumerate().any(came_before)
    }

    fn of(self, text: &str) -> Option<&str> {
        let start = usize::try_from(self.start).ok()?;
        text.get(start..start + usize::try_from(self.length).ok()?)
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
    type Value = FieldPlaces;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<FieldPlaces, A::Error> {
        let mut found = Vec::with_capacity(ROOM);
        while let Some(name) = fields.next_key::<&'de str>()? {
            let value = fields.next_value::<&'de RawValue>()?;
            found.push((self.span(name)?, self.span(value.get())?));
        }
        Ok(FieldPlaces(found))
    }
}
