//! The JSON Schema of a connector file, made of the settings of every plug-in in the registry.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use sluice_connector_api::{Plugin, Registry};

use crate::config::settings::ConnectorFile;

/// A reference to the environment or a file, as [`interpolate`](crate::config::interpolate) resolves it.
const REFERENCE: &str = r"\$\{[a-z_]+:";

/// Returns the schema of a whole connector file for editors, which see references as they are written.
pub fn editor_schema(registry: &Registry) -> Value {
    let mut schema = connector_schema(registry);
    allow_references(&mut schema);
    schema
}

/// Lets every scalar below be a reference, too.
fn allow_references(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    for (key, below) in schema.iter_mut() {
        match below {
            Value::Object(properties) if key == "properties" => {
                properties.values_mut().for_each(allow_references);
            }
            Value::Object(_) if ["items", "additionalProperties"].contains(&key.as_str()) => {
                allow_references(below);
            }
            Value::Array(choices) if key == "oneOf" || is_word_or_map(key, choices) => {
                choices.iter_mut().for_each(allow_references);
                choices.push(json!({ "type": "string", "pattern": REFERENCE }));
            }
            _ => {}
        }
    }
    let types: Vec<Value> = match schema.get("type") {
        Some(Value::Array(types)) => types.clone(),
        Some(one) => vec![one.clone()],
        None => return,
    };
    let pattern = schema.get("pattern").and_then(Value::as_str).map(|own| format!("(?:{own})|{REFERENCE}"));
    if let Some(pattern) = pattern {
        schema.insert("pattern".to_owned(), pattern.into());
    } else if ["integer", "number", "boolean"].iter().any(|scalar| types.contains(&(*scalar).into())) {
        schema.insert("type".to_owned(), [types, vec!["string".into()]].concat().into());
        schema.insert("pattern".to_owned(), REFERENCE.into());
    }
}

/// Says whether a value is one of some words, or a map.
fn is_word_or_map(key: &str, choices: &[Value]) -> bool {
    key == "anyOf" && choices.iter().any(|choice| choice.get("const").is_some())
}

/// Returns the schema of a whole connector file with its references resolved, for [`validate`](crate::config::validate).
pub fn connector_schema(registry: &Registry) -> Value {
    let mut generator = generator();
    let mut schema = ConnectorFile::json_schema(&mut generator).to_value();
    let transforms = json!({ "type": "array", "items": transform_schema(registry, &mut generator) });
    describe(&mut schema, "transforms", transforms);
    for side in ["key", "value"] {
        let converters = converter_schema(registry, &mut generator);
        describe(&mut schema, &format!("source/properties/{side}"), converters);
    }
    let sink = one_of(registry.sinks().map(|plugin| entry(plugin, &mut generator)));
    describe(&mut schema, "sink", sink);
    let sink = one_of(registry.sinks().map(|plugin| entry(plugin, &mut generator)));
    describe(&mut schema, "errors/properties/dead_letter_queue", dead_letter_schema(sink));
    if let Some(root) = schema.as_object_mut() {
        root.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".to_owned(), "Sluice connector".into());
    }
    schema
}

/// Returns the schema of a type that a file holds.
pub(crate) fn schema_of<T: JsonSchema>() -> Value {
    T::json_schema(&mut generator()).to_value()
}

/// Returns the schema of one plug-in's settings.
pub fn plugin_schema<T: ?Sized>(plugin: &Plugin<T>) -> Value {
    plugin.schema(&mut generator()).to_value()
}

/// Everything stands in place, without `$ref`: errors then name the very key, and readers need not jump.
pub(crate) fn generator() -> SchemaGenerator {
    SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator()
}

fn transform_schema(registry: &Registry, generator: &mut SchemaGenerator) -> Value {
    let plugins: Vec<_> = registry.transforms().map(|plugin| entry(plugin, generator)).collect();
    let mut schema = one_of(plugins.into_iter());
    let mut predicate = predicate_schema(registry, generator, COMBINED_DEPTH);
    set(&mut predicate, "description", "Applies the transform only to records for which this holds.".into());
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        set(&mut predicate, "x-also", json!(["condition", "when", "if"]));
        properties.insert("predicate".to_owned(), predicate);
        let negate =
            json!({ "type": "boolean", "default": false, "description": "Turns the predicate round." });
        properties.insert("negate".to_owned(), negate);
    }
    // `predicate` and `negate` stand beside the one transform.
    set(&mut schema, "maxProperties", 3.into());
    schema
}

