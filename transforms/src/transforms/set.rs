//! `set`: fields made of templates, each of the right type.

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{
    AnyJson, FieldKind, FormNeed, Json, KnownFields, Payload, PayloadForm, Record, RecordFields, RecordForms,
    Rejection, SettingsError, Transform, TransformSettings, Transformed,
};
use sluice_template::Template;

use crate::field_path::FieldPath;
use crate::subject::Of;

/// Sets fields, and so builds JSON, from templates.
///
/// A text is a template in the dialect of `template`. One tag alone has the type of what it names: `"{{price}}"` is a number
/// where the field is one, and an array or object where it is that; a text around it makes it a string. Numbers, booleans and
/// null stand for themselves, and objects and arrays may hold all of these. All templates see the record as it came. A
/// tombstone passes unchanged.
///
/// With `replace: true` the value becomes an object of these fields alone, whatever it was: the way to make a JSON body.
///
/// ```yaml
/// transforms:
///   - set:
///       replace: true
///       fields:
///         id: "{{id}}"
///         text: "{{name}} costs {{price}}"
///         meta: { price: "{{price}}", tags: "{{tags}}", topic: "{{@record.topic}}", version: 2 }
/// ```
///
/// Before:
///
/// ```json
/// {"topic": "goods", "value": {"id": 7, "name": "Tea", "price": 44.50, "tags": ["a"], "other": true}}
/// ```
///
/// After:
///
/// ```json
/// {"value": {"id": 7, "text": "Tea costs 44.50", "meta": {"price": 44.50, "tags": ["a"], "topic": "goods", "version": 2}}}
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("x-also" = ["add_field", "add_fields", "record_modifier", "record_transformer", "assign"]))]
#[serde(deny_unknown_fields)]
pub(crate) struct SetSettings {
    /// What is set, by the fields that get it. Names within names are separated by dots, and objects on the way are made; a
    /// name that has a dot stands in brackets or between backticks. Names within objects below stand for themselves.
    #[serde(deserialize_with = "fields")]
    fields: Map<String, Value>,
    /// Whether all other fields go. Default `false`.
    #[serde(default)]
    replace: bool,
    /// Whether the key or the value is changed. The templates see both. Default `value`.
    #[serde(default)]
    of: Of,
}

/// Reads fields as they are written, whatever they are called.
fn fields<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    match AnyJson::deserialize(deserializer)?.into_value() {
        Value::Object(fields) => Ok(fields),
        _ => Err(D::Error::custom("expected a map of fields")),
    }
}

impl TransformSettings for SetSettings {
    const NAME: &'static str = "set";

    fn build(self) -> Result<Box<dyn Transform>, SettingsError> {
        if self.fields.is_empty() && !self.replace {
            return Err(SettingsError::at("fields", "sets nothing"));
        }
        let mut fields = Vec::with_capacity(self.fields.len());
        for (name, value) in self.fields {
            let key = format!("fields.{name}");
            let made = MadeValue::parse(&key, value)?;
            fields.push((FieldPath::parse(&key, name)?, made));
        }
        Ok(Box::new(Set { fields, replace: self.replace, of: self.of }))
    }
}

struct Set {
    fields: Vec<(FieldPath, MadeValue)>,
    replace: bool,
    of: Of,
}

/// A value with templates in it.
enum MadeValue {
    Fixed(Value),
    Template(String, Box<Template>),
    Object(Vec<(String, MadeValue)>),
    Array(Vec<MadeValue>),
}

impl MadeValue {
    /// Reads a value; `key` is the setting that holds it.
    fn parse(key: &str, value: Value) -> Result<Self, SettingsError> {
        Ok(match value {
            Value::String(text) => {
                let template = Template::new(key, &text)?;
                if template.has_tags() {
                    Self::Template(key.to_owned(), Box::new(template))
                } else {
                    Self::Fixed(template.start().into())
                }
            }
            Value::Object(fields) => {
                let parse = |(name, value): (String, Value)| {
                    let made = Self::parse(&format!("{key}.{name}"), value)?;
                    Ok((name, made))
                };
                Self::Object(fields.into_iter().map(parse).collect::<Result<_, SettingsError>>()?)
            }
            Value::Array(items) => {
                let parse = |(index, item)| Self::parse(&format!("{key}.{index}"), item);
                Self::Array(items.into_iter().enumerate().map(parse).collect::<Result<_, _>>()?)
            }
            fixed => Self::Fixed(fixed),
        })
    }

    fn make(&self, record: &Record) -> Result<Value, Rejection> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Template(_, template) => template.render_value(record)?,
            Self::Object(fields) => {
                let mut made = Map::with_capacity(fields.len());
                for (name, value) in fields {
                    made.insert(name.clone(), value.make(record)?);
                }
                Value::Object(made)
            }
            Self::Array(items) => items.iter().map(|item| item.make(record)).collect::<Result<_, _>>()?,
        })
    }

    fn known(&self) -> KnownFields {
        match self {
            Self::Fixed(value) => KnownFields::like([value.clone()]),
            Self::Template(_, template) if template.is_one_tag() => KnownFields::default(),
            Self::Template(..) => KnownFields::of(FieldKind::Text),
            Self::Array(_) => KnownFields::of(FieldKind::Array),
            Self::Object(fields) if fields.is_empty() => KnownFields::of(FieldKind::Object),
            Self::Object(fields) => {
                let put = |made: KnownFields, (name, value): &(String, Self)| {
                    made.with_known(&[name], value.known())
                };
                fields.iter().fold(KnownFields::none(), put)
            }
        }
    }

    fn needs(&self, needs: &mut Vec<FormNeed>) {
        match self {
            Self::Fixed(_) => {}
            Self::Template(key, template) => needs.extend(template.needs(key)),
            Self::Object(fields) => fields.iter().for_each(|(_, value)| value.needs(needs)),
            Self::Array(items) => items.iter().for_each(|item| item.needs(needs)),
        }
    }
}

impl Transform for Set {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        if record.is_tombstone() {
            return Ok(record.into());
        }
        let mut made = Vec::with_capacity(self.fields.len());
        for (field, value) in &self.fields {
            made.push((field, value.make(&record)?));
        }
        if self.replace {
            let mut json = Json::from(Value::Object(Map::new()));
            set_all(&mut json, made)?;
            *self.of.get_mut(&mut record) = Some(Payload::Json(json));
            return Ok(record.into());
        }
        let first = self.fields.first().map_or("", |(field, _)| field.as_str());
        if let Some(json) = self.of.object(&mut record, SetSettings::NAME, first)? {
            set_all(json, made)?;
        }
        Ok(record.into())
    }

    fn needs(&self) -> Vec<FormNeed> {
        let mut needs = Vec::new();
        if !self.replace {
            needs.push(self.of.needs_json("fields", "sets fields"));
        }
        self.fields.iter().for_each(|(_, value)| value.needs(&mut needs));
        needs
    }

    fn makes(&self, forms: RecordForms) -> RecordForms {
        self.of.with_forms(forms, PayloadForm::Json)
    }

    fn leaves(&self, fields: RecordFields) -> RecordFields {
        fields.changed(self.of.side(), |before| {
            let before = if self.replace { KnownFields::none() } else { before };
            self.fields
                .iter()
                .fold(before, |left, (field, made)| left.with_known(field.names(), made.known()))
        })
    }
}

fn set_all(json: &mut Json, made: Vec<(&FieldPath, Value)>) -> Result<(), Rejection> {
    for (field, value) in made {
        field.set(json, value)?;
    }
    Ok(())
}
