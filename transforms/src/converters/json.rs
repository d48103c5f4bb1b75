//! `json`: a JSON document.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Converter, ConverterContext, ConverterSettings, Json, NotConverted, Payload, PayloadForm, PayloadForms,
    Rejection, SettingsError,
};

/// A JSON document in UTF-8. Numbers keep the digits that they were written with. A byte order mark before it is passed
/// over.
///
/// Anything else is rejected; `empty_is` says what becomes of empty bytes. What Kafka Connect's `JsonConverter` writes with
/// `schemas.enable`, an envelope of `schema` and `payload`, is for the converter `connect_json`.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: json
/// ```
///
/// Some programs write what JSON does not have: `NaN`, halves of characters. It is read where that is asked for:
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: { json: { on_invalid: replace } }
/// ```
///
/// Some producers write a deletion as no bytes, where Kafka's own would write no value:
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: { json: { empty_is: tombstone } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-also" = ["debezium", "debezium_json", "csv"]))]
#[schemars(extend("x-instead" = {"schemas_enable, schemas_cache_size": "with a schema in each value the converter is `connect_json`; without one leave this out"}))]
pub(crate) struct JsonConverter {
    /// What empty bytes are. Default: `reject`.
    #[serde(default)]
    empty_is: EmptyIs,
    /// What becomes of a value that is JSON but for what JSON does not have. Default: `reject`.
    #[serde(default)]
    on_invalid: OnInvalid,
}

/// What becomes of what JSON does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnInvalid {
    /// The record is rejected.
    #[default]
    Reject,
    /// `NaN`, `Infinity` and `-Infinity` become null; halves of a surrogate pair, and bytes that are not UTF-8, become the
    /// replacement character U+FFFD; a control character within a string, such as a tab, is escaped.
    Replace,
}

/// What empty bytes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmptyIs {
    /// No JSON: the record is rejected.
    #[default]
    Reject,
    /// Nothing: the record has no value then and is a tombstone, or it has no key.
    Tombstone,
}

impl Converter for JsonConverter {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Option<Payload>, NotConverted> {
        let side = context.side;
        if bytes.is_empty() {
            return match self.empty_is {
                EmptyIs::Tombstone => Ok(None),
                EmptyIs::Reject => {
                    Err(Rejection::new(format!("the {side} is empty, which is not valid JSON")).into())
                }
            };
        }
        let hint = written_with_schema(&bytes);
        // Nothing is shared that nobody needs: every record comes this way.
        let kept = (self.on_invalid == OnInvalid::Replace).then(|| bytes.clone());
        let error = match Json::parse(bytes) {
            Ok(json) => return Ok(Some(Payload::Json(json))),
            Err(error) => error,
        };
        if let Some(bytes) = kept
            && let Ok(json) = Json::parse(mended(&bytes).into())
        {
            return Ok(Some(Payload::Json(json)));
        }
        let reason = match hint {
            Some(hint) => format!("the {side} is not JSON: {hint}"),
            None => format!("the {side} is not valid JSON: {error}"),
        };
        Err(Rejection::new(reason).into())
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Json.into()
    }
}

/// Says what bytes are that begin as the serializers of a schema registry have it: Confluent's write a zero byte and four of
/// the schema's number (their wire format), those of AWS Glue a 3, a 0 or 5, and sixteen of its id.
fn written_with_schema(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0, _, _, _, _, _, ..] => Some(
            "it begins as the serializers of a Confluent schema registry write; name the converter `avro`, `protobuf` or \
             `json_schema` instead",
        ),
        [3, 0 | 5, rest @ ..] if rest.len() > 16 => Some(
            "it begins as the serializers of the AWS Glue schema registry write; name the converter `avro`, `protobuf` or \
             `json_schema` instead",
        ),
        _ => None,
    }
}

