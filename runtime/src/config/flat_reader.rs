//! Reads a flat map of texts as a connector file: paths become maps and lists, and texts what the schema wants.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use sluice_connector_api::Registry;

use crate::config::flat::{CLASS, FlatConfig, FlatValue, TOPICS, TOPICS_PATH, declared, flat_values};
use crate::config::flat_names::{FlatError, Segment, path_of};
use crate::config::places::{SchemaPlace, at};
use crate::config::problem::Position;
use crate::config::providers::prefixes_of;
use crate::config::typed::{elements, typed};
use crate::config::veil::{BLANKED, is_covered};
use crate::config::yaml::{Content, Key, Node};

/// Reads a flat map as a file, or says all that is wrong with its names.
///
/// The line of each value is its place in the sorted names, from 1, so that what is wrong can be said at its name; what is
/// wrong with the whole is at line 0.
///
/// `before` is the file as it stands, before its references are resolved. A value that is given as it is shown stays as it is
/// there: a secret that is blanked, a text in quotes, a block. So does the order of keys.
pub(crate) fn unflatten(
    flat: &FlatConfig,
    schema: &Value,
    registry: &Registry,
    before: Option<&Node>,
) -> Result<Node, Vec<FlatError>> {
    let place = SchemaPlace::new(schema);
    let values = before.map(|before| flat_values(before, schema, &prefixes_of(registry))).unwrap_or_default();
    let kept: BTreeMap<&str, &FlatValue<'_>> =
        values.iter().map(|value| (value.name.as_str(), value)).collect();
    let mut root = Branch::default();
    let mut errors = Vec::new();
    for (index, (name, text)) in flat.iter().enumerate() {
        let as_it_is = kept.get(name.as_str()).filter(|value| value.shown == *text);
        let given = Given { line: index + 1, name, text, kept: as_it_is.and_then(|value| value.node) };
        let grown = match name.as_str() {
            // The name stands for the file, and is no part of it.
            "name" => Ok(()),
            CLASS => root.grow(&given, &[Segment::key("sink"), Segment::key(text.trim())], None),
            TOPICS => root.grow_topics(&given),
            _ => root.grow_value(&given, &place),
        };
        errors.extend(grown.err());
    }
    if errors.is_empty() { Ok(root.into_node(&place, before, 1)) } else { Err(errors) }
}

/// A value as it is given.
struct Given<'a> {
    line: usize,
    name: &'a str,
    text: &'a str,
    /// What it is in the file, where it is given as it is shown.
    kept: Option<&'a Node>,
}

/// What stands at the end of a path.
enum Leaf<'a> {
    Text(&'a str),
    Kept(&'a Node),
}

/// What is under a key while a file is put together.
#[derive(Default)]
struct Branch<'a> {
    line: usize,
    leaf: Option<Leaf<'a>>,
    below: BTreeMap<Segment, Branch<'a>>,
}

impl<'a> Branch<'a> {
    fn grow_value(&mut self, given: &Given<'a>, place: &SchemaPlace<'_>) -> Result<(), FlatError> {
        let path = path_of(given.name)?;
        let leaf = match given.kept {
            Some(node) => Leaf::Kept(node),
            None if has_nothing_to_keep(given.text, &path, place) => {
                return Err(FlatError::new(
                    given.name,
                    format!(
                        "`{BLANKED}` stands for a secret that is there already, and there is none of this name; write the \
                         secret, or a reference such as `${{env:NAME}}`"
                    ),
                ));
            }
            None => Leaf::Text(given.text),
        };
        self.grow(given, &path, Some(leaf))
    }

    fn grow_topics(&mut self, given: &Given<'a>) -> Result<(), FlatError> {
        let mut path: Vec<Segment> = TOPICS_PATH.iter().map(|key| Segment::key(key)).collect();
        if let Some(node) = given.kept {
            return self.grow(given, &path, Some(Leaf::Kept(node)));
        }
        for (index, topic) in elements(given.text).into_iter().enumerate() {
            path.push(Segment::index(index));
            self.grow(given, &path, Some(Leaf::Text(topic)))?;
            path.pop();
        }
        Ok(())
    }

    fn grow(&mut self, given: &Given<'a>, path: &[Segment], leaf: Option<Leaf<'a>>) -> Result<(), FlatError> {
        let refuse = |text: &str| Err(FlatError::new(given.name, text));
        let Some((first, rest)) = path.split_first() else {
            if self.leaf.is_some() || (leaf.is_some() && !self.below.is_empty()) {
                return refuse("another name gives a value above or below it, or the same one");
            }
            self.leaf = leaf;
            return Ok(());
        };
        if self.leaf.is_some() {
            return refuse("another name gives a value above it");
        }
        let branch =
            self.below.entry(first.clone()).or_insert_with(|| Self { line: given.line, ..Self::default() });
        branch.grow(given, rest, leaf)
    }

