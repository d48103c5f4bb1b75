//! Types that Kafka Connect's `AvroConverter` marks with a `connect.name` alone, as Debezium's times are: the library forgets
//! the mark of an `int`, `long` or `string`. Before a schema is parsed, each takes the name of a type that stands for it.

use serde_json::{Map, Value, json};
use sluice_connector_api::{Json, SchemaType};

use crate::mapping::{Calendar, MILLIS, connect_text, connect_time};

/// The mark.
const MARK: &str = "connect.name";
/// The namespace of the types that stand for marked ones.
const NAMESPACE: &str = "sluice.connect.";

/// What a marked type is.
pub(super) enum Marked {
    /// A number.
    Time(Calendar),
    /// A text.
    Text(SchemaType),
}

/// Says what a type is that stands for a marked one.
pub(super) fn marked(name: &str) -> Option<Marked> {
    let name = name.strip_prefix(NAMESPACE)?;
    connect_time(name).map(Marked::Time).or_else(|| connect_text(name).map(Marked::Text))
}

/// Schemas with names in the place of marked types, and these as types that may be named.
pub(super) struct Unmarked {
    pub(super) texts: Vec<String>,
    pub(super) types: Vec<String>,
}

/// Puts names in the place of marked types; `None` where there are none.
pub(super) fn unmark(texts: &[&str]) -> Option<Unmarked> {
    if !texts.iter().any(|text| text.contains(MARK)) {
        return None;
    }
    let mut names = Vec::new();
    let mut unmarked = Vec::with_capacity(texts.len());
    for text in texts {
        let mut schema = Json::value_from_slice(text.as_bytes()).ok()?;
        unmark_type(&mut schema, &mut names);
        unmarked.push(schema.to_string());
    }
    if names.is_empty() {
        return None;
    }
    let fixed = |name: &String| json!({ "type": "fixed", "name": name, "size": 1 }).to_string();
    Some(Unmarked { texts: unmarked, types: names.iter().map(fixed).collect() })
}

fn unmark_type(schema: &mut Value, names: &mut Vec<String>) {
    match schema {
        Value::Array(variants) => variants.iter_mut().for_each(|variant| unmark_type(variant, names)),
        Value::Object(fields) => {
            if let Some(name) = name_of(fields) {
                if !names.contains(&name) {
                    names.push(name.clone());
                }
                *schema = name.into();
                return;
            }
            for within in ["type", "items", "values"] {
                if let Some(within) = fields.get_mut(within) {
                    unmark_type(within, names);
                }
            }
            if let Some(Value::Array(fields)) = fields.get_mut("fields") {
                for field in fields {
                    unmark_field(field, names);
                }
            }
        }
        _ => {}
    }
}

/// A default is for writers, and would not be one of the type that stands for its own.
fn unmark_field(field: &mut Value, names: &mut Vec<String>) {
    if let Value::Object(field) = field {
        field.remove("default");
        if let Some(of) = field.get_mut("type") {
            unmark_type(of, names);
        }
    }
}

/// Names the type that stands for a marked one. A logical type says enough by itself.
fn name_of(schema: &Map<String, Value>) -> Option<String> {
    let mark = schema.get(MARK)?.as_str()?;
    let base = schema.get("type")?.as_str()?;
    let is_known = match base {
        "int" | "long" => connect_time(mark).is_some(),
        "string" => connect_text(mark).is_some(),
        _ => false,
    };
    (is_known && !schema.contains_key("logicalType")).then(|| format!("{NAMESPACE}{mark}"))
}

/// Names what a marked type is made of, as Avro's JSON encoding does.
pub(super) fn base(name: &str) -> Option<&'static str> {
    Some(match marked(name)? {
        Marked::Time(Calendar::Date | Calendar::TimeOfDay(MILLIS)) => "int",
        Marked::Time(_) => "long",
        Marked::Text(_) => "string",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_type_takes_a_name_and_all_else_stays() {
        let long = json!({ "type": "long", "connect.version": 1, "connect.name": "io.debezium.time.MicroTimestamp" });
        let known = json!({ "type": "int", "logicalType": "date", "connect.name": "org.apache.kafka.connect.data.Date" });
        let year = json!({ "type": "int", "connect.name": "io.debezium.time.Year" });
        let schema = json!({ "type": "record", "name": "Row", "connect.name": "shop.Row", "fields": [
            { "name": "at", "type": ["null", long], "default": null },
            { "name": "each", "type": { "type": "array", "items": long } },
            { "name": "day", "type": known },
            { "name": "year", "type": year },
        ] });
        let unmarked = unmark(&[&schema.to_string()]).unwrap();
        let name = "sluice.connect.io.debezium.time.MicroTimestamp";
        let expected = json!({ "type": "record", "name": "Row", "connect.name": "shop.Row", "fields": [
            { "name": "at", "type": ["null", name] },
            { "name": "each", "type": { "type": "array", "items": name } },
            { "name": "day", "type": known },
            { "name": "year", "type": year },
        ] });
        assert_eq!(serde_json::from_str::<Value>(&unmarked.texts[0]).unwrap(), expected);
        assert_eq!(unmarked.types.len(), 1);
        assert_eq!(base(name), Some("long"));
        assert!(unmark(&[r#"{"type":"int","connect.name":"io.debezium.time.Year"}"#]).is_none());
    }
}
