//! What is wrong with a file, in an operator's words.

use std::path::Path;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::config::expected::{types, way_out, word_of};
use crate::config::found::FoundValue;
use crate::config::misplaced::{UnknownKey, named_by_kind};
use crate::config::places::{NodeIndex, SchemaPlace, at};
use crate::config::problem::{Position, Problem};
use crate::config::yaml::{Node, parse_number};

/// How many unknown keys of one map are reported.
const MAX_UNKNOWN: usize = 50;

/// A file that was checked, and what it is needed for to say what is wrong.
pub(super) struct Checked<'a> {
    pub(super) file: &'a Path,
    pub(super) nodes: &'a NodeIndex<'a>,
    pub(super) schema: &'a Value,
}

impl Checked<'_> {
    /// Says what is wrong, and where.
    pub(super) fn explain(&self, error: &ValidationError<'_>) -> Vec<Problem> {
        let pointer = error.instance_path().as_str();
        let (path, node) = (segments(pointer), self.nodes.find(pointer));
        // A reference that nobody was asked for is not held against the schema, unless no text can stand there whatever it is.
        if node.scalar().is_some_and(|scalar| scalar.kept) && self.may_be_scalar(&path) {
            return Vec::new();
        }
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let names: Vec<&str> = unexpected.iter().map(String::as_str).collect();
                self.unknown_keys(&path, node, &names, error)
            }
            // What takes no keys at all.
            ValidationErrorKind::FalseSchema if !node.keys().is_empty() => {
                self.unknown_keys(&path, node, &node.keys(), error)
            }
            // The one key that is too many is reported as the unknown one that it is.
            ValidationErrorKind::MaxProperties { .. } if self.kind(&path, node).is_some() => Vec::new(),
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let is_empty_file = path.is_empty() && node.keys().is_empty();
                let way_out =
                    if is_empty_file { "; `sluice new SINK` writes a file to begin with" } else { "" };
                let text = format!("missing key `{}`{way_out}", join(&path, name));
                vec![self.problem(self.key_position(&path, node), text)]
            }
            // That several are chosen is no mistake of its own where all but one are unknown.
            ValidationErrorKind::MaxProperties { .. } if self.chosen(&path, node) < 2 => Vec::new(),
            ValidationErrorKind::AnyOf { context } if is_word_among_maps(context, node) => {
                let found = self.found(&path, node);
                let words: Vec<Value> = context.iter().flatten().filter_map(choice).collect();
                let named: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                let text = format!(
                    "{}: expected a map or one of {}, found {}{}",
                    name_of(&path),
                    list(&words),
                    found.shown(),
                    word_of(&named, &found)
                );
                vec![self.problem(node.position, text)]
            }
            ValidationErrorKind::AnyOf { context } => self.none_of(context, error, &path, node),
            _ => {
                let text = self.describe(error, &path, node);
                vec![self.problem(node.position, format!("{}: {text}", name_of(&path)))]
            }
        }
    }

    /// Says what is wrong with a value that is none of several kinds: in what it would have to be of the kind that it looks
    /// like, or of which kinds it may be.
    fn none_of(
        &self,
        branches: &[Vec<ValidationError<'_>>],
        error: &ValidationError<'_>,
        path: &[String],
        node: &Node,
    ) -> Vec<Problem> {
        let mut branches = branches.iter().filter(|branch| !is_null_branch(branch));
        let place = error.instance_path().as_str();
        let kinds: Vec<&TypeKind> = branches.clone().filter_map(|branch| other_type(branch, place)).collect();
        if let Some(branch) = branches.clone().find(|branch| other_type(branch, place).is_none()) {
            return branch.iter().flat_map(|error| self.explain(error)).collect();
        }
        let text = match branches.next() {
            Some(_) => self.of_other_type(&kinds, path, node),
            None => error.masked().to_string(),
        };
        vec![self.problem(node.position, format!("{}: {text}", name_of(path)))]
    }

    fn of_other_type(&self, kinds: &[&TypeKind], path: &[String], node: &Node) -> String {
        let found = self.found(path, node);
        format!("expected {}, found {}{}", types(kinds), found.shown(), way_out(kinds, &found))
    }

    fn found<'b>(&'b self, path: &'b [String], node: &'b Node) -> FoundValue<'b> {
        FoundValue { node, place: self.place(path), path, is_plug_in: kind_of_key(path).1 }
    }

    /// Counts the keys of a map that are known, but for what may stand beside a transform.
    fn chosen(&self, path: &[String], node: &Node) -> usize {
        let place = self.place(path);
        let is_choice = |key: &&str| place.names(key) && !["predicate", "negate"].contains(key);
        node.keys().into_iter().filter(is_choice).count()
    }

    /// Reports the keys that a map does not have; of very many, the first ones.
    fn unknown_keys(
        &self,
        path: &[String],
        node: &Node,
        names: &[&str],
        error: &ValidationError<'_>,
    ) -> Vec<Problem> {
        if let Some((name, text)) = self.kind(path, node) {
            let position = node.entry(&name).map_or(node.position, |(key, _)| key.position);
            return vec![self.problem(position, text)];
        }
        let known = self.known_keys(error.schema_path().as_str());
        let mut problems = Vec::new();
        for name in names.iter().take(MAX_UNKNOWN) {
            problems.push(self.unknown_key(path, node, name, &known));
        }
        if let Some(more) = names.len().checked_sub(MAX_UNKNOWN).filter(|more| *more > 0) {
            let text = format!("{}: {more} more unknown keys", name_of(path));
            problems.push(self.problem(node.position, text));
        }
        problems
    }

    fn unknown_key(&self, path: &[String], node: &Node, name: &str, known: &[String]) -> Problem {
        let position = node.entry(name).map_or(node.position, |(key, _)| key.position);
        let (what, _) = kind_of_key(path);
        // What stands behind an equals sign is a value, and perhaps a secret one.
        if let Some((name, _)) = name.split_once('=') {
            let name = name.trim();
            let text = format!("unknown {what} `{}`; write `{name}: ...`, with a colon", join(path, name));
            return self.problem(position, text);
        }
        let hint = UnknownKey { schema: self.schema, path, map: node, name, known }.hint();
        self.problem(position, format!("unknown {what} `{}`; {hint}", join(path, name)))
    }

    /// Finds the key by which a plug-in is named as other tools do it, and says how it is done here.
    fn kind(&self, path: &[String], node: &Node) -> Option<(String, String)> {
        if !kind_of_key(path).1 {
            return None;
        }
        let place = self.place(path);
        for name in node.keys() {
            let value = node.get(name).and_then(Node::scalar).map(|scalar| scalar.text.as_str());
            if let Some(text) = named_by_kind(name, value, &place) {
                return Some((name.to_owned(), format!("`{}`: {text}", join(path, name))));
            }
        }
        None
    }

    fn may_be_scalar(&self, path: &[String]) -> bool {
        let is_scalar = |kind: &&str| !["object", "array", "null"].contains(kind);
        self.place(path).types().is_none_or(|types| types.iter().any(is_scalar))
    }

    fn place(&self, path: &[String]) -> SchemaPlace<'_> {
        at(&SchemaPlace::new(self.schema), path)
    }

    /// Lists the properties beside the schema's `additionalProperties` at this path.
    fn known_keys(&self, schema_path: &str) -> Vec<String> {
        let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let properties = self.schema.pointer(parent).and_then(|schema| schema.get("properties"));
        properties.and_then(Value::as_object).map(|known| known.keys().cloned().collect()).unwrap_or_default()
    }

    /// Finds the key that a path ends in, which is where something is missing.
    fn key_position(&self, path: &[String], node: &Node) -> Position {
        let Some((last, parents)) = path.split_last() else { return node.position };
        let parent = self.nodes.root().find(parents.iter().map(String::as_str));
        parent.entry(last).map_or(node.position, |(key, _)| key.position)
    }

    /// Says what is wrong with a value, and shows it only where it stands in the file itself and is no secret.
    fn describe(&self, error: &ValidationError<'_>, path: &[String], node: &Node) -> String {
        let found = self.found(path, node);
        match error.kind() {
            ValidationErrorKind::Type { kind } => self.of_other_type(&[kind], path, node),
            ValidationErrorKind::Enum { options } => {
                one_of(options.as_array().map(Vec::as_slice).unwrap_or_default(), &found)
            }
            ValidationErrorKind::OneOfNotValid { context } => {
                let choices: Vec<Value> = context.iter().flatten().filter_map(choice).collect();
                one_of(&choices, &found)
            }
            ValidationErrorKind::Pattern { pattern } => self.unlike(error, node, &found.shown(), pattern),
            ValidationErrorKind::MinProperties { .. }
                if error.instance_path().as_str().ends_with("/dead_letter_queue") =>
            {
                "nothing is chosen here; name a topic or a sink".to_owned()
            }
            ValidationErrorKind::MinProperties { .. } => {
                "nothing is chosen here; name one plug-in".to_owned()
            }
            ValidationErrorKind::MaxProperties { .. } => "more than one is chosen here; keep one".to_owned(),
            ValidationErrorKind::MinItems { limit } => format!("needs at least {limit}"),
            ValidationErrorKind::MaxItems { limit } => format!("takes at most {limit}"),
            ValidationErrorKind::Minimum { limit } => format!("is at least {limit}, found {}", found.shown()),
            ValidationErrorKind::Maximum { limit } => format!("is at most {limit}, found {}", found.shown()),
            _ => error.masked_with("the value").to_string(),
        }
    }

    /// Says what a text has to be like: in a sentence where the schema has one, as editors show it, too.
    fn unlike(&self, error: &ValidationError<'_>, node: &Node, found: &str, pattern: &str) -> String {
        let parent = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let schema = self.schema.pointer(parent);
        let text = |key: &str| schema.and_then(|schema| schema.get(key)).and_then(Value::as_str);
        let number =
            node.scalar().filter(|scalar| !scalar.interpolated && parse_number(&scalar.text).is_some());
        match (text("format"), number, text("patternErrorMessage")) {
            (Some("time-span"), Some(number), _) => {
                format!("give a unit, such as {}ms, found {found}", number.text)
            }
            (Some("time-span"), None, Some(sentence)) => {
                let shown = node.scalar().filter(|scalar| !scalar.interpolated);
                let whole = shown.and_then(|scalar| whole_span(&scalar.text));
                let way_out = whole.map_or_else(String::new, |whole| format!("; write `{whole}`"));
                format!("expected {sentence}, found {found}{way_out}")
            }
            (_, _, Some(sentence)) => format!("expected {sentence}, found {found}"),
            _ => format!("{found} does not match `{pattern}`"),
        }
    }

    fn problem(&self, position: Position, text: String) -> Problem {
        Problem::at(self.file, position, text)
    }
}

