//! Shapes of the service model, and the check of a JSON value against one.
//!
//! A shape is data, so that `model.rs` can be read side by side with the service model.

use std::fmt;
use std::sync::OnceLock;

use base64::prelude::{BASE64_STANDARD, Engine};
use regex::Regex;
use serde_json::{Map, Value, json};

/// A shape, in the words of the service model.
#[derive(Debug)]
pub(crate) enum Shape {
    Structure(&'static [Member]),
    /// A structure in which one member names the one that carries the value: with
    /// `arms: [("TEXT", "textContent"), ..]` a `TEXT` has `textContent` and no other arm.
    Tagged {
        tag: &'static str,
        arms: &'static [(&'static str, &'static str)],
        members: &'static [Member],
    },
    /// A structure with exactly one of its members.
    Union(&'static [Member]),
    List {
        of: &'static Shape,
        min: usize,
        max: usize,
    },
    /// Lengths are counted in characters (Unicode scalar values), as Smithy counts them.
    Text {
        min: usize,
        max: usize,
        pattern: Option<&'static ModelPattern>,
    },
    OneOf(&'static [&'static str]),
    Integer {
        min: i64,
        max: i64,
    },
    Number,
    Boolean,
    /// Any JSON at all.
    Document,
    /// Base64 of 1 to `max` bytes.
    Blob {
        max: usize,
    },
    /// Whatever the model allows here, the emulator does not do it and says so.
    NotEmulated,
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    name: &'static str,
    required: bool,
    shape: &'static Shape,
}

pub(crate) const fn required(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: true, shape }
}

pub(crate) const fn optional(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, required: false, shape }
}

/// A regular expression, compiled when first used.
#[derive(Debug)]
pub(crate) struct ModelPattern {
    source: &'static str,
    compiled: OnceLock<Option<Regex>>,
}

impl ModelPattern {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        self.compiled
            .get_or_init(|| Regex::new(self.source).ok())
            .as_ref()
            .is_some_and(|regex| regex.is_match(text))
    }
}

/// One way in which a value breaks the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Where, as `documents[0].content`. (The spelling is ours: AWS does not document its own.)
    pub(crate) path: String,
    pub(crate) problem: String,
}

impl Violation {
    pub(crate) fn new(path: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self { path: path.to_string(), problem: problem.into() }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "name": self.path, "message": self.problem })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, problem } = self;
        write!(f, "Value at '{path}' failed to satisfy constraint: {problem}")
    }
}

/// A place in a JSON value, spelled out only when something is wrong there.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("body"),
            Path::Member(Path::Root, name) => f.write_str(name),
            Path::Member(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Shape {
    /// Returns every violation in `body`, in the order of the members.
    pub(crate) fn violations(&self, body: &Value) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check(body, Path::Root, &mut found);
        found
    }

    fn check(&self, value: &Value, path: Path<'_>, found: &mut Vec<Violation>) {
        let problem = match self {
            Self::Structure(members) => return structure(members, value, path, found),
            Self::Tagged { tag, arms, members } => {
                structure(members, value, path, found);
                return check_arms(tag, arms, value, path, found);
            }
            Self::Union(members) => {
                structure(members, value, path, found);
                wrong(
                    value.as_object().is_some_and(|object| present_in(object) != 1),
                    "must have exactly one member",
                )
            }
            Self::List { of, min, max } => return list(of, (*min, *max), value, path, found),
            Self::Text { min, max, pattern } => text(value, *min, *max, *pattern),
            Self::OneOf(names) => one_of(names, value),
            Self::Integer { min, max } => integer(value, *min, *max),
            Self::Number => wrong(value.as_f64().is_none(), "must be a number"),
            Self::Boolean => wrong(!value.is_boolean(), "must be a boolean"),
            Self::Document => None,
            Self::Blob { max } => blob(value, *max),
            Self::NotEmulated => Some("is not emulated: leave it out".to_owned()),
        };
        found.extend(problem.map(|problem| Violation::new(path, format!("Member {problem}"))));
    }
}

fn wrong(is_wrong: bool, problem: &str) -> Option<String> {
    is_wrong.then(|| problem.to_owned())
}

fn structure(members: &[Member], value: &Value, path: Path<'_>, found: &mut Vec<Violation>) {
    let Some(object) = value.as_object() else {
        found.push(Violation::new(path, "Member must be an object"));
        return;
    };
    for member in members {
        let path = Path::Member(&path, member.name);
        match present(object, member.name) {
            Some(value) => member.shape.check(value, path, found),
            None if member.required => {
                found.push(Violation::new(path, "Member must not be null"));
            }
            None => {}
        }
    }
    for name in object.keys() {
        if members.iter().all(|member| member.name != name) {
            let path = Path::Member(&path, name);
            found.push(Violation::new(path, "Member is not in the service model"));
        }
    }
}

/// A null is an absent member, as in every JSON protocol of AWS.
fn present<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn present_in(object: &Map<String, Value>) -> usize {
    object.values().filter(|value| !value.is_null()).count()
}

