//! The transform and its settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sluice_connector_api::{
    FieldKind, FormNeed, Found, Json, KnownFields, Payload, Record, RecordFields, Rejection, Scalar,
    SettingsError, Transform, TransformSettings, Transformed,
};

use super::finds::{Find, KnownPattern};
use crate::field_fault::FieldFault;
use crate::field_path::FieldPattern;
use crate::subject::Of;

/// Takes out of texts what must not be passed on: by pattern, or whole fields.
///
/// Patterns are looked for in every string of the JSON, however deep, and in the whole value where it is text; that of cards
/// also in numbers, which become strings then. Names of fields and headers are not looked at. A tombstone passes unchanged.
///
/// ```yaml
/// transforms:
///   - redact:
///       patterns: [email, card]
///       fields: [customer.birthday]
/// ```
///
/// Before:
///
/// ```json
/// {"value": {"note": "ask ada@example.com, card 4111 1111 1111 1111", "customer": {"birthday": "1990-01-01"}}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"note": "ask [redacted], card [redacted]", "customer": {"birthday": "[redacted]"}}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RedactSettings {
    /// Known things that are looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    patterns: Vec<KnownPattern>,
    /// Regular expressions that are looked for, in the syntax of Rust's `regex`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-pattern" = true))]
    regexes: Vec<String>,
    /// Fields whose whole value is replaced, whatever it is. Names within names are separated by dots; an item of an array
    /// is a number from 0, and `*` is every item or field; a name that has a dot stands in brackets or between backticks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    /// What stands there instead. Default `[redacted]`.
    #[serde(default = "redacted")]
    replacement: String,
    /// Whether the key or the value is changed. Default `value`.
    #[serde(default)]
    of: Of,
}

fn redacted() -> String {
    "[redacted]".to_owned()
}

impl TransformSettings for RedactSettings {
    const NAME: &'static str = "redact";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.patterns.is_empty() && self.regexes.is_empty() && self.fields.is_empty() {
            return Err(SettingsError::new("looks for nothing; name `patterns`, `regexes` or `fields`"));
        }
        let mut finds = Vec::new();
        for pattern in self.patterns {
            finds.push(Find::known(pattern)?);
        }
        for (index, regex) in self.regexes.iter().enumerate() {
            finds.push(Find::custom(&format!("regexes.{index}"), regex)?);
        }
        let fields = match &*self.fields {
            [] => Vec::new(),
            fields => FieldPattern::parse_all("fields", fields)?,
        };
        Ok(Box::new(Redact { finds, fields, replacement: self.replacement, of: self.of }))
    }
}

struct Redact {
    finds: Vec<Find>,
    fields: Vec<FieldPattern>,
    replacement: String,
    of: Of,
}

impl Transform for Redact {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if let Some(first) = self.fields.first()
            && let Some(json) = self.of.object(&mut record, RedactSettings::NAME, first.as_str())?
        {
            for field in &self.fields {
                field.edit(json, |found| {
                    Ok((found != Found::Null).then(|| self.replacement.as_str().into()))
                })?;
            }
        }
        if !self.finds.is_empty() {
            self.search(&mut record)?;
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        if self.fields.is_empty() {
            Vec::new()
        } else {
            let mut needs = vec![self.of.needs_json("fields", "replaces fields")];
            for (index, field) in self.fields.iter().enumerate() {
                let does = format!("replaces the field `{}`", field.as_str());
                needs.push(self.of.seeks(&format!("fields.{index}"), &does, field.start()));
            }
            needs
        }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| {
            let is_whole = self.finds.is_empty();
            let before = if is_whole { before } else { before.of_any_kind() };
            let made = if is_whole {
                KnownFields::like([self.replacement.as_str().into()])
            } else {
                KnownFields::of(FieldKind::Text)
            };
            self.fields.iter().fold(before, |known, field| field.known_change(known, |_| made.clone()))
        })
    }
}

impl Redact {
    fn search(&self, record: &mut Record) -> Result<(), Rejection> {
        let side = self.of.side();
        let payload = self.of.get_mut(record);
        match payload {
            None => {}
            Some(Payload::Json(json)) => self.search_json(json),
            Some(text) => {
                let found = text.as_text().ok_or_else(|| {
                    FieldFault::new("is bytes that are not valid UTF-8 text, in which nothing can be found")
                        .of(&format!("the {side}"))
                })?;
                if let Some(replaced) = self.replaced(found) {
                    *payload = Some(Payload::Text(replaced));
                }
            }
        }
        Ok(())
    }

    /// A document in which nothing is found stays the text that it is.
    fn search_json(&self, json: &mut Json) {
        if !json.any_scalar(|found| self.may_be_in(found)) {
            return;
        }
        let mut value = json.value().clone();
        if self.search_value(&mut value) {
            *json = value.into();
        }
    }

    fn may_be_in(&self, scalar: Scalar<'_>) -> bool {
        match scalar {
            Scalar::Text(text) => self.finds.iter().any(|find| find.is_in(text)),
            Scalar::Number(digits) => self.finds.iter().any(|find| find.is_card() && find.is_in(digits)),
            Scalar::Bool(_) => false,
        }
    }

    /// Says whether something was replaced.
    fn search_value(&self, value: &mut Value) -> bool {
        match value {
            Value::Array(items) => self.search_each(items.iter_mut()),
            Value::Object(fields) => self.search_each(fields.values_mut()),
            scalar => match Scalar::of(scalar).and_then(|found| self.replaced_scalar(found)) {
                Some(replaced) => {
                    *scalar = replaced.into();
                    true
                }
                None => false,
            },
        }
    }

    /// Says whether something was replaced in one of them; each is looked at.
    fn search_each<'a>(&self, values: impl Iterator<Item = &'a mut Value>) -> bool {
        let mut is_changed = false;
        for value in values {
            is_changed |= self.search_value(value);
        }
        is_changed
    }

    fn replaced_scalar(&self, scalar: Scalar<'_>) -> Option<String> {
        match scalar {
            Scalar::Text(text) => self.replaced(text),
            Scalar::Number(digits) => {
                let mut cards = self.finds.iter().filter(|find| find.is_card());
                cards.find_map(|find| find.replace(digits, &self.replacement))
            }
            Scalar::Bool(_) => None,
        }
    }

    fn replaced(&self, text: &str) -> Option<String> {
        let mut replaced: Option<String> = None;
        for find in &self.finds {
            let current = replaced.as_deref().unwrap_or(text);
            if let Some(next) = find.replace(current, &self.replacement) {
                replaced = Some(next);
            }
        }
        replaced
    }
}
