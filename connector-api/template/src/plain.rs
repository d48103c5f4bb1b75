//! Templates of literal text and plain tags, which need no Handlebars to be printed. Most have no more.

use std::borrow::Cow;
use std::slice;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, PathSeg, Template as HandlebarsTemplate};
use serde_json::Value;
use sluice_connector_api::{Found, Json, Payload, Record, field_at};

use crate::checks;
use crate::compile::is_ruled;
use crate::context::{RECORD, ROOT, utf8};
use crate::error::Unprintable;
use crate::field;
use crate::record_name::RecordName;
use crate::writer::TemplateWriter;

/// A template of literal text and plain tags.
#[derive(Debug)]
pub(crate) struct PlainTemplate(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    Literal(String),
    Tag(PlainTag),
}

/// A tag that prints one thing of a record.
#[derive(Debug)]
struct PlainTag {
    name: RecordName,
    /// The names of a field within the key or the value.
    path: Vec<String>,
    /// What reasons begin with.
    subject: String,
}

impl PlainTemplate {
    /// Takes a checked template apart; `None` where it has more than text and plain tags.
    pub(crate) fn from_handlebars(template: &HandlebarsTemplate) -> Option<Self> {
        let mut segments = Vec::new();
        for element in &template.elements {
            match element {
                TemplateElement::Comment(_) => {}
                TemplateElement::RawString(text) => segments.push(Segment::Literal(text.clone())),
                TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => {
                    segments.push(Segment::Tag(PlainTag::from_handlebars(tag)?));
                }
                _ => return None,
            }
        }
        Some(Self(segments))
    }

    /// Prints the template.
    pub(crate) fn write<W: TemplateWriter + ?Sized>(
        &self,
        record: &Record,
        writer: &mut W,
    ) -> Result<(), Unprintable> {
        for segment in &self.0 {
            match segment {
                Segment::Literal(text) => writer.literal(text),
                Segment::Tag(tag) => {
                    let written = tag.text(record).and_then(|text| {
                        let wrong = |wrong| Unprintable::unfit(format!("{} {wrong}", tag.subject));
                        writer.value(&text).map_err(wrong)
                    });
                    written.map_err(|reason| self.unreadable(record).unwrap_or(reason))?;
                }
            }
        }
        Ok(())
    }

    /// Finds the first tag of bytes that are no text. Handlebars would not even have begun, and neither way is to give another
    /// reason than the other.
    fn unreadable(&self, record: &Record) -> Option<Unprintable> {
        for segment in &self.0 {
            if let Segment::Tag(tag) = segment
                && let Err(reason) = tag.text(record)
                && reason.is_unreadable()
            {
                return Some(reason);
            }
        }
        None
    }

    /// Says whether what some tag stands for is missing or null.
    pub(crate) fn lacks(&self, record: &Record) -> bool {
        let mut lacks = false;
        for segment in &self.0 {
            if let Segment::Tag(tag) = segment {
                lacks |= tag.text(record).is_err_and(|reason| reason.is_absent());
            }
        }
        lacks
    }

    /// Says whether the template is one tag and nothing else.
    pub(crate) fn is_one_tag(&self) -> bool {
        matches!(&*self.0, [Segment::Tag(_)])
    }

    /// Returns what the template's only tag stands for, as the type that it is: a number of the record itself is a number,
    /// too. `None` where there is more than one tag.
    pub(crate) fn value(&self, record: &Record) -> Option<Result<Value, Unprintable>> {
        let [Segment::Tag(tag)] = &*self.0 else { return None };
        if let Some(Payload::Json(json)) = tag.payload(record)
            && let Some(found) = json.find(&tag.path)
            && found != Found::Null
        {
            return Some(Ok(found.to_value()));
        }
        let is_number =
            matches!(tag.name, RecordName::Partition | RecordName::Offset | RecordName::Timestamp);
        let value = |text: Cow<'_, str>| match text.parse::<i64>() {
            Ok(number) if is_number => number.into(),
            _ => Value::String(text.into_owned()),
        };
        Some(tag.text(record).map(value))
    }

    /// Returns the texts of the array that the template's only tag stands for, those that are null left out; `None` where
    /// it stands for no array.
    pub(crate) fn items<'a>(&self, record: &'a Record) -> Option<Result<Vec<&'a str>, Unprintable>> {
        let [Segment::Tag(tag)] = &*self.0 else { return None };
        let Payload::Json(json) = tag.payload(record)? else { return None };
        let Some(Found::Nested(Value::Array(items))) = json.find(&tag.path) else { return None };
        let subject = format!("an item of {}", tag.subject);
        let present = items.iter().filter(|item| !item.is_null());
        Some(present.map(|item| field::text(&subject, Some(item))).collect())
    }
}

