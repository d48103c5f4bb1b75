//! Addresses in settings, and text within them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use reqwest::Url;
use sluice_connector_api::{SettingsError, check_http_address};

/// What stays as it is where a value is percent-encoded: the unreserved characters of RFC 3986. What it calls reserved
/// is encoded, and so is everything that is not ASCII.
pub const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const AUTH: &str = "a URL holds no user and password here; set `auth: { basic: ... }`";
const AWS: &str =
    "an address holds no credentials; they come from AWS's usual places, such as the environment";

/// Checks an `http` or `https` address whose path need not be one yet. The error names the key and never shows the address.
pub fn check_url(key: &str, url: &str) -> Result<(), SettingsError> {
    check_http_address(url, AUTH).map_err(|reason| SettingsError::at(key, reason))
}

/// Parses an `http` or `https` address that holds no credentials. The error names the key and never shows the address.
pub fn http_url(key: &str, url: &str) -> Result<Url, SettingsError> {
    parsed(key, url, AUTH)
}

/// Parses the address that paths are put below, such as that of a registry or a cluster: an [`http_url`] without `?` and `#`.
pub fn base_url(key: &str, url: &str) -> Result<Url, SettingsError> {
    let parsed = http_url(key, url)?;
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(SettingsError::at(
            key,
            "paths are put below this address, which takes no `?` and no `#`",
        ));
    }
    Ok(parsed)
}

/// Parses the address of an endpoint of AWS, or of a queue.
pub fn endpoint_url(key: &str, url: &str) -> Result<Url, SettingsError> {
    parsed(key, url, AWS)
}

fn parsed(key: &str, url: &str, who: &str) -> Result<Url, SettingsError> {
    check_http_address(url, who).map_err(|reason| SettingsError::at(key, reason))?;
    // What the check lets pass and this does not is a host that no name can be.
    let no_host = |_| SettingsError::at(key, "is not a URL; look at the name of its host");
    Url::parse(url).map_err(no_host)
}
