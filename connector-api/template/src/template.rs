//! A template, ready to print.

use std::fmt::Write;
use std::io;
use std::sync::LazyLock;

use handlebars::{Handlebars, Output, RenderContext, Renderable, Template as HandlebarsTemplate};
use serde_json::Value;
use sluice_connector_api::{FormNeed, Payload, PayloadForm, PayloadForms, Record, SettingsError, Side};

use crate::checks;
use crate::compile::compile;
use crate::context::{ROOT, context};
use crate::delimited::TemplateSource;
use crate::error::Unprintable;
use crate::plain::PlainTemplate;
use crate::record_name::RecordName;
use crate::shape;
use crate::uses::{TemplateUse, Uses};
use crate::writer::TemplateWriter;

/// Bytes for which a printed text has room at once.
const ROOM: usize = 128;

static REGISTRY: LazyLock<Handlebars<'static>> = LazyLock::new(checks::registry);

/// A parsed template.
#[derive(Debug)]
pub struct Template {
    pub(crate) uses: Box<Uses>,
    pub(crate) program: CompiledText,
}

/// The two ways to print a template, which give the same text and the same reasons.
#[derive(Debug)]
pub(crate) enum CompiledText {
    Plain(PlainTemplate),
    Handlebars(HandlebarsTemplate),
}

impl CompiledText {
    /// Handlebars is the reference; plain templates are ten times as fast, and most are plain.
    pub(crate) fn new(template: HandlebarsTemplate) -> Self {
        match PlainTemplate::from_handlebars(&template) {
            Some(plain) => Self::Plain(plain),
            None => Self::Handlebars(template),
        }
    }
}

impl Template {
    /// Parses a template in Handlebars' own notation. Errors are those of the setting `key`, with the place in its text.
    pub fn new(key: &str, text: &str) -> Result<Self, SettingsError> {
        Self::from_source(&TemplateSource::plain(text)).map_err(|fault| fault.under(key))
    }

    /// Parses a template whose tags stand between other delimiters: two different texts that are neither empty nor have
    /// white space. Everything outside the tags is literal then.
    pub fn with_delimiters(key: &str, text: &str, [open, close]: [&str; 2]) -> Result<Self, SettingsError> {
        let source = TemplateSource::delimited(text, open, close);
        source.and_then(|source| Self::from_source(&source)).map_err(|fault| fault.under(key))
    }

    fn from_source(source: &TemplateSource) -> Result<Self, crate::error::TextFault> {
        let (template, uses) = compile(source)?;
        let is_json_path = |each: &&TemplateUse| each.written.starts_with("$.");
        if let Some(TemplateUse { written, .. }) = uses.all.iter().find(is_json_path) {
            let place = source.handlebars().find(written.as_str()).unwrap_or_default();
            let reason = format!("`{written}` is a JSONPath; a field is written without `$.` before it");
            return Err(crate::error::TextFault::new(reason, source.position(place)));
        }
        Ok(Self { uses: Box::new(uses), program: CompiledText::new(template) })
    }

    /// Prints the template for a record. A tombstone has no value, and so no fields.
    pub fn render(&self, record: &Record) -> Result<String, Unprintable> {
        let mut text = String::with_capacity(ROOM);
        self.write(record, &mut text)?;
        Ok(text)
    }

