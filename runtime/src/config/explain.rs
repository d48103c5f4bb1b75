//! What is wrong with a file, in an operator's words.

use std::path::Path;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use crate::config::misplaced::{belongs, named_by_kind};
use crate::config::places::{NodeIndex, SchemaPlace, at};
use crate::config::problem::{Position, Problem};
use crate::config::secrets::showable;
use crate::config::yaml::{Content, Node, parse_number};

/// The most characters of a value that are shown.
const MAX_SHOWN: usize = 60;
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
        // A reference that nobody was asked for is not held against the schema.
        if node.scalar().is_some_and(|scalar| scalar.kept) {
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
                vec![
                    self.problem(
                        self.key_position(&path, node),
                        format!("missing key `{}`", join(&path, name)),
                    ),
                ]
            }
            ValidationErrorKind::AnyOf { context } if is_word_among_maps(context, node) => {
                let words = list(&context.iter().flatten().filter_map(choice).collect());
                let found = found(&path, node);
                vec![self.problem(
                    node.position,
                    format!("{}: expected a map or one of {words}, found {found}", name_of(&path)),
                )]
            }
            ValidationErrorKind::AnyOf { context } => match context
                .iter()
                .find(|branch| !is_null_branch(branch))
            {
                Some(branch) => branch.iter().flat_map(|error| self.explain(error)).collect(),
                None => vec![self.problem(node.position, format!("{}: {}", name_of(&path), error.masked()))],
            },
            _ => vec![self.problem(
                node.position,
                format!("{}: {}", name_of(&path), self.describe(&path, error, node)),
            )],
        }
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
        let (what, is_plug_in) = kind_of_key(path);
        let belongs = if is_plug_in { None } else { belongs(self.schema, path, name) };
        let hint = match (belongs, nearest(name, known)) {
            (Some(place), _) => place,
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) if known.is_empty() => "there are no settings here".to_owned(),
            (None, None) => format!("known are: {}", known.join(", ")),
        };
        self.problem(position, format!("unknown {what} `{}`; {hint}", join(path, name)))
    }

    /// Finds the key by which a plug-in is named as other tools do it, and says how it is done here.
    fn kind(&self, path: &[String], node: &Node) -> Option<(String, String)> {
        if !kind_of_key(path).1 {
            return None;
        }
        let known: Vec<String> = self.place(path).keys().into_iter().map(str::to_owned).collect();
        for name in node.keys() {
            let value = node.get(name).and_then(Node::scalar).map(|scalar| scalar.text.as_str());
            if let Some(text) = named_by_kind(name, value, &known) {
                return Some((name.to_owned(), format!("`{}`: {text}", join(path, name))));
            }
        }
        None
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

    /// Says what is wrong with a value, and shows it only where it stands in the file itself.
    fn describe(&self, path: &[String], error: &ValidationError<'_>, node: &Node) -> String {
        let found = found(path, node);
        match error.kind() {
            ValidationErrorKind::Type { kind } => format!("expected {}, found {found}", types(kind)),
            ValidationErrorKind::Enum { options } => {
                format!("expected one of {}, found {found}", list(options))
            }
            ValidationErrorKind::OneOfNotValid { context } => {
                let choices: Value = context.iter().flatten().filter_map(choice).collect();
                format!("expected one of {}, found {found}", list(&choices))
            }
            ValidationErrorKind::Pattern { pattern } => self.unlike(path, error, node, pattern),
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
            ValidationErrorKind::Minimum { limit } => format!("is at least {limit}, found {found}"),
            ValidationErrorKind::Maximum { limit } => format!("is at most {limit}, found {found}"),
            _ => error.masked_with("the value").to_string(),
        }
    }

    /// Says what a text has to be like: in a sentence where the schema has one, as editors show it, too.
    fn unlike(&self, path: &[String], error: &ValidationError<'_>, node: &Node, pattern: &str) -> String {
        let found = found(path, node);
        let parent = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        let schema = self.schema.pointer(parent);
        let text = |key: &str| schema.and_then(|schema| schema.get(key)).and_then(Value::as_str);
        let number =
            node.scalar().filter(|scalar| !scalar.interpolated && parse_number(&scalar.text).is_some());
        match (text("format"), number, text("patternErrorMessage")) {
            (Some("time-span"), Some(number), _) => {
                format!("give a unit, such as {}ms, found {found}", number.text)
            }
            (_, _, Some(sentence)) => format!("expected {sentence}, found {found}"),
            _ => format!("{found} does not match `{pattern}`"),
        }
    }

    fn problem(&self, position: Position, text: String) -> Problem {
        Problem::at(self.file, position, text)
    }
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

fn found(path: &[String], node: &Node) -> String {
    match node.scalar() {
        Some(scalar) if scalar.interpolated => "a value from the environment or a file".to_owned(),
        Some(scalar) => match scalar.to_json() {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Number(value) => format!("the number `{value}`"),
            _ => shown(path, &scalar.text),
        },
        None if matches!(node.content, Content::List(_)) => "a list".to_owned(),
        None => "a map".to_owned(),
    }
}

/// Shows a text of the file, unless it may be a secret, or is long: then it is no value that somebody mistyped.
fn shown(path: &[String], text: &str) -> String {
    let Some(text) = showable(path, text) else { return "a text that may be a secret".to_owned() };
    if text.contains('\n') || text.chars().nth(MAX_SHOWN).is_some() {
        return "a long text".to_owned();
    }
    format!("`{text}`")
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(json_type) => type_name(*json_type).to_owned(),
        TypeKind::Multiple(types) => {
            let names: Vec<_> =
                types.iter().filter(|json_type| *json_type != JsonType::Null).map(type_name).collect();
            names.join(" or ")
        }
    }
}

fn type_name(json_type: JsonType) -> &'static str {
    match json_type {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "nothing",
        JsonType::Number => "a number",
        JsonType::Object => "a map",
        JsonType::String => "text",
    }
}

fn list(options: &Value) -> String {
    let names = options
        .as_array()
        .map(|options| options.iter().map(|option| format!("`{}`", option.as_str().unwrap_or_default())));
    names.map(|names| names.collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

/// Finds the nearest of the known names, if one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let scored = known.iter().map(|candidate| (strsim::jaro_winkler(name, candidate), candidate.as_str()));
    scored
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

fn join(path: &[String], name: &str) -> String {
    let mut parts: Vec<_> = path.iter().map(String::as_str).collect();
    parts.push(name);
    parts.join(".")
}

fn name_of(path: &[String]) -> String {
    if path.is_empty() { "the file".to_owned() } else { format!("`{}`", path.join(".")) }
}
