//! The metadata filters of `Retrieve`. Meanings: `RetrievalFilter`, botocore 1.44.5.

use std::cmp::Ordering;

use serde_json::{Map, Value};
use sluice_connector_api::{is_same_json, order_of_json};

use crate::error::ServiceError;

/// A filter that makes sense.
#[derive(Debug, PartialEq)]
pub(crate) enum RetrievalFilter {
    All(Vec<RetrievalFilter>),
    Any(Vec<RetrievalFilter>),
    Attribute { test: Test, key: String, value: Value },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Test {
    Equals,
    /// Holds for an absent key, too.
    NotEquals,
    GreaterThan,
    GreaterThanOrEquals,
    LessThan,
    LessThanOrEquals,
    In,
    /// Does not hold for an absent key.
    NotIn,
    StartsWith,
    ListContains,
    StringContains,
}

impl RetrievalFilter {
    /// Reads a filter that satisfies the model: one member, named for what it does. Refuses values that the test
    /// cannot be made with.
    pub(crate) fn read(filter: &Value) -> Result<Self, ServiceError> {
        let member = filter.as_object().into_iter().flatten().find(|(_, value)| !value.is_null());
        match member {
            Some((name, filters)) if name == "andAll" => Ok(Self::All(Self::read_all(filters)?)),
            Some((name, filters)) if name == "orAll" => Ok(Self::Any(Self::read_all(filters)?)),
            Some((name, attribute)) => Self::attribute(name, attribute),
            None => Err(ServiceError::validation("The filter is empty.")),
        }
    }

    fn read_all(filters: &Value) -> Result<Vec<Self>, ServiceError> {
        filters.as_array().into_iter().flatten().map(Self::read).collect()
    }

    fn attribute(name: &str, attribute: &Value) -> Result<Self, ServiceError> {
        let test = Test::named(name)
            .ok_or_else(|| ServiceError::validation(format!("The filter {name} is unknown.")))?;
        let key = attribute.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
        let value = attribute.get("value").cloned().unwrap_or_default();
        match test.wants(&value) {
            Ok(()) => Ok(Self::Attribute { test, key, value }),
            Err(wanted) => {
                Err(ServiceError::validation(format!("The value of {name} for {key} must be {wanted}.")))
            }
        }
    }

    /// Says whether a document with this metadata passes.
    pub(crate) fn holds(&self, metadata: &Map<String, Value>) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.holds(metadata)),
            Self::Any(filters) => filters.iter().any(|filter| filter.holds(metadata)),
            Self::Attribute { test, key, value } => match metadata.get(key) {
                Some(found) => test.holds(found, value),
                None => *test == Test::NotEquals,
            },
        }
    }
}

impl Test {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "equals" => Self::Equals,
            "notEquals" => Self::NotEquals,
            "greaterThan" => Self::GreaterThan,
            "greaterThanOrEquals" => Self::GreaterThanOrEquals,
            "lessThan" => Self::LessThan,
            "lessThanOrEquals" => Self::LessThanOrEquals,
            "in" => Self::In,
            "notIn" => Self::NotIn,
            "startsWith" => Self::StartsWith,
            "listContains" => Self::ListContains,
            "stringContains" => Self::StringContains,
            _ => return None,
        })
    }

    /// Checks the value of a filter, which the model leaves open; the types are those of the user guide.
    fn wants(self, value: &Value) -> Result<(), &'static str> {
        let (sound, wanted) = match self {
            Self::Equals | Self::NotEquals => (is_scalar(value), "a string, a number or a boolean"),
            Self::GreaterThan | Self::GreaterThanOrEquals | Self::LessThan | Self::LessThanOrEquals => {
                (value.is_number(), "a number")
            }
            Self::In | Self::NotIn => (
                value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(is_scalar)),
                "a list of strings, numbers or booleans",
            ),
            Self::StartsWith | Self::ListContains | Self::StringContains => (value.is_string(), "a string"),
        };
        if sound { Ok(()) } else { Err(wanted) }
    }

    fn holds(self, found: &Value, value: &Value) -> bool {
        let members = |value: &Value| value.as_array().cloned().unwrap_or_default();
        match self {
            Self::Equals => is_same_json(found, value),
            Self::NotEquals => !is_same_json(found, value),
            Self::GreaterThan => compare(found, value, Ordering::is_gt),
            Self::GreaterThanOrEquals => compare(found, value, Ordering::is_ge),
            Self::LessThan => compare(found, value, Ordering::is_lt),
            Self::LessThanOrEquals => compare(found, value, Ordering::is_le),
            Self::In => members(value).iter().any(|member| is_same_json(found, member)),
            Self::NotIn => !members(value).iter().any(|member| is_same_json(found, member)),
            Self::StartsWith => texts(found, value, |found, value| found.starts_with(value)),
            Self::ListContains => members(found).iter().any(|member| is_same_json(member, value)),
            Self::StringContains => {
                let contains = |found: &Value| texts(found, value, |found, value| found.contains(value));
                contains(found) || members(found).iter().any(contains)
            }
        }
    }
}

