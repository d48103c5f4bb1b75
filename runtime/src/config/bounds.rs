//! How large a number in a file may be whose settings do not say: more than anybody means, and less than what counts go wrong with.

use serde_json::{Map, Value};
use sluice_connector_api::ByteSize;

/// The largest count.
const LARGEST_COUNT: u64 = 1_000_000_000_000;

/// Gives a maximum to each number of a schema that has none.
pub(super) fn bound_numbers(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if let Some(largest) = largest(fields) {
                fields.insert("maximum".to_owned(), largest.into());
            }
            fields.values_mut().for_each(bound_numbers);
        }
        Value::Array(items) => items.iter_mut().for_each(bound_numbers),
        _ => {}
    }
}

fn largest(fields: &Map<String, Value>) -> Option<u64> {
    if fields.contains_key("maximum") {
        return None;
    }
    match fields.get("format")?.as_str()? {
        "byte-size" => u64::try_from(ByteSize::LARGEST.bytes()).ok(),
        "uint" | "uint64" | "int" | "int64" => Some(LARGEST_COUNT),
        "uint32" => Some(u32::MAX.into()),
        "int32" => Some(i32::MAX.unsigned_abs().into()),
        "uint16" => Some(u16::MAX.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_without_a_maximum_get_one_and_others_keep_theirs() {
        let mut schema = json!({
            "properties": {
                "count": { "type": "integer", "format": "uint" },
                "few": { "type": "integer", "format": "uint", "maximum": 7 },
                "list": { "items": { "anyOf": [{ "format": "byte-size" }, { "type": "string" }] } },
            },
        });
        bound_numbers(&mut schema);
        for (place, largest) in [
            ("/properties/count/maximum", json!(1_000_000_000_000_u64)),
            ("/properties/few/maximum", json!(7)),
            ("/properties/list/items/anyOf/0/maximum", json!(1_125_899_906_842_624_u64)),
        ] {
            assert_eq!(schema.pointer(place), Some(&largest), "{place}");
        }
    }
}
