//! How error texts name what a record holds.

use serde_json::Value;
use sluice_connector_api::{Found, Payload, Rejection, Scalar};

/// Names the type of a JSON value, with its article.
pub(crate) fn of_json(value: &Value) -> &'static str {
    match value {
        Value::Null => "a JSON null",
        Value::Bool(_) => "a JSON boolean",
        Value::Number(_) => "a JSON number",
        Value::String(_) => "a JSON string",
        Value::Array(_) => "a JSON array",
        Value::Object(_) => "a JSON object",
    }
}

/// Names the type of what a field is, with its article.
pub(crate) fn of_found(found: Found<'_>) -> &'static str {
    match found {
        Found::Null => "a JSON null",
        Found::Scalar(Scalar::Bool(_)) => "a JSON boolean",
        Found::Scalar(Scalar::Number(_)) => "a JSON number",
        Found::Scalar(Scalar::Text(_)) => "a JSON string",
        Found::Nested(value) => of_json(value),
    }
}

/// Rejects a value that is no JSON object; `who` is the transform that looks for the field.
pub(crate) fn no_object(value: &Payload, who: &str, field: &str) -> Rejection {
    let (shape, way_out) = match value {
        Payload::Json(json) => (of_json(json.value()), ""),
        // The operator forgot the converter; nothing in the data can be put right.
        Payload::Bytes(_) | Payload::Text(_) => (value.form(), "; set `value: json` under `source`"),
    };
    Rejection::new(format!("the value is {shape}, but the {who} needs an object with `{field}`{way_out}"))
}