    fn into_node(self, place: &SchemaPlace<'_>, before: Option<&Node>, column: usize) -> Node {
        let position = Position { line: self.line, column };
        let is_list = self.is_list(place);
        let content = match self.leaf {
            Some(Leaf::Text(text)) => typed(text, place, position),
            Some(Leaf::Kept(node)) => return placed(node, position),
            None if is_list => {
                let item = |(segment, branch): (Segment, Self)| {
                    let index = segment.index.unwrap_or_default();
                    (index, branch.into_node(&place.items(), item_of(before, index), column + 1))
                };
                let mut items: Vec<_> = self.below.into_iter().map(item).collect();
                items.sort_by_key(|(index, _)| *index);
                Content::List(items.into_iter().map(|(_, item)| item).collect())
            }
            None if self.below.is_empty() => typed("", place, position),
            None => map(self.below, place, before, column),
        };
        Node { position, content }
    }

    /// Says whether the keys are 0, 1, 2 and so on, where there may be a list.
    fn is_list(&self, place: &SchemaPlace<'_>) -> bool {
        let indices: Option<BTreeSet<usize>> = self.below.keys().map(|segment| segment.index).collect();
        let is_counted = indices
            .is_some_and(|indices| !indices.is_empty() && indices.last() == Some(&(indices.len() - 1)));
        is_counted && place.types().is_none_or(|types| types.contains("array") || !types.contains("object"))
    }
}

fn map(
    below: BTreeMap<Segment, Branch<'_>>,
    place: &SchemaPlace<'_>,
    before: Option<&Node>,
    column: usize,
) -> Content {
    let mut entries = Vec::new();
    for (segment, branch) in below {
        let line = branch.line;
        let before = before.and_then(|before| before.get(&segment.text));
        let value = branch.into_node(&place.key(&segment.text), before, column + 1);
        entries.push((Key { position: Position { line, column: column + 1 }, name: segment.text }, value));
    }
    let known = before.map(Node::keys).unwrap_or_default().into_iter().chain(place.keys());
    let mut order: HashMap<&str, usize> = HashMap::new();
    for (index, name) in known.enumerate() {
        order.entry(name).or_insert(index);
    }
    // What is new and of no known name stays sorted behind the others.
    entries.sort_by_key(|(key, _)| order.get(key.name.as_str()).copied().unwrap_or(usize::MAX));
    Content::Map(entries)
}

fn item_of(list: Option<&Node>, index: usize) -> Option<&Node> {
    match list.map(|node| &node.content) {
        Some(Content::List(items)) => items.get(index),
        _ => None,
    }
}

/// Says whether a text stands for a secret, where there is none that it could stand for.
fn has_nothing_to_keep(text: &str, path: &[Segment], place: &SchemaPlace<'_>) -> bool {
    if !text.contains(BLANKED) {
        return false;
    }
    let texts: Vec<String> = path.iter().map(|segment| segment.text.clone()).collect();
    let names: Vec<&str> = texts.iter().map(String::as_str).collect();
    let key = path.iter().rev().find(|segment| segment.index.is_none());
    let is_named = texts.split_last().is_some_and(|(last, above)| at(place, above).names(last));
    let declared = declared(at(place, &texts).is_secret(), is_named, &names);
    is_covered(text, declared, key.map(|segment| segment.text.as_str()))
}

