//! Where what was found is not what was expected.

use serde_json::Value;
use sluice_connector_api::is_same_json;

/// A difference.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where, such as `requests.0.body.total`.
    pub path: String,
    /// What was expected there, if anything.
    pub expected: Option<Value>,
    /// What was found there, if anything.
    pub found: Option<Value>,
}

/// Compares what was found with what was expected, and notes the differences. A field that is not expected is not compared,
/// and one that is expected to be null may be missing. Lists are compared as a whole; numbers by value.
pub(super) fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, expected) in expected {
                let path = format!("{path}.{name}");
                match found.get(name) {
                    Some(found) => compare(&path, expected, found, differences),
                    None if expected.is_null() => {}
                    None => {
                        let expected = Some(expected.clone());
                        differences.push(Difference { path, expected, found: None });
                    }
                }
            }
        }
        (Value::Array(expected), Value::Array(found)) => compare_lists(path, expected, found, differences),
        _ if is_same_json(expected, found) => {}
        _ => differences.push(Difference {
            path: path.to_owned(),
            expected: Some(expected.clone()),
            found: Some(found.clone()),
        }),
    }
}

/// Compares lists item by item.
pub(super) fn compare_lists(
    path: &str,
    expected: &[Value],
    found: &[Value],
    differences: &mut Vec<Difference>,
) {
    for index in 0..expected.len().max(found.len()) {
        let path = format!("{path}.{index}");
        match (expected.get(index), found.get(index)) {
            (Some(expected), Some(found)) => compare(&path, expected, found, differences),
            (expected, found) => {
                differences.push(Difference { path, expected: expected.cloned(), found: found.cloned() });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(expected: &Value, found: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        compare("at", expected, found, &mut differences);
        differences.into_iter().map(|difference| difference.path).collect()
    }

    #[test]
    fn what_is_not_expected_is_not_compared() {
        let found = json!({ "a": 1, "b": { "c": [1, { "d": 2, "e": 3 }] } });
        assert!(paths(&json!({ "b": { "c": [1.0, { "d": 2 }] } }), &found).is_empty());
        assert!(paths(&json!({ "none": null }), &found).is_empty());
    }

    #[test]
    fn each_difference_has_its_path() {
        let found = json!({ "a": 1, "b": { "c": [1, { "d": 2 }] } });
        let expected = json!({ "a": "1", "b": { "c": [2, { "d": 2, "f": 0 }, 3] } });
        assert_eq!(paths(&expected, &found), ["at.a", "at.b.c.0", "at.b.c.1.f", "at.b.c.2"]);
        assert_eq!(paths(&json!({ "b": { "c": [1] } }), &found), ["at.b.c.1"], "one more than expected");
    }
}
