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
/// Anything else is rejected, and so are empty bytes.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   value: json
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonConverter {}

impl Converter for JsonConverter {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Payload, NotConverted> {
        let side = context.side;
        if bytes.is_empty() {
            return Err(Rejection::new(format!("the {side} is empty, which is not valid JSON")).into());
        }
        match Json::parse(bytes) {
            Ok(json) => Ok(Payload::Json(json)),
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
    use crate::converters::tests::read;

    #[test]
    fn a_document_is_read_as_it_is() {
        assert_eq!(read("json", b"[1]"), Ok(serde_json::json!([1]).into()));
    }

    #[test]
    fn what_does_not_parse_says_where() {
        assert!(read("json", b"{\"a\":}").is_err_and(|error| error.contains("line 1 column 6")));
        assert_eq!(read("json", b""), Err("the value is empty, which is not valid JSON".to_owned()));
    }
}
