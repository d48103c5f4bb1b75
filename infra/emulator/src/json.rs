//! JSON objects with members that may be absent.

use serde_json::Value;

/// Returns the object `body` with the member `name`, if there is a value for it.
pub(crate) fn with(mut body: Value, name: &str, value: Option<impl Into<Value>>) -> Value {
    if let (Some(object), Some(value)) = (body.as_object_mut(), value) {
        object.insert(name.to_owned(), value.into());
    }
    body
}
