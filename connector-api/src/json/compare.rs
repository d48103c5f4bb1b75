//! Values compared by what they are: numbers by value, not by how they are written.

use std::cmp::Ordering;

use serde_json::Value;

use crate::Decimal;

/// Says whether two values are the same: numbers by value and exactly, objects whatever the order of their fields.
///
/// ```
/// use sluice_connector_api::{Json, is_same_json};
///
/// let json = Json::parse(r#"[{"a":1.50,"b":[1e2]},{"b":[100],"a":1.5}]"#.into())?.into_value();
/// assert!(is_same_json(&json[0], &json[1]));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn is_same_json(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            order_of_numbers(a.as_str(), b.as_str()) == Some(Ordering::Equal)
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_json(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let has_same = |(name, value): (&String, &Value)| {
                b.get(name).is_some_and(|other| is_same_json(value, other))
            };
            a.len() == b.len() && a.iter().all(has_same)
        }
        _ => a == b,
    }
}

/// Returns the order of two values: of numbers by value and exactly, of strings by their characters, of booleans. A
/// string that holds a number is compared with a number as one. `None` where there is no order.
pub fn order_of_json(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => order_of_numbers(number(a)?, number(b)?),
    }
}

fn order_of_numbers(a: &str, b: &str) -> Option<Ordering> {
    Some(Decimal::parse(a)?.cmp(&Decimal::parse(b)?))
}

fn number(value: &Value) -> Option<&str> {
    match value {
        Value::Number(number) => Some(number.as_str()),
        Value::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Value {
        super::super::Json::from_slice(text.as_bytes()).unwrap().into_value()
    }

    #[test]
    fn values_are_the_same_by_what_they_are() {
        for (a, b) in [
            ("0.0", "0"),
            ("-0", "0"),
            ("1e2", "100"),
            ("1.50", "1.5"),
            (r#"{"a":[1.0],"b":null}"#, r#"{"b":null,"a":[1]}"#),
        ] {
            assert!(is_same_json(&value(a), &value(b)), "{a} {b}");
        }
        for (a, b) in [
            ("9007199254740993", "9007199254740992"),
            ("1", "\"1\""),
            ("[1]", "[1,1]"),
            (r#"{"a":1}"#, r#"{"a":1,"b":1}"#),
            (r#"{"a":1}"#, r#"{"b":1}"#),
            ("null", "false"),
        ] {
            assert!(!is_same_json(&value(a), &value(b)), "{a} {b}");
        }
    }

    #[test]
    fn what_has_an_order_is_ordered() {
        let order = |a, b| order_of_json(&value(a), &value(b));
        assert_eq!(order("9007199254740993", "9007199254740992"), Some(Ordering::Greater));
        assert_eq!(order("1e999999999", "2"), Some(Ordering::Greater));
        assert_eq!(order("\"10\"", "9.50"), Some(Ordering::Greater));
        assert_eq!(order("9.50", "\"9.5\""), Some(Ordering::Equal));
        assert_eq!(order("\"10\"", "\"9\""), Some(Ordering::Less));
        assert_eq!(order("false", "true"), Some(Ordering::Less));
        for (a, b) in [("1", "\"x\""), ("null", "1"), ("[1]", "[2]"), ("true", "1")] {
            assert_eq!(order(a, b), None, "{a} {b}");
        }
    }
}
