//! How the text of an argument is read.

use serde::de::DeserializeOwned;
use sluice_connector_api::{ByteSize, HumanDuration};

use crate::config::worker::LogFormat;

/// Reads a time such as `500ms`.
pub(crate) fn duration(text: &str) -> Result<HumanDuration, String> {
    read(text).map_err(|error| error.to_string())
}

/// Reads a size such as `512MiB`.
pub(crate) fn size(text: &str) -> Result<ByteSize, String> {
    read(text).map_err(|error| error.to_string())
}

/// Reads `text` or `json`.
pub(crate) fn log_format(text: &str) -> Result<LogFormat, String> {
    read(text).map_err(|_| "is neither text nor json".to_owned())
}

/// Takes `NAME=VALUE` apart.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("is not written as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads what a connector file would read.
fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_value(text.into())
}
