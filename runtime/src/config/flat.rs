//! A connector file as a flat map of texts, which is how Kafka Connect's REST API shows a configuration.
//!
//! A name is the path of a value, such as `sink.http.url` or `transforms.0.template.text`; a key with a dot in it, and one
//! that is a number, is quoted, as in `source.kafka.properties."fetch.min.bytes"`. Two names stand for what Kafka Connect
//! calls otherwise: `connector.class` is the name of the sink, and `topics` the topics of the source, separated by commas.
//! What holds nothing is an empty text.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sluice_connector_api::Registry;

use crate::config::flat_names::path_text;
use crate::config::places::SchemaPlace;
use crate::config::providers::prefixes_of;
use crate::config::veil::{Declared, Veil};
use crate::config::yaml::{Content, Node};

/// The name that Kafka Connect has for the plug-in of a connector.
pub(crate) const CLASS: &str = "connector.class";
/// The name that Kafka Connect has for what a sink reads.
pub(crate) const TOPICS: &str = "topics";
/// Where the topics stand in a file.
pub(super) const TOPICS_PATH: [&str; 3] = ["source", "kafka", "topics"];

/// A configuration by names, sorted.
pub type FlatConfig = BTreeMap<String, String>;

/// Writes a file as a flat map. References stay as they are written; a secret that stands in the file is blanked.
pub(crate) fn flatten(node: &Node, schema: &Value, registry: &Registry) -> FlatConfig {
    let shown = |value: FlatValue<'_>| (value.name, value.shown);
    flat_values(node, schema, &prefixes_of(registry)).into_iter().map(shown).collect()
}

/// A value of a file by its name in a flat map.
#[derive(Clone, Debug)]
pub(super) struct FlatValue<'a> {
    pub(super) name: String,
    /// As it is shown: a secret is blanked.
    pub(super) shown: String,
    /// As it stands in the file; nothing where it is a key.
    pub(super) node: Option<&'a Node>,
}

/// Returns the values of a file by their names.
pub(super) fn flat_values<'a>(
    node: &'a Node,
    schema: &Value,
    prefixes: &BTreeSet<&'static str>,
) -> Vec<FlatValue<'a>> {
    let mut values = Vec::new();
    let mut collector = Collector { veil: Veil { prefixes }, values: &mut values };
    collector.collect(node, &SchemaPlace::new(schema), true, &mut Vec::new());
    if let Some((sink, settings)) = node.get("sink").and_then(only_entry) {
        if is_empty(settings) || settings.scalar().is_some() {
            let whole = path_text(&[("sink".to_owned(), true), (sink.to_owned(), true)]);
            values.retain(|value| value.name != whole);
        }
        values.push(FlatValue { name: CLASS.to_owned(), shown: sink.to_owned(), node: None });
    }
    if let Some((list, topics)) = topics_of(node) {
        values.retain(|value| !value.name.starts_with("source.kafka.topics."));
        values.push(FlatValue { name: TOPICS.to_owned(), shown: topics.join(","), node: Some(list) });
    }
    values
}

/// Returns the topics of a file, if commas can stand between them.
fn topics_of(node: &Node) -> Option<(&Node, Vec<String>)> {
    let mut topics = node;
    for key in TOPICS_PATH {
        topics = topics.get(key)?;
    }
    let Content::List(items) = &topics.content else { return None };
    let names: Vec<_> = items.iter().filter_map(|item| Some(item.scalar()?.text.clone())).collect();
    let can_stand = |name: &String| !name.contains(',') && name.trim() == name && !name.is_empty();
    (!names.is_empty() && names.len() == items.len() && names.iter().all(can_stand))
        .then_some((topics, names))
}

fn only_entry(node: &Node) -> Option<(&str, &Node)> {
    match &node.content {
        Content::Map(entries) => entries.first().map(|(key, node)| (key.name.as_str(), node)),
        _ => None,
    }
}

fn is_empty(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(_) => false,
        Content::List(items) => items.is_empty(),
        Content::Map(entries) => entries.is_empty(),
    }
}

struct Collector<'a, 'v> {
    veil: Veil<'v>,
    values: &'v mut Vec<FlatValue<'a>>,
}

impl<'a> Collector<'a, '_> {
    /// `is_named` says whether the schema has the key by name that leads here.
    fn collect(
        &mut self,
        node: &'a Node,
        schema: &SchemaPlace<'_>,
        is_named: bool,
        path: &mut Vec<(String, bool)>,
    ) {
        match &node.content {
            Content::List(items) if !items.is_empty() => {
                let schema = schema.items();
                for (index, item) in items.iter().enumerate() {
                    path.push((index.to_string(), false));
                    self.collect(item, &schema, is_named, path);
                    path.pop();
                }
            }
            Content::Map(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    path.push((key.name.clone(), true));
                    self.collect(value, &schema.key(&key.name), schema.names(&key.name), path);
                    path.pop();
                }
            }
            Content::List(_) | Content::Map(_) if path.is_empty() => {}
            Content::List(_) | Content::Map(_) => {
                self.values.push(FlatValue { name: path_text(path), shown: String::new(), node: Some(node) });
            }
            Content::Scalar(scalar) => {
                let key = path.iter().rev().find(|(_, is_key)| *is_key).map(|(name, _)| name.as_str());
                let keys: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
                let declared = declared(schema.is_secret(), is_named, &keys);
                let shown = self.veil.shown(&scalar.text, declared, key);
                self.values.push(FlatValue { name: path_text(path), shown, node: Some(node) });
            }
        }
    }
}

/// Says whether a value is declared as a secret. Headers are, whether a plug-in says so or not: they hold credentials.
pub(super) fn declared(is_secret: bool, is_named: bool, path: &[&str]) -> Declared {
    let is_header = matches!(path, [.., "headers", _]);
    match (is_secret || is_header, is_named) {
        (false, _) => Declared::No,
        (true, true) => Declared::AsSecret,
        (true, false) => Declared::AmongSecrets,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        let secret = json!({ "type": "string", "format": "password", "writeOnly": true });
        json!({ "type": "object", "properties": { "sink": { "type": "object", "properties": { "http": {
            "type": "object", "properties": { "token": secret, "headers": { "type": "object", "additionalProperties": secret } },
        } } } } })
    }

    const FILE: &str = "\
source:
  kafka:
    bootstrap_servers: ${env:SERVERS}
    topics: [a, b]
    properties: { fetch.min.bytes: 1, sasl.password: hunter4 }
transforms:
  - template: { text: x, map: { 0: y }, none: {} }
  - filter: {}
sink:
  http: { token: hunter2, headers: { a: hunter3, b: \"${env:B}\", c: \"Bearer ${env:C:-hunter5}\" } }
";

    #[test]
    fn a_file_is_shown_by_paths_and_its_secrets_are_not() {
        let flat = flatten(&Node::parse(FILE).unwrap(), &schema(), &Registry::new());
        let shown: Vec<_> = flat.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(
            shown,
            [
                "connector.class=http",
                "sink.http.headers.a=[redacted]",
                "sink.http.headers.b=${env:B}",
                "sink.http.headers.c=Bearer ${env:C:-[redacted]}",
                "sink.http.token=[redacted]",
                "source.kafka.bootstrap_servers=${env:SERVERS}",
                "source.kafka.properties.\"fetch.min.bytes\"=1",
                "source.kafka.properties.\"sasl.password\"=[redacted]",
                "topics=a,b",
                "transforms.0.template.map.\"0\"=y",
                "transforms.0.template.none=",
                "transforms.0.template.text=x",
                "transforms.1.filter=",
            ]
        );
    }
}
