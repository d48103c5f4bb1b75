//! The text of a document, and what can be told by it without reading it.

use std::sync::OnceLock;

use bytestring::ByteString;
use serde_json::Value;

use super::fields::{FieldPiece, FieldPlaces};
use super::found::Scalar;
use super::read::{self, Document};

/// What may stand around a document.
const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// A document that nobody has asked to change.
#[derive(Clone)]
pub(super) struct Text {
    /// Known to be UTF-8, so that a piece of it is text without a second look.
    pub(super) source: ByteString,
    /// Where the fields are, if it is an object that can be told apart without reading it; what cannot is read at once.
    pub(super) fields: Option<FieldPlaces>,
    /// Fields that were set since, in that order; those that were removed have no value.
    pub(super) set: Vec<(String, Option<Value>)>,
    pub(super) read: OnceLock<Box<Document>>,
    /// Whether the source is the compact form: the engine asks for that where it measures a record, and the sink again.
    pub(super) is_compact: OnceLock<bool>,
}

/// What can be told of a field at the root.
pub(super) enum ToldField<'a> {
    /// It is not there.
    Missing,
    Scalar(Scalar<'a>),
    Null,
    /// It was set to this.
    Set(&'a Value),
    /// It takes reading the document.
    Unread,
}

impl Text {
    pub(super) fn new(source: ByteString, fields: Option<FieldPlaces>) -> Self {
        Self { source, fields, set: Vec::new(), read: OnceLock::new(), is_compact: OnceLock::new() }
    }

    /// Says whether the source is what goes out where nothing was set, as far as that is told without reading.
    pub(super) fn is_compact(&self) -> bool {
        let is_compact = || self.fields.as_ref().is_some_and(|fields| fields.are_compact(&self.source));
        *self.is_compact.get_or_init(is_compact)
    }

    /// Returns the text of an object whose only field this is. `None` where the text does not tell by itself, or something
    /// was set, or where there is a value already.
    pub(super) fn hoisted(&self, name: &str) -> Option<Self> {
        if self.fields.is_none() || !self.set.is_empty() || self.read.get().is_some() {
            return None;
        }
        // What is compact stays so; it is the new text that counts, which is not flat.
        let is_compact = self.is_compact();
        let value = self.source.trim_matches(BLANKS);
        let mut text = String::with_capacity(value.len() + name.len() + "{\"\":}".len());
        text.push_str("{\"");
        text.push_str(name);
        text.push_str("\":");
        text.push_str(value);
        text.push('}');
        let fields = FieldPlaces::of_only_field(&text, name.len())?;
        let hoisted = Self::new(text.into(), Some(fields));
        if is_compact {
            hoisted.is_compact.get_or_init(|| true);
        }
        Some(hoisted)
    }

    /// Says whether one of the scalars at the root is wanted, without reading. `None` where it takes reading.
    pub(super) fn any_at_root(&self, is_wanted: &mut impl FnMut(Scalar<'_>) -> bool) -> Option<bool> {
        let fields = self.fields.as_ref().filter(|_| self.read.get().is_none())?;
        let mut is_there = false;
        for piece in fields.pieces(&self.source) {
            match piece {
                FieldPiece::Scalar(scalar) => is_there = is_there || is_wanted(scalar),
                FieldPiece::Null => {}
                FieldPiece::Nested => return None,
            }
        }
        Some(is_there)
    }

    /// The values that were set, and of which some may have been replaced.
    pub(super) fn set_values(&self) -> impl Iterator<Item = &Value> {
        self.set.iter().filter_map(|(_, value)| value.as_ref())
    }

    pub(super) fn document(&self) -> &Document {
        self.read.get_or_init(|| Box::new(self.read()))
    }

    /// Returns the value, and leaves none.
    pub(super) fn take(&mut self) -> Value {
        self.read.take().map_or_else(|| self.read(), |document| *document).value
    }

    fn read(&self) -> Document {
        let mut document = read::read(self.source.as_bytes()).unwrap_or_else(|error| self.as_string(&error));
        if let Value::Object(fields) = &mut document.value {
            for (name, value) in &self.set {
                match value {
                    Some(value) => fields.insert(name.clone(), value.clone()),
                    None => fields.shift_remove(name),
                };
            }
        }
        document
    }

    /// Where the fields of an object were found, the object can be read: property tests and the fuzzer hold that. If a
    /// reader should ever see it otherwise, no record may end the process for that: it is taken for the text that it is.
    fn as_string(&self, error: &serde_json::Error) -> Document {
        debug_assert!(false, "its fields were found: {error}");
        let text = self.source.to_string();
        Document { value: Value::String(text), has_each_name_once: true }
    }

    pub(super) fn tell(&self, name: &str) -> ToldField<'_> {
        if let Some((_, value)) = self.set.iter().rev().find(|(field, _)| field == name) {
            return value.as_ref().map_or(ToldField::Missing, ToldField::Set);
        }
        let Some(fields) = &self.fields else { return ToldField::Unread };
        match fields.get(&self.source, name) {
            None => ToldField::Missing,
            Some(FieldPiece::Scalar(scalar)) => ToldField::Scalar(scalar),
            Some(FieldPiece::Null) => ToldField::Null,
            Some(FieldPiece::Nested) => ToldField::Unread,
        }
    }
}
