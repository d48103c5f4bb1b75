//! `chunk`: a long text in overlapping pieces.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    FieldKind, FieldNeed, FormNeed, Found, KnownFields, MadeTombstones, Payload, PayloadForm, Record,
    RecordFields, RecordForms, Rejection, Scalar, SettingsError, Side, Transform, TransformSettings,
    Transformed,
};
use sluice_template::shape;

use crate::field_fault::FieldFault;
use crate::field_path::FieldPath;
use crate::subject::Of;

/// Cuts a long text into overlapping pieces, a record for each.
///
/// A piece ends at a blank where there is one in its last quarter. Each record keeps the other fields, and has the piece in the
/// place of the text. Where the record has a key, each piece has a key of its own, `KEY#0`, `KEY#1` and so on, so that ids made
/// of the key stay the same over versions of the text; and the keys up to `max_chunks` that a shorter version does not use any
/// more, and all of them for a tombstone, come out as tombstones: with `on_null: delete` in the sink, what is left of an older
/// version is deleted. `delete_rest: false` leaves these out, for sinks that cannot delete; `sluice check` says where a sink does
/// not delete. Without a key, the pieces are told apart by the record's origin and their number, and there is nothing older to be
/// deleted.
///
/// ```yaml
/// transforms:
///   - chunk:
///       field: text
///       size: 16
///       overlap: 4
///       max_chunks: 3
/// ```
///
/// Before:
///
/// ```json
/// {"key": "a", "value": {"text": "One two three four five.", "lang": "en"}}
/// ```
///
/// After:
///
/// ```json
/// {"key": "a#0", "value": {"text": "One two three ", "lang": "en"}}
/// {"key": "a#1", "value": {"text": "ree four five.", "lang": "en"}}
/// {"key": "a#2", "value": null}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChunkSettings {
    /// The field that holds the text. Names within names are separated by dots; an item of an array is a number from 0; a name
    /// that has a dot stands in brackets or between backticks. Default: the whole value is the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The most characters of a piece. Default 2000.
    #[serde(default = "two_thousand")]
    #[schemars(range(min = 1))]
    size: usize,
    /// How many characters of a piece the next one begins with; less than half of `size`. Default 200, or a tenth of `size`
    /// where that is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overlap: Option<usize>,
    /// The most pieces of a text; one that takes more is rejected. With `delete_rest`, so many keys are written for each
    /// record, as pieces or as tombstones. Default 32.
    #[serde(default = "thirty_two")]
    #[schemars(range(min = 1, max = 10000))]
    max_chunks: usize,
    /// Whether tombstones come out for the keys that a text does not use. Default `true`.
    #[serde(default = "yes")]
    delete_rest: bool,
    /// A field for the number of the piece, from 0, a path like that of `field`. The value has to be an object then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    index_field: Option<String>,
}

fn two_thousand() -> usize {
    2000
}

fn thirty_two() -> usize {
    32
}

fn yes() -> bool {
    true
}

/// The most bytes of all records that come of one: what each keeps of the other fields adds up.
const MAX_BYTES: usize = 64 << 20;

impl TransformSettings for ChunkSettings {
    const NAME: &'static str = "chunk";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.size == 0 {
            return Err(SettingsError::at("size", "is 0, so that no piece would have a character"));
        }
        if !(1..=10_000).contains(&self.max_chunks) {
            return Err(SettingsError::at("max_chunks", "is not from 1 to 10000"));
        }
        let overlap = self.overlap.unwrap_or_else(|| (self.size / 10).min(200));
        if overlap >= self.size.div_ceil(2) && overlap > 0 {
            return Err(SettingsError::at(
                "overlap",
                format!("is not less than half of `size`, which is {}", self.size),
            ));
        }
        if self.field.is_none() && self.index_field.is_some() {
            return Err(SettingsError::at("index_field", "needs `field`; without it the value is text"));
        }
        let field = self.field.map(|field| FieldPath::parse("field", field)).transpose()?;
        let index_field = self.index_field.map(|field| FieldPath::parse("index_field", field)).transpose()?;
        let cut = Cut { size: self.size, overlap };
        let (max_chunks, delete_rest) = (self.max_chunks, self.delete_rest);
        Ok(Box::new(Chunk { field, cut, max_chunks, delete_rest, index_field }))
    }
}

