//! What a template may print, and how it is refused.

use serde_json::Value;
use sluice_connector_api::Scalar;

use crate::shape;

/// Returns a value's text; `subject` names it in the reason why it has none.
pub(super) fn text<'a>(subject: &str, value: Option<&'a Value>) -> Result<&'a str, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Err(absent(subject, value)) };
    Scalar::of(value).map(Scalar::as_str).ok_or_else(|| {
        format!("{subject} is {}, which only the helper `json` can print", shape::of_json(value))
    })
}

/// Says that a value is missing or null.
pub(super) fn absent(subject: &str, value: Option<&Value>) -> String {
    format!("{subject} is {}", if value.is_none() { "missing" } else { "null" })
}

/// Says that an array was asked for something that is no index.
pub(super) fn no_index(name: &str) -> String {
    format!("field `{name}` is asked of a JSON array, whose items are numbered")
}
