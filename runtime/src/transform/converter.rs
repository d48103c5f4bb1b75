//! How the bytes of a key or a value are read.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Json, Payload, Rejection};

/// How the bytes of a key or a value are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Converter {
    /// A JSON document in UTF-8. Numbers keep the digits that they were written with.
    Json,
    /// Text in UTF-8.
    String,
    /// Bytes as they are.
    Bytes,
}

impl Converter {
    /// Reads bytes; `what` is `key` or `value`, for the error.
    pub fn decode(self, what: &str, bytes: Bytes) -> Result<Payload, Rejection> {
        match self {
            Self::Bytes => Ok(Payload::Bytes(bytes)),
            Self::String => text(what, &bytes),
            Self::Json if bytes.is_empty() => {
                Err(Rejection::new(format!("the {what} is empty, which is no JSON")))
            }
            Self::Json => json(what, bytes),
        }
    }

    /// Reads a payload that may have been read already.
    pub(crate) fn convert(self, what: &str, payload: Option<Payload>) -> Result<Option<Payload>, Rejection> {
        match payload {
            Some(Payload::Bytes(bytes)) => self.decode(what, bytes).map(Some),
            other => Ok(other),
        }
    }
}

fn json(what: &str, bytes: Bytes) -> Result<Payload, Rejection> {
    let json = Json::parse(bytes);
    json.map(Payload::Json).map_err(|error| Rejection::new(format!("the {what} is no JSON: {error}")))
}

fn text(what: &str, bytes: &Bytes) -> Result<Payload, Rejection> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Payload::Text(text.to_owned())),
        Err(error) => {
            Err(Rejection::new(format!("the {what} is not valid UTF-8 at byte {}", error.valid_up_to())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(converter: Converter, bytes: &'static [u8]) -> Result<Payload, String> {
        converter.decode("value", Bytes::from_static(bytes)).map_err(|error| error.to_string())
    }

    #[test]
    fn each_converter_reads_its_form() {
        assert_eq!(read(Converter::Bytes, b"\xff"), Ok(Payload::Bytes(Bytes::from_static(b"\xff"))));
        assert_eq!(read(Converter::String, "ż".as_bytes()), Ok(Payload::from("ż")));
        assert_eq!(read(Converter::Json, b"[1]"), Ok(serde_json::json!([1]).into()));
    }

    #[test]
    fn what_does_not_parse_says_where() {
        assert_eq!(
            read(Converter::String, b"ab\xff"),
            Err("the value is not valid UTF-8 at byte 2".to_owned())
        );
        assert!(read(Converter::Json, b"{\"a\":}").is_err_and(|error| error.contains("line 1 column 6")));
        assert_eq!(read(Converter::Json, b""), Err("the value is empty, which is no JSON".to_owned()));
    }
}
