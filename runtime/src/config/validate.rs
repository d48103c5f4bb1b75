//! Checks a YAML tree against a JSON Schema, and gives scalars the type that the schema wants.

use std::path::Path;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::{Number, Value};

use crate::config::bounds::bound_numbers;
use crate::config::explain::Checked;
use crate::config::places::{NodeIndex, SchemaPlace};
use crate::config::problem::Problem;
use crate::config::yaml::{Node, Style, YamlScalar, parse_number};

/// Up to here every whole number is one of floating point.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;
/// How many problems of one file are reported.
const MAX_PROBLEMS: usize = 200;

/// Checks `node` against `schema`. Returns the value, with scalars in the type that the schema wants where
/// that loses nothing: an unquoted `123` may be text, and a text from the environment may be a number. Beside
/// it stands what is wrong, sorted by place.
pub fn validate(file: &Path, node: &Node, schema: &Value) -> (Value, Vec<Problem>) {
    match validator_of(schema) {
        Ok(validator) => validate_with(&validator, file, node, schema),
        Err(error) => broken(file, &error),
    }
}

/// Makes what checks by a schema, and that no number is larger than anybody means.
pub(super) fn validator_of(schema: &Value) -> Result<Validator, String> {
    let mut bounded = schema.clone();
    bound_numbers(&mut bounded);
    jsonschema::validator_for(&bounded).map_err(|error| error.to_string())
}

/// Does what [`validate`] does, with what was made of the schema before.
pub(super) fn validate_with(
    validator: &Validator,
    file: &Path,
    node: &Node,
    schema: &Value,
) -> (Value, Vec<Problem>) {
    let nodes = NodeIndex::new(node);
    let mut value = fit_types(validator, &nodes, node.to_json());
    write_out(&mut value, &SchemaPlace::new(schema));
    let problems = problems(&Checked { file, nodes: &nodes, schema }, validator, &value);
    (value, problems)
}

/// Answers for a schema that is none.
pub(super) fn broken(file: &Path, error: &str) -> (Value, Vec<Problem>) {
    (Value::Null, vec![Problem::of_file(file, format!("the schema itself is broken: {error}"))])
}

/// Says what is wrong; of very much, the first.
fn problems(checked: &Checked<'_>, validator: &Validator, value: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for error in validator.iter_errors(value) {
        problems.extend(checked.explain(&error));
        if problems.len() > MAX_PROBLEMS {
            problems.truncate(MAX_PROBLEMS);
            problems.push(Problem::of_file(checked.file, "more is wrong than is listed here"));
            break;
        }
    }
    problems.sort();
    problems.dedup();
    problems
}

/// Writes whole numbers without exponent and fraction where nothing else may stand: to the schema `1e3` is one, and to the settings
/// it is not.
fn write_out(value: &mut Value, place: &SchemaPlace<'_>) {
    match value {
        Value::Object(fields) => {
            for (key, below) in fields {
                write_out(below, &place.key(key));
            }
        }
        Value::Array(items) => {
            let place = place.items();
            for item in items {
                write_out(item, &place);
            }
        }
        Value::Number(number) if number.to_string().contains(['.', 'e', 'E']) => {
            let is_whole =
                place.types().is_some_and(|types| types.contains("integer") && !types.contains("number"));
            let whole = number.as_f64().filter(|whole| whole.fract() == 0.0 && whole.abs() <= LARGEST_WHOLE);
            if let Some(whole) = whole.filter(|_| is_whole) {
                *number = Number::from_string_unchecked(format!("{whole:.0}"));
            }
        }
        _ => {}
    }
}

/// Rewrites scalars whose type does not fit but whose text does.
fn fit_types(validator: &Validator, nodes: &NodeIndex<'_>, mut value: Value) -> Value {
    let mut fitted = Vec::new();
    for error in validator.iter_errors(&value) {
        collect_fits(&error, nodes, &mut fitted);
    }
    for (path, fit) in fitted {
        if let Some(place) = value.pointer_mut(&path) {
            *place = fit;
        }
    }
    value
}

fn collect_fits(error: &ValidationError<'_>, nodes: &NodeIndex<'_>, fitted: &mut Vec<(String, Value)>) {
    match error.kind() {
        ValidationErrorKind::Type { kind } => {
            let path = error.instance_path().as_str();
            let scalar = nodes.find(path).scalar();
            fitted.extend(scalar.and_then(|scalar| fit(scalar, kind)).map(|fit| (path.to_owned(), fit)));
        }
        ValidationErrorKind::AnyOf { context } => {
            context.iter().flatten().for_each(|error| collect_fits(error, nodes, fitted));
        }
        _ => {}
    }
}

fn fit(scalar: &YamlScalar, wanted: &TypeKind) -> Option<Value> {
    let number = |value: &Value| {
        wants(wanted, JsonType::Number)
            || (wants(wanted, JsonType::Integer) && !value.to_string().contains(['.', 'e', 'E']))
    };
    if scalar.interpolated {
        let plain = YamlScalar { interpolated: false, style: Style::Plain, ..scalar.clone() };
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
        assert_eq!(
            problems,
            ["f.yaml:2:5: `id`: expected a map or one of `origin`, `key`, found `kye`; did you mean `key`?"]
        );
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
