//! `topic_name_matches`: a record of certain topics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Predicate, PredicateSettings, Record, Rejection, SettingsError};

use crate::whole_regex::WholeRegex;

/// Holds for records whose topic fits a regular expression.
///
/// The topic is the one that the record is meant for: a routing transform before this one changes it. It is
/// Kafka Connect's `TopicNameMatches`.
///
/// ```yaml
/// transforms:
///   - template:
///       text: "{{symbol}} costs {{price}}."
///     predicate:
///       topic_name_matches:
///         pattern: prices-.*
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopicNameMatches {
    /// The regular expression, in the syntax of Rust's `regex` (no look-around, no back-references). It has
    /// to fit the whole name: `orders` does not fit `orders-eu`, `orders.*` does.
    #[schemars(extend("x-pattern" = true))]
    pattern: String,
}

struct WholeName(WholeRegex);

impl Predicate for WholeName {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        Ok(self.0.is_match(record.topic()))
    }
}

impl PredicateSettings for TopicNameMatches {
    const NAME: &'static str = "topic_name_matches";

    fn build(self) -> Result<Box<dyn Predicate>, SettingsError> {
        Ok(Box::new(WholeName(WholeRegex::new("pattern", &self.pattern)?)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use sluice_connector_api::Origin;

    use super::*;

    fn test(pattern: &str, record: &Record) -> bool {
        TopicNameMatches { pattern: pattern.to_owned() }.build().unwrap().test(record).unwrap()
    }

    #[test]
    fn the_whole_name_has_to_fit() {
        let record = Record::new(Origin::new("orders-eu", 0, 0));
        assert!(!test("orders", &record));
        assert!(!test("rders-eu", &record));
        assert!(test("orders.*", &record));
        assert!(test("orders|orders-eu", &record), "a longer alternative counts");
    }

    #[test]
    fn a_line_break_does_not_end_a_name() {
        assert!(!test("orders", &Record::new(Origin::new("orders\n", 0, 0))));
    }

    #[test]
    fn the_target_topic_counts() {
        let mut record = Record::new(Origin::new("orders", 0, 0));
        record.target_topic = Some("bills".to_owned());
        assert!(test("bills", &record));
    }

    #[test]
    fn an_invalid_expression_is_refused() {
        for pattern in ["orders(", "a)|(b", "(?=x)"] {
            let error = TopicNameMatches { pattern: pattern.to_owned() }.build().err().unwrap();
            assert_eq!(error.path(), "pattern");
            assert!(error.reason().starts_with("invalid regular expression: "), "{error}");
            assert!(!error.reason().contains('\n'), "{error}");
        }
    }
}
