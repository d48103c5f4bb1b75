//! A connector file as a flat map of texts, which is how Kafka Connect's REST API shows a configuration.
//!
//! A name is the path of a value, such as `sink.http.url` or `transforms.0.template.text`; a key with a dot in it is quoted, as
//! in `source.kafka.properties."fetch.min.bytes"`. Two names stand for what Kafka Connect calls otherwise:
//! `connector.class` is the name of the sink, and `topics` the topics of the source, separated by commas.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::places::SchemaPlace;
use crate::config::problem::Position;
use crate::config::yaml::{Content, Key, Node, Style, YamlScalar};

/// The name that Kafka Connect has for the plug-in of a connector.
pub(crate) const CLASS: &str = "connector.class";
/// The name that Kafka Connect has for what a sink reads.
pub(crate) const TOPICS: &str = "topics";
/// Where the topics stand in a file.
const TOPICS_PATH: [&str; 3] = ["source", "kafka", "topics"];
/// What stands in the place of a secret.
pub(crate) const BLANKED: &str = "[redacted]";

/// A configuration by names, sorted.
pub type FlatConfig = BTreeMap<String, String>;

/// A flat map that is no connector: the name concerned, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FlatError {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Writes a file as a flat map. References stay as they are written; a secret that stands in the file is blanked.
pub(crate) fn flatten(node: &Node, schema: &Value) -> FlatConfig {
    let mut flat = FlatConfig::new();
    collect(node, &SchemaPlace::new(schema), &mut Vec::new(), &mut flat);
    if let Some((sink, settings)) = node.get("sink").and_then(only_entry) {
        flat.insert(CLASS.to_owned(), sink.to_owned());
        if matches!(&settings.content, Content::Scalar(_)) {
            flat.remove(&path_text(&["sink".to_owned(), sink.to_owned()]));
        }
    }
    let topics = node.find(TOPICS_PATH);
    if let Content::List(items) = &topics.content {
        let names: Vec<_> = items.iter().filter_map(|item| Some(item.scalar()?.text.clone())).collect();
        if names.len() == items.len() && names.iter().all(|name| !name.contains(',')) {
            flat.retain(|name, _| !name.starts_with("source.kafka.topics."));
            flat.insert(TOPICS.to_owned(), names.join(","));
        }
    }
    flat
}

fn only_entry(node: &Node) -> Option<(&str, &Node)> {
    match &node.content {
        Content::Map(entries) => entries.first().map(|(key, node)| (key.name.as_str(), node)),
        _ => None,
    }
}

fn collect(node: &Node, schema: &SchemaPlace<'_>, path: &mut Vec<String>, flat: &mut FlatConfig) {
    match &node.content {
        Content::Scalar(scalar) => {
            let is_secret = schema.is_secret() || path.last().is_some_and(|key| sounds_secret(key));
            let text = if is_secret && !scalar.text.contains("${") {
                BLANKED.to_owned()
            } else {
                scalar.text.clone()
            };
            flat.insert(path_text(path), text);
        }
        Content::List(items) => {
            let schema = schema.items();
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                collect(item, &schema, path, flat);
                path.pop();
            }
        }
        Content::Map(entries) => {
            for (key, value) in entries {
                path.push(key.name.clone());
                collect(value, &schema.key(&key.name), path, flat);
                path.pop();
            }
        }
    }
}

/// Says whether what stands under a key is a secret by its name: headers and properties hold anything.
fn sounds_secret(key: &str) -> bool {
    const SOUNDS: [&str; 8] =
        ["authorization", "token", "secret", "password", "passwd", "api-key", "apikey", "cookie"];
    let key = key.to_lowercase().replace('_', "-");
    SOUNDS.iter().any(|sound| key.contains(sound))
}

/// Writes a path as a name.
fn path_text(path: &[String]) -> String {
    let segments: Vec<String> = path.iter().map(|segment| quoted(segment)).collect();
    segments.join(".")
}

fn quoted(segment: &str) -> String {
    if segment.is_empty() || segment.contains(['.', '"']) {
        format!("\"{}\"", segment.replace('"', "\"\""))
    } else {
        segment.to_owned()
    }
}

/// Reads a name as a path.
fn path_of(name: &str) -> Result<Vec<String>, FlatError> {
    let refuse = |text: &str| FlatError { name: name.to_owned(), text: text.to_owned() };
    let mut path = Vec::new();
    let mut rest = name;
    loop {
        let (segment, after) = match rest.strip_prefix('"') {
            Some(inside) => quoted_segment(inside).ok_or_else(|| refuse("the quote is never closed"))?,
            None => match rest.split_once('.') {
                Some((segment, after)) => (segment.to_owned(), Some(after)),
                None => (rest.to_owned(), None),
            },
        };
        if segment.is_empty() && !rest.starts_with('"') {
            return Err(refuse("a name is keys with dots between them; a key with a dot is quoted"));
        }
        path.push(segment);
        match after {
            Some(after) => rest = after,
            None => return Ok(path),
        }
    }
}

/// Reads a quoted segment, behind its first quote, and what comes behind the dot after it.
fn quoted_segment(inside: &str) -> Option<(String, Option<&str>)> {
    let mut segment = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once('"')?;
        segment.push_str(before);
        if let Some(after) = after.strip_prefix('"') {
            segment.push('"');
            rest = after;
        } else if after.is_empty() {
            return Some((segment, None));
        } else {
            return Some((segment, Some(after.strip_prefix('.')?)));
        }
    }
}

