//! Addresses in settings, and text within them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use reqwest::Url;
use sluice_connector_api::SettingsError;

/// What stays as it is where a value is percent-encoded: the unreserved characters of RFC 3986. What it calls reserved
/// is encoded, and so is everything that is not ASCII.
pub const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const NOT_A_URL: &str = "this is not a URL; write one such as https://api.example.com/records";

/// Parses an `http` or `https` address that holds no credentials. The error names the key and never shows the address.
pub fn http_url(key: &str, url: &str) -> Result<Url, SettingsError> {
    let wrong = |reason: &str| SettingsError::at(key, reason);
    let url = Url::parse(url).map_err(|_| wrong(NOT_A_URL))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("the scheme must be `http` or `https`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a URL holds no user and password here; set `auth: { basic: ... }`"));
    }
    Ok(url)
}

/// Parses the address of an endpoint or of a queue, which is no secret.
pub fn endpoint_url(key: &str, url: &str) -> Result<Url, SettingsError> {
    let parsed =
        Url::parse(url).map_err(|error| SettingsError::at(key, format!("this is not a URL: {error}")))?;
    match parsed.host_str() {
        Some(_) => Ok(parsed),
        None => Err(SettingsError::at(key, "the URL names no host")),
    }
}
