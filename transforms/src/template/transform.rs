use handlebars::{Context, Handlebars, RenderContext, Renderable, Template as HandlebarsTemplate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    Payload, Record, Rejection, SettingsError, Transform, TransformSettings, Transformed,
};

use super::checks;
use super::compile::{self, Uses};
use super::delimited::{HANDLEBARS, Source};
use super::record_fields::{self, RECORD, ROOT};
use super::segments::Segments;
use crate::shape;

/// Writes the value as text, from a Handlebars template.
///
/// `At {{ts}} the price of {{ticker}} is {{price}}.` takes its fields from a JSON value; a tombstone passes
/// unchanged. Nothing is left blank in silence: a record whose field is missing, null, an array or an object
/// is rejected, and the reason names the field. `{{default price "n/a"}}` prints a fallback instead, `{{json
/// quote}}` prints any value as JSON, and `{{#if price}}` and `{{#unless price}}` accept a missing field.
/// Nothing is escaped; numbers appear with the digits that they came with.
///
/// Blocks and helpers are those of Handlebars: `if`, `unless`, `each`, `with`, `lookup`, `and`, `or`, `not`,
/// `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `len` (of an array or object), `raw`. A comparison needs its fields;
/// `each` and `with` do so unless they have an `else`. A name without arguments is a field, even that of a
/// helper. Partials and decorators are not available.
///
/// What is not in the value is under `@record`: `@record.key`, `@record.topic` (where the record is meant to
/// go), `@record.partition`, `@record.offset`, `@record.timestamp` (in milliseconds since 1970),
/// `@record.headers.NAME` (the newest of that name; `@record.headers.[a.b]` if it has dots) and
/// `@record.value`, the whole value, which may be text then. Keys, headers and values have to be UTF-8 where
/// they are used.
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
}

fn handlebars_delimiters() -> [String; 2] {
    HANDLEBARS.map(str::to_owned)
}

impl TemplateSettings {
    fn source(&self) -> Result<Source, SettingsError> {
        let [open, close] = &self.delimiters;
        if self.delimiters == HANDLEBARS {
            return Ok(Source::plain(&self.text));
        }
        for (index, delimiter) in self.delimiters.iter().enumerate() {
            if delimiter.is_empty() || delimiter.contains(char::is_whitespace) {
                let reason = "a delimiter is not empty and has no white space";
                return Err(SettingsError::at(format!("delimiters.{index}"), reason));
            }
        }
        if open == close {
            return Err(SettingsError::at(
                "delimiters",
                "the opening and the closing delimiter are the same",
            ));
        }
        Source::delimited(&self.text, open, close)
    }

    fn template(&self) -> Result<Template, SettingsError> {
        let (template, uses) = compile::compile(&self.source()?)?;
        let program = Program::new(template);
        Ok(Template { uses, program })
    }
}

impl TransformSettings for TemplateSettings {
    const NAME: &'static str = "template";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        Ok(Box::new(self.template()?))
    }
}

/// A template, ready to print.
pub(super) struct Template {
    pub(super) uses: Uses,
    pub(super) program: Program,
}

/// The two ways to print a template, which give the same text and the same reasons.
pub(super) enum Program {
    Segments(Segments),
    Handlebars(Box<Handlebars<'static>>, HandlebarsTemplate),
}

impl Program {
    /// Handlebars is the reference; segments are ten times as fast, and most templates have no more.
    pub(super) fn new(template: HandlebarsTemplate) -> Self {
        Segments::of(&template).map_or_else(|| Self::handlebars(template), Self::Segments)
    }

    pub(super) fn handlebars(template: HandlebarsTemplate) -> Self {
        Self::Handlebars(Box::new(checks::registry()), template)
    }
}

impl Transform for Template {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if let Some(value) = record.value.take() {
            record.value = Some(Payload::Text(self.text(value, &record)?));
        }
        Ok(record.into())
    }
}

impl Template {
    fn text(&self, value: Payload, record: &Record) -> Result<String, Rejection> {
        let object = match &value {
            Payload::Json(json) if json.is_object() => Some(json),
            _ => None,
        };
        if let (Some(field), None) = (&self.uses.field, object) {
            return Err(shape::no_object(&value, "template", field));
        }
        match &self.program {
            Program::Segments(segments) => segments.render(object),
            Program::Handlebars(registry, template) => {
                render(registry, template, &self.context(value, record)?)
            }
        }
        .map_err(Rejection::new)
    }

    fn context(&self, value: Payload, record: &Record) -> Result<Context, Rejection> {
        let mut context = Map::new();
        if self.uses.value {
            context.insert(ROOT.to_owned(), record_fields::json(value, "value")?);
        }
        if !self.uses.parts.is_empty() {
            context.insert(RECORD.to_owned(), record_fields::collect(&self.uses.parts, record)?);
        }
        Ok(Value::Object(context).into())
    }
}

fn render(
    registry: &Handlebars<'_>,
    template: &HandlebarsTemplate,
    context: &Context,
) -> Result<String, String> {
    let mut scope = RenderContext::new(None);
    if let Some(block) = scope.block_mut() {
        block.base_path_mut().push(ROOT.to_owned());
    }
    template.renders(registry, context, &mut scope).map_err(|error| checks::reason(&error))
}
