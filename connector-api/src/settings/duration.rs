//! Spans of time as an operator writes them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// 100 years of 365.25 days.
const LONGEST: Duration = Duration::from_hours(100 * 8766);

/// A span of time, written with its units: `200ms`, `5s`, `1h 30m`.
///
/// ```
/// use std::time::Duration;
/// use sluice_connector_api::HumanDuration;
///
/// let linger: HumanDuration = serde_json::from_str(r#""200ms""#)?;
/// assert_eq!(linger.get(), Duration::from_millis(200));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(Duration);

impl HumanDuration {
    /// Wraps a span.
    pub const fn new(duration: Duration) -> Self {
        Self(duration)
    }

    /// Makes a span of so many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// Makes a span of so many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// Returns the span.
    pub const fn get(self) -> Duration {
        self.0
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match humantime::parse_duration(&text) {
            // A clock that is asked for a time so far ahead may have none.
            Ok(duration) if duration <= LONGEST => Ok(Self(duration)),
            Ok(_) | Err(humantime::DurationError::NumberOverflow) => {
                Err(de::Error::custom(format!("`{text}` is longer than 100 years")))
            }
            Err(_) => Err(de::Error::custom(format!(
                "`{text}` is not a duration; write it like 200ms, 5s or 1h 30m"
            ))),
        }
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A span of time with its unit, such as 200ms, 5s or 1h 30m.",
            "type": "string",
            "format": "time-span",
            "pattern": r"^\s*([0-9]+\s*[a-zA-Zµ]+\s*)+$",
            "patternErrorMessage": "a time with its unit, such as 200ms, 5s or 1h 30m",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Duration, String> {
        serde_json::from_str::<HumanDuration>(json).map(HumanDuration::get).map_err(|error| error.to_string())
    }

    #[test]
    fn spans_are_read_with_their_units() {
        assert_eq!(read(r#""1h 30m""#), Ok(Duration::from_mins(90)));
        assert_eq!(read(r#""250us""#), Ok(Duration::from_micros(250)));
    }

    #[test]
    fn a_span_that_no_clock_reaches_is_refused() {
        assert!(read(r#""100years""#).is_ok());
        let many = format!("\"{}d\"", "9".repeat(400));
        for span in [
            r#""101years""#,
            r#""584000000000years""#,
            r#""18446744073709551615s""#,
            r#""99999999999999999999d""#,
            &many,
        ] {
            assert!(read(span).is_err_and(|error| error.contains("longer than 100 years")), "{span}");
        }
    }

    #[test]
    fn a_span_without_a_unit_says_how_to_write_one() {
        assert!(read(r#""5""#).is_err_and(|error| error.contains("write it like 200ms")));
    }
}
