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
/// Some producers write a deletion as no bytes, where Kafka's own would write no value:
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: { json: { empty_is: tombstone } }
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonConverter {
    /// What empty bytes are. Default: `reject`.
    #[serde(default)]
    empty_is: EmptyIs,
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
        match Json::parse(bytes) {
            Ok(json) => Ok(Some(Payload::Json(json))),
            Err(error) => Err(Rejection::new(format!("the {side} is not valid JSON: {error}")).into()),
        }
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Json.into()
    }
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
    fn empty_bytes_are_nothing_where_they_should_be() {
        assert_eq!(read_with("json", json!({"empty_is": "tombstone"}), b""), Ok(None));
        assert!(read_with("json", json!({"empty_is": "tombstone"}), b" ").is_err());
        assert!(read_with("json", json!({"empty_is": "reject"}), b"").is_err());
    }
}
