//! A configuration that was sent: read, checked as a connector file is, and written as one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use sluice_connector_api::{AnyJson, Plugin, Registry};

use crate::config::flat::{CLASS, FlatConfig};
use crate::config::flat_names::FlatError;
use crate::config::flat_reader::unflatten;
use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::config::shared_schema::ConnectorSchema;
use crate::config::yaml::Node;
use crate::config::yaml_writer::node_to_yaml;
use crate::connector::load::Connector;
use crate::connector::writable_files::wrong_with_name;
use crate::control::error::{RestError, RestResult};

/// What changes of a configuration: a name without a value is taken out.
pub(super) type Patch = BTreeMap<String, Option<String>>;

/// Reads a flat map; a value that is no text is taken as it is written, and one that is null as none.
pub(super) fn read(body: &[u8]) -> RestResult<FlatConfig> {
    Ok(texts(read_patch(body)?))
}

/// Returns the values that there are.
pub(super) fn texts(patch: Patch) -> FlatConfig {
    patch.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

/// Reads a flat map in which null takes a value out.
pub(super) fn read_patch(body: &[u8]) -> RestResult<Patch> {
    let values: BTreeMap<String, AnyJson> = serde_json::from_slice(body)
        .map_err(|error| RestError::bad_request(format!("the body is not a map of texts: {error}")))?;
    patch_of(values)
}

/// Takes values for texts. A list or a map is none: the brackets would become part of what it holds.
pub(super) fn patch_of(values: BTreeMap<String, AnyJson>) -> RestResult<Patch> {
    let mut patch = Patch::new();
    for (name, value) in values {
        let text = match value.into_value() {
            Value::String(text) => Some(text),
            Value::Null => None,
            value @ (Value::Bool(_) | Value::Number(_)) => Some(value.to_string()),
            Value::Array(_) => {
                return Err(RestError::bad_request(format!(
                    "`{name}`: expected text, found a list; write what is in it with commas between, or each at a name of its \
                     own as `{name}.0`"
                )));
            }
            Value::Object(_) => {
                return Err(RestError::bad_request(format!(
                    "`{name}`: expected text, found a map; write what is in it at names of their own, as `{name}.KEY`"
                )));
            }
        };
        patch.insert(name, text);
    }
    Ok(patch)
}

/// Says that a configuration names no sink, as Kafka Connect does.
pub(super) fn no_class() -> RestError {
    RestError::bad_request("Connector config contains no connector type")
}

/// Says that there is no sink of a name, as Kafka Connect does.
pub(super) fn known_class(class: &str, registry: &Registry) -> RestResult<()> {
    if registry.sink(class).is_ok() {
        return Ok(());
    }
    let known: Vec<_> = registry.sinks().map(Plugin::name).collect();
    Err(RestError::bad_request(format!(
        "Failed to find any class that implements Connector and which name matches {class}, available connectors are: {}",
        known.join(", ")
    )))
}

/// Checks a configuration as `sluice check` does a file, references resolved. Returns what it is as a file, which may be none,
/// and what is wrong with it, by name. `before` is the file that stands now.
pub(super) async fn check(
    name: &str,
    flat: &FlatConfig,
    before: Option<&Node>,
    registry: &Registry,
) -> (Option<Node>, Vec<FlatError>) {
    let mut errors = Vec::new();
    if let Some(wrong) = wrong_with_name(name) {
        errors.push(FlatError::new("name", format!("`{name}` is no name for a connector: {wrong}")));
    }
    let node = match unflatten(flat, ConnectorSchema::of(registry).value(), registry, before) {
        Ok(node) => node,
        Err(more) => {
            errors.extend(more);
            return (None, errors);
        }
    };
    let file = PathBuf::from(format!("{name}.yaml"));
    if let Err(problems) = Connector::of(&file, node.clone(), registry, Follow::Every).await {
        errors.extend(problems.into_iter().map(|problem| at_name(problem, flat)));
    }
    (Some(node), errors)
}

/// The line of a problem is the place of its name among the sorted ones; what is wrong with the whole is said of the plug-in.
fn at_name(problem: Problem, flat: &FlatConfig) -> FlatError {
    let index = problem.position.and_then(|position| position.line.checked_sub(1));
    let name = index.and_then(|index| flat.keys().nth(index)).map_or(CLASS, String::as_str);
    FlatError::new(name, problem.text)
}

/// Says that a configuration is not valid, as Kafka Connect does.
pub(super) fn refused(errors: &[FlatError]) -> RestError {
    let mut text =
        format!("Connector configuration is invalid and contains the following {} error(s):", errors.len());
    for FlatError { name, text: wrong } in errors {
        text.extend(["\n", name, ": ", wrong]);
    }
    text.push_str(
        "\nYou can also find the above list of errors at the endpoint `/connector-plugins/{connectorType}/config/validate`",
    );
    RestError::bad_request(text)
}

/// Writes a file that says who wrote it.
pub(super) fn file_text(node: &Node, head: &str) -> RestResult<String> {
    let text = format!("{head}\n{}", node_to_yaml(node, 0));
    // Whatever a text holds, the file must not mean anything else.
    if Node::parse(&text).is_ok_and(|read| read.to_json() == node.to_json()) {
        Ok(text)
    } else {
        Err(RestError::bad_request(
            "a value of this configuration holds characters that cannot be written as YAML",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_no_text_whatever_its_fields_are_called() {
        for map in [
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"$serde_json::private::Number":"7"}}"#,
            r#"{"a":{"$serde_json::private::RawValue":"7"}}"#,
        ] {
            let error = read(map.as_bytes()).unwrap_err();
            assert!(format!("{error:?}").contains("`a`: expected text, found a map"), "{map}: {error:?}");
        }
        let texts = read(br#"{"a":1.50,"b":true,"c":"x","d":null}"#).unwrap();
        let texts: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(texts, [("a", "1.50"), ("b", "true"), ("c", "x")]);
    }
}
