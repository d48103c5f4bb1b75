//! What becomes of a record whose field is missing or null.

use std::fmt;

use schemars::{JsonSchema, Schema};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::FormNeed;

use crate::field_path::FieldPath;
use crate::subject::Of;

/// What becomes of a record whose field is missing or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = allow_null)]
pub(crate) enum OnAbsence {
    /// The record is rejected.
    #[default]
    Reject,
    /// The record passes as it is.
    Skip,
    /// The field that would be written is set to null.
    Null,
}

impl OnAbsence {
    /// States that a field is read, and whether it may be missing. The setting `field` names it.
    pub(crate) fn needs(self, of: Of, field: &FieldPath) -> FormNeed {
        let need = of.needs_field(field.as_str());
        match self {
            Self::Reject => need.with_fields([field.names()]),
            Self::Skip => need.with_sought([field.names()]),
            Self::Null => need,
        }
    }
}

/// In YAML `null` without quotes is not a word.
fn allow_null(schema: &mut Schema) {
    if let Some(Value::Array(choices)) = schema.get_mut("oneOf") {
        choices.push(json!({ "type": "null" }));
    }
}

impl<'de> Deserialize<'de> for OnAbsence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Word)
    }
}

struct Word;

impl Visitor<'_> for Word {
    type Value = OnAbsence;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`reject`, `skip` or `null`")
    }

    fn visit_unit<E: Error>(self) -> Result<OnAbsence, E> {
        Ok(OnAbsence::Null)
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<OnAbsence, E> {
        match word {
            "reject" => Ok(OnAbsence::Reject),
            "skip" => Ok(OnAbsence::Skip),
            "null" => Ok(OnAbsence::Null),
            _ => Err(E::unknown_variant(word, &["reject", "skip", "null"])),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn null_is_a_word_and_a_value() {
        let read = |text: &str| serde_json::from_str::<OnAbsence>(text).map_err(|error| error.to_string());
        assert_eq!(read("\"null\""), Ok(OnAbsence::Null));
        assert_eq!(read("null"), Ok(OnAbsence::Null));
        assert_eq!(read("\"skip\""), Ok(OnAbsence::Skip));
        assert!(read("\"drop\"").unwrap_err().contains("expected one of `reject`, `skip`, `null`"));
    }
}
