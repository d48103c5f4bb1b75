//! Reads bytes as a connector would have them read.

use bytes::Bytes;
use sluice_connector_api::{ConverterContext, Headers, NotConverted, Payload, Registry, Side};

/// Reads a value with a converter of this crate.
pub(super) fn read(name: &str, bytes: &'static [u8]) -> Result<Payload, String> {
    let registry = crate::register(Registry::new());
    let Ok(plugin) = registry.converter(name) else { return Err(format!("no `{name}`")) };
    let converter = plugin.build(serde_json::json!({})).map_err(|error| error.to_string())?;
    let headers = Headers::new();
    let context = ConverterContext::new(Side::Value, "t", &headers);
    converter.convert(Bytes::from_static(bytes), &context).map_err(|error| match error {
        NotConverted::Rejected(rejection) => rejection.to_string(),
        other => format!("{other:?}"),
    })
}
