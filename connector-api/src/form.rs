//! The forms of payloads, and what a plug-in needs of them.

use std::fmt;
use std::ops::BitOr;

use crate::{SettingsError, Side};

/// A form that a payload can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// Bytes that nobody has looked into. Those that are valid UTF-8 pass for text.
    Bytes,
    /// Text.
    Text,
    /// A JSON document.
    Json,
}

impl Form {
    const ALL: [Self; 3] = [Self::Bytes, Self::Text, Self::Json];

    /// Names the form, as error texts use it: `bytes`, `text` or `JSON`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Json => "JSON",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several forms: those that a payload may have at a place, or that a plug-in takes.
///
/// ```
/// use sluice_connector_api::{Form, Forms};
///
/// let words = Form::Text | Form::Bytes;
/// assert!(words.has(Form::Text) && !words.has(Form::Json));
/// assert!(words.meets(Forms::ANY) && !words.meets(Form::Json.into()));
/// assert_eq!(words.to_string(), "bytes or text");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms(u8);

impl Forms {
    /// All of them.
    pub const ANY: Self = Self(Form::Bytes.bit() | Form::Text.bit() | Form::Json.bit());

    /// Says whether a form is among these.
    pub fn has(self, form: Form) -> bool {
        self.0 & form.bit() != 0
    }

    /// Says whether a form is among these and among the others.
    pub fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl From<Form> for Forms {
    fn from(form: Form) -> Self {
        Self(form.bit())
    }
}

impl BitOr for Forms {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for Form {
    type Output = Forms;

    fn bitor(self, other: Self) -> Forms {
        Forms::from(self) | other.into()
    }
}

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Form::ALL.into_iter().filter(|form| self.has(*form)).map(Form::name).collect();
        f.write_str(&names.join(" or "))
    }
}

/// The forms of a record's key and value at a place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordForms {
    /// Those of the key.
    pub key: Forms,
    /// Those of the value.
    pub value: Forms,
}

impl RecordForms {
    /// Names the forms of key and value.
    pub fn new(key: impl Into<Forms>, value: impl Into<Forms>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// Returns the forms of one side.
    pub fn of(self, side: Side) -> Forms {
        match side {
            Side::Key => self.key,
            Side::Value => self.value,
        }
    }
}

impl BitOr for RecordForms {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self { key: self.key | other.key, value: self.value | other.value }
    }
}

/// A form without which a plug-in rejects every record, and the setting that asks for it.
///
/// ```
/// use sluice_connector_api::{Form, Need, SettingsError, Side};
///
/// let why = SettingsError::at("field", "names a field of a JSON object");
/// let need = Need::new(Side::Value, Form::Json, why);
/// assert!(!need.is_met_by(Form::Text.into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Need {
    /// Whose form it is.
    pub side: Side,
    /// The forms of which it has to be one.
    pub forms: Forms,
    /// The key, and what it does with the payload, as a text that goes on with `, which ...`: such as
    /// ``takes `name` from a JSON object``.
    pub why: SettingsError,
}

impl Need {
    /// States a need.
    pub fn new(side: Side, forms: impl Into<Forms>, why: SettingsError) -> Self {
        Self { side, forms: forms.into(), why }
    }

    /// Says whether a payload that has one of these forms may do.
    pub fn is_met_by(&self, forms: Forms) -> bool {
        self.forms.meets(forms)
    }
}
