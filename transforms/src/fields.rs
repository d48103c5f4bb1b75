//! The fields of a JSON value.

use serde_json::{Map, Value};

/// So few fields are looked through: hashing the name takes longer.
const FEW: usize = 8;

/// Finds a field of an object by its name.
pub(crate) fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if fields.len() > FEW {
        return fields.get(name);
    }
    fields.iter().find_map(|(field, value)| (field == name).then_some(value))
}

/// Finds what a path of names leads to; an item of an array has its index for a name.
pub(crate) fn find<'a>(root: &'a Value, names: &[String]) -> Option<&'a Value> {
    names.iter().try_fold(root, |value, name| match value {
        Value::Object(fields) => get(fields, name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_among_few_and_among_many() {
        for count in [0, 1, FEW, FEW + 1] {
            let fields: Map<_, _> = (0..count).map(|n| (format!("f{n}"), Value::from(n))).collect();
            for n in 0..count {
                assert_eq!(get(&fields, &format!("f{n}")), Some(&Value::from(n)));
            }
            assert_eq!(get(&fields, "f"), None);
        }
    }
}