impl PlainTag {
    fn from_handlebars(tag: &HelperTemplate) -> Option<Self> {
        let [Parameter::Path(Path::Relative((segments, _))), Parameter::Literal(Value::String(subject))] =
            &*tag.params
        else {
            return None;
        };
        if tag.name.as_name() != Some(checks::PRINT) {
            return None;
        }
        let (name, path) = match &**segments {
            [root, PathSeg::Named(part), rest @ ..] if is_ruled(root, "path_root") && part == RECORD => {
                of_record(&names(rest)?)?
            }
            [root, PathSeg::Named(part), rest @ ..] if is_ruled(root, "path_root") && part == ROOT => {
                (RecordName::Value, names(rest)?)
            }
            [PathSeg::Named(_), ..] => (RecordName::Value, names(segments)?),
            _ => return None,
        };
        Some(Self { name, path, subject: subject.clone() })
    }

    fn text<'a>(&self, record: &'a Record) -> Result<Cow<'a, str>, Unprintable> {
        // Most tags are this, and every record has some of them.
        if self.name == RecordName::Value
            && let Some(Payload::Json(json)) = &record.value
            && let Some(Found::Scalar(scalar)) = json.find(&self.path)
        {
            return Ok(scalar.as_str().into());
        }
        self.other_text(record)
    }

    fn other_text<'a>(&self, record: &'a Record) -> Result<Cow<'a, str>, Unprintable> {
        let missing = || field::absent(&self.subject, None);
        match &self.name {
            RecordName::Value | RecordName::Key => self.text_of(self.payload(record).ok_or_else(missing)?),
            RecordName::Topic => Ok(record.topic().into()),
            RecordName::Partition => Ok(record.origin().partition().to_string().into()),
            RecordName::Offset => Ok(record.origin().offset().to_string().into()),
            RecordName::Timestamp => {
                record.timestamp.map(|timestamp| timestamp.millis.to_string().into()).ok_or_else(missing)
            }
            RecordName::Header(name) => {
                let header = record.headers.last(name).ok_or_else(missing)?;
                let null = || field::absent(&self.subject, Some(&Value::Null));
                let value = header.value.as_ref().ok_or_else(null)?;
                utf8(value, &format!("headers.{name}")).map(Cow::Borrowed)
            }
            RecordName::Headers => Err(missing()),
        }
    }

    fn payload<'a>(&self, record: &'a Record) -> Option<&'a Payload> {
        match self.name {
            RecordName::Value => record.value.as_ref(),
            RecordName::Key => record.key.as_ref(),
            _ => None,
        }
    }

    /// Says why there is nothing, the way Handlebars does.
    fn why_missing(&self, json: &Json) -> Unprintable {
        let is_field_of_object = self.path.len() == 1 && json.is_object();
        if !is_field_of_object && let Some(name) = no_index(json.value(), &self.path) {
            return field::no_index(name);
        }
        field::absent(&self.subject, None)
    }

    fn text_of<'a>(&self, payload: &'a Payload) -> Result<Cow<'a, str>, Unprintable> {
        match payload {
            Payload::Json(json) => match json.find(&self.path) {
                Some(Found::Scalar(scalar)) => Ok(scalar.as_str().into()),
                Some(Found::Null) => Err(field::absent(&self.subject, Some(&Value::Null))),
                Some(Found::Nested(value)) => field::text(&self.subject, Some(value)).map(Cow::Borrowed),
                None => Err(self.why_missing(json)),
            },
            _ if !self.path.is_empty() => Err(field::absent(&self.subject, None)),
            Payload::Text(text) => Ok(text.into()),
            Payload::Bytes(bytes) => {
                let name = if self.name == RecordName::Key { "key" } else { "value" };
                utf8(bytes, name).map(Cow::Borrowed)
            }
        }
    }
}

/// Finds a name that is asked of an array, and is no index.
fn no_index<'a>(root: &Value, path: &'a [String]) -> Option<&'a str> {
    let mut found = root;
    for name in path {
        if found.is_array() && name.parse::<usize>().is_err() {
            return Some(name);
        }
        found = field_at(found, slice::from_ref(name))?;
    }
    None
}

/// Takes what stands behind `@record`, the value aside, apart.
fn of_record(names: &[String]) -> Option<(RecordName, Vec<String>)> {
    let short: Vec<_> = names.iter().map(String::as_str).collect();
    match RecordName::find(&short, "").ok()? {
        RecordName::Headers => None,
        RecordName::Key => Some((RecordName::Key, names.get(1..)?.to_vec())),
        name => Some((name, Vec::new())),
    }
}

fn names(segments: &[PathSeg]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for segment in segments {
        let PathSeg::Named(name) = segment else { return None };
        names.push(name.clone());
    }
    Some(names)
}