/// How deep predicates may be combined of predicates: without `$ref`, each level stands in place.
const COMBINED_DEPTH: usize = 2;

/// A predicate, or one that is made of predicates.
fn predicate_schema(registry: &Registry, generator: &mut SchemaGenerator, depth: usize) -> Value {
    let mut choices: Vec<_> = registry.predicates().map(|plugin| entry(plugin, generator)).collect();
    if depth < COMBINED_DEPTH {
        for (_, settings) in &mut choices {
            forget_descriptions(settings);
        }
    }
    // Without predicates there is nothing to combine deeper down.
    let below = if choices.is_empty() { depth.min(1) } else { depth }.checked_sub(1);
    if let Some(below) = below {
        let part = predicate_schema(registry, generator, below);
        let lists = [
            ("all", "Holds where each of these predicates does."),
            ("any", "Holds where one of these predicates does."),
        ];
        for (name, description) in lists {
            let also = if name == "all" { "and" } else { "or" };
            let mut list =
                json!({ "type": "array", "items": part, "minItems": 1, "description": description });
            set(&mut list, "x-also", json!([also]));
            choices.push((name.to_owned(), list));
        }
        let mut not = part;
        set(&mut not, "description", "Holds where this predicate does not.".into());
        choices.push(("not".to_owned(), not));
    }
    one_of(choices.into_iter())
}

/// Takes out what is told of settings at the place where they are told first: it is most of a schema.
fn forget_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("description").is_some_and(Value::is_string) {
                fields.shift_remove("description");
            }
            fields.values_mut().for_each(forget_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_descriptions),
        _ => {}
    }
}

/// A topic or a sink.
fn dead_letter_schema(mut sink: Value) -> Value {
    set(&mut sink, "description", json!("Any sink, named by the key that holds its settings."));
    let topic = json!({ "type": "string", "description": "A topic on the source's brokers; created if it is not there." });
    let on_too_large = json!({
        "type": "string",
        "enum": ["stop", "truncate", "headers_only"],
        "default": "stop",
        "description": "What becomes of a letter that the topic does not take for its size, which can only be where somebody \
            else made the topic. `stop`: the connector fails at the record and is not restarted by itself. `truncate`: the \
            letter holds the key, the headers, and the beginning of the value. `headers_only`: it holds key and headers, and no \
            value. Such a letter says in its headers that it does not hold all, and cannot be replayed. Default `stop`.",
    });
    let keys = [("topic", topic), ("sink", sink), ("on_too_large", on_too_large)];
    let mut schema = one_of(keys.map(|(name, schema)| (name.to_owned(), schema)).into_iter());
    set(&mut schema, "type", json!(["object", "null"]));
    // `on_too_large` stands beside the topic; that a sink does not is checked with the queue.
    set(&mut schema, "maxProperties", 2.into());
    schema
}

fn entry<T: ?Sized>(plugin: &Plugin<T>, generator: &mut SchemaGenerator) -> (String, Value) {
    (plugin.name().to_owned(), plugin.schema(generator).to_value())
}

/// A map with exactly one of these keys. Plain `properties` keep errors exact, where `oneOf` would blur them.
fn one_of(plugins: impl Iterator<Item = (String, Value)>) -> Value {
    let properties: Map<String, Value> = plugins.collect();
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// Puts a schema in the place of a property's, and keeps the property's description and default.
fn describe(root: &mut Value, property: &str, schema: Value) {
    let Some(place) = root.pointer_mut(&format!("/properties/{property}")) else { return };
    let told = std::mem::replace(place, schema);
    for key in ["description", "default", "x-also", "x-instead", "x-written"] {
        if let Some(value) = told.get(key) {
            set(place, key, value.clone());
        }
    }
}

fn set(schema: &mut Value, key: &str, value: Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert(key.to_owned(), value);
    }
}

/// A map with one converter, or the name of one that can do without settings.
fn converter_schema(registry: &Registry, generator: &mut SchemaGenerator) -> Value {
    let plugins: Vec<_> = registry.converters().map(|plugin| entry(plugin, generator)).collect();
    if plugins.is_empty() {
        return json!({ "type": ["string", "object"] });
    }
    let mut choices = vec![one_of(plugins.iter().cloned())];
    for (name, schema) in &plugins {
        if schema.get("required").is_none() {
            let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let summary = description.lines().next().unwrap_or_default();
            choices.push(json!({ "type": "string", "const": name, "description": summary }));
        }
    }
    json!({ "anyOf": choices })
}