fn check_arms(tag: &str, arms: &[(&str, &str)], value: &Value, path: Path<'_>, found: &mut Vec<Violation>) {
    let Some(object) = value.as_object() else {
        return;
    };
    let Some(chosen) = object.get(tag).and_then(Value::as_str) else {
        return;
    };
    if arms.iter().all(|(name, _)| *name != chosen) {
        return; // Not in the enum: reported already.
    }
    for (name, member) in arms {
        let problem = match present(object, member) {
            None if *name == chosen => format!("Member is required when {tag} is {chosen}"),
            Some(_) if *name != chosen => format!("Member is not allowed when {tag} is {chosen}"),
            _ => continue,
        };
        found.push(Violation::new(Path::Member(&path, member), problem));
    }
}

fn list(of: &Shape, (min, max): (usize, usize), value: &Value, path: Path<'_>, found: &mut Vec<Violation>) {
    let Some(items) = value.as_array() else {
        found.push(Violation::new(path, "Member must be a list"));
        return;
    };
    if let Some(problem) = length(items.len(), min, max) {
        found.push(Violation::new(path, format!("Member {problem}")));
        return;
    }
    for (index, item) in items.iter().enumerate() {
        of.check(item, Path::Item(&path, index), found);
    }
}

/// Says what is wrong with a length, in the words AWS uses.
pub(crate) fn length(length: usize, min: usize, max: usize) -> Option<String> {
    let (order, limit) = if length < min {
        ("greater", min)
    } else if length > max {
        ("less", max)
    } else {
        return None;
    };
    Some(format!("must have length {order} than or equal to {limit}"))
}

fn text(value: &Value, min: usize, max: usize, pattern: Option<&ModelPattern>) -> Option<String> {
    let Some(text) = value.as_str() else {
        return Some("must be a string".to_owned());
    };
    length(text.chars().count(), min, max).or_else(|| {
        let broken = pattern.filter(|pattern| !pattern.holds(text))?;
        Some(format!("must satisfy regular expression pattern: {}", broken.source))
    })
}

fn one_of(names: &[&str], value: &Value) -> Option<String> {
    let known = value.as_str().is_some_and(|text| names.contains(&text));
    (!known).then(|| format!("must satisfy enum value set: [{}]", names.join(", ")))
}

fn integer(value: &Value, min: i64, max: i64) -> Option<String> {
    match value.as_i64() {
        None => Some("must be an integer".to_owned()),
        Some(number) if number < min => Some(format!("must have value greater than or equal to {min}")),
        Some(number) if number > max => Some(format!("must have value less than or equal to {max}")),
        Some(_) => None,
    }
}

fn blob(value: &Value, max: usize) -> Option<String> {
    let Some(Ok(bytes)) = value.as_str().map(|text| BASE64_STANDARD.decode(text)) else {
        return Some("must be base64".to_owned());
    };
    length(bytes.len(), 1, max)
}

#[cfg(test)]
mod tests {
    use super::*;

    static FOUR: Shape = Shape::Text { min: 1, max: 4, pattern: None };
    static NAMED: Shape = Shape::Structure(&[required("name", &FOUR), optional("nick", &FOUR)]);
    static SOME: Shape = Shape::List { of: &NAMED, min: 1, max: 2 };

    fn paths(shape: &Shape, value: &Value) -> Vec<String> {
        let found = shape.violations(value);
        found.into_iter().map(|violation| violation.path).collect()
    }

    #[test]
    fn counts_characters_and_not_bytes() {
        assert!(FOUR.violations(&json!("äöüß")).is_empty());
        assert_eq!(FOUR.violations(&json!("äöüßx")).len(), 1);
    }

    #[test]
    fn names_the_path_of_every_violation() {
        let value = json!([{ "name": "a", "nick": "" }, { "other": 1 }]);
        let expected = ["body[0].nick", "body[1].name", "body[1].other"];
        assert_eq!(paths(&SOME, &value), expected);
    }

    #[test]
    fn takes_null_for_an_absent_member() {
        assert!(paths(&NAMED, &json!({ "name": "a", "nick": null })).is_empty());
        assert_eq!(paths(&NAMED, &json!({ "name": null })), ["name"]);
    }

    #[test]
    fn reports_a_list_of_the_wrong_length_once() {
        assert_eq!(paths(&SOME, &json!([])), ["body"]);
        assert_eq!(paths(&SOME, &json!([1, 2, 3])), ["body"]);
    }

    #[test]
    fn measures_base64_by_what_it_decodes_to() {
        static TWO: Shape = Shape::Blob { max: 2 };
        let sound = |text: &str| TWO.violations(&json!(text)).is_empty();
        assert!(sound("aGk="));
        for wrong in ["", "aGkh", "aGk", "a===", "aG-_"] {
            assert!(!sound(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_union_has_exactly_one_member() {
        static ONE: Shape = Shape::Union(&[optional("a", &FOUR), optional("b", &FOUR)]);
        assert!(ONE.violations(&json!({ "a": "x", "b": null })).is_empty());
        for wrong in [json!({}), json!({ "a": "x", "b": "y" }), json!({ "c": "x" }), json!([])] {
            assert_eq!(ONE.violations(&wrong).len(), 1, "{wrong}");
        }
    }
}
