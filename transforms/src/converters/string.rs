//! `string`: text.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Converter, ConverterContext, ConverterSettings, NotConverted, Payload, PayloadForm, PayloadForms,
    Rejection, SettingsError,
};

/// Text in UTF-8.
///
/// Anything else is rejected; empty bytes are an empty text.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   key: string
///   value: string
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StringConverter {}

impl Converter for StringConverter {
    fn convert(&self, bytes: Bytes, context: &ConverterContext<'_>) -> Result<Payload, NotConverted> {
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Payload::Text(text.to_owned())),
            Err(error) => {
                let (side, place) = (context.side, error.valid_up_to());
                Err(Rejection::new(format!("the {side} is not valid UTF-8 at byte {place}")).into())
            }
        }
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Text.into()
    }
}

impl ConverterSettings for StringConverter {
    const NAME: &'static str = "string";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        Ok(Box::new(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converters::tests::read;

    #[test]
    fn text_is_read_as_it_is() {
        assert_eq!(read("string", "ż".as_bytes()), Ok(Payload::from("ż")));
        assert_eq!(read("string", b""), Ok(Payload::from("")));
    }

    #[test]
    fn what_is_no_text_says_where() {
        assert_eq!(read("string", b"ab\xff"), Err("the value is not valid UTF-8 at byte 2".to_owned()));
    }
}