/// Returns a value at another place.
fn placed(node: &Node, position: Position) -> Node {
    let below = |index: usize| Position { column: position.column + 1 + index, ..position };
    let content = match &node.content {
        Content::Scalar(scalar) => Content::Scalar(scalar.clone()),
        Content::List(items) => {
            let item = |(index, item): (usize, &Node)| placed(item, below(index));
            Content::List(items.iter().enumerate().map(item).collect())
        }
        Content::Map(entries) => {
            let entry = |(index, (key, value)): (usize, &(Key, Node))| {
                let key = Key { position: below(index), name: key.name.clone() };
                (key, placed(value, below(index)))
            };
            Content::Map(entries.iter().enumerate().map(entry).collect())
        }
    };
    Node { position, content }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::flat::flatten;

    fn schema() -> Value {
        let secret = json!({ "type": "string", "writeOnly": true });
        let text = json!({ "type": "string" });
        let http = json!({
            "type": "object", "properties": {
                "url": text, "port": { "type": "integer" }, "open": { "type": "boolean" }, "token": secret,
                "headers": { "type": "object", "additionalProperties": secret },
                "fields": { "type": "array", "items": text },
                "sizes": { "type": ["array", "null"], "items": { "type": "integer" } },
                "any": true, "nothing": { "type": "object" },
            },
        });
        json!({ "type": "object", "properties": {
            "source": { "type": "object", "properties": { "kafka": { "type": "object", "properties": {
                "topics": { "type": "array", "items": text },
            } } } },
            "transforms": { "type": "array" },
            "sink": { "type": "object", "properties": { "http": http } },
        } })
    }

    fn flat(values: &[(&str, &str)]) -> FlatConfig {
        values.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    fn read(values: &[(&str, &str)], before: Option<&str>) -> Result<Value, Vec<String>> {
        let before = before.map(|text| Node::parse(text).unwrap());
        unflatten(&flat(values), &schema(), &Registry::new(), before.as_ref())
            .map(|node| node.to_json())
            .map_err(|errors| errors.into_iter().map(|error| error.name).collect())
    }

    const FILE: &str = "\
source:
  kafka:
    topics: [a, b]
    properties: { fetch.min.bytes: 1, \"0\": x }
transforms:
  - template: { text: \"1\", lines: \"a\\nb\", z: 1, a: 2 }
  - filter: {}
sink:
  http: { token: hunter2, headers: { a: hunter3, b: \"${env:B}\", c: \"x ${env:C}\" }, fields: [], any: 'true' }
";

    #[test]
    fn what_is_shown_is_put_back_as_it_was() {
        let before = Node::parse(FILE).unwrap();
        let shown = flatten(&before, &schema(), &Registry::new());
        assert!(!format!("{shown:?}").contains("hunter"), "{shown:?}");
        let after = unflatten(&shown, &schema(), &Registry::new(), Some(&before)).unwrap();
        assert_eq!(after.to_json().to_string(), before.to_json().to_string());
        let position = after.find(["transforms", "0", "template", "text"]).position;
        let name = shown.keys().position(|name| name == "transforms.0.template.text").unwrap();
        assert_eq!(position.line, name + 1);
    }

    #[test]
    fn a_blanked_value_stands_for_the_secret_of_its_own_name() {
        let moved = [("connector.class", "http"), ("sink.http.headers.d", "[redacted]")];
        assert_eq!(read(&moved, Some(FILE)), Err(vec!["sink.http.headers.d".to_owned()]));
        let partly = [("sink.http.headers.c", "[redacted]${env:C}"), ("sink.http.token", "[redacted]")];
        let after = read(&partly, Some(FILE)).unwrap();
        assert_eq!(after["sink"]["http"], json!({ "token": "hunter2", "headers": { "c": "x ${env:C}" } }));
        let other = [("sink.http.headers.c", "[redacted]${env:D}")];
        assert_eq!(read(&other, Some(FILE)), Err(vec!["sink.http.headers.c".to_owned()]));
        let text = [("sink.http.url", "[redacted]")];
        assert_eq!(read(&text, None).unwrap()["sink"]["http"]["url"], "[redacted]");
    }

    #[test]
    fn texts_become_what_the_schema_wants() {
        let given = [
            ("sink.http.url", "0123"),
            ("sink.http.port", "8080"),
            ("sink.http.open", "true"),
            ("sink.http.fields", "a, ${env:B:-c,d},7"),
            ("sink.http.sizes", "1,2"),
            ("sink.http.nothing", ""),
            ("sink.http.token", "null"),
            ("sink.http.headers.0", ""),
            ("sink.http.any", "1.50"),
            ("topics", "a, b"),
        ];
        let read = read(&given, None).unwrap();
        let expected = json!({
            "url": "0123", "port": 8080, "token": "null", "headers": { "0": "" }, "open": true,
            "fields": ["a", "${env:B:-c,d}", "7"], "sizes": [1, 2], "nothing": {}, "any": 1.5,
        });
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(
                read["sink"]["http"][key].to_string().replace("1.50", "1.5"),
                value.to_string(),
                "{key}"
            );
        }
        assert_eq!(read["source"]["kafka"]["topics"], json!(["a", "b"]));
        let order: Vec<_> = read.as_object().unwrap().keys().collect();
        assert_eq!(order, ["source", "sink"], "as the schema has them");
    }

    #[test]
    fn names_that_contradict_each_other_or_are_none_are_refused() {
        let names = |names: &[&str]| {
            let values: Vec<_> = names.iter().map(|name| (*name, "x")).collect();
            read(&values, None)
        };
        assert_eq!(names(&["a.b", "a", "b..c"]), Err(vec!["a.b".to_owned(), "b..c".to_owned()]));
        assert!(names(&["topics", "source.kafka.topics.0"]).is_err());
        assert_eq!(names(&["\"a.b\"\"c\".d", "name"]), Ok(json!({ "a.b\"c": { "d": "x" } })));
        assert_eq!(names(&["a.0", "a.2"]), Ok(json!({ "a": { "0": "x", "2": "x" } })));
        assert_eq!(names(&["a.0", "a.1"]), Ok(json!({ "a": ["x", "x"] })));
    }

    #[test]
    fn a_sink_without_settings_is_its_class() {
        assert_eq!(read(&[(CLASS, "stdout")], None), Ok(json!({ "sink": { "stdout": null } })));
    }

    #[test]
    fn very_many_names_take_no_time() {
        let many = (0..60_000).map(|number| (format!("a.b{number}"), String::new())).collect();
        let begun = std::time::Instant::now();
        assert!(unflatten(&many, &schema(), &Registry::new(), None).is_ok());
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
