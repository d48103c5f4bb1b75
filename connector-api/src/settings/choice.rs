//! The schema of settings that are one of several.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value};

/// Rewrites the schema of an enum whose variants hold settings, as a transform of its `JsonSchema`.
///
/// The derived `oneOf` becomes one object that has one of several keys, as the schema of plug-ins does: then an error
/// names the very key that is wrong within.
pub fn one_of_its_keys(schema: &mut Schema) {
    let Some(Value::Array(choices)) = schema.remove("oneOf") else {
        return;
    };
    let (mut properties, mut others) = (Map::new(), Vec::new());
    for mut choice in choices {
        let description = choice.get("description").cloned();
        match choice.get_mut("properties").map(Value::take) {
            Some(Value::Object(mut keys)) => {
                for inner in keys.values_mut().filter_map(Value::as_object_mut) {
                    inner.extend(
                        description.clone().map(|description| ("description".to_owned(), description)),
                    );
                }
                properties.extend(keys);
            }
            _ => others.push(choice),
        }
    }
    let object = json_schema!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    });
    others.insert(0, object.to_value());
    schema.insert("anyOf".to_owned(), others.into());
}
