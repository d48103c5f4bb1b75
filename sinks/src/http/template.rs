//! Text with tags, in the notation of the `template` transform, for paths and header values. Plain tags alone: what
//! a target's address is made of should be read at a glance.

use std::borrow::Cow;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, PathSeg, Template as Handlebars};
use serde_json::Value;
use sluice_connector_api::{Payload, Record};

const NAMES: &str = "key, value, topic, partition, offset, timestamp, headers.NAME";

/// A parsed template.
#[derive(Debug)]
pub(super) struct Template(Vec<Segment>);

#[derive(Debug)]
pub(super) enum Segment {
    Literal(String),
    Tag(Tag),
}

/// A tag, and how it was written.
#[derive(Debug)]
pub(super) struct Tag {
    what: What,
    raw: String,
}

#[derive(Debug, PartialEq)]
enum What {
    /// `{{a.b}}` and `{{@record.value.a.b}}`.
    Value(Vec<String>),
    Key(Vec<String>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Header(String),
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let template = Handlebars::compile(text)
            .map_err(|_| "a tag cannot be read; write it like {{field}} or {{@record.key}}".to_owned())?;
        let segments =
            template.elements.iter().filter(|element| !matches!(element, TemplateElement::Comment(_)));
        segments.map(Segment::of).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(super) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Tag(tag) => Some(tag),
            Segment::Literal(_) => None,
        })
    }

    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(text.as_str()),
            Segment::Tag(_) => None,
        })
    }

    /// Returns the text before the first tag.
    pub(super) fn start(&self) -> &str {
        match self.0.first() {
            Some(Segment::Literal(text)) => text,
            _ => "",
        }
    }

    /// Renders with the values as they are.
    pub(super) fn render(&self, record: &Record) -> Result<String, String> {
        let mut text = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Tag(tag) => text.push_str(&tag.text(record)?),
            }
        }
        Ok(text)
    }
}

impl Segment {
    fn of(element: &TemplateElement) -> Result<Self, String> {
        match element {
            TemplateElement::RawString(text) => Ok(Self::Literal(text.clone())),
            TemplateElement::Expression(tag) => Tag::of(tag).map(Self::Tag),
            _ => Err("only plain tags such as {{field}} or {{@record.key}} are available here".to_owned()),
        }
    }
}

impl Tag {
    fn of(tag: &HelperTemplate) -> Result<Self, String> {
        let raw = tag.name.as_name().unwrap_or_default();
        if !tag.params.is_empty() || !tag.hash.is_empty() || matches!(tag.name, Parameter::Subexpression(_)) {
            return Err(format!("helpers such as `{raw}` are not available here; compute the field before"));
        }
        let what = match raw.strip_prefix("@record") {
            Some(rest) => What::of_record(&names(rest.trim_start_matches(['.', '/']))?, raw)?,
            None => What::Value(names(raw)?),
        };
        Ok(Self { what, raw: raw.to_owned() })
    }

    /// Says whether the tag reads the value, which a tombstone has not.
    pub(super) fn needs_value(&self) -> bool {
        matches!(self.what, What::Value(_))
    }

    /// Says whether the tag reads the key.
    pub(super) fn reads_key(&self) -> bool {
        matches!(self.what, What::Key(_))
    }

    pub(super) fn raw(&self) -> &str {
        &self.raw
    }

    /// Returns what the tag stands for; the reason why there is none names the tag.
    pub(super) fn text<'a>(&self, record: &'a Record) -> Result<Cow<'a, str>, String> {
        let text = match &self.what {
            What::Value(names) => in_payload(record.value.as_ref(), names),
            What::Key(names) => in_payload(record.key.as_ref(), names),
            What::Topic => Ok(record.topic().into()),
            What::Partition => Ok(record.origin().partition().to_string().into()),
            What::Offset => Ok(record.origin().offset().to_string().into()),
            What::Timestamp => {
                record.timestamp.map(|timestamp| timestamp.millis.to_string().into()).ok_or(MISSING)
            }
            What::Header(name) => in_header(record, name),
        };
        text.map_err(|reason| format!("`{}` {reason}", self.raw))
    }
}

const MISSING: &str = "is missing";