/// Writes a span of time with a fraction, such as `1.5s`, without one.
fn whole_span(text: &str) -> Option<String> {
    let text = text.trim();
    let place = text.find(|c: char| c.is_ascii_alphabetic() || c == ' ')?;
    let (number, unit) = text.split_at_checked(place)?;
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "ms" => 1.0,
        "s" | "sec" | "second" | "seconds" => 1e3,
        "m" | "min" | "minute" | "minutes" => 6e4,
        "h" | "hour" | "hours" => 3.6e6,
        "d" | "day" | "days" => 8.64e7,
        _ => return None,
    };
    let millis = number.parse::<f64>().ok()? * factor;
    let is_whole = (millis - millis.round()).abs() < 1e-6 && (1.0..1e12).contains(&millis);
    is_whole.then(|| format!("{millis:.0}ms"))
}

/// Names what a key is at a path, and says whether it names a plug-in.
fn kind_of_key(path: &[String]) -> (&'static str, bool) {
    let path: Vec<_> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["sink"] | [.., "dead_letter_queue", "sink"] => ("sink", true),
        ["transforms", _] => ("transform", true),
        ["source", "key" | "value"] => ("converter", true),
        path if is_predicate(path) => ("predicate", true),
        _ => ("key", false),
    }
}

/// Says whether predicates are named at a path: below `predicate`, or in what combines them there.
fn is_predicate(path: &[&str]) -> bool {
    match path {
        [.., "predicate"] => true,
        [above @ .., "all" | "any", _] | [above @ .., "not"] => is_predicate(above),
        _ => false,
    }
}

