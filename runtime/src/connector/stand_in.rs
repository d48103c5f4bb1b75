//! Something in the place of settings that are wrong or missing, so that a plug-in can say what else is.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use sluice_connector_api::Plugin;

use crate::config::schema::{plugin_schema, schema_of};
use crate::config::yaml::Node;
use crate::connector::prune::remove;

/// What a text may have to look like, when no example shows it.
const TEXTS: [&str; 7] = [
    "example",
    "https://example.com",
    "/example",
    "1s",
    "1MiB",
    "EXAMPLE123",
    "postgres://example.com/example",
];

/// Values that a plug-in takes, known from its schema and the example in its documentation.
pub(super) struct StandIns {
    schema: Value,
    example: Value,
    /// What was put in the place of something else, and how often.
    replaced: BTreeMap<String, usize>,
}

impl StandIns {
    /// Knows what a plug-in takes.
    pub(super) fn new<T: ?Sized>(plugin: &Plugin<T>) -> Self {
        let schema = plugin_schema(plugin);
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let example = example_in(plugin.name(), description).unwrap_or_default();
        Self { schema, example, replaced: BTreeMap::new() }
    }

    /// Knows what settings take that are of no plug-in.
    pub(super) fn of<T: JsonSchema>() -> Self {
        Self { schema: schema_of::<T>(), example: Value::Null, replaced: BTreeMap::new() }
    }

    /// Puts another value in the place of one that was refused, and of that if it is refused, too. Says whether there was any left.
    pub(super) fn replace(&mut self, settings: &mut Value, path: &str) -> bool {
        let times = self.replaced.entry(path.to_owned()).or_default();
        *times += 1;
        match *times {
            // The one of the example may need others beside it, which are not there.
            1 | 2 => {
                if *times == 2 {
                    self.example = Value::Null;
                }
                remove(settings, path).is_some_and(|gone| !self.fill(settings, &[gone]).is_empty())
            }
            times => {
                let place = settings.pointer_mut(&format!("/{}", path.replace('.', "/")));
                let text = place.zip(TEXTS.get(times - 3));
                text.map(|(place, text)| *place = json!(text)).is_some()
            }
        }
    }

    /// Puts a value in the place of every key that must be there and is not; where all of these are there, of the keys that
    /// were taken out. Returns the names of the keys.
    pub(super) fn fill(&self, settings: &mut Value, removed: &[String]) -> Vec<String> {
        let mut filled = Vec::new();
        fill(&self.schema, Some(&self.example), settings, &[], &mut filled);
        if filled.is_empty() {
            fill(&self.schema, Some(&self.example), settings, removed, &mut filled);
        }
        filled
    }
}

/// Finds the settings of a plug-in in the examples of its documentation.
fn example_in(name: &str, description: &str) -> Option<Value> {
    description.split("```yaml\n").skip(1).find_map(|block| {
        let text = block.split("```").next()?;
        settings_of(name, &Node::parse(text).ok()?.to_json())
    })
}

fn settings_of(name: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Object(fields) => match fields.get(name) {
            Some(settings @ Value::Object(_)) => Some(settings.clone()),
            _ => fields.values().find_map(|below| settings_of(name, below)),
        },
        Value::Array(items) => items.iter().find_map(|below| settings_of(name, below)),
        _ => None,
    }
}

fn fill(
    schema: &Value,
    example: Option<&Value>,
    value: &mut Value,
    removed: &[String],
    filled: &mut Vec<String>,
) {
    let Value::Object(fields) = value else { return };
    let Some(schema) = variant_of(schema, fields) else { return };
    let required = schema.get("required").and_then(Value::as_array);
    let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let example = example.and_then(|example| example.get(key));
        if let Some(below) = fields.get_mut(key) {
            fill(schema, example, below, removed, filled);
        } else if required.contains(&key.as_str()) || removed.contains(key) {
            fields.insert(key.clone(), value_of(schema, example));
            filled.push(key.clone());
        }
    }
}

/// Returns the schema of a map: where there is a choice of maps, that which has a key of this one.
fn variant_of<'a>(schema: &'a Value, fields: &Map<String, Value>) -> Option<&'a Value> {
    let choices = choices(schema);
    if choices.is_empty() {
        return Some(schema);
    }
    let maps: Vec<_> = choices.iter().filter(|choice| choice.get("properties").is_some()).collect();
    let has_key = |choice: &&&Value| {
        let properties = choice.get("properties").and_then(Value::as_object);
        properties.is_some_and(|properties| fields.keys().any(|key| properties.contains_key(key)))
    };
    match maps.as_slice() {
        [one] => variant_of(one, fields),
        several => several.iter().find(has_key).and_then(|choice| variant_of(choice, fields)),
    }
}