impl What {
    fn of_record(names: &[String], raw: &str) -> Result<Self, String> {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        match &*names {
            ["value", inner @ ..] => Ok(Self::Value(owned(inner))),
            ["key", inner @ ..] => Ok(Self::Key(owned(inner))),
            ["topic"] => Ok(Self::Topic),
            ["partition"] => Ok(Self::Partition),
            ["offset"] => Ok(Self::Offset),
            ["timestamp"] => Ok(Self::Timestamp),
            ["headers", name] => Ok(Self::Header((*name).to_owned())),
            _ => Err(format!("unknown `{raw}`; known under `@record` are: {NAMES}")),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Parses a path of names as Handlebars does, so that `[a name]` works here, too.
fn names(raw: &str) -> Result<Vec<String>, String> {
    let refused = || format!("`{raw}` is no name of a field; write it like field.inner or @record.key");
    let Ok(Path::Relative((segments, _))) = Path::parse(raw) else {
        return Err(refused());
    };
    let names = segments.into_iter().map(|segment| match segment {
        PathSeg::Named(name) => Some(name),
        _ => None,
    });
    names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty()).ok_or_else(refused)
}

fn in_payload<'a>(payload: Option<&'a Payload>, names: &[String]) -> Result<Cow<'a, str>, &'static str> {
    match payload.ok_or(MISSING)? {
        Payload::Json(value) => scalar(find(value, names).ok_or(MISSING)?),
        _ if !names.is_empty() => Err("is a field, and the payload is not JSON; set its converter to `json`"),
        text => text.as_text().map(Cow::Borrowed).ok_or("is bytes that are no UTF-8 text"),
    }
}

fn find<'a>(value: &'a Value, names: &[String]) -> Option<&'a Value> {
    names.iter().try_fold(value, |value, name| match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

fn scalar(value: &Value) -> Result<Cow<'_, str>, &'static str> {
    match value {
        Value::String(text) => Ok(text.into()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string().into()),
        Value::Null => Err("is null"),
        Value::Array(_) => Err("is an array, which is no text"),
        Value::Object(_) => Err("is an object, which is no text"),
    }
}

fn in_header<'a>(record: &'a Record, name: &str) -> Result<Cow<'a, str>, &'static str> {
    let value = record.headers.last(name).ok_or(MISSING)?.value.as_ref().ok_or("is null")?;
    std::str::from_utf8(value).map(Cow::Borrowed).map_err(|_| "is bytes that are no UTF-8 text")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::contract::{text, tombstone, with_value};

    fn render(template: &str, record: &Record) -> Result<String, String> {
        Template::parse(template).unwrap().render(record)
    }

    #[test]
    fn tags_name_fields_and_parts_of_the_record() {
        let mut record =
            with_value(7, json!({ "a": { "b c": [1.10, true] }, "n": null, "topic": "mine" }).into());
        record.key = Some(json!({ "id": "k" }).into());
        record.headers.push("trace", Some("t-1".into()));
        let template = "{{a.[b c].0}} {{a.[b c].1}} {{topic}} {{@record.topic}} {{@record.partition}} \
                        {{@record.offset}} {{@record.key.id}} {{@record.headers.trace}} {{@record.value.topic}}";
        assert_eq!(render(template, &record).unwrap(), "1.1 true mine prices 0 7 k t-1 mine");
        for (tag, why) in [
            ("{{n}}", "`n` is null"),
            ("{{a}}", "`a` is an object, which is no text"),
            ("{{none}}", "`none` is missing"),
            ("{{@record.timestamp}}", "`@record.timestamp` is missing"),
            ("{{@record.headers.x}}", "`@record.headers.x` is missing"),
        ] {
            assert_eq!(render(tag, &record).unwrap_err(), why);
        }
    }

    #[test]
    fn a_text_is_named_as_a_whole_and_has_no_fields() {
        assert_eq!(render("{{@record.value}}", &text(0, "hi")).unwrap(), "hi");
        assert!(render("{{id}}", &text(0, "hi")).unwrap_err().contains("not JSON"));
        assert_eq!(render("{{id}}", &tombstone(0)).unwrap_err(), "`id` is missing");
    }

    #[test]
    fn all_but_plain_tags_are_refused() {
        for template in [
            "{{{id}}}",
            "{{&id}}",
            "{{#if a}}b{{/if}}",
            "{{json a}}",
            "{{> a}}",
            "{{id",
            "{{../id}}",
            "{{@root.id}}",
            "{{@record}}",
            "{{@record.nope}}",
            "{{@record.topic.x}}",
            "{{this}}",
        ] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }
}
