//! Checks a YAML tree against a JSON Schema and says what is wrong in an operator's words.

use std::path::Path;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use crate::config::problem::{Position, Problem};
use crate::config::yaml::{Node, Scalar, Style, parse_number};

/// Checks `node` against `schema`. Returns the value, with scalars in the type that the schema wants where
/// that loses nothing: an unquoted `123` may be text, and a text from the environment may be a number. Beside
/// it stands what is wrong, sorted by place.
pub fn validate(file: &Path, node: &Node, schema: &Value) -> (Value, Vec<Problem>) {
    let validator = match jsonschema::validator_for(schema) {
        Ok(validator) => validator,
        Err(error) => {
            return (
                Value::Null,
                vec![Problem::of_file(file, format!("the schema itself is broken: {error}"))],
            );
        }
    };
    let value = fit_types(&validator, node, node.to_json());
    let problems = problems(file, node, schema, &validator, &value);
    (value, problems)
}

fn problems(file: &Path, node: &Node, schema: &Value, validator: &Validator, value: &Value) -> Vec<Problem> {
    let checked = Checked { file, node, schema };
    let mut problems: Vec<_> =
        validator.iter_errors(value).flat_map(|error| checked.explain(&error)).collect();
    problems.sort();
    problems.dedup();
    problems
}

/// Rewrites scalars whose type does not fit but whose text does.
fn fit_types(validator: &Validator, node: &Node, mut value: Value) -> Value {
    let mut fitted = Vec::new();
    for error in validator.iter_errors(&value) {
        collect_fits(&error, node, &mut fitted);
    }
    for (path, fit) in fitted {
        if let Some(place) = value.pointer_mut(&path) {
            *place = fit;
        }
    }
    value
}

fn collect_fits(error: &ValidationError<'_>, node: &Node, fitted: &mut Vec<(String, Value)>) {
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let path = error.instance_path().as_str();
            let scalar = node.find(segments(path).iter().map(String::as_str)).scalar();
            fitted.extend(scalar.and_then(|scalar| fit(scalar, kind)).map(|fit| (path.to_owned(), fit)));
        }
        ValidationErrorKind::AnyOf { context } => {
            context.iter().flatten().for_each(|error| collect_fits(error, node, fitted));
        }
        _ => {}
    }
}

fn fit(scalar: &Scalar, wanted: &TypeKind) -> Option<Value> {
    let number = |value: &Value| {
        wants(wanted, JsonType::Number)
            || (wants(wanted, JsonType::Integer) && !value.to_string().contains(['.', 'e', 'E']))
    };
    if scalar.interpolated {
        let plain = Scalar { interpolated: false, style: Style::Plain, ..scalar.clone() };
        return match plain.to_json() {
            value @ Value::Bool(_) if wants(wanted, JsonType::Boolean) => Some(value),
            value @ Value::Number(_) if number(&value) => Some(value),
            _ => None,
        };
    }
    // A plug-in without settings is written as `name:`.
    if scalar.to_json().is_null() && wants(wanted, JsonType::Object) {
        return Some(Value::Object(serde_json::Map::new()));
    }
    let text = scalar.style == Style::Plain && wants(wanted, JsonType::String) && !scalar.text.is_empty();
    (text && (parse_number(&scalar.text).is_some() || scalar.to_json().is_boolean()))
        .then(|| scalar.text.clone().into())
}

fn wants(wanted: &TypeKind, json_type: JsonType) -> bool {
    match wanted {
        TypeKind::Single(single) => *single == json_type,
        TypeKind::Multiple(types) => types.contains(json_type),
    }
}

struct Checked<'a> {
    file: &'a Path,
    node: &'a Node,
    schema: &'a Value,
}

