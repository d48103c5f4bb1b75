//! `record_is_tombstone`: a record without a value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Predicate, PredicateSettings, Record, Rejection, SettingsError};

/// Holds for records without a value, so-called tombstones.
///
/// An empty value is a value. It is Kafka Connect's `RecordIsTombstone` and has no settings.
///
/// ```yaml
/// transforms:
///   - timestamp: { field: at, from: unix_millis, to: rfc3339 }
///     predicate:
///       record_is_tombstone: {}
///     negate: true
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordIsTombstone {}

impl Predicate for RecordIsTombstone {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        Ok(record.is_tombstone())
    }
}

impl PredicateSettings for RecordIsTombstone {
    const NAME: &'static str = "record_is_tombstone";

    fn build(self) -> Result<Box<dyn Predicate>, SettingsError> {
        Ok(Box::new(self))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use sluice_connector_api::{Origin, Payload};

    use super::*;

    #[test]
    fn an_empty_value_is_no_tombstone() {
        let predicate = RecordIsTombstone {}.build().unwrap();
        let mut record = Record::new(Origin::new("t", 0, 0));
        assert_eq!(predicate.test(&record), Ok(true));
        record.value = Some(Payload::from(""));
        assert_eq!(predicate.test(&record), Ok(false));
    }
}
