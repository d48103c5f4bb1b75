//! Secrets, kept out of JSON.

use serde_json::Value;
use sluice_connector_api::Blanks;

/// Blanks secrets in every text, every number and every name of a value.
pub(super) fn blanked(value: Value, blanks: &Blanks) -> Value {
    if blanks.is_empty() {
        return value;
    }
    match value {
        Value::String(text) => blanks.apply(&text).into(),
        Value::Number(number) => {
            let text = number.to_string();
            let shown = blanks.apply(&text);
            if shown == text { Value::Number(number) } else { shown.into() }
        }
        Value::Array(values) => values.into_iter().map(|value| blanked(value, blanks)).collect(),
        Value::Object(fields) => {
            let field =
                |(name, value): (String, Value)| (blanks.apply(&name).into_owned(), blanked(value, blanks));
            Value::Object(fields.into_iter().map(field).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_blanked_wherever_it_stands_and_the_rest_stays_json() {
        let blanks = Blanks::new(["hunter2".to_owned(), "4711".to_owned()]);
        let value = json!({ "a hunter2": ["x hunter2 y", 4711, true, null], "b": { "c": "hunter2" } });
        let shown = blanked(value, &blanks);
        let text = shown.to_string();
        assert!(!text.contains("hunter2") && !text.contains("4711"), "{text}");
        assert_eq!((&shown["b"]["c"], &shown["a [redacted]"][2]), (&json!("[redacted]"), &json!(true)));
    }
}