impl Checked<'_> {
    fn explain(&self, error: &ValidationError<'_>) -> Vec<Problem> {
        let path = segments(error.instance_path().as_str());
        let node = self.node.find(path.iter().map(String::as_str));
        // A reference that nobody was asked for is not held against the schema.
        if node.scalar().is_some_and(|scalar| scalar.kept) {
            return Vec::new();
        }
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().map(|name| self.unknown_key(&path, node, name, error)).collect()
            }
            // What takes no keys at all.
            ValidationErrorKind::FalseSchema if !node.keys().is_empty() => {
                node.keys().into_iter().map(|name| self.unknown_key(&path, node, name, error)).collect()
            }
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
                let found = found(node);
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
            _ => vec![self.problem(node.position, format!("{}: {}", name_of(&path), describe(error, node)))],
        }
    }

    fn unknown_key(&self, path: &[String], node: &Node, name: &str, error: &ValidationError<'_>) -> Problem {
        let position = node.entry(name).map_or(node.position, |(key, _)| key.position);
        let known = self.known_keys(error.schema_path().as_str());
        let what = match path.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["sink"] | [.., "dead_letter_queue", "sink"] => "unknown sink",
            ["transforms", _] => "unknown transform",
            ["source", "key" | "value"] => "unknown converter",
            [.., "predicate"] => "unknown predicate",
            _ => "unknown key",
        };
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "there are no settings here".to_owned(),
            None => format!("known are: {}", known.join(", ")),
        };
        self.problem(position, format!("{what} `{}`; {hint}", join(path, name)))
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
        let parent = self.node.find(parents.iter().map(String::as_str));
        parent.entry(last).map_or(node.position, |(key, _)| key.position)
    }

    fn problem(&self, position: Position, text: String) -> Problem {
        Problem::at(self.file, position, text)
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

/// Says what is wrong with a value, and shows it only where it stands in the file itself.
fn describe(error: &ValidationError<'_>, node: &Node) -> String {
    let found = found(node);
    match error.kind() {
        ValidationErrorKind::Type { kind } => format!("expected {}, found {found}", types(kind)),
        ValidationErrorKind::Enum { options } => format!("expected one of {}, found {found}", list(options)),
        ValidationErrorKind::OneOfNotValid { context } => {
            let choices: Value = context.iter().flatten().filter_map(choice).collect();
            format!("expected one of {}, found {found}", list(&choices))
        }
        ValidationErrorKind::Pattern { pattern } => format!("{found} does not match `{pattern}`"),
        ValidationErrorKind::MinProperties { .. }
            if error.instance_path().as_str().ends_with("/dead_letter_queue") =>
        {
            "nothing is chosen here; name a topic or a sink".to_owned()
        }
        ValidationErrorKind::MinProperties { .. } => "nothing is chosen here; name one plug-in".to_owned(),
        ValidationErrorKind::MaxProperties { .. } => "more than one is chosen here; keep one".to_owned(),
        ValidationErrorKind::MinItems { limit } => format!("needs at least {limit}"),
        _ => error.masked_with("the value").to_string(),
    }
}

/// The one value that a branch of a choice takes.
fn choice(branch: &ValidationError<'_>) -> Option<Value> {
    match branch.kind() {
        ValidationErrorKind::Constant { expected_value } => Some((**expected_value).clone()),
        _ => None,
    }
}

fn found(node: &Node) -> String {
    match node.scalar() {
        Some(scalar) if scalar.interpolated => "a value from the environment or a file".to_owned(),
        Some(scalar) => match scalar.to_json() {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean `{value}`"),
            Value::Number(value) => format!("the number `{value}`"),
            _ => format!("`{}`", scalar.text),
        },
        None if matches!(node.content, crate::config::yaml::Content::List(_)) => "a list".to_owned(),
        None => "a map".to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "topics": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                "count": { "type": "integer" },
                "maybe": { "anyOf": [{ "type": "string", "pattern": "^[0-9]+s$" }, { "type": "null" }] },
                "mode": { "type": "string", "enum": ["none", "all"] },
                "id": { "anyOf": [{ "type": "object" }, { "const": "origin" }, { "const": "key" }] },
            },
            "required": ["topics"],
            "additionalProperties": false,
        })
    }

    fn check(source: &str) -> Result<Value, Vec<String>> {
        let node = Node::parse(source).unwrap();
        match validate(Path::new("f.yaml"), &node, &schema()) {
            (value, problems) if problems.is_empty() => Ok(value),
            (_, problems) => Err(problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_place() {
        let problems = check("topcs: [a]\ncount: lots\nmode: some\nmaybe: 5x\n").unwrap_err();
        assert_eq!(
            problems,
            [
                "f.yaml:1:1: missing key `topics`",
                "f.yaml:1:1: unknown key `topcs`; did you mean `topics`?",
                "f.yaml:2:8: `count`: expected a whole number, found `lots`",
                "f.yaml:3:7: `mode`: expected one of `none`, `all`, found `some`",
                "f.yaml:4:8: `maybe`: `5x` does not match `^[0-9]+s$`",
            ]
        );
    }

    #[test]
    fn a_word_that_is_none_of_those_beside_a_map_lists_them() {
        let problems = check("topics: [a]\nid: kye\n").unwrap_err();
        assert_eq!(problems, ["f.yaml:2:5: `id`: expected a map or one of `origin`, `key`, found `kye`"]);
    }

    #[test]
    fn a_key_unlike_all_lists_the_known_ones() {
        let problems = check("topics: [a]\nzzz: 1\n").unwrap_err();
        assert_eq!(problems, ["f.yaml:2:1: unknown key `zzz`; known are: topics, count, maybe, mode, id"]);
    }

    #[test]
    fn an_unquoted_number_may_be_text_as_written() {
        assert_eq!(
            check("topics: [0123, 1.50, true, no]").unwrap()["topics"],
            json!(["0123", "1.50", "true", "no"])
        );
    }

    #[test]
    fn a_text_from_the_environment_takes_the_type_wanted_and_is_never_shown() {
        let run = |text: &str| {
            let mut node = Node::parse("topics: [a]\ncount: x\n").unwrap();
            node.for_each_scalar(&mut |_, scalar| {
                if scalar.text == "x" {
                    scalar.text = text.to_owned();
                    scalar.interpolated = true;
                }
            });
            validate(Path::new("f.yaml"), &node, &schema())
        };
        assert_eq!(run("42").0["count"], json!(42));
        let (_, problems) = run("hunter2");
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| !problem.text.contains("hunter2")), "{problems:?}");
    }
}
