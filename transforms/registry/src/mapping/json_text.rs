//! JSON as it is written: value by value, within a bound.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::Serialize;

/// What every record may grow to, however short it is.
const LEAST_GROWN: usize = 64 * 1024;

/// How many times longer a record may grow: a field's name stands in the schema, and not in the record.
const GROWTH: usize = 128;

/// Returns the most bytes that so many bytes may become. A record that would be longer is made to do harm.
pub(crate) fn most_grown(bytes: usize) -> usize {
    bytes.saturating_mul(GROWTH).max(LEAST_GROWN)
}

/// A JSON text that is written from its beginning to its end.
pub(crate) struct JsonText {
    text: Vec<u8>,
    most: usize,
}

impl JsonText {
    /// Begins the text of a record that has so many bytes.
    pub(crate) fn for_record(bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes.saturating_mul(2).min(LEAST_GROWN) + 64),
            most: most_grown(bytes),
        }
    }

    /// Adds what is JSON already, or a sign between values.
    pub(crate) fn raw(&mut self, json: &str) -> Result<(), String> {
        self.text.extend_from_slice(json.as_bytes());
        self.within_bound()
    }

    /// Adds a string, with its quotes and escapes.
    pub(crate) fn string(&mut self, text: &str) -> Result<(), String> {
        self.value(text)
    }

    /// Adds bytes, in Base64.
    pub(crate) fn base64(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.string(&BASE64.encode(bytes))
    }

    /// Adds a whole number.
    pub(crate) fn integer(&mut self, number: i64) -> Result<(), String> {
        self.value(&number)
    }

    /// Adds a whole number that has no sign.
    pub(crate) fn unsigned(&mut self, number: u64) -> Result<(), String> {
        self.value(&number)
    }

    /// Adds a number of 32 bits, in the fewest digits that name it.
    pub(crate) fn float(&mut self, number: f32) -> Result<(), String> {
        if number.is_finite() { self.value(&number) } else { self.not_finite(number.into()) }
    }

    /// Adds a number of 64 bits, in the fewest digits that name it.
    pub(crate) fn double(&mut self, number: f64) -> Result<(), String> {
        if number.is_finite() { self.value(&number) } else { self.not_finite(number) }
    }

    /// JSON has no such numbers; the strings are those of Protobuf's JSON mapping.
    fn not_finite(&mut self, number: f64) -> Result<(), String> {
        if number.is_nan() {
            return self.raw("\"NaN\"");
        }
        self.raw(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" })
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), String> {
        serde_json::to_writer(&mut self.text, value).map_err(|error| error.to_string())?;
        self.within_bound()
    }

    fn within_bound(&self) -> Result<(), String> {
        if self.text.len() <= self.most {
            return Ok(());
        }
        Err(format!(
            "it would become more than {} bytes of JSON, which no honest record of its length does",
            self.most
        ))
    }

    /// Returns the text.
    pub(crate) fn finish(self) -> Bytes {
        self.text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_json_has_them() {
        let mut text = JsonText::for_record(10);
        text.raw("[").unwrap();
        text.string("a\"\n").unwrap();
        text.raw(",").unwrap();
        text.float(1.1).unwrap();
        text.raw(",").unwrap();
        text.double(f64::NEG_INFINITY).unwrap();
        text.raw(",").unwrap();
        text.base64(b"\xff").unwrap();
        text.raw("]").unwrap();
        assert_eq!(text.finish(), r#"["a\"\n",1.1,"-Infinity","/w=="]"#);
    }

    #[test]
    fn a_text_is_bounded() {
        let mut text = JsonText::for_record(3);
        let refused = (0..100_000).position(|_| text.raw("null,").is_err());
        assert_eq!(refused, Some(LEAST_GROWN / "null,".len()));
        assert!(text.raw("").is_err_and(|error| error.contains("more than 65536 bytes")));
    }
}
