//! The transform and its settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{
    FieldKind, FormNeed, KnownFields, Payload, PayloadForm, Record, RecordFields, RecordForms, Rejection,
    SettingsError, Side, Transform, TransformSettings, Transformed,
};
use sluice_template::{HANDLEBARS, Template, shape};

use crate::field_path::FieldPath;

/// Writes the value as text, from a Handlebars template.
///
/// `At {{ts}} the price of {{ticker}} is {{price}}.` takes its fields from a JSON value; a tombstone passes
/// unchanged. Nothing is left blank in silence: a record whose field is missing, null, an array or an object
/// is rejected, and the reason names the field. `{{default price "n/a"}}` prints a fallback instead, `{{json
/// quote}}` prints any value as JSON, and `{{#if price}}` and `{{#unless price}}` accept a missing field.
/// Nothing is escaped; numbers appear with the digits that they came with.
///
/// Blocks and helpers are those of Handlebars: `if`, `unless`, `each`, `with`, `lookup`, `and`, `or`, `not`,
/// `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `len` (of an array or object), `raw`. A comparison needs its fields, and
/// compares numbers by what they are and exactly, however they are written: `1e2` is `100`, and `-0` is `0.0`;
/// `each` and `with` do so unless they have an `else`. A name without arguments is a field, even that of a
/// helper. Partials and decorators are not available.
///
/// What is not in the value is under `@record`: `@record.key`, `@record.topic` (where the record is meant to
/// go), `@record.partition`, `@record.offset`, `@record.timestamp` (in milliseconds since 1970),
/// `@record.headers.NAME` (the newest of that name; `@record.headers.[a.b]` if it has dots) and
/// `@record.value`, the whole value, which may be text then. Keys, headers and values have to be UTF-8 where
/// they are used.
///
/// With `as`, the value stays an object and the text becomes one of its fields, beside those that it was made of.
///
/// ```yaml
/// transforms:
///   - template:
///       text: "At {{ts}} the price of {{ticker}} is {{price}}."
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TemplateSettings {
    /// The template.
    text: String,
    /// What opens and closes a tag: two different texts without white space. With any but Handlebars' own,
    /// everything outside the tags is literal, `{{` and backslashes included, and a tag ends at the next
    /// closing delimiter, even within quotes. Default `{{` and `}}`, with Handlebars' own rules.
    #[serde(default = "handlebars_delimiters")]
    delimiters: [String; 2],
    /// The field to write the text into; names within names are separated by dots (`document.text`), and objects on the
    /// way are made. The value has to be a JSON object, and keeps its other fields. Default: the text takes the place of
    /// the value.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    target: Option<String>,
}

fn handlebars_delimiters() -> [String; 2] {
    HANDLEBARS.map(str::to_owned)
}

impl TemplateSettings {
    fn template(&self) -> Result<Template, SettingsError> {
        if self.delimiters == HANDLEBARS {
            return Template::new("text", &self.text);
        }
        for (index, delimiter) in self.delimiters.iter().enumerate() {
            if delimiter.is_empty() || delimiter.contains(char::is_whitespace) {
                let reason = "a delimiter is not empty and has no white space";
                return Err(SettingsError::at(format!("delimiters.{index}"), reason));
            }
        }
        let [open, close] = &self.delimiters;
        if open == close {
            let reason = "the opening and the closing delimiter are the same";
            return Err(SettingsError::at("delimiters", reason));
        }
        Template::with_delimiters("text", &self.text, [open, close])
    }
}

impl TransformSettings for TemplateSettings {
    const NAME: &'static str = "template";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        let template = self.template()?;
        let target = self.target.map(|target| FieldPath::parse("as", target)).transpose()?;
        Ok(Box::new(TextWriter { template, target }))
    }
}

struct TextWriter {
    template: Template,
    target: Option<FieldPath>,
}

impl Transform for TextWriter {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if record.is_tombstone() {
            return Ok(record.into());
        }
        let text = self.template.render(&record)?;
        match (&self.target, &mut record.value) {
            (Some(field), Some(Payload::Json(json))) if json.is_object() => field.set(json, text.into())?,
            (Some(field), Some(other)) => {
                let reason = shape::no_object(other, "value", "template transform", field.as_str());
                return Err(Rejection::new(reason));
            }
            (_, value) => *value = Some(Payload::Text(text)),
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let mut needs = self.template.needs("text");
        if let Some(field) = &self.target {
            let why = format!("writes the field `{}` of the value", field.as_str());
            needs.push(FormNeed::new(Side::Value, PayloadForm::Json, SettingsError::at("as", why)));
        }
        needs
    }

    fn warnings(&self) -> Vec<SettingsError> {
        let text = "has no tag, so that every record gets the same text; a field is written as `{{name}}`";
        let mut warnings = Vec::new();
        if !self.template.has_tags() {
            warnings.push(SettingsError::at("text", text));
        }
        if self.template.literals().any(|literal| literal.contains("{%") && literal.contains("%}")) {
            let text = "`{% ... %}` is taken as text; a block is `{{#if name}}...{{/if}}`";
            warnings.push(SettingsError::at("text", text));
        }
        warnings
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        match self.target {
            Some(_) => forms,
            None => RecordForms::new(forms.key, PayloadForm::Text),
        }
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(Side::Value, |before| match &self.target {
            Some(target) => before.with_known(target.names(), KnownFields::of(FieldKind::Text)),
            None => KnownFields::of(FieldKind::Text),
        })
    }
}
