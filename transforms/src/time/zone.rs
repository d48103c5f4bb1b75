//! Time zones by their names.

use jiff::tz::TimeZone;
use sluice_connector_api::SettingsError;

/// Finds a zone by its IANA name; `key` is the setting that holds it.
pub(crate) fn time_zone(key: &str, name: &str) -> Result<TimeZone, SettingsError> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let unknown = |_| {
        let reason = format!("unknown time zone `{name}`; an IANA name is asked for, such as `Europe/Paris`");
        SettingsError::at(key, reason)
    };
    TimeZone::get(name).map_err(unknown)
}
