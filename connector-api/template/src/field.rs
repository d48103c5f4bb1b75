//! What a template may print, and how it is refused.

use serde_json::Value;
use sluice_connector_api::Scalar;

use crate::error::Unprintable;
use crate::shape;

/// Returns a value's text; `subject` names it in the reason why it has none.
pub(crate) fn text<'a>(subject: &str, value: Option<&'a Value>) -> Result<&'a str, Unprintable> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Err(absent(subject, value)) };
    Scalar::of(value).map(Scalar::as_str).ok_or_else(|| {
        let shape = shape::of_json(value);
        Unprintable::unfit(format!("{subject} is {shape}, which only the helper `json` can print"))
    })
}

/// Says that a value is missing or null.
pub(crate) fn absent(subject: &str, value: Option<&Value>) -> Unprintable {
    Unprintable::absent(format!("{subject} is {}", if value.is_none() { "missing" } else { "null" }))
}

/// Says that an array was asked for something that is no index: it is not there, either.
pub(crate) fn no_index(name: &str) -> Unprintable {
    Unprintable::absent(format!("field `{name}` is asked of a JSON array, whose items are numbered"))
}
