//! Values as bodies.

use sluice_connector_api::{Json, Payload};
use sluice_wire::header::HeaderValue;

use super::settings::{BodyBatchSettings, BodyFormat};

/// A value as it is to stand in a body. It is measured without being written, and written once.
#[derive(Clone, Copy, Debug)]
pub(super) enum BodyPart<'a> {
    Json(&'a Json),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Text that becomes a JSON string.
    Quoted(&'a str),
}

impl<'a> BodyPart<'a> {
    /// Says how a value stands in a request of its own (`None`) or in one that it shares.
    pub(super) fn new(value: &'a Payload, format: Option<BodyFormat>) -> Result<Self, &'static str> {
        match (value, format) {
            (Payload::Json(json), _) => Ok(Self::Json(json)),
            (value, Some(BodyFormat::JsonArray | BodyFormat::JsonLines)) => {
                value.as_text().map(Self::Quoted).ok_or(NOT_TEXT)
            }
            (Payload::Text(text), _) => Ok(Self::Text(text)),
            (Payload::Bytes(bytes), _) => Ok(Self::Bytes(bytes)),
        }
    }

    /// Returns how many bytes it takes.
    pub(super) fn len(self) -> usize {
        match self {
            Self::Json(json) => json.length(),
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Quoted(text) => quoted_length(text),
        }
    }

    /// Says why a body that is called JSON is not, such as one that a template glued together.
    pub(super) fn must_be_json(self) -> Result<(), String> {
        let text = match self {
            Self::Json(_) | Self::Quoted(_) => return Ok(()),
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        };
        let Err(error) = Json::from_slice(text) else { return Ok(()) };
        Err(format!(
            "the body is not JSON, though `content-type` says so: {error}; make it with the transform `set`, or send the \
             value as it is"
        ))
    }

    fn write(self, body: &mut Vec<u8>) {
        match self {
            Self::Json(json) => body.extend_from_slice(&json.to_bytes()),
            Self::Text(text) => body.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) => body.extend_from_slice(bytes),
            Self::Quoted(text) => quote(text, body),
        }
    }
}

const NOT_TEXT: &str = "the value is bytes that are not valid UTF-8, which JSON cannot hold; use the format `raw`, or \
                        send one record per request";

/// Writes text as a JSON string.
fn quote(text: &str, body: &mut Vec<u8>) {
    // Text always serialises, and there is always room in memory, so that there is no error to hand on.
    serde_json::to_writer(body, text).unwrap_or_default();
}

/// Counts the bytes of text as a JSON string.
fn quoted_length(text: &str) -> usize {
    // Most texts have nothing to escape. That is seen without a branch, and so for many bytes at once.
    let is_escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let escaped: usize = text.bytes().map(|byte| usize::from(is_escaped(byte))).sum();
    if escaped == 0 {
        return text.len() + 2;
    }
    text.len() + 2 + text.bytes().map(escape_length).sum::<usize>()
}

/// Returns how many bytes an escape takes more than what it stands for.
fn escape_length(byte: u8) -> usize {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    }
}

/// Says whether a content type is one of JSON (RFC 8259, and the suffix of RFC 6839).
pub(super) fn is_json(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// A body that takes one value after the other.
#[derive(Debug, Default)]
pub(super) struct Body {
    bytes: Vec<u8>,
    has_values: bool,
    has_text: bool,
    has_bytes: bool,
}

impl Body {
    /// Writes a value behind those that are there.
    pub(super) fn push(&mut self, part: BodyPart<'_>, batch: Option<&BodyBatchSettings>) {
        match batch.map(|batch| (batch.format, batch)) {
            Some((BodyFormat::JsonArray, _)) => self.bytes.push(if self.has_values { b',' } else { b'[' }),
            Some((BodyFormat::Raw, batch)) if self.has_values => {
                self.bytes.extend_from_slice(batch.separator().as_bytes());
            }
            _ => {}
        }
        part.write(&mut self.bytes);
        if batch.is_some_and(|batch| batch.format == BodyFormat::JsonLines) {
            self.bytes.push(b'\n');
        }
        self.has_values = true;
        self.has_text |= matches!(part, BodyPart::Text(_));
        self.has_bytes |= matches!(part, BodyPart::Bytes(_));
    }

    /// Names what the values make.
    pub(super) fn content_type(&self, format: Option<BodyFormat>) -> &'static str {
        match format {
            Some(BodyFormat::JsonLines) => "application/x-ndjson",
            Some(BodyFormat::JsonArray) => "application/json",
            _ if self.has_bytes => "application/octet-stream",
            None if !self.has_text => "application/json",
            _ => "text/plain; charset=utf-8",
        }
    }

    /// Returns the body with its end.
    pub(super) fn into_bytes(mut self, format: Option<BodyFormat>) -> Vec<u8> {
        if format == Some(BodyFormat::JsonArray) {
            self.bytes.push(b']');
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_is_measured_as_it_is_written(text in any::<String>(), escapes in "[\"\\\\\u{0}-\u{20}a]{0,20}") {
            for text in [text, escapes] {
                let mut written = Vec::new();
                quote(&text, &mut written);
                prop_assert_eq!(BodyPart::Quoted(&text).len(), written.len(), "{:?}", text);
            }
        }
    }
}
