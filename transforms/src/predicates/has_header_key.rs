//! `has_header_key`: a record with a header of a name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    FormNeed, PayloadForms, Predicate, PredicateSettings, Record, Rejection, SettingsError, Side,
};

/// Holds for records that have a header of a name.
///
/// Whether the header has a value does not matter. It is Kafka Connect's `HasHeaderKey`.
///
/// ```yaml
/// transforms:
///   - template:
///       text: "{{@record.headers.trace}}: {{text}}"
///     predicate:
///       has_header_key:
///         name: trace
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HasHeaderKey {
    /// The header's name; upper and lower case differ.
    name: String,
}

impl Predicate for HasHeaderKey {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        Ok(record.headers.last(&self.name).is_some())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let why = SettingsError::at("name", format!("looks for the header `{}`", self.name));
        let need = FormNeed::new(Side::Value, PayloadForms::ANY, why);
        vec![need.with_sought_headers([self.name.as_str()])]
    }
}

impl PredicateSettings for HasHeaderKey {
    const NAME: &'static str = "has_header_key";

    fn build(self) -> Result<Box<dyn Predicate>, SettingsError> {
        if self.name.is_empty() {
            return Err(SettingsError::at("name", "a header's name cannot be empty"));
        }
        Ok(Box::new(self))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use sluice_connector_api::Origin;

    use super::*;

    #[test]
    fn a_header_without_a_value_counts() {
        let predicate = HasHeaderKey { name: "trace".to_owned() }.build().unwrap();
        let mut record = Record::new(Origin::new("t", 0, 0));
        assert_eq!(predicate.test(&record), Ok(false));
        record.headers.push("trace", None);
        assert_eq!(predicate.test(&record), Ok(true));
    }

    #[test]
    fn the_case_of_a_name_counts() {
        let predicate = HasHeaderKey { name: "Trace".to_owned() }.build().unwrap();
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.headers.push("trace", None);
        assert_eq!(predicate.test(&record), Ok(false));
    }

    #[test]
    fn an_empty_name_is_refused() {
        let error = HasHeaderKey { name: String::new() }.build().err().unwrap();
        assert_eq!(error.path(), "name");
    }
}
