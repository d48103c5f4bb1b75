//! Which side of a record a transform works on, and the JSON that it finds there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FormNeed, Json, Payload, PayloadForm, PayloadForms, Record, RecordForms, Rejection, SettingsError, Side,
};
use sluice_template::shape;

/// Makes a payload of a value that stands alone: a string becomes text, as the converter `string` has it; all else stays
/// JSON.
pub(crate) fn plain_payload(value: Value) -> Payload {
    match value {
        Value::String(text) => Payload::Text(text),
        other => other.into(),
    }
}

fn is_object(payload: &Payload) -> bool {
    matches!(payload, Payload::Json(json) if json.is_object())
}

/// Which side of a record is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Of {
    /// The key.
    Key,
    /// The value.
    #[default]
    Value,
}

impl Of {
    pub(crate) fn side(self) -> Side {
        match self {
            Self::Key => Side::Key,
            Self::Value => Side::Value,
        }
    }

    pub(crate) fn get(self, record: &Record) -> Option<&Payload> {
        match self {
            Self::Key => record.key.as_ref(),
            Self::Value => record.value.as_ref(),
        }
    }

    pub(crate) fn get_mut(self, record: &mut Record) -> &mut Option<Payload> {
        match self {
            Self::Key => &mut record.key,
            Self::Value => &mut record.value,
        }
    }

    /// Says whether there is nothing to change: no key, a tombstone, or a JSON null.
    pub(crate) fn is_absent(self, record: &Record) -> bool {
        match self.get(record) {
            None => true,
            Some(Payload::Json(json)) => !json.is_object() && json.value().is_null(),
            Some(_) => false,
        }
    }

    /// Returns the object whose fields are changed; `None` where there is nothing to change. `who` looks for `field`.
    pub(crate) fn object<'a>(
        self,
        record: &'a mut Record,
        who: &str,
        field: &str,
    ) -> Result<Option<&'a mut Json>, Rejection> {
        if self.is_absent(record) {
            return Ok(None);
        }
        if let Some(other) = self.get(record).filter(|payload| !is_object(payload)) {
            let who = format!("{who} transform");
            return Err(Rejection::new(shape::no_object(other, self.side().name(), &who, field)));
        }
        match self.get_mut(record) {
            Some(Payload::Json(json)) => Ok(Some(json)),
            _ => Ok(None),
        }
    }

    /// States that the side has to be JSON. `does` says what for, such as ``reads the field `a` ``, and `key` is the
    /// setting that asks for it.
    pub(crate) fn needs_json(self, key: &str, does: &str) -> FormNeed {
        let why = SettingsError::at(key, format!("{does} of the {}", self.side()));
        FormNeed::new(self.side(), PayloadForm::Json, why)
    }

    /// States that the side has to be JSON since a field of it is read, which the setting `field` names.
    pub(crate) fn needs_field(self, field: &str) -> FormNeed {
        self.needs_json("field", &format!("reads the field `{field}`"))
    }

    /// States that a field is looked for, without which nothing is done. `does` says what for, and `key` is the setting that
    /// names it.
    pub(crate) fn seeks(self, key: &str, does: &str, path: &[String]) -> FormNeed {
        self.needs_json(key, does).with_sought([path])
    }

    /// Returns the forms with those of this side changed.
    pub(crate) fn with_forms(self, forms: RecordForms, made: impl Into<PayloadForms>) -> RecordForms {
        match self {
            Self::Key => RecordForms::new(made, forms.value),
            Self::Value => RecordForms::new(forms.key, made),
        }
    }
}
