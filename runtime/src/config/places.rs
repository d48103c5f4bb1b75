//! Finds the part of a file, and of its JSON Schema, that a path leads to.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::config::yaml::{Content, Node};

/// The values of a file by their JSON Pointer: a file may have very many, and each may be asked for.
pub(super) struct NodeIndex<'a> {
    root: &'a Node,
    nodes: HashMap<String, &'a Node>,
}

impl<'a> NodeIndex<'a> {
    pub(super) fn new(root: &'a Node) -> Self {
        let mut index = Self { root, nodes: HashMap::new() };
        index.add(String::new(), root);
        index
    }

    fn add(&mut self, pointer: String, node: &'a Node) {
        match &node.content {
            Content::Scalar(_) => {}
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(format!("{pointer}/{index}"), item);
                }
            }
            Content::Map(entries) => {
                for (key, value) in entries {
                    let name = key.name.replace('~', "~0").replace('/', "~1");
                    self.add(format!("{pointer}/{name}"), value);
                }
            }
        }
        self.nodes.insert(pointer, node);
    }

    pub(super) fn root(&self) -> &'a Node {
        self.root
    }

    /// Follows a JSON Pointer as far as it goes.
    pub(super) fn find(&self, pointer: &str) -> &'a Node {
        let mut pointer = pointer;
        loop {
            match (self.nodes.get(pointer), pointer.rsplit_once('/')) {
                (Some(node), _) => return node,
                (None, Some((parent, _))) => pointer = parent,
                (None, None) => return self.root,
            }
        }
    }
}

/// The schemas that may hold for a value.
#[derive(Clone, Debug)]
pub(super) struct SchemaPlace<'a>(Vec<&'a Value>);

impl<'a> SchemaPlace<'a> {
    pub(super) fn new(schema: &'a Value) -> Self {
        Self(vec![schema])
    }