/// Says whether a map or one of some words was expected, and another word found.
fn is_word_among_maps(branches: &[Vec<ValidationError<'_>>], node: &Node) -> bool {
    node.scalar().is_some() && branches.iter().flatten().any(|branch| choice(branch).is_some())
}

fn is_null_branch(branch: &[ValidationError<'_>]) -> bool {
    let null = |error: &ValidationError<'_>| {
        matches!(error.kind(), ValidationErrorKind::Type { kind: TypeKind::Single(JsonType::Null) })
    };
    branch.iter().all(null)
}

/// The one value that a branch of a choice takes.
fn choice(branch: &ValidationError<'_>) -> Option<Value> {
    match branch.kind() {
        ValidationErrorKind::Constant { expected_value } => Some((**expected_value).clone()),
        _ => None,
    }
}

/// Says which words may stand at a place.
fn one_of(options: &[Value], found: &FoundValue<'_>) -> String {
    let words: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
    format!("expected one of {}, found {}{}", list(options), found.shown(), word_of(&words, found))
}

fn list(options: &[Value]) -> String {
    let names: Vec<String> =
        options.iter().map(|option| format!("`{}`", option.as_str().unwrap_or_default())).collect();
    names.join(", ")
}

/// Returns the type that a branch of a choice takes, where the value is of another one.
fn other_type<'e>(branch: &'e [ValidationError<'_>], place: &str) -> Option<&'e TypeKind> {
    branch.iter().find_map(|error| match error.kind() {
        ValidationErrorKind::Type { kind } if error.instance_path().as_str() == place => Some(kind),
        _ => None,
    })
}

fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn join(path: &[String], name: &str) -> String {
    let mut parts: Vec<_> = path.iter().map(|key| without_value(key)).collect();
    parts.push(without_value(name));
    parts.join(".")
}

/// Cuts off what stands behind an equals sign in a key: it is a value that somebody wrote otherwise than YAML has it, and
/// perhaps a secret one.
fn without_value(key: &str) -> &str {
    key.split_once('=').map_or(key, |(name, _)| name.trim_end())
}

fn name_of(path: &[String]) -> String {
    match path.split_last() {
        Some((last, parents)) => format!("`{}`", join(parents, last)),
        None => "the file".to_owned(),
    }
}
