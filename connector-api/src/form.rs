//! The forms of payloads, and what a plug-in needs of them.

use std::fmt;
use std::ops::BitOr;

use crate::{FieldNeed, SettingsError, Side};

/// A form that a payload can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PayloadForm {
    /// Bytes that nobody has looked into. Those that are valid UTF-8 pass for text.
    Bytes,
    /// Text.
    Text,
    /// A JSON document, such as an object.
    Json,
    /// A number by itself, which is JSON without fields and items.
    Number,
}

impl PayloadForm {
    const ALL: [Self; 4] = [Self::Bytes, Self::Text, Self::Json, Self::Number];

    /// Names the form, as error texts use it: `bytes`, `text`, `JSON` or `a number`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Number => "a number",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Several forms: those that a payload may have at a place, or that a plug-in takes.
///
/// ```
/// use sluice_connector_api::{PayloadForm, PayloadForms};
///
/// let words = PayloadForm::Text | PayloadForm::Bytes;
/// assert!(words.has(PayloadForm::Text) && !words.has(PayloadForm::Json));
/// assert!(words.meets(PayloadForms::ANY) && !words.meets(PayloadForm::Json.into()));
/// assert_eq!(words.to_string(), "bytes or text");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadForms(u8);

impl PayloadForms {
    /// All of them.
    pub const ANY: Self = Self(
        PayloadForm::Bytes.bit()
            | PayloadForm::Text.bit()
            | PayloadForm::Json.bit()
            | PayloadForm::Number.bit(),
    );

    /// Says whether a form is among these.
    pub fn has(self, form: PayloadForm) -> bool {
        self.0 & form.bit() != 0
    }

    /// Returns those that are among these and among the others.
    #[must_use]
    pub fn common(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Says whether a form is among these and among the others.
    pub fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl From<PayloadForm> for PayloadForms {
    fn from(form: PayloadForm) -> Self {
        Self(form.bit())
    }
}

impl BitOr for PayloadForms {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOr for PayloadForm {
    type Output = PayloadForms;

    fn bitor(self, other: Self) -> PayloadForms {
        PayloadForms::from(self) | other.into()
    }
}

impl fmt::Display for PayloadForms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            PayloadForm::ALL.into_iter().filter(|form| self.has(*form)).map(PayloadForm::name).collect();
        f.write_str(&names.join(" or "))
    }
}

/// The forms of a record's key and value at a place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordForms {
    /// Those of the key.
    pub key: PayloadForms,
    /// Those of the value.
    pub value: PayloadForms,
}

impl RecordForms {
    /// Names the forms of key and value.
    pub fn new(key: impl Into<PayloadForms>, value: impl Into<PayloadForms>) -> Self {
        Self { key: key.into(), value: value.into() }
    }

    /// Returns the forms of one side.
    pub fn of(self, side: Side) -> PayloadForms {
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
/// use sluice_connector_api::{PayloadForm, FormNeed, SettingsError, Side};
///
/// let why = SettingsError::at("field", "names a field of a JSON object");
/// let need = FormNeed::new(Side::Value, PayloadForm::Json, why);
/// assert!(!need.is_met_by(PayloadForm::Text.into()));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FormNeed {
    /// Whose form it is.
    pub side: Side,
    /// The forms of which it has to be one.
    pub forms: PayloadForms,
    /// The key, and what it does with the payload, such as ``reads the field `id` of the value``. The text goes on with
    /// "but the value is text here".
    pub why: SettingsError,
    /// What to do about it, where the plug-in knows.
    pub way_out: Option<String>,
    /// The paths of fields, names from the root, without which every record is rejected, where the form is JSON alone.
    pub fields: Vec<Vec<String>>,
    /// Those of fields that may be missing, without which the key has no effect.
    pub sought: Vec<Vec<String>>,
    /// The names of headers without which every record is rejected.
    pub headers: Vec<String>,
    /// Those of headers that may be missing, without which the key has no effect.
    pub sought_headers: Vec<String>,
    /// What fields have to be, where they are there.
    pub kinds: Vec<FieldNeed>,
}

impl FormNeed {
    /// States a need.
    pub fn new(side: Side, forms: impl Into<PayloadForms>, why: SettingsError) -> Self {
        let (fields, sought, headers, sought_headers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (forms, kinds) = (forms.into(), Vec::new());
        Self { side, forms, why, way_out: None, fields, sought, headers, sought_headers, kinds }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_way_out(mut self, way_out: impl Into<String>) -> Self {
        self.way_out = Some(way_out.into());
        self
    }

    /// Names the fields, by their paths, without which every record is rejected.
    #[must_use]
    pub fn with_fields<P: AsRef<[N]>, N: AsRef<str>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.fields = owned(paths);
        self
    }

    /// Names the fields, by their paths, that may be missing, and without which the key has no effect.
    #[must_use]
    pub fn with_sought<P: AsRef<[N]>, N: AsRef<str>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.sought = owned(paths);
        self
    }

    /// Names the headers without which every record is rejected.
    #[must_use]
    pub fn with_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names the headers that may be missing, and without which the key has no effect.
    #[must_use]
    pub fn with_sought_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.sought_headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// States what a field has to be.
    #[must_use]
    pub fn with_kind(mut self, need: FieldNeed) -> Self {
        self.kinds.push(need);
        self
    }

    /// Takes back that fields and headers have to be there: without one the key has no effect. A number, which has none, will do.
    #[must_use]
    pub fn with_fields_optional(mut self) -> Self {
        self.sought.append(&mut self.fields);
        self.sought_headers.append(&mut self.headers);
        if self.forms.has(PayloadForm::Json) {
            self.forms = self.forms | PayloadForm::Number.into();
        }
        self
    }

    /// Says whether a payload that has one of these forms may do.
    pub fn is_met_by(&self, forms: PayloadForms) -> bool {
        self.forms.meets(forms)
    }
}

fn owned<P: AsRef<[N]>, N: AsRef<str>>(paths: impl IntoIterator<Item = P>) -> Vec<Vec<String>> {
    let mut owned = Vec::new();
    for path in paths {
        owned.push(path.as_ref().iter().map(|name| name.as_ref().to_owned()).collect());
    }
    owned
}
