//! What a schema says of the values of its documents.

use serde_json::{Map, Value};
use sluice_connector_api::SchemaType;

use crate::mapping::{MICROS, Typed};

/// The most references that are followed on the way to a type, and the most types that are looked at.
const MOST_STEPS: usize = 20_000;
const MOST_DEPTH: usize = 64;

/// Says what a schema says; `others` are those that it may refer to, by their names.
pub(super) fn type_of(schema: &Value, others: &[(String, Value)]) -> Typed {
    Typer { others, steps: 0 }.of(schema, schema, 0)
}

struct Typer<'a> {
    others: &'a [(String, Value)],
    steps: usize,
}

impl<'a> Typer<'a> {
    /// Describes a schema that stands within another one, which its references begin at.
    fn of(&mut self, schema: &'a Value, root: &'a Value, depth: usize) -> Typed {
        self.steps += 1;
        let Some(fields) = schema.as_object().filter(|_| self.steps < MOST_STEPS && depth < MOST_DEPTH)
        else {
            return Typed::unknown();
        };
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            return match self.referred(reference, root) {
                Some((schema, root)) => self.of(schema, root, depth + 1),
                None => Typed::unknown(),
            };
        }
        if let Some(choices) = ["oneOf", "anyOf"].iter().find_map(|name| fields.get(*name)?.as_array()) {
            return self.choice(choices, root, depth);
        }
        match only_type(fields) {
            Some("object") => self.object(fields, root, depth),
            Some("array") => match fields.get("items") {
                Some(items) => self.of(items, root, depth + 1).list(),
                None => Typed::unknown(),
            },
            Some(scalar) => Typed::new(scalar_type(scalar, fields)),
            None => Typed::unknown(),
        }
    }

    /// One type and null are that type, as serializers write a field that may be missing.
    fn choice(&mut self, choices: &'a [Value], root: &'a Value, depth: usize) -> Typed {
        let is_null = |choice: &&Value| choice.get("type").and_then(Value::as_str) == Some("null");
        let mut others = choices.iter().filter(|choice| !is_null(choice));
        match (others.next(), others.next()) {
            (Some(only), None) => self.of(only, root, depth + 1),
            _ => Typed::unknown(),
        }
    }

    fn object(&mut self, fields: &'a Map<String, Value>, root: &'a Value, depth: usize) -> Typed {
        if let Some(Value::Object(properties)) = fields.get("properties") {
            let mut types = Vec::with_capacity(properties.len());
            for (name, of) in properties {
                types.push((name.clone(), self.of(of, root, depth + 1)));
            }
            return Typed::object(types);
        }
        match fields.get("additionalProperties") {
            Some(values @ Value::Object(_)) => self.of(values, root, depth + 1).map(),
            _ => Typed::unknown(),
        }
    }

    /// Finds what a reference leads to, and where the references of that begin.
    fn referred(&self, reference: &str, root: &'a Value) -> Option<(&'a Value, &'a Value)> {
        let (name, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = if name.is_empty() {
            root
        } else {
            let is_named = |other: &str| other == name || name.ends_with(&format!("/{other}"));
            &self.others.iter().find(|(other, _)| is_named(other))?.1
        };
        Some((root.pointer(pointer)?, root))
    }
}

/// Returns the one type that is named beside null.
fn only_type(fields: &Map<String, Value>) -> Option<&str> {
    match fields.get("type")? {
        Value::String(of) => Some(of),
        Value::Array(several) => {
            let mut others = several.iter().filter_map(Value::as_str).filter(|of| *of != "null");
            others.next().filter(|_| others.next().is_none())
        }
        _ => None,
    }
}

/// Says what a scalar is. `connect.type` is what Confluent's converter adds to it.
fn scalar_type(of: &str, fields: &Map<String, Value>) -> SchemaType {
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    match (of, text("connect.type"), text("format")) {
        ("boolean", ..) => SchemaType::Boolean,
        ("integer", "int8", _) => SchemaType::Integer(8),
        ("integer", "int16", _) => SchemaType::Integer(16),
        ("integer", "int32", _) => SchemaType::Integer(32),
        ("integer", ..) => SchemaType::Integer(64),
        ("number", "float32", _) => SchemaType::Float,
        // Connect's bytes are a decimal there.
        ("number", "bytes", _) => SchemaType::Unknown,
        ("number", ..) => SchemaType::Double,
        ("string", "bytes", _) => SchemaType::Bytes,
        ("string", _, "date") => SchemaType::Date,
        // To which it is kept by what has types of its own.
        ("string", _, "date-time") => SchemaType::Instant(MICROS),
        ("string", _, "uuid") => SchemaType::Uuid,
        ("string", ..) => SchemaType::Text,
        _ => SchemaType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_says_what_its_properties_are() {
        let schema = json!({
            "type": "object", "definitions": { "money": { "type": "number" }, "again": { "$ref": "#/definitions/again" } },
            "properties": {
                "id": { "type": "integer" }, "small": { "type": "integer", "connect.type": "int16" },
                "price": { "$ref": "#/definitions/money" }, "home": { "$ref": "address.json" }, "loop": { "$ref": "#/definitions/again" },
                "note": { "oneOf": [{ "type": "null" }, { "type": "string" }] }, "at": { "type": ["null", "string"], "format": "date-time" },
                "either": { "oneOf": [{ "type": "integer" }, { "type": "string" }] }, "limits": { "type": "object", "additionalProperties": { "type": "boolean" } },
                "any": {}, "tags": { "type": "array", "items": { "type": "string", "format": "uuid" } },
            },
        });
        let others = [(
            "address.json".to_owned(),
            json!({ "type": "object", "properties": { "city": { "type": "string" } } }),
        )];
        let of = type_of(&schema, &others).shared().unwrap();
        let at = |path: &[&str]| of.at(path).cloned().unwrap();
        assert_eq!((at(&["id"]), at(&["small"])), (SchemaType::Integer(64), SchemaType::Integer(16)));
        assert_eq!((at(&["price"]), at(&["home", "city"])), (SchemaType::Double, SchemaType::Text));
        assert_eq!((at(&["note"]), at(&["at"])), (SchemaType::Text, SchemaType::Instant(1_000_000)));
        assert_eq!(at(&["limits"]), SchemaType::Map(SchemaType::Boolean.into()));
        assert_eq!(at(&["tags", "0"]), SchemaType::Uuid);
        for name in ["loop", "either", "any"] {
            assert_eq!(at(&[name]), SchemaType::Unknown, "{name}");
        }
    }

    #[test]
    fn a_schema_that_is_made_to_be_endless_ends() {
        let both = json!({ "type": "object", "properties": { "a": { "$ref": "#" }, "b": { "$ref": "#" } } });
        let of = type_of(&both, &[]).shared();
        assert!(of.is_none_or(|of| of.at(&["a"; MOST_DEPTH]).is_none()));
    }
}