/// Replaces what JSON does not have, outside of strings and within them.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut mended = String::with_capacity(text.len());
    let (mut rest, mut in_string) = (&*text, false);
    while let Some(first) = rest.chars().next() {
        let (piece, length) = match first {
            '\\' if in_string => escape(rest),
            '"' => {
                in_string = !in_string;
                ("\"".to_owned(), 1)
            }
            _ if in_string && first < ' ' => (format!("\\u{:04x}", u32::from(first)), 1),
            _ => match NO_NUMBERS.iter().find(|word| !in_string && rest.starts_with(**word)) {
                Some(word) => ("null".to_owned(), word.len()),
                None => (first.to_string(), first.len_utf8()),
            },
        };
        mended.push_str(&piece);
        rest = rest.get(length..).unwrap_or_default();
    }
    mended.into_bytes()
}

/// How many programs write results that are not numbers.
const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// Returns the escape at the beginning of a text, or what takes its place, and how long it is. Half of a surrogate pair is no
/// character.
fn escape(text: &str) -> (String, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..)?.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let length = match (unit(0), unit(6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
        (Some(0xD800..=0xDFFF), _) => return ("\\ufffd".to_owned(), 6),
        (Some(_), _) => 6,
        // The character behind the backslash may be of several bytes.
        (None, _) => text.chars().take(2).map(char::len_utf8).sum(),
    };
    (text.get(..length).unwrap_or_default().to_owned(), length)
}

impl ConverterSettings for JsonConverter {
    const NAME: &'static str = "json";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        Ok(Box::new(self))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::converters::tests::{read, read_with};

    #[test]
    fn a_document_is_read_as_it_is() {
        assert_eq!(read("json", b"[1]"), Ok(Some(json!([1]).into())));
        assert_eq!(read("json", b"null"), Ok(Some(json!(null).into())));
    }

    #[test]
    fn what_does_not_parse_says_where() {
        assert!(read("json", b"{\"a\":}").is_err_and(|error| error.contains("line 1 column 6")));
        assert_eq!(read("json", b""), Err("the value is empty, which is not valid JSON".to_owned()));
    }

    #[test]
    fn what_begins_like_a_record_of_a_schema_registry_names_the_converters() {
        let glue = [&[3, 0][..], &[7; 16], b"x"].concat();
        for (bytes, registry) in [(&b"\0\0\0\0\x07x"[..], "Confluent"), (&glue, "AWS Glue")] {
            let said = read("json", bytes).unwrap_err();
            assert!(
                said.contains(registry) && said.contains("`avro`, `protobuf` or `json_schema`"),
                "{said}"
            );
        }
        assert!(read("json", b"\0\0\0").unwrap_err().contains("not valid JSON"));
    }

    #[test]
    fn what_json_does_not_have_is_rejected_or_replaced() {
        let cases: [(&[u8], serde_json::Value); 7] = [
            (
                br#"{"a":NaN,"b":[-Infinity,Infinity],"NaN":"NaN"}"#,
                json!({"a":null,"b":[null,null],"NaN":"NaN"}),
            ),
            (
                br#"["\ud800","\udc00x","\ud83d\ude00","\\ud800"]"#,
                json!(["\u{fffd}", "\u{fffd}x", "\u{1f600}", "\\ud800"]),
            ),
            (b"[\"a\tb\nc\"]", json!(["a\tb\nc"])),
            (b"[\"a\xffb\"]", json!(["a\u{fffd}b"])),
            (br#"["\ud800\ud83d\ude00"]"#, json!(["\u{fffd}\u{1f600}"])),
            (br#"["\"NaN\"", NaN]"#, json!(["\"NaN\"", null])),
            (br#"{"a":1.50}"#, serde_json::from_str(r#"{"a":1.50}"#).unwrap()),
        ];
        for (bytes, expected) in cases {
            let replaced = read_with("json", json!({"on_invalid": "replace"}), bytes).unwrap().unwrap();
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(replaced.as_json(), Some(&expected), "{text}");
            assert_eq!(read("json", bytes).is_ok(), text.contains("1.50"), "{text}");
        }
        for bad in ["{", "[NaN", "nan", "[\"\\u12\"]", "\"\\"] {
            assert!(read_with("json", json!({"on_invalid": "replace"}), bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn empty_bytes_are_nothing_where_they_should_be() {
        assert_eq!(read_with("json", json!({"empty_is": "tombstone"}), b""), Ok(None));
        assert!(read_with("json", json!({"empty_is": "tombstone"}), b" ").is_err());
        assert!(read_with("json", json!({"empty_is": "reject"}), b"").is_err());
    }
}
