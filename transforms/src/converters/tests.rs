//! Reads bytes as a connector would have them read.

use bytes::Bytes;
use serde_json::{Value, json};
use sluice_connector_api::{ConverterContext, Headers, NotConverted, Payload, Registry, Side};

/// Reads a value with a converter of this crate.
pub(super) fn read(name: &str, bytes: &[u8]) -> Result<Option<Payload>, String> {
    read_with(name, json!({}), bytes)
}

/// Reads a value with a converter that has these settings.
pub(super) fn read_with(name: &str, settings: Value, bytes: &[u8]) -> Result<Option<Payload>, String> {
    let registry = crate::register(Registry::new());
    let Ok(plugin) = registry.converter(name) else { return Err(format!("no `{name}`")) };
    let converter = plugin.build(settings).map_err(|error| error.to_string())?;
    let headers = Headers::new();
    let context = ConverterContext::new(Side::Value, "t", &headers);
    converter.convert(Bytes::copy_from_slice(bytes), &context).map_err(|error| match error {
        NotConverted::Rejected(rejection) => rejection.to_string(),
        other => format!("{other:?}"),
    })
}
