//! JSON as it is written: value by value, within a bound.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sluice_connector_api::{Json, JsonName, JsonWriter};

use super::decimal::{decimal_text, short_decimal};
use super::options::DecimalStyle;

/// What every record may grow to, however short it is.
const LEAST_GROWN: usize = 64 * 1024;

/// How many times longer a record may grow: a field's name stands in the schema, and not in the record.
const GROWTH: usize = 128;

/// Returns the most bytes that so many bytes may become. A record that would be longer is made to do harm.
pub(crate) fn most_grown(bytes: usize) -> usize {
    bytes.saturating_mul(GROWTH).max(LEAST_GROWN)
}

/// A JSON document that is written from its beginning to its end.
pub(crate) struct JsonText {
    writer: JsonWriter,
    most: usize,
}

impl JsonText {
    /// Begins the text of a record that has so many bytes.
    pub(crate) fn for_record(bytes: usize) -> Self {
        let capacity = bytes.saturating_mul(2).min(LEAST_GROWN) + 64;
        Self { writer: JsonWriter::with_capacity(capacity), most: most_grown(bytes) }
    }

    pub(crate) fn begin_object(&mut self) -> Result<(), String> {
        self.write(JsonWriter::begin_object)
    }

    pub(crate) fn end_object(&mut self) -> Result<(), String> {
        self.write(JsonWriter::end_object)
    }

    pub(crate) fn begin_array(&mut self) -> Result<(), String> {
        self.write(JsonWriter::begin_array)
    }

    pub(crate) fn end_array(&mut self) -> Result<(), String> {
        self.write(JsonWriter::end_array)
    }

    /// Adds the name of the field whose value comes next.
    pub(crate) fn name(&mut self, name: &str) -> Result<(), String> {
        self.write(|writer| writer.name(name))
    }

    /// Does what [`JsonText::name`] does.
    pub(crate) fn ready_name(&mut self, name: &JsonName) -> Result<(), String> {
        self.write(|writer| writer.ready_name(name))
    }

    pub(crate) fn null(&mut self) -> Result<(), String> {
        self.write(JsonWriter::null)
    }

    pub(crate) fn boolean(&mut self, value: bool) -> Result<(), String> {
        self.write(|writer| writer.boolean(value))
    }

    /// Adds a string, with its quotes and escapes.
    pub(crate) fn string(&mut self, text: &str) -> Result<(), String> {
        self.write(|writer| writer.string(text))
    }

    /// Adds bytes, in Base64.
    pub(crate) fn base64(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.string(&BASE64.encode(bytes))
    }

    /// Adds a whole number.
    pub(crate) fn integer(&mut self, number: i64) -> Result<(), String> {
        self.write(|writer| writer.integer(number))
    }

    /// Adds a whole number that has no sign.
    pub(crate) fn unsigned(&mut self, number: u64) -> Result<(), String> {
        self.write(|writer| writer.unsigned(number))
    }

    /// Adds a decimal: its unscaled number, big-endian in two's complement, with all digits of its scale.
    pub(crate) fn decimal(&mut self, unscaled: &[u8], scale: i64, style: DecimalStyle) -> Result<(), String> {
        if style == DecimalStyle::Number
            && let Some((unscaled, scale)) = short_decimal(unscaled, scale)
        {
            return self.write(|writer| writer.scaled(unscaled, scale));
        }
        let text = decimal_text(unscaled, scale).ok_or("a decimal has more digits than anybody's")?;
        match style {
            DecimalStyle::Number => self.write(|writer| writer.digits(&text)),
            DecimalStyle::String => self.string(&text),
        }
    }

    /// Adds a number of 32 bits, in the fewest digits that name it.
    pub(crate) fn float(&mut self, number: f32) -> Result<(), String> {
        if !number.is_finite() {
            return self.not_finite(number.into());
        }
        self.write(|writer| writer.float(number))
    }

    /// Adds a number of 64 bits, in the fewest digits that name it.
    pub(crate) fn double(&mut self, number: f64) -> Result<(), String> {
        if !number.is_finite() {
            return self.not_finite(number);
        }
        self.write(|writer| writer.double(number))
    }

    /// JSON has no such numbers; the strings are those of Protobuf's JSON mapping.
    fn not_finite(&mut self, number: f64) -> Result<(), String> {
        if number.is_nan() {
            return self.string("NaN");
        }
        self.string(if number > 0.0 { "Infinity" } else { "-Infinity" })
    }

    fn write(&mut self, write: impl FnOnce(&mut JsonWriter)) -> Result<(), String> {
        write(&mut self.writer);
        if self.writer.length() <= self.most {
            return Ok(());
        }
        Err(format!(
            "it would become more than {} bytes of JSON, which no honest record of its length does",
            self.most
        ))
    }

    /// Returns the document.
    pub(crate) fn finish(self) -> Result<Json, String> {
        self.writer.finish().map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_json_has_them() {
        let mut text = JsonText::for_record(10);
        text.begin_array().unwrap();
        text.string("a\"\n").unwrap();
        text.float(1.1).unwrap();
        text.double(f64::NEG_INFINITY).unwrap();
        text.base64(b"\xff").unwrap();
        text.end_array().unwrap();
        assert_eq!(text.finish().unwrap().to_bytes(), r#"["a\"\n",1.1,"-Infinity","/w=="]"#);
    }

    #[test]
    fn a_text_is_bounded() {
        let mut text = JsonText::for_record(3);
        text.begin_array().unwrap();
        let refused = (0..100_000).position(|_| text.null().is_err());
        assert_eq!(refused, Some(LEAST_GROWN / "null,".len()));
        assert!(text.null().is_err_and(|error| error.contains("more than 65536 bytes")));
    }
}
