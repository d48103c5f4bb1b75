//! How error texts name the shape of what a record holds.

use serde_json::Value;
use sluice_connector_api::{Found, Payload, Scalar};

/// Names the type of a JSON value, with its article, such as `a JSON array`.
pub fn of_json(value: &Value) -> &'static str {
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
pub fn of_found(found: Found<'_>) -> &'static str {
    match found {
        Found::Null => "a JSON null",
        Found::Scalar(Scalar::Bool(_)) => "a JSON boolean",
        Found::Scalar(Scalar::Number(_)) => "a JSON number",
        Found::Scalar(Scalar::Text(_)) => "a JSON string",
        Found::Nested(value) => of_json(value),
    }
}

/// Says that a key or a value is not a JSON object. `side` is `key` or `value`, and `who` looks for the field.
pub fn no_object(payload: &Payload, side: &str, who: &str, field: &str) -> String {
    let (shape, way_out) = match payload {
        Payload::Json(json) => (of_json(json.value()), String::new()),
        // The operator forgot the converter; nothing in the data can be put right.
        Payload::Bytes(_) | Payload::Text(_) => {
            (payload.form(), format!("; set `{side}: json` under `source`"))
        }
    };
    format!("the {side} is {shape}, but the {who} needs an object with `{field}`{way_out}")
}
