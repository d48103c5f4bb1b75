//! Fields as operators name them, to be read and to be written.

use serde_json::{Map, Value};
use sluice_connector_api::{Found, Json, Rejection, SettingsError};
use sluice_template::shape;

/// A path into a JSON value, such as `quote.time` or `quotes.0.time`.
#[derive(Debug)]
pub(crate) struct FieldPath {
    written: String,
    names: Vec<String>,
}

impl FieldPath {
    /// Reads a path; `key` is the setting that holds it.
    pub(crate) fn parse(key: &str, written: String) -> Result<Self, SettingsError> {
        let names: Vec<_> = written.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            let reason = format!("`{written}` is no field name; names within names are parted by one dot");
            return Err(SettingsError::at(key, reason));
        }
        Ok(Self { written, names })
    }

    /// Returns the path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// Finds the field.
    pub(crate) fn find<'a>(&self, root: &'a Json) -> Option<Found<'a>> {
        root.find(&self.names)
    }

    /// Sets the field of an object, and makes the objects on the way to it where they are missing or null.
    pub(crate) fn set(&self, root: &mut Json, new: Value) -> Result<(), Rejection> {
        if let [name] = &*self.names {
            root.set(name, new);
            return Ok(());
        }
        self.set_inner(root.value_mut(), new)
    }

    fn set_inner(&self, root: &mut Value, new: Value) -> Result<(), Rejection> {
        let slot = self.names.iter().try_fold(root, |value, name| slot(value, name));
        *slot.map_err(|reason| {
            Rejection::new(format!("field `{}` cannot be written: {reason}", self.written))
        })? = new;
        Ok(())
    }
}

fn slot<'a>(value: &'a mut Value, name: &str) -> Result<&'a mut Value, String> {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    let shape = shape::of_json(value);
    match value {
        Value::Object(fields) => Some(fields.entry(name).or_insert(Value::Null)),
        Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
        _ => None,
    }
    .ok_or_else(|| format!("{shape} has no `{name}`"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use serde_json::json;
    use sluice_connector_api::Scalar;

    use super::*;

    fn set(path: &str, value: Value) -> Result<Value, String> {
        let (path, mut json) = (FieldPath::parse("as", path.to_owned()).unwrap(), Json::from(value));
        let set = path.set(&mut json, json!(1));
        set.map(|()| json.into_value()).map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn a_path_leads_through_objects_and_arrays() {
        let path = FieldPath::parse("field", "a.1.b".to_owned()).unwrap();
        let find =
            |value: Value| Json::from(value).find(&path.names) == Some(Found::Scalar(Scalar::Number("7")));
        assert!(find(json!({"a": [0, {"b": 7}]})));
        assert_eq!(path.find(&json!({"a": {"1": 2}}).into()), None);
    }

    #[test]
    fn a_write_makes_the_objects_on_its_way() {
        assert_eq!(set("a.b", json!({"c": 2})), Ok(json!({"c": 2, "a": {"b": 1}})));
        assert_eq!(set("a.b", json!({"a": null})), Ok(json!({"a": {"b": 1}})));
        assert_eq!(set("a.0", json!({"a": [5, 6]})), Ok(json!({"a": [1, 6]})));
    }

    #[test]
    fn a_write_does_not_replace_what_is_in_its_way() {
        let error = "field `a.b` cannot be written: a JSON string has no `b`";
        assert_eq!(set("a.b", json!({"a": "x"})), Err(error.to_owned()));
        assert!(set("a.2", json!({"a": [5, 6]})).is_err());
    }

    #[test]
    fn a_path_with_an_empty_name_is_refused() {
        for path in ["", ".", "a.", "a..b"] {
            assert_eq!(FieldPath::parse("field", path.to_owned()).unwrap_err().path(), "field");
        }
    }
}