struct Chunk {
    /// None: the whole value.
    field: Option<FieldPath>,
    cut: Cut,
    max_chunks: usize,
    delete_rest: bool,
    index_field: Option<FieldPath>,
}

/// How a text is cut, in characters.
struct Cut {
    size: usize,
    overlap: usize,
}

impl Cut {
    /// Cuts a text; `None` where it takes more than so many pieces. An empty text is one piece.
    fn pieces<'a>(&self, text: &'a str, most: usize) -> Option<Vec<&'a str>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        loop {
            if pieces.len() == most {
                return None;
            }
            let piece = self.first(rest);
            pieces.push(piece);
            if piece.len() == rest.len() {
                return Some(pieces);
            }
            let next = at_char(piece, piece.chars().count().saturating_sub(self.overlap));
            rest = rest.get(next..)?;
        }
    }

    /// Takes the first piece of a text: up to the last blank in its last quarter, else as long as may be.
    fn first<'a>(&self, text: &'a str) -> &'a str {
        let end = at_char(text, self.size);
        let Some(longest) = text.get(..end).filter(|piece| piece.len() < text.len()) else { return text };
        let least = at_char(text, (self.size - self.size / 4).max(self.overlap + 1));
        let blank = longest.char_indices().rev().find(|(_, char)| char.is_whitespace());
        let end = blank.map(|(at, char)| at + char.len_utf8()).filter(|end| *end >= least);
        end.and_then(|end| longest.get(..end)).unwrap_or(longest)
    }
}

/// Returns where the character of this number begins, or the end.
fn at_char(text: &str, number: usize) -> usize {
    text.char_indices().nth(number).map_or(text.len(), |(at, _)| at)
}

impl Transform for Chunk {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        let mut made = Vec::new();
        if !Of::Value.is_absent(&record) {
            self.cut(&record, &mut made)?;
        } else if record.key.is_none() || !self.delete_rest {
            return Ok(record.into());
        }
        if record.key.is_some() && self.delete_rest {
            record.value = None;
            self.delete_rest(&record, &mut made)?;
        }
        Ok(Transformed::Several(made))
    }

    fn needs(&self) -> Vec<FormNeed> {
        let Some(field) = &self.field else { return Vec::new() };
        let kind = FieldNeed::new(field.names(), FieldKind::Text, "text");
        vec![Of::Value.needs_field(field.as_str()).with_fields([field.names()]).with_kind(kind)]
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        let text = PayloadForm::Text;
        match self.field {
            Some(_) => RecordForms::new(forms.key | text.into(), forms.value),
            None => RecordForms::new(forms.key | text.into(), text),
        }
    }

    /// The key gets the number of the piece, and is text then.
    fn leaves(&self, fields: RecordFields) -> RecordFields {
        let fields = fields.changed(Side::Key, |_| KnownFields::none());
        let written = [(&self.field, FieldKind::Text), (&self.index_field, FieldKind::Number)];
        let written = written.into_iter().filter_map(|(field, kind)| Some((field.as_ref()?, kind)));
        fields.changed(Side::Value, |before| {
            written.fold(before, |left, (path, kind)| left.with_known(path.names(), KnownFields::of(kind)))
        })
    }

    fn makes_tombstones(&self) -> Option<MadeTombstones> {
        let why = "makes a tombstone for each piece that a shorter version of a text, or its tombstone, leaves behind";
        let way_out = "`delete_rest: false` makes none, and leaves such pieces in the target";
        self.delete_rest.then(|| MadeTombstones::new(SettingsError::at("delete_rest", why), way_out))
    }
}

impl Chunk {
    /// Adds a tombstone for each key that is left; `record` has no value any more.
    fn delete_rest(&self, record: &Record, made: &mut Vec<Record>) -> Result<(), Rejection> {
        let rest = made.len()..self.max_chunks;
        if record.size().saturating_mul(rest.len()) > MAX_BYTES {
            let reason = "the tombstones of what is left would take more than 64 MiB together, for the key and the headers";
            return Err(Rejection::new(reason));
        }
        for index in rest {
            let mut tombstone = record.clone();
            set_key(&mut tombstone, index);
            made.push(tombstone);
        }
        Ok(())
    }

