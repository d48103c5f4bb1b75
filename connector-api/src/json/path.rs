//! Where a path of names leads to in a value.

use serde_json::{Map, Value};

/// So few fields are looked through: hashing the name takes longer.
const FEW: usize = 8;

/// Finds what a path of names leads to; an item of an array has its index for a name.
///
/// ```
/// use sluice_connector_api::field_at;
///
/// let quote = serde_json::json!({ "prices": [44.5, 45.25] });
/// assert_eq!(field_at(&quote, &["prices", "1"]), Some(&45.25.into()));
/// assert_eq!(field_at(&quote, &["prices", "last"]), None);
/// ```
pub fn field_at<'a>(root: &'a Value, path: &[impl AsRef<str>]) -> Option<&'a Value> {
    path.iter().map(AsRef::as_ref).try_fold(root, |value, name| match value {
        Value::Object(fields) => get(fields, name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

fn get<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if fields.len() > FEW {
        return fields.get(name);
    }
    fields.iter().find_map(|(field, value)| (field == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_among_few_and_among_many() {
        for count in [0, 1, FEW, FEW + 1] {
            let fields: Map<_, _> = (0..count).map(|n| (format!("f{n}"), Value::from(n))).collect();
            let root = Value::from(fields);
            for n in 0..count {
                assert_eq!(field_at(&root, &[format!("f{n}")]), Some(&Value::from(n)));
            }
            assert_eq!(field_at(&root, &["f"]), None);
        }
    }
}
