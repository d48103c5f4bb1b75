use std::slice;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, PathSeg, Template};
use serde_json::Value;
use sluice_connector_api::{Found, Json, field_at};

use super::{checks, field};

/// A template of literal text and plain fields, which needs no Handlebars to print it.
#[derive(Debug)]
pub(super) struct Segments(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    Literal(String),
    Field { names: Vec<String>, subject: String },
}

impl Segments {
    /// Takes a checked template apart; `None` where it has more than text and plain fields.
    pub(super) fn of(template: &Template) -> Option<Self> {
        let segments =
            template.elements.iter().filter(|element| !matches!(element, TemplateElement::Comment(_)));
        segments.map(Segment::of).collect::<Option<_>>().map(Self)
    }

    /// Prints the template with the fields of a JSON object; without one it has none.
    pub(super) fn render(&self, object: Option<&Json>) -> Result<String, String> {
        let mut text = String::with_capacity(128);
        for segment in &self.0 {
            text.push_str(segment.text(object)?);
        }
        Ok(text)
    }
}

impl Segment {
    fn of(element: &TemplateElement) -> Option<Self> {
        match element {
            TemplateElement::RawString(text) => Some(Self::Literal(text.clone())),
            TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => Self::of_tag(tag),
            _ => None,
        }
    }

    fn of_tag(tag: &HelperTemplate) -> Option<Self> {
        let [Parameter::Path(Path::Relative((path, _))), Parameter::Literal(Value::String(subject))] =
            &*tag.params
        else {
            return None;
        };
        let is_print = tag.name.as_name() == Some(checks::PRINT);
        let names = path.iter().map(|segment| match segment {
            PathSeg::Named(name) => Some(name.clone()),
            _ => None,
        });
        let names = names.collect::<Option<Vec<_>>>().filter(|names| is_print && !names.is_empty())?;
        Some(Self::Field { names, subject: subject.clone() })
    }

    fn text<'a>(&'a self, object: Option<&'a Json>) -> Result<&'a str, String> {
        match self {
            Self::Literal(text) => Ok(text),
            Self::Field { names, subject } => match object.and_then(|object| object.find(names)) {
                Some(Found::Scalar(scalar)) => Ok(scalar.as_str()),
                _ => field::text(subject, find(object.map_or(&Value::Null, Json::value), names)?),
            },
        }
    }
}

/// Finds a field the way Handlebars does.
fn find<'a>(object: &'a Value, names: &[String]) -> Result<Option<&'a Value>, String> {
    names.iter().try_fold(Some(object), |value, name| {
        let found = value.and_then(|value| field_at(value, slice::from_ref(name)));
        let is_no_index = || value.is_some_and(Value::is_array) && name.parse::<usize>().is_err();
        if found.is_none() && is_no_index() { Err(field::no_index(name)) } else { Ok(found) }
    })
}