    fn cut(&self, record: &Record, made: &mut Vec<Record>) -> Result<(), Rejection> {
        let subject =
            self.field.as_ref().map_or("the value".to_owned(), |field| format!("field `{}`", field.as_str()));
        let text = self.text(record).map_err(|fault| fault.of(&subject))?;
        let pieces = self.cut.pieces(text, self.max_chunks).ok_or_else(|| {
            Rejection::new(format!(
                "{subject} takes more than the {} pieces of `max_chunks`",
                self.max_chunks
            ))
        })?;
        let others = record.size().saturating_sub(text.len());
        if others.saturating_mul(pieces.len()) > MAX_BYTES {
            return Err(Rejection::new(format!(
                "the pieces of {subject} would take more than 64 MiB together"
            )));
        }
        let mut template = record.clone();
        if let (Some(field), Some(Payload::Json(json))) = (&self.field, &mut template.value) {
            field.set(json, serde_json::Value::Null)?;
        } else {
            template.value = None;
        }
        for (index, piece) in pieces.into_iter().enumerate() {
            made.push(self.one(&template, piece, index)?);
        }
        Ok(())
    }

    fn text<'a>(&self, record: &'a Record) -> Result<&'a str, FieldFault> {
        match (&self.field, &record.value) {
            (Some(field), Some(Payload::Json(json))) => match field.find(json) {
                Some(Found::Scalar(Scalar::Text(text))) => Ok(text),
                Some(other) => Err(FieldFault::new(format!("is {}, not a text", shape::of_found(other)))),
                None => Err(FieldFault::new("is missing")),
            },
            (Some(_), Some(other)) => {
                Err(FieldFault::new(format!("is asked of a value that is {}, not JSON", other.form())))
            }
            (None, Some(Payload::Json(json))) => match Found::from_value(json.value()) {
                Found::Scalar(Scalar::Text(text)) => Ok(text),
                other => Err(FieldFault::new(format!("is {}, not a text", shape::of_found(other)))),
            },
            (None, Some(text)) => {
                text.as_text().ok_or_else(|| FieldFault::new("is bytes that are not valid UTF-8 text"))
            }
            (_, None) => Ok(""),
        }
    }

    fn one(&self, template: &Record, piece: &str, index: usize) -> Result<Record, Rejection> {
        let mut record = template.clone();
        match (&self.field, &mut record.value) {
            (Some(field), Some(Payload::Json(json))) => {
                field.set(json, piece.into())?;
                if let Some(field) = &self.index_field {
                    field.set(json, index.into())?;
                }
            }
            (_, value) => *value = Some(Payload::from(piece)),
        }
        set_key(&mut record, index);
        Ok(record)
    }
}

/// Gives a piece a key of its own, if the record has one: the key as text, or its JSON, and the number.
fn set_key(record: &mut Record, index: usize) {
    if let Some(key) = &record.key {
        let text = match key {
            Payload::Json(json) => match json.value() {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            },
            other => other.to_display().into_owned(),
        };
        record.key = Some(Payload::Text(format!("{text}#{index}")));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_cut_at_blanks() {
        let cut = Cut { size: 16, overlap: 4 };
        assert_eq!(cut.pieces("One two three four five.", 9), Some(vec!["One two three ", "ree four five."]));
        assert_eq!(cut.pieces("short", 1), Some(vec!["short"]));
        assert_eq!(cut.pieces("", 1), Some(vec![""]));
        assert_eq!(cut.pieces("0123456789abcdefghij", 1), None);
    }

    proptest! {
        #[test]
        fn every_character_is_in_a_piece_and_none_is_too_long(text in "[a-zä 🦀]{0,80}", size in 1..20_usize, overlap in 0..9_usize) {
            prop_assume!(overlap * 2 < size || overlap == 0);
            let cut = Cut { size, overlap };
            let pieces = cut.pieces(&text, 1000).expect("few pieces");
            let mut whole = String::new();
            for (index, piece) in pieces.iter().enumerate() {
                prop_assert!(piece.chars().count() <= size);
                let skipped = if index == 0 { 0 } else { overlap };
                whole.extend(piece.chars().skip(skipped));
            }
            prop_assert_eq!(whole, text);
        }
    }
}