    /// Returns what the template stands for as JSON: one plain tag alone is the value that it names, with its type, and all
    /// else is a string.
    ///
    /// ```
    /// use serde_json::json;
    /// use sluice_connector_api::{Origin, Payload, Record};
    /// use sluice_template::Template;
    ///
    /// let mut record = Record::new(Origin::new("t", 0, 7));
    /// record.value = Some(Payload::from(json!({ "price": 44.5, "tags": ["a"] })));
    /// for (text, expected) in [
    ///     ("{{tags}}", json!(["a"])),
    ///     ("{{price}}", json!(44.5)),
    ///     ("{{@record.offset}}", json!(7)),
    ///     ("{{price}} EUR", json!("44.5 EUR")),
    /// ] {
    ///     assert_eq!(Template::new("text", text)?.render_value(&record)?, expected);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render_value(&self, record: &Record) -> Result<Value, Unprintable> {
        self.check_shapes(record)?;
        if let CompiledText::Plain(plain) = &self.program
            && let Some(value) = plain.value(record)
        {
            return value;
        }
        self.render(record).map(Value::String)
    }

    /// Prints the template where what its tags stand for is there; `None` where it is missing or null.
    pub fn render_present(&self, record: &Record) -> Result<Option<String>, Unprintable> {
        if let CompiledText::Plain(plain) = &self.program
            && plain.lacks(record)
        {
            return self.check_shapes(record).or_else(absent_is_fine).map(|()| None);
        }
        match self.render(record) {
            Ok(text) => Ok(Some(text)),
            Err(reason) if reason.is_absent() => Ok(None),
            Err(reason) => Err(reason),
        }
    }

    /// Prints the template piece by piece.
    pub fn write<W: TemplateWriter>(&self, record: &Record, writer: &mut W) -> Result<(), Unprintable> {
        self.check_shapes(record)?;
        match &self.program {
            CompiledText::Plain(plain) => plain.write(record, writer),
            CompiledText::Handlebars(template) => render(template, &context(&self.uses, record)?, writer),
        }
    }

    /// Returns what of a record the template reads, in the order of its text.
    pub fn uses(&self) -> &[TemplateUse] {
        &self.uses.all
    }

    /// Says whether the template reads the value, which a tombstone does not have.
    pub fn reads_value(&self) -> bool {
        self.uses.all.iter().any(|each| each.name == RecordName::Value)
    }

    /// States the forms that the template needs: it takes fields of JSON alone. `key` is the setting that holds its text.
    /// Fields and headers may be missing within blocks, and where a helper sees to it.
    pub fn needs(&self, key: &str) -> Vec<FormNeed> {
        let mut needs = Vec::new();
        let sides = [
            (Side::Key, RecordName::Key, &self.uses.key_field),
            (Side::Value, RecordName::Value, &self.uses.value_field),
        ];
        for (side, name, field) in sides {
            if let Some(field) = field {
                let why = SettingsError::at(key, format!("reads the field `{field}` of the {side}"));
                let fields = self.uses.fields_of(&name);
                needs.push(FormNeed::new(side, PayloadForm::Json, why).with_fields(fields));
            }
        }
        let headers = self.uses.headers();
        if let Some(first) = headers.first() {
            let why = SettingsError::at(key, format!("reads the header `{first}`"));
            needs.push(FormNeed::new(Side::Value, PayloadForms::ANY, why).with_headers(headers));
        }
        needs
    }

    /// Says whether the template has a tag.
    pub fn has_tags(&self) -> bool {
        self.uses.has_tags
    }

    /// Returns the text outside the tags, that in blocks included.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.uses.literals.iter().map(String::as_str)
    }

    /// Returns the text before the first tag.
    pub fn start(&self) -> &str {
        &self.uses.start
    }

    /// Says whether the template has no more than text and plain tags: no blocks and no helpers. It is then printed with the
    /// value of every tag, or not at all.
    pub fn is_plain(&self) -> bool {
        matches!(self.program, CompiledText::Plain(_))
    }

    /// Says whether the template is one plain tag and nothing else, such as `{{tags}}`.
    pub fn is_one_tag(&self) -> bool {
        matches!(&self.program, CompiledText::Plain(plain) if plain.is_one_tag())
    }

    /// Returns the texts of the array that the template's one plain tag stands for, without those that are null; `None`
    /// where it stands for no array.
    pub fn items<'a>(&self, record: &'a Record) -> Option<Result<Vec<&'a str>, Unprintable>> {
        match &self.program {
            CompiledText::Plain(plain) => plain.items(record),
            CompiledText::Handlebars(_) => None,
        }
    }

    /// Fields are asked of JSON alone; those of the value of an object, or of an array by their index.
    fn check_shapes(&self, record: &Record) -> Result<(), Unprintable> {
        if let (Some(field), Some(value)) = (&self.uses.value_field, &record.value) {
            match value {
                Payload::Json(json) if json.is_object() => {}
                Payload::Json(json) if json.value().is_array() && field.parse::<usize>().is_ok() => {}
                // A scalar has no fields: they are missing.
                Payload::Json(_) => {
                    return Err(Unprintable::absent(shape::no_object(value, "value", "template", field)));
                }
                _ => return Err(Unprintable::unfit(shape::no_object(value, "value", "template", field))),
            }
        }
        match (&self.uses.key_field, &record.key) {
            (Some(field), Some(key @ (Payload::Text(_) | Payload::Bytes(_)))) => {
                Err(Unprintable::unfit(shape::no_object(key, "key", "template", field)))
            }
            _ => Ok(()),
        }
    }
}

fn absent_is_fine(reason: Unprintable) -> Result<(), Unprintable> {
    if reason.is_absent() { Ok(()) } else { Err(reason) }
}

fn render<W: TemplateWriter>(
    template: &HandlebarsTemplate,
    context: &handlebars::Context,
    writer: &mut W,
) -> Result<(), Unprintable> {
    let mut scope = RenderContext::new(None);
    if let Some(block) = scope.block_mut() {
        block.base_path_mut().push(ROOT.to_owned());
    }
    let printed =
        template.render(&REGISTRY, context, &mut scope, &mut Pieces { writer, value: String::new() });
    printed.map_err(|error| checks::reason(&error))
}

/// Tells what tags print from the rest: `checks` prints them by `write_fmt`, and Handlebars all else by `write`.
struct Pieces<'a, W> {
    writer: &'a mut W,
    /// What a tag printed last; its room is used again.
    value: String,
}

impl<W: TemplateWriter> Output for Pieces<'_, W> {
    fn write(&mut self, text: &str) -> io::Result<()> {
        self.writer.literal(text);
        Ok(())
    }

    fn write_fmt(&mut self, value: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.value.clear();
        self.value.write_fmt(value).map_err(io::Error::other)?;
        self.writer.value(&self.value).map_err(io::Error::other)
    }
}
