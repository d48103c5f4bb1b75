//! Fields as operators name them, to be read and to be written.

use serde_json::{Map, Value};
use sluice_connector_api::{Found, Json, Rejection, SettingsError};
use sluice_template::shape;

/// A path into a JSON value, such as `quote.time`, `quotes.0.time` or `quote.[trade.time]`.
#[derive(Debug)]
pub(crate) struct FieldPath {
    written: String,
    names: Vec<String>,
}

impl FieldPath {
    /// Reads a path; `key` is the setting that holds it.
    pub(crate) fn parse(key: &str, written: String) -> Result<Self, SettingsError> {
        if let Some(names) = names(&written) {
            return Ok(Self { written, names });
        }
        let reason = format!(
            "`{written}` is not a field name; names within names are separated by one dot, and a name that has a dot stands \
             in brackets, such as `[trade.time]`"
        );
        Err(SettingsError::at(key, reason))
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

/// Takes a path apart; `None` where a name is empty.
fn names(written: &str) -> Option<Vec<String>> {
    let (mut names, mut rest) = (Vec::new(), written);
    loop {
        let (name, behind) = bracketed(rest).unwrap_or_else(|| match rest.split_once('.') {
            Some((name, behind)) => (name, Some(behind)),
            None => (rest, None),
        });
        if name.is_empty() {
            return None;
        }
        names.push(name.to_owned());
        match behind {
            Some(behind) => rest = behind,
            None => return Some(names),
        }
    }
}

/// Takes a name in brackets from the beginning of a path, up to a bracket that a dot or the end follows.
fn bracketed(path: &str) -> Option<(&str, Option<&str>)> {
    let inner = path.strip_prefix('[')?;
    let ends = inner.match_indices(']').map(|(at, _)| inner.split_at(at));
    for (name, behind) in ends {
        match behind.strip_prefix(']') {
            Some("") => return Some((name, None)),
            Some(rest) if rest.starts_with('.') => return Some((name, rest.strip_prefix('.'))),
            _ => {}
        }
    }
    None
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
    fn a_name_in_brackets_may_have_dots() {
        for (path, expected) in [
            ("[a.b]", vec!["a.b"]),
            ("q.[a.b].c", vec!["q", "a.b", "c"]),
            ("[a.b].[c d].0", vec!["a.b", "c d", "0"]),
            ("[[x]]", vec!["[x]"]),
            ("[a].b]", vec!["a", "b]"]),
            ("a[0].b", vec!["a[0]", "b"]),
            ("[open", vec!["[open"]),
            ("[a.b", vec!["[a", "b"]),
            ("[.]", vec!["."]),
        ] {
            assert_eq!(FieldPath::parse("field", path.to_owned()).unwrap().names, expected, "{path}");
        }
        assert_eq!(set("[a.b]", json!({"a.b": 2})), Ok(json!({"a.b": 1})));
        assert_eq!(set("a.[b.c]", json!({})), Ok(json!({"a": {"b.c": 1}})));
    }

    #[test]
    fn a_path_with_an_empty_name_is_refused() {
        for path in ["", ".", "a.", "a..b", "[]", "a.[]", "[].a", "[a.b].", "[a]..b"] {
            assert_eq!(FieldPath::parse("field", path.to_owned()).unwrap_err().path(), "field");
        }
    }
}