    /// Takes the alternatives of a schema for schemas of their own.
    fn variants(&self) -> Vec<&'a Value> {
        let mut found = Vec::new();
        let mut waiting = self.0.clone();
        while let Some(schema) = waiting.pop() {
            found.push(schema);
            for choice in ["anyOf", "oneOf"] {
                waiting.extend(schema.get(choice).and_then(Value::as_array).into_iter().flatten());
            }
        }
        found
    }

    /// Goes to the value of a key.
    pub(super) fn key(&self, name: &str) -> Self {
        let mut below = Vec::new();
        for schema in self.variants() {
            let property = schema.get("properties").and_then(|properties| properties.get(name));
            below.extend(property.or_else(|| schema.get("additionalProperties")));
        }
        Self(below)
    }

    /// Goes to the items of a list.
    pub(super) fn items(&self) -> Self {
        Self(self.variants().into_iter().filter_map(|schema| schema.get("items")).collect())
    }

    /// Says whether a map here has this key by name.
    pub(super) fn names(&self, key: &str) -> bool {
        let named =
            |schema: &Value| schema.get("properties").is_some_and(|properties| properties.get(key).is_some());
        self.variants().into_iter().any(named)
    }

    /// Returns the keys that a map here has by name.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        let mut keys = Vec::new();
        for schema in self.variants() {
            let properties = schema.get("properties").and_then(Value::as_object);
            keys.extend(properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str)));
        }
        keys
    }

    /// Returns the key of a map here that others call by a name. A plug-in says so with
    /// `#[schemars(extend("x-also" = ["name", ..]))]` at the key, or at its settings for its own name.
    pub(super) fn known_as(&self, name: &str) -> Option<&'a str> {
        let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
        for schema in self.variants() {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (key, below) in properties.into_iter().flatten() {
                let also = below.get("x-also").and_then(Value::as_array).into_iter().flatten();
                if also.filter_map(Value::as_str).any(|also| also == name) {
                    return Some(key);
                }
            }
        }
        None
    }

    /// Returns what is done here in the place of a key that other tools have. A plug-in says so with
    /// `#[schemars(extend("x-instead" = {"name, another": "sentence", ..}))]` at its settings.
    pub(super) fn instead_of(&self, name: &str) -> Option<&'a str> {
        self.said_of("x-instead", name)
    }

    /// Returns the key of a map here that holds names of the operator's own, for whoever writes them beside it. A plug-in says
    /// so with `#[schemars(extend("x-own-names" = true))]` at the key; properties of another program are always meant.
    pub(super) fn own_names(&self) -> Option<&'a str> {
        let required = self.required();
        let is_open = |key: &&str| {
            let below = self.key(key);
            let is_said = below.0.iter().any(|schema| schema.get("x-own-names").is_some());
            // A map that need not be there was hardly meant.
            let is_meant = is_said || *key == "properties" || required.contains(key);
            is_meant && below.takes_any_name() && below.keys().is_empty()
        };
        let mut open = self.keys().into_iter().filter(is_open);
        open.next().filter(|_| open.next().is_none())
    }

    /// Returns the word that others have another one for, where a word is chosen. A plug-in says so with
    /// `#[schemars(extend("x-words" = {"theirs": "ours", ..}))]` at the key.
    pub(super) fn word_for(&self, word: &str) -> Option<&'a str> {
        self.said_of("x-words", word)
    }

    /// Returns how a map here is written by somebody who knows a single text for it. A plug-in says so with
    /// `#[schemars(extend("x-written" = "{ topic: NAME }"))]` at its settings.
    pub(super) fn written_as(&self) -> Option<&'a str> {
        self.variants().into_iter().find_map(|schema| schema.get("x-written")?.as_str())
    }

    fn said_of(&self, extension: &str, name: &str) -> Option<&'a str> {
        let name = name.to_ascii_lowercase().replace(['-', '.'], "_");
        let said = |schema: &'a Value| {
            let mut of = schema.get(extension)?.as_object()?.iter();
            of.find(|(names, _)| names.split(", ").any(|each| each == name))?.1.as_str()
        };
        self.variants().into_iter().find_map(said)
    }

    /// Says whether a map here takes names of the operator's own.
    pub(super) fn takes_any_name(&self) -> bool {
        self.variants()
            .into_iter()
            .any(|schema| schema.get("additionalProperties").is_some_and(|more| *more != false))
    }

    /// Returns the keys that a map here must have, if it is of one kind only.
    pub(super) fn required(&self) -> Vec<&'a str> {
        let maps: Vec<_> =
            self.variants().into_iter().filter(|schema| schema.get("properties").is_some()).collect();
        let [one] = maps.as_slice() else { return Vec::new() };
        one.get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Says whether a value here, or one within it, is declared as a secret.
    pub(super) fn holds_secrets(&self) -> bool {
        self.0.iter().any(|schema| has_secret(schema))
    }

    /// Says whether no schema tells of a value here.
    pub(super) fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the types of JSON that a value here may have, by their names in JSON Schema; nothing where it may be any.
    pub(super) fn types(&self) -> Option<BTreeSet<&'a str>> {
        let mut types: BTreeSet<&'a str> = BTreeSet::new();
        for schema in self.variants() {
            let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
            let values: Vec<&Value> = values.chain(schema.get("const")).collect();
            match schema.get("type") {
                Some(Value::String(one)) => types.extend([one.as_str()]),
                Some(Value::Array(several)) => types.extend(several.iter().filter_map(Value::as_str)),
                _ if !values.is_empty() => {
                    for value in values {
                        types.insert(type_of(value));
                    }
                }
                // It is one of its alternatives, which are seen by themselves.
                _ if schema.get("anyOf").or_else(|| schema.get("oneOf")).is_some() => {}
                _ => return None,
            }
        }
        (!types.is_empty()).then_some(types)
    }

    /// Says whether a plug-in declares a value here as a [`Secret`](sluice_connector_api::Secret).
    pub(super) fn is_secret(&self) -> bool {
        self.variants().into_iter().any(|schema| schema.get("writeOnly") == Some(&Value::Bool(true)))
    }

    /// A plug-in declares a key as a pattern with `#[schemars(extend("x-pattern" = true))]`.
    pub(super) fn is_pattern(&self) -> bool {
        self.variants().into_iter().any(|schema| schema.get("x-pattern") == Some(&Value::Bool(true)))
    }
}

fn has_secret(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            schema.get("writeOnly") == Some(&Value::Bool(true)) || fields.values().any(has_secret)
        }
        Value::Array(items) => items.iter().any(has_secret),
        _ => false,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Follows a path of keys and list indices.
pub(super) fn at<'a>(root: &SchemaPlace<'a>, path: &[String]) -> SchemaPlace<'a> {
    let mut place = root.clone();
    for segment in path {
        let is_index = segment.parse::<usize>().is_ok() && !place.items().0.is_empty();
        place = if is_index { place.items() } else { place.key(segment) };
    }
    place
}