fn is_scalar(value: &Value) -> bool {
    value.is_string() || value.is_number() || value.is_boolean()
}

fn compare(found: &Value, value: &Value, holds: fn(Ordering) -> bool) -> bool {
    found.is_number() && value.is_number() && order_of_json(found, value).is_some_and(holds)
}

fn texts(found: &Value, value: &Value, holds: impl Fn(&str, &str) -> bool) -> bool {
    matches!((found.as_str(), value.as_str()), (Some(found), Some(value)) if holds(found, value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(filter: &Value) -> bool {
        let metadata = json!({
            "ticker": "OOOO", "price": 44.5, "shares": 100, "open": true, "markets": ["NYSE", "LSE"],
        });
        let Value::Object(metadata) = metadata else { panic!() };
        RetrievalFilter::read(filter).unwrap().holds(&metadata)
    }

    fn passes(test: &str, key: &str, value: &Value) -> bool {
        holds(&json!({ test: { "key": key, "value": value } }))
    }

    #[test]
    fn equality_is_of_values_and_not_of_spelling() {
        assert!(passes("equals", "ticker", &json!("OOOO")));
        assert!(!passes("equals", "ticker", &json!("oooo")));
        assert!(passes("equals", "shares", &json!(100.0)));
        assert!(passes("equals", "open", &json!(true)));
        assert!(!passes("equals", "price", &json!("44.5")));
        assert!(!passes("equals", "absent", &json!("OOOO")));
    }

    #[test]
    fn an_absent_key_is_unequal_but_not_outside_a_list() {
        assert!(passes("notEquals", "absent", &json!("OOOO")));
        assert!(!passes("notEquals", "ticker", &json!("OOOO")));
        assert!(passes("notEquals", "ticker", &json!("ZZZZ")));
        assert!(passes("notIn", "ticker", &json!(["ZZZZ"])));
        assert!(!passes("notIn", "ticker", &json!(["OOOO"])));
        assert!(!passes("notIn", "absent", &json!(["OOOO"])));
    }

    #[test]
    fn numbers_are_ordered_and_texts_are_not() {
        for (test, below, equal, above) in [
            ("greaterThan", true, false, false),
            ("greaterThanOrEquals", true, true, false),
            ("lessThan", false, false, true),
            ("lessThanOrEquals", false, true, true),
        ] {
            let found = [44.0, 44.5, 45.0].map(|value: f64| passes(test, "price", &json!(value)));
            assert_eq!(found, [below, equal, above], "{test}");
            assert!(!passes(test, "ticker", &json!(1)), "{test}");
        }
    }

    #[test]
    fn texts_and_lists_are_searched() {
        assert!(passes("in", "ticker", &json!(["A", "OOOO"])));
        assert!(passes("in", "price", &json!([44.50, 1])));
        assert!(!passes("in", "ticker", &json!(["A"])));
        assert!(passes("startsWith", "ticker", &json!("OO")));
        assert!(!passes("startsWith", "ticker", &json!("A")));
        assert!(passes("listContains", "markets", &json!("LSE")));
        assert!(!passes("listContains", "markets", &json!("LS")));
        assert!(!passes("listContains", "ticker", &json!("OOOO")), "it is not a list");
        assert!(passes("stringContains", "ticker", &json!("OO")));
        assert!(passes("stringContains", "markets", &json!("YS")));
        assert!(!passes("stringContains", "markets", &json!("AS")));
    }

    #[test]
    fn filters_combine() {
        let is = |ticker: &str| json!({ "equals": { "key": "ticker", "value": ticker } });
        let over = |price: i32| json!({ "greaterThan": { "key": "price", "value": price } });
        assert!(holds(&json!({ "andAll": [is("OOOO"), over(40)] })));
        assert!(!holds(&json!({ "andAll": [is("OOOO"), over(50)] })));
        assert!(holds(&json!({ "orAll": [is("A"), over(40)] })));
        assert!(!holds(&json!({ "orAll": [is("A"), over(50)] })));
        assert!(holds(&json!({ "andAll": [is("OOOO"), { "orAll": [over(50), over(40)] }] })));
    }

    #[test]
    fn a_value_that_the_test_cannot_be_made_with_is_refused() {
        for (test, value) in [
            ("equals", json!(["a"])),
            ("greaterThan", json!("40")),
            ("in", json!("a")),
            ("in", json!([])),
            ("startsWith", json!(1)),
        ] {
            let error = RetrievalFilter::read(&json!({ test: { "key": "k", "value": value } })).unwrap_err();
            assert!(error.message.contains(test), "{error:?}");
        }
    }
}
