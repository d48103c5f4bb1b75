//! What stands at a place of a document.

use serde_json::{Number, Value};

/// What a field is.
///
/// ```
/// use sluice_connector_api::{Found, Json, Scalar};
///
/// let json = Json::parse(r#"{"price":44.50,"note":null,"lots":[{"size":7}]}"#.into())?;
/// assert_eq!(json.find(&["price"]), Some(Found::Scalar(Scalar::Number("44.50"))));
/// assert_eq!(json.find(&["note"]), Some(Found::Null));
/// assert_eq!(json.find(&["lots", "0", "size"]).and_then(Found::scalar), Some(Scalar::Number("7")));
/// assert_eq!(json.find(&["size"]), None);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found<'a> {
    /// A string, a number or a boolean.
    Scalar(Scalar<'a>),
    /// Null: the field is there.
    Null,
    /// An array or an object.
    Nested(&'a Value),
}

/// A string, a number or a boolean, as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// The characters of a string.
    Text(&'a str),
    /// The digits of a number.
    Number(&'a str),
    /// `true` or `false`.
    Bool(&'a str),
}

impl<'a> Found<'a> {
    /// Says what a value is.
    pub fn from_value(value: &'a Value) -> Self {
        match Scalar::of(value) {
            Some(scalar) => Self::Scalar(scalar),
            None if value.is_null() => Self::Null,
            None => Self::Nested(value),
        }
    }

    /// Returns the scalar, if it is one.
    pub fn scalar(self) -> Option<Scalar<'a>> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            Self::Null | Self::Nested(_) => None,
        }
    }
}

impl Found<'_> {
    /// Returns the field as a value of one's own; numbers keep their digits.
    pub fn to_value(self) -> Value {
        match self {
            Self::Scalar(Scalar::Text(text)) => Value::String(text.to_owned()),
            Self::Scalar(Scalar::Number(digits)) => {
                Value::Number(Number::from_string_unchecked(digits.to_owned()))
            }
            Self::Scalar(Scalar::Bool(word)) => Value::Bool(word == "true"),
            Self::Null => Value::Null,
            Self::Nested(value) => value.clone(),
        }
    }
}

impl<'a> Scalar<'a> {
    /// Takes a value that is one; `None` for null, arrays and objects.
    pub fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) => Some(Self::Number(number.as_str())),
            Value::Bool(true) => Some(Self::Bool("true")),
            Value::Bool(false) => Some(Self::Bool("false")),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// Returns the text, the digits, `true` or `false`.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Bool(text) => text,
        }
    }
}
