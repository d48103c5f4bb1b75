//! What a field of JSON is: text, a number and so on.

use std::fmt;
use std::ops::BitOr;

use serde_json::Value;

/// What a field of JSON is. A null is none of these: it is left out of account, as a field that is missing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl FieldKind {
    const ALL: [Self; 5] = [Self::Text, Self::Number, Self::Boolean, Self::Array, Self::Object];

    /// Says what a value is; none for null.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Null => None,
            Value::String(_) => Some(Self::Text),
            Value::Number(_) => Some(Self::Number),
            Value::Bool(_) => Some(Self::Boolean),
            Value::Array(_) => Some(Self::Array),
            Value::Object(_) => Some(Self::Object),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several kinds: those that a field may have at a place, or that a plug-in takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldKinds(u8);

impl FieldKinds {
    /// All of them.
    pub const ANY: Self = Self(
        FieldKind::Text.bit()
            | FieldKind::Number.bit()
            | FieldKind::Boolean.bit()
            | FieldKind::Array.bit()
            | FieldKind::Object.bit(),
    );

    /// Text, numbers and booleans.
    pub const SCALAR: Self = Self(FieldKind::Text.bit() | FieldKind::Number.bit() | FieldKind::Boolean.bit());

    /// Says whether a kind is among these.
    pub fn has(self, kind: FieldKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Returns those that are among these and among the others.
    #[must_use]
    pub fn common(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Says whether a kind is among these and among the others.
    pub fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl Default for FieldKinds {
    fn default() -> Self {
        Self::ANY
    }
}

impl From<FieldKind> for FieldKinds {
    fn from(kind: FieldKind) -> Self {
        Self(kind.bit())
    }
}

impl BitOr for FieldKinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for FieldKind {
    type Output = FieldKinds;

    fn bitor(self, other: Self) -> FieldKinds {
        FieldKinds::from(self) | other.into()
    }
}

impl fmt::Display for FieldKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            FieldKind::ALL.into_iter().filter(|kind| self.has(*kind)).map(FieldKind::name).collect();
        f.write_str(&names.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_named() {
        assert_eq!((FieldKind::Object | FieldKind::Text).to_string(), "text or an object");
        assert_eq!(FieldKind::of(&json!([1])), Some(FieldKind::Array));
        assert_eq!(FieldKind::of(&json!(null)), None);
    }
}
