//! What a template may print, and how it is refused.

use serde_json::Value;

use crate::shape;

/// Returns a value's text; `subject` names it in the reason why it has none.
pub(super) fn text<'a>(subject: &str, value: Option<&'a Value>) -> Result<&'a str, String> {
    match value {
        Some(Value::String(text)) => Ok(text),
        Some(Value::Number(number)) => Ok(number.as_str()),
        Some(Value::Bool(true)) => Ok("true"),
        Some(Value::Bool(false)) => Ok("false"),
        Some(value @ (Value::Array(_) | Value::Object(_))) => {
            Err(format!("{subject} is {}, which only the helper `json` can print", shape::of_json(value)))
        }
        Some(Value::Null) | None => Err(absent(subject, value)),
    }
}

/// Says that a value is missing or null.
pub(super) fn absent(subject: &str, value: Option<&Value>) -> String {
    format!("{subject} is {}", if value.is_none() { "missing" } else { "null" })
}

/// Says that an array was asked for something that is no index.
pub(super) fn no_index(name: &str) -> String {
    format!("field `{name}` is asked of a JSON array, whose items are numbered")
}
