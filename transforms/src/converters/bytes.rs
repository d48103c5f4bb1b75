//! `bytes`: a payload as it was read.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    Converter, ConverterContext, ConverterSettings, NotConverted, Payload, PayloadForm, PayloadForms,
    SettingsError,
};

/// Bytes as they are.
///
/// It takes anything.
///
/// ```yaml
/// source:
///   kafka: { bootstrap_servers: localhost:9092, topics: [orders] }
///   key: bytes
///   value: bytes
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["byte_array", "binary", "raw"]))]
#[serde(deny_unknown_fields)]
pub(crate) struct BytesConverter {}

impl Converter for BytesConverter {
    fn convert(
        &self,
        bytes: Bytes,
        _context: &ConverterContext<'_>,
    ) -> Result<Option<Payload>, NotConverted> {
        Ok(Some(Payload::Bytes(bytes)))
    }

    fn makes(&self) -> PayloadForms {
        PayloadForm::Bytes.into()
    }
}

impl ConverterSettings for BytesConverter {
    const NAME: &'static str = "bytes";

    fn build(self) -> Result<Box<dyn Converter>, SettingsError> {
        Ok(Box::new(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converters::tests::read;

    #[test]
    fn bytes_stay_what_they_are() {
        assert_eq!(read("bytes", b"\xff"), Ok(Some(Payload::Bytes(Bytes::from_static(b"\xff")))));
        assert_eq!(read("bytes", b""), Ok(Some(Payload::Bytes(Bytes::new()))));
    }
}
