//! `string`: text, in any encoding that has a name.

use bytes::Bytes;
use encoding_rs::Encoding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Converter, ConverterContext, ConverterSettings, NotConverted, Payload, PayloadForm, PayloadForms,
    Rejection, SettingsError,
};

/// Text in UTF-8, or in another encoding.
///
/// Anything else is rejected; empty bytes are an empty text.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   key: string
///   value: { string: { encoding: ISO-8859-1 } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["text", "plain", "utf8"]))]
#[serde(deny_unknown_fields)]
pub(crate) struct StringConverter {
    /// The encoding, as Kafka Connect's `converter.encoding` names it: `UTF-8`, `US-ASCII`, `ISO-8859-1`, `UTF-16` (big
    /// endian, unless it begins with a byte order mark), `UTF-16BE`, `UTF-16LE`, or any label of the
    /// [Encoding Standard](https://encoding.spec.whatwg.org/#names-and-labels), such as `windows-1250`, `Shift_JIS`,
    /// `EUC-KR`, `GB18030` or `KOI8-R`. Upper and lower case are alike. Default: `UTF-8`.
    #[serde(default = "utf8")]
    encoding: String,
}

fn utf8() -> String {
    "UTF-8".to_owned()
}

/// How bytes become text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Charset {
    Utf8,
    /// Seven bits.
    Ascii,
    /// Every byte is the character of that number. The Encoding Standard takes this name for `windows-1252`, Java and the
    /// norm do not.
    Latin1,
    /// A byte order mark says which; without one, big endian, as Java and RFC 2781 have it.
    Utf16,
    Other(&'static Encoding),
}

impl Charset {
    fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "utf-8" | "utf8" => Some(Self::Utf8),
            "us-ascii" | "ascii" => Some(Self::Ascii),
            "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "iso8859_1" | "latin1" => Some(Self::Latin1),
            "utf-16" | "utf16" => Some(Self::Utf16),
            _ => Encoding::for_label_no_replacement(name.as_bytes()).map(Self::Other),
        }
    }

    /// Reads text, or says what is wrong with it.
    fn read(self, bytes: &[u8]) -> Result<String, String> {
        match self {
            Self::Utf8 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(error) => Err(format!("UTF-8 at byte {}", error.valid_up_to())),
            },
            Self::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                None => Ok(bytes.iter().copied().map(char::from).collect()),
                Some(place) => Err(format!("US-ASCII at byte {place}")),
            },
            Self::Latin1 => Ok(bytes.iter().copied().map(char::from).collect()),
            Self::Utf16 => {
                let (encoding, mark) = match bytes {
                    [0xff, 0xfe, ..] => (encoding_rs::UTF_16LE, 2),
                    [0xfe, 0xff, ..] => (encoding_rs::UTF_16BE, 2),
                    _ => (encoding_rs::UTF_16BE, 0),
                };
                Self::Other(encoding).read(bytes.get(mark..).unwrap_or_default())
            }
            Self::Other(encoding) => {
                let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
                text.map(Into::into).ok_or_else(|| encoding.name().to_owned())
            }
        }
    }
}

impl Converter for Charset {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
        match self.read(&bytes) {
            Ok(text) => Ok(Some(Payload::Text(text))),
            Err(what) => Err(Rejection::new(format!("the {} is not valid {what}", context.side)).into()),
        }
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Text.into()
    }
}

impl ConverterSettings for StringConverter {
    const NAME: &'static str = "string";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        let Some(charset) = Charset::from_name(&self.encoding) else {
            let reason =
                format!("no encoding has the name `{}`; known are UTF-8, ISO-8859-1, UTF-16", self.encoding);
            return Err(SettingsError::at("encoding", reason + ", windows-1252 and others"));
        };
        Ok(Box::new(charset))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::converters::tests::{read, read_with};

    fn text(encoding: &str, bytes: &[u8]) -> Result<Option<Payload>, String> {
        read_with("string", json!({ "encoding": encoding }), bytes)
    }

    #[test]
    fn text_is_read_as_it_is() {
        assert_eq!(read("string", "ż".as_bytes()), Ok(Some(Payload::from("ż"))));
        assert_eq!(read("string", b""), Ok(Some(Payload::from(""))));
    }

    #[test]
    fn what_is_no_text_says_where() {
        assert_eq!(read("string", b"ab\xff"), Err("the value is not valid UTF-8 at byte 2".to_owned()));
    }

    #[test]
    fn text_in_other_encodings_is_read() {
        for (encoding, bytes, expected) in [
            ("ISO-8859-1", b"\xfc\x80".as_slice(), "ü\u{80}"),
            ("ISO8859_1", b"\xfc", "ü"),
            ("windows-1252", b"\x80", "€"),
            ("windows-1250", b"\xbf", "ż"),
            ("US-ASCII", b"a", "a"),
            ("utf8", "ż".as_bytes(), "ż"),
            ("UTF-16", b"\xfe\xff\0a", "a"),
            ("UTF-16", b"\xff\xfea\0", "a"),
            ("UTF-16", b"\0a\x01\x7c", "aż"),
            ("UTF-16LE", b"a\0", "a"),
            ("UTF-16BE", b"\0a", "a"),
            ("Shift_JIS", b"\x93\xfa", "日"),
        ] {
            assert_eq!(text(encoding, bytes), Ok(Some(Payload::from(expected))), "{encoding}");
            assert_eq!(text(encoding, b""), Ok(Some(Payload::from(""))), "{encoding}");
        }
    }

    #[test]
    fn what_is_not_in_the_encoding_is_rejected() {
        for (encoding, bytes) in [("US-ASCII", b"\x80".as_slice()), ("UTF-16", b"a"), ("Shift_JIS", b"\xff")]
        {
            assert!(text(encoding, bytes).is_err_and(|error| error.starts_with("the value is not valid ")));
        }
    }

    #[test]
    fn an_encoding_that_is_unknown_is_refused() {
        let error = text("klingon", b"").unwrap_err();
        assert!(
            error.starts_with("encoding: no encoding has the name `klingon`; known are UTF-8"),
            "{error}"
        );
    }
}