fn choices(schema: &Value) -> &[Value] {
    let of = |key: &str| schema.get(key).and_then(Value::as_array).map(Vec::as_slice);
    of("oneOf").or_else(|| of("anyOf")).unwrap_or_default()
}

/// Returns a value that fits a schema: that of the example, if there is one.
fn value_of(schema: &Value, example: Option<&Value>) -> Value {
    let is_reference = |example: &Value| example.as_str().is_some_and(|text| text.contains("${"));
    if let Some(example) = example.filter(|example| !is_reference(example)) {
        return example.clone();
    }
    if let Some(value) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
        return value.clone();
    }
    if let Some(choice) = choices(schema).first() {
        return value_of(choice, None);
    }
    match kind_of(schema) {
        "object" => {
            let mut value = json!({});
            fill(schema, None, &mut value, &[], &mut Vec::new());
            value
        }
        "array" => {
            json!([schema.get("items").map_or_else(|| json!("example"), |items| value_of(items, None))])
        }
        "boolean" => json!(false),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        _ => TEXTS.iter().map(|text| json!(text)).find(|text| fits(schema, text)).unwrap_or_default(),
    }
}

/// Returns the first type of a schema.
fn kind_of(schema: &Value) -> &str {
    let kind = schema.get("type");
    kind.and_then(|kind| kind.as_str().or_else(|| kind.get(0)?.as_str())).unwrap_or("string")
}

fn fits(schema: &Value, value: &Value) -> bool {
    jsonschema::validator_for(schema).is_ok_and(|validator| validator.is_valid(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand_ins(schema: Value, example: Value) -> StandIns {
        StandIns { schema, example, replaced: BTreeMap::new() }
    }

    #[test]
    fn what_must_be_there_comes_from_the_example_or_fits_the_schema() {
        let schema = json!({
            "properties": {
                "url": { "type": "string", "pattern": "^https?://." },
                "name": { "type": "string" },
                "count": { "type": "integer", "minimum": 3 },
                "fields": { "type": "array", "items": { "type": "string" } },
                "mode": { "oneOf": [{ "const": "a" }, { "const": "b" }] },
                "inner": { "type": "object", "properties": { "on": { "type": "boolean" } }, "required": ["on"] },
                "other": { "type": "string" },
            },
            "required": ["url", "name", "count", "fields", "mode", "inner"],
        });
        let mut settings = json!({});
        let filled = stand_ins(schema, json!({ "name": "n" })).fill(&mut settings, &[]);
        let expected = json!({
            "url": "https://example.com", "name": "n", "count": 3, "fields": ["example"], "mode": "a",
            "inner": { "on": false },
        });
        assert_eq!((settings, filled.len()), (expected, 6));
    }

    #[test]
    fn what_was_taken_out_comes_back_when_nothing_else_is_missing() {
        let schema = json!({ "properties": { "a": { "type": "integer" }, "b": {} }, "required": ["b"] });
        let (stand_ins, mut settings) = (stand_ins(schema, json!({})), json!({}));
        assert_eq!(stand_ins.fill(&mut settings, &["a".to_owned()]), ["b"]);
        assert_eq!(stand_ins.fill(&mut settings, &["a".to_owned()]), ["a"]);
        assert_eq!(stand_ins.fill(&mut settings, &["a".to_owned()]), [""; 0]);
    }

    #[test]
    fn of_several_maps_the_one_that_is_written_is_filled() {
        let schema = json!({ "properties": { "auth": { "oneOf": [
            { "properties": { "basic": { "properties": { "user": {}, "word": {} }, "required": ["user", "word"] } } },
            { "properties": { "bearer": { "properties": { "token": {} }, "required": ["token"] } } },
        ] } } });
        let mut settings = json!({ "auth": { "basic": { "user": "u" } } });
        assert_eq!(stand_ins(schema, json!({})).fill(&mut settings, &[]), ["word"]);
    }

    #[test]
    fn the_example_of_a_plug_in_is_found_wherever_it_stands() {
        let text = "Cuts.\n\n```yaml\ntransforms:\n  - cut: { at: 3 }\n    predicate: {}\n```\n";
        assert_eq!(example_in("cut", text), Some(json!({ "at": 3 })));
        assert_eq!(example_in("other", text), None);
    }
}
