//! Text with tags, in the notation of the `template` transform, for what sinks take from records: paths, header
//! values, ids, attributes. Plain tags alone: what a target's address is made of should be read at a glance.

use std::borrow::Cow;

use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use handlebars::{Path, PathSeg, Template as Handlebars};
use serde_json::Value;
use sluice_connector_api::{Payload, Record, Scalar, field_at};

const NAMES: &str = "key, value, topic, partition, offset, timestamp, headers.NAME";

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Template(Vec<Segment>);

#[derive(Debug)]
pub(crate) enum Segment {
    Literal(String),
    Tag(Tag),
}

/// A tag, and how it was written.
#[derive(Debug)]
pub(crate) struct Tag {
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
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let template = Handlebars::compile(text)
            .map_err(|_| "a tag cannot be read; write it like {{field}} or {{@record.key}}".to_owned())?;
        let segments =
            template.elements.iter().filter(|element| !matches!(element, TemplateElement::Comment(_)));
        segments.map(Segment::of).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        &self.0
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = &Tag> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Tag(tag) => Some(tag),
            Segment::Literal(_) => None,
        })
    }

    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|segment| match segment {
            Segment::Literal(text) => Some(text.as_str()),
            Segment::Tag(_) => None,
        })
    }

    /// Returns the text before the first tag.
    pub(crate) fn start(&self) -> &str {
        match self.0.first() {
            Some(Segment::Literal(text)) => text,
            _ => "",
        }
    }

    /// Returns the tag, where the template is nothing but one.
    pub(crate) fn only_tag(&self) -> Option<&Tag> {
        match &*self.0 {
            [Segment::Tag(tag)] => Some(tag),
            _ => None,
        }
    }

    /// Renders with the values as they are.
    pub(crate) fn render(&self, record: &Record) -> Result<String, String> {
        let mut text = String::new();
        for segment in &self.0 {
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Tag(tag) => text.push_str(&tag.text(record)?),
            }
        }
        Ok(text)
    }

    /// Renders, where what every tag stands for is there and not null.
    pub(crate) fn render_present(&self, record: &Record) -> Result<Option<String>, String> {
        if self.tags().any(|tag| tag.is_absent(record)) { Ok(None) } else { self.render(record).map(Some) }
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
    pub(crate) fn needs_value(&self) -> bool {
        matches!(self.what, What::Value(_))
    }

    /// Says whether the tag reads the key.
    pub(crate) fn reads_key(&self) -> bool {
        matches!(self.what, What::Key(_))
    }

    pub(crate) fn raw(&self) -> &str {
        &self.raw
    }

    /// Says whether the tag reads a header.
    pub(crate) fn reads_header(&self) -> bool {
        matches!(self.what, What::Header(_))
    }

    /// Says whether the tag stands for something that no two records of a key share.
    pub(crate) fn is_of_one_record(&self) -> bool {
        matches!(self.what, What::Offset | What::Timestamp)
    }

    /// Returns the list of texts that the tag stands for, where it is an array.
    pub(crate) fn items<'a>(&self, record: &'a Record) -> Option<Result<Vec<Cow<'a, str>>, String>> {
        let (payload, names) = match &self.what {
            What::Value(names) => (record.value.as_ref(), names),
            What::Key(names) => (record.key.as_ref(), names),
            _ => return None,
        };
        let items = field_at(payload?.as_json()?, names)?.as_array()?;
        let present = items.iter().filter(|item| !item.is_null());
        let texts: Result<_, _> = present.map(scalar).collect();
        Some(texts.map_err(|absence| format!("an item of `{}` {}", self.raw, absence.reason())))
    }

    fn is_absent(&self, record: &Record) -> bool {
        matches!(self.find(record), Err(Absence::Missing | Absence::Null))
    }

    /// Returns what the tag stands for; the reason why there is none names the tag.
    pub(crate) fn text<'a>(&self, record: &'a Record) -> Result<Cow<'a, str>, String> {
        self.find(record).map_err(|absence| format!("`{}` {}", self.raw, absence.reason()))
    }

    fn find<'a>(&self, record: &'a Record) -> Result<Cow<'a, str>, Absence> {
        match &self.what {
            What::Value(names) => in_payload(record.value.as_ref(), names),
            What::Key(names) => in_payload(record.key.as_ref(), names),
            What::Topic => Ok(record.topic().into()),
            What::Partition => Ok(record.origin().partition().to_string().into()),
            What::Offset => Ok(record.origin().offset().to_string().into()),
            What::Timestamp => {
                record.timestamp.map(|timestamp| timestamp.millis.to_string().into()).ok_or(Absence::Missing)
            }
            What::Header(name) => in_header(record, name),
        }
    }
}

/// Why there is no text.
enum Absence {
    Missing,
    Null,
    Unfit(&'static str),
}

impl Absence {
    fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "is missing",
            Self::Null => "is null",
            Self::Unfit(reason) => reason,
        }
    }
}

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

fn in_payload<'a>(payload: Option<&'a Payload>, names: &[String]) -> Result<Cow<'a, str>, Absence> {
    match payload.ok_or(Absence::Missing)? {
        Payload::Json(json) if let Some(scalar) = json.glance(names) => Ok(scalar.as_str().into()),
        Payload::Json(json) => scalar(field_at(json.value(), names).ok_or(Absence::Missing)?),
        _ if !names.is_empty() => {
            Err(Absence::Unfit("is a field, and the payload is not JSON; set its converter to `json`"))
        }
        text => text.as_text().map(Cow::Borrowed).ok_or(NO_UTF8),
    }
}

fn scalar(value: &Value) -> Result<Cow<'_, str>, Absence> {
    Scalar::of(value).map(|scalar| scalar.as_str().into()).ok_or(match value {
        Value::Null => Absence::Null,
        Value::Array(_) => Absence::Unfit("is an array, which is no text"),
        _ => Absence::Unfit("is an object, which is no text"),
    })
}

const NO_UTF8: Absence = Absence::Unfit("is bytes that are no UTF-8 text");

fn in_header<'a>(record: &'a Record, name: &str) -> Result<Cow<'a, str>, Absence> {
    let header = record.headers.last(name).ok_or(Absence::Missing)?;
    let value = header.value.as_ref().ok_or(Absence::Null)?;
    std::str::from_utf8(value).map(Cow::Borrowed).map_err(|_| NO_UTF8)
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
    fn what_is_absent_is_told_from_what_is_no_text() {
        let record = with_value(0, json!({ "a": 1, "n": null, "o": {} }).into());
        let present = |template| Template::parse(template).unwrap().render_present(&record);
        assert_eq!(present("a{{a}}"), Ok(Some("a1".to_owned())));
        for template in ["{{a}}{{none}}", "{{n}}", "{{@record.key}}", "{{@record.headers.h}}"] {
            assert_eq!(present(template), Ok(None), "{template}");
        }
        assert_eq!(present("{{o}}"), Err("`o` is an object, which is no text".to_owned()));
    }

    #[test]
    fn a_tag_that_is_an_array_has_items_and_no_other_has() {
        let record = with_value(0, json!({ "a": ["x", null, 1.50], "s": "x", "d": [[]] }).into());
        let items =
            |template| Template::parse(template).unwrap().only_tag().and_then(|tag| tag.items(&record));
        assert_eq!(items("{{a}}"), Some(Ok(vec!["x".into(), "1.5".into()])));
        assert_eq!(items("{{s}}"), None);
        assert_eq!(items("{{a}}{{a}}"), None);
        assert_eq!(items("{{d}}"), Some(Err("an item of `d` is an array, which is no text".to_owned())));
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