/// What is under a key while a file is put together.
#[derive(Default)]
struct Branch {
    line: usize,
    text: Option<String>,
    below: Vec<(String, Branch)>,
}

/// Reads a flat map as a file. The line of each value is its place in the sorted names, from 1, so that what is wrong can be
/// said at its name; what is wrong with the whole is at line 0.
pub(crate) fn unflatten(flat: &FlatConfig) -> Result<Node, FlatError> {
    let mut root = Branch::default();
    for (index, (name, text)) in flat.iter().enumerate() {
        let line = index + 1;
        match name.as_str() {
            // The name stands for the file, and is no part of it.
            "name" => {}
            CLASS => root.grow(line, &["sink".to_owned(), text.trim().to_owned()], name, None)?,
            TOPICS => {
                for (at, topic) in text.split(',').enumerate() {
                    let mut path: Vec<_> = TOPICS_PATH.map(str::to_owned).into();
                    path.push(at.to_string());
                    root.grow(line, &path, name, Some(topic.trim()))?;
                }
            }
            _ => root.grow(line, &path_of(name)?, name, Some(text))?,
        }
    }
    Ok(root.into_node())
}

impl Branch {
    fn grow(
        &mut self,
        line: usize,
        path: &[String],
        name: &str,
        text: Option<&str>,
    ) -> Result<(), FlatError> {
        let refuse = |text: &str| Err(FlatError { name: name.to_owned(), text: text.to_owned() });
        let Some((first, rest)) = path.split_first() else {
            if self.text.is_some() || (text.is_some() && !self.below.is_empty()) {
                return refuse("another name gives a value above or below it, or the same one");
            }
            self.text = text.map(str::to_owned);
            return Ok(());
        };
        if self.text.is_some() {
            return refuse("another name gives a value above it");
        }
        let at = self.below.iter().position(|(key, _)| key == first).unwrap_or_else(|| {
            self.below.push((first.clone(), Self { line, ..Self::default() }));
            self.below.len() - 1
        });
        match self.below.get_mut(at) {
            Some((_, branch)) => branch.grow(line, rest, name, text),
            None => Ok(()),
        }
    }

    fn into_node(mut self) -> Node {
        let position = Position { line: self.line, column: 1 };
        let content = if self.is_list() {
            self.below.sort_by_key(|(key, _)| key.parse::<usize>().unwrap_or(usize::MAX));
            Content::List(self.below.into_iter().map(|(_, branch)| branch.into_node()).collect())
        } else if self.below.is_empty() {
            let text = self.text.unwrap_or_default();
            Content::Scalar(YamlScalar { text, style: Style::Plain, interpolated: false, kept: false })
        } else {
            let entry = |(name, branch): (String, Self)| {
                (Key { position: Position { line: branch.line, column: 1 }, name }, branch.into_node())
            };
            Content::Map(self.below.into_iter().map(entry).collect())
        };
        Node { position, content }
    }

    /// Says whether the keys are 0, 1, 2 and so on.
    fn is_list(&self) -> bool {
        let mut indices: Vec<usize> = Vec::new();
        for (key, _) in &self.below {
            match key.parse() {
                Ok(index) => indices.push(index),
                Err(_) => return false,
            }
        }
        indices.sort_unstable();
        !indices.is_empty() && indices.into_iter().enumerate().all(|(at, index)| at == index)
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
    properties: { fetch.min.bytes: 1 }
transforms:
  - template: { text: x }
sink:
  http: { token: hunter2, headers: { a: hunter3, b: \"${env:B}\" } }
";

    #[test]
    fn a_file_is_shown_by_paths_and_its_secrets_are_not() {
        let flat = flatten(&Node::parse(FILE).unwrap(), &schema());
        let shown: Vec<_> = flat.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(
            shown,
            [
                "connector.class=http",
                "sink.http.headers.a=[redacted]",
                "sink.http.headers.b=${env:B}",
                "sink.http.token=[redacted]",
                "source.kafka.bootstrap_servers=${env:SERVERS}",
                "source.kafka.properties.\"fetch.min.bytes\"=1",
                "topics=a,b",
                "transforms.0.template.text=x",
            ]
        );
    }

    #[test]
    fn what_is_shown_can_be_read_back() {
        let flat = flatten(&Node::parse(FILE).unwrap(), &schema());
        assert_eq!(flatten(&unflatten(&flat).unwrap(), &schema()), flat);
        let node = unflatten(&flat).unwrap();
        assert_eq!(node.find(["transforms", "0", "template", "text"]).position.line, 8);
        let bare = FlatConfig::from([(CLASS.to_owned(), "stdout".to_owned())]);
        let node = unflatten(&bare).unwrap();
        assert_eq!(node.to_json(), json!({ "sink": { "stdout": null } }));
        assert_eq!(flatten(&node, &schema()), bare);
    }

    #[test]
    fn names_that_contradict_each_other_or_are_none_are_refused() {
        let read = |names: &[&str]| {
            let flat = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
            unflatten(&flat).map(|node| node.to_json()).map_err(|error| error.name)
        };
        assert_eq!(read(&["a.b", "a"]), Err("a.b".to_owned()));
        assert_eq!(read(&["a..b"]), Err("a..b".to_owned()));
        assert_eq!(read(&["\"a"]), Err("\"a".to_owned()));
        assert_eq!(read(&["\"a.b\"\"c\".d", "name"]), Ok(json!({ "a.b\"c": { "d": "x" } })));
        assert_eq!(read(&["a.0", "a.2"]), Ok(json!({ "a": { "0": "x", "2": "x" } })));
    }
}
