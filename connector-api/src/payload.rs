//! What a key or a value of a record is.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;

use crate::Json;

/// A key or a value: bytes as read, or what a converter or a transform made of them.
///
/// ```
/// use sluice_connector_api::Payload;
///
/// let json = Payload::from(serde_json::json!({ "ticker": "OOOO" }));
/// assert_eq!(json.to_bytes().as_ref(), br#"{"ticker":"OOOO"}"#);
/// assert_eq!(json.as_text(), None);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// Bytes that nobody has looked into.
    Bytes(Bytes),
    /// Valid UTF-8.
    Text(String),
    /// A JSON document. Numbers keep the digits that they were written with.
    Json(Json),
}

impl Payload {
    /// Names the form, as error texts use it: `bytes`, `text` or `JSON`.
    pub fn form(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "bytes",
            Self::Text(_) => "text",
            Self::Json(_) => "JSON",
        }
    }

    /// Returns the payload as text if it is [`Payload::Text`], or bytes that are valid UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Text(text) => Some(text),
            Self::Json(_) => None,
        }
    }

    /// Returns the JSON document as a value, if the payload is one.
    pub fn as_json(&self) -> Option<&Value> {
        match self {
            Self::Json(json) => Some(json.value()),
            Self::Bytes(_) | Self::Text(_) => None,
        }
    }

    /// Serialises the payload: bytes and text as they are, JSON without blanks between its parts.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            Self::Json(json) => json.to_bytes(),
        }
    }

    /// Shows the payload to a person; bytes that are not valid UTF-8 appear with replacement characters.
    pub fn to_display(&self) -> Cow<'_, str> {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes),
            Self::Text(text) => Cow::Borrowed(text),
            Self::Json(json) => Cow::Owned(String::from_utf8_lossy(&json.to_bytes()).into_owned()),
        }
    }

    /// Returns the serialised length in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
            Self::Json(json) => json.length(),
        }
    }

    /// Says whether the serialised payload has no bytes. An empty payload is no tombstone.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::Json(value.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_length_is_that_of_the_bytes() {
        let payloads = [
            Payload::from("zażółć"),
            Payload::from(json!({"a": [1, "b\n"], "c": null})),
            Payload::Bytes(Bytes::from_static(&[0xff])),
        ];
        for payload in payloads {
            assert_eq!(payload.len(), payload.to_bytes().len(), "{payload:?}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() -> Result<(), serde_json::Error> {
        let text = r#"{"a":1.10,"b":1739712345.678000,"c":123456789012345678901234567890}"#;
        assert_eq!(Payload::from(serde_json::from_str::<Value>(text)?).to_bytes(), text);
        Ok(())
    }

    #[test]
    fn bytes_that_are_no_utf8_are_no_text() {
        let payload = Payload::Bytes(Bytes::from_static(b"a\xffb"));
        assert_eq!(payload.as_text(), None);
        assert_eq!(payload.to_display(), "a\u{fffd}b");
    }
}
