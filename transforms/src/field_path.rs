//! Fields as operators name them, to be read and to be written.

use serde_json::{Map, Value};
use sluice_connector_api::{Found, Json, KnownFields, Rejection, SchemaType, SettingsError, path_names};
use sluice_template::shape;

/// A path into a JSON value, such as `quote.time`, `quotes.0.time` or `quote.[trade.time]`. A name may also stand between
/// backticks, as Kafka Connect has it.
#[derive(Debug)]
pub(crate) struct FieldPath {
    written: String,
    names: Vec<String>,
}

impl FieldPath {
    /// Reads a path; `key` is the setting that holds it.
    pub(crate) fn parse(key: &str, written: String) -> Result<Self, SettingsError> {
        no_json_path(key, &written)?;
        match path_names(&written) {
            Some(names) => {
                let names = names.iter().map(|name| name.text.to_owned()).collect();
                Ok(Self { written, names })
            }
            None => Err(no_path(key, &written)),
        }
    }

    /// Returns the first name of the path, which is that of a field at the root.
    pub(crate) fn root_name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Returns the names of the path, from the root on.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Says whether the field is one at the root.
    pub(crate) fn is_at_root(&self) -> bool {
        self.names.len() == 1
    }

    /// Returns the last name of the path.
    pub(crate) fn last_name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// Returns the path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the path of a field beside this one.
    pub(crate) fn with_last_name(&self, name: &str) -> Self {
        let mut names = self.names.clone();
        if let Some(last) = names.last_mut() {
            name.clone_into(last);
        }
        Self { written: self.written.clone(), names }
    }

    /// Finds the field.
    pub(crate) fn find<'a>(&self, root: &'a Json) -> Option<Found<'a>> {
        root.find(&self.names)
    }

    /// Returns what the schema says of the field, if there is one.
    pub(crate) fn schema_type(&self, root: &Json) -> Option<SchemaType> {
        root.schema_type()?.at(&self.names).cloned()
    }

    /// Removes the field, if it is there.
    pub(crate) fn remove(&self, root: &mut Json) {
        remove_at(root, &self.names);
    }

    /// Sets the field of an object, and makes the objects on the way to it where they are missing or null.
    pub(crate) fn set(&self, root: &mut Json, new: Value) -> Result<(), Rejection> {
        if let [name] = &*self.names {
            root.set(name, new);
            return Ok(());
        }
        self.set_inner(root.value_mut_below(self.root_name()), new)
    }

    /// Sets the field with what its schema says of it, which is kept where it stands at the root.
    pub(crate) fn set_typed(
        &self,
        root: &mut Json,
        new: Value,
        of: Option<SchemaType>,
    ) -> Result<(), Rejection> {
        self.set(root, new)?;
        if let (Some(of), true) = (of, self.is_at_root()) {
            root.set_type(self.root_name(), of);
        }
        Ok(())
    }

    fn set_inner(&self, root: &mut Value, new: Value) -> Result<(), Rejection> {
        let slot = self.names.iter().try_fold(root, |value, name| slot(value, name));
        *slot.map_err(|reason| {
            Rejection::new(format!("field `{}` cannot be written: {reason}", self.written))
        })? = new;
        Ok(())
    }
}

/// Refuses what is written as in other tools: `$.a`.
fn no_json_path(key: &str, written: &str) -> Result<(), SettingsError> {
    match written.strip_prefix("$.") {
        Some(path) if !path.is_empty() => Err(SettingsError::at(
            key,
            format!(
                "`{written}` is a JSONPath; write `{path}`, and a field that is called `$` in brackets, as `[$]`"
            ),
        )),
        _ => Ok(()),
    }
}

/// Says that a setting holds no path.
fn no_path(key: &str, written: &str) -> SettingsError {
    let reason = format!(
        "`{written}` is not a field name; names within names are separated by one dot, and a name that has a dot stands \
         in brackets, such as `[trade.time]`"
    );
    SettingsError::at(key, reason)
}

/// A path that may lead to several fields: `*` stands for every item of an array, and for every field of an object.
#[derive(Debug)]
pub(crate) struct FieldPattern {
    written: String,
    /// The names before the first `*`.
    start: Vec<String>,
    /// The steps behind them.
    rest: Vec<PathStep>,
}

#[derive(Debug)]
enum PathStep {
    Name(String),
    Every,
}

impl FieldPattern {
    /// Reads a path; `key` is the setting that holds it.
    pub(crate) fn parse(key: &str, written: &str) -> Result<Self, SettingsError> {
        no_json_path(key, written)?;
        let names = path_names(written).ok_or_else(|| no_path(key, written))?;
        let (mut start, mut rest) = (Vec::new(), Vec::new());
        for name in names {
            let is_every = name.text == "*" && !name.is_quoted;
            if is_every {
                rest.push(PathStep::Every);
            } else if rest.is_empty() {
                start.push(name.text.to_owned());
            } else {
                rest.push(PathStep::Name(name.text.to_owned()));
            }
        }
        Ok(Self { written: written.to_owned(), start, rest })
    }

    /// Reads a list of paths; `key` is the setting that holds it. An empty list is refused.
    pub(crate) fn parse_all(key: &str, written: &[String]) -> Result<Vec<Self>, SettingsError> {
        if written.is_empty() {
            return Err(SettingsError::at(key, "names no field"));
        }
        let parse = |(index, path): (usize, &String)| Self::parse(&format!("{key}.{index}"), path);
        written.iter().enumerate().map(parse).collect()
    }

    /// Returns the path as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the names before the first `*`: what it leads to is there, or below it.
    pub(crate) fn start(&self) -> &[String] {
        &self.start
    }

    /// Returns the names of the one field that it leads to; none where it may lead to several.
    pub(crate) fn only_path(&self) -> Option<&[String]> {
        self.rest.is_empty().then_some(&*self.start)
    }

    /// Says what is known of the fields behind a change: of the one that it leads to what `change` makes of it, and of several
    /// nothing but that they can be there.
    pub(crate) fn known_change(
        &self,
        known: KnownFields,
        change: impl FnOnce(KnownFields) -> KnownFields,
    ) -> KnownFields {
        match self.only_path() {
            Some(path) => known.changed(path, change),
            None => known.changed(&self.start, KnownFields::of_any_kind),
        }
    }

    /// Changes every field there is. `change` returns the new value, or none where the field stays as it is.
    pub(crate) fn edit(
        &self,
        root: &mut Json,
        mut change: impl FnMut(Found<'_>) -> Result<Option<Value>, Rejection>,
    ) -> Result<(), Rejection> {
        if let ([name], []) = (&*self.start, &*self.rest) {
            let found = root.find(std::slice::from_ref(name));
            if let Some(new) = found.map(change).transpose()?.flatten() {
                root.set(name, new);
            }
            return Ok(());
        }
        // What is not there takes no reading.
        if root.find(&self.start).is_none() {
            return Ok(());
        }
        let mut change_slot = |slot: &mut Value| {
            if let Some(new) = change(Found::from_value(slot))? {
                *slot = new;
            }
            Ok(())
        };
        match value_at(below(root, &self.start), &self.start) {
            Some(start) => visit(start, &self.rest, &mut change_slot),
            None => Ok(()),
        }
    }

    /// Removes every field there is.
    pub(crate) fn remove(&self, root: &mut Json) {
        let Some((last, steps)) = self.rest.split_last() else {
            remove_at(root, &self.start);
            return;
        };
        if root.find(&self.start).is_some()
            && let Some(start) = value_at(below(root, &self.start), &self.start)
        {
            remove_below(start, steps, last);
        }
    }
}

/// Removes what a path of names leads to. What is not there takes no reading.
fn remove_at(root: &mut Json, names: &[String]) {
    match names {
        [name] => root.remove(name),
        [parents @ .., last] if root.find(names).is_some() => {
            if let Some(parent) = value_at(below(root, names), parents) {
                remove_name(parent, last);
            }
        }
        _ => {}
    }
}

/// Returns a document of which what a path of names begins with may be changed. A path without a name is all of it.
fn below<'a>(root: &'a mut Json, names: &[String]) -> &'a mut Value {
    match names.first() {
        Some(name) => root.value_mut_below(name),
        None => root.value_mut(),
    }
}

/// Finds a value to be changed.
fn value_at<'a>(root: &'a mut Value, names: &[String]) -> Option<&'a mut Value> {
    names.iter().try_fold(root, |value, name| child(value, name))
}

fn child<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(fields) => fields.get_mut(name),
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Calls `see` with every value that the steps lead to.
fn visit<E>(
    value: &mut Value,
    steps: &[PathStep],
    see: &mut impl FnMut(&mut Value) -> Result<(), E>,
) -> Result<(), E> {
    let Some((step, rest)) = steps.split_first() else { return see(value) };
    match step {
        PathStep::Name(name) => match child(value, name) {
            Some(child) => visit(child, rest, see),
            None => Ok(()),
        },
        PathStep::Every => match value {
            Value::Object(fields) => fields.values_mut().try_for_each(|child| visit(child, rest, see)),
            Value::Array(items) => items.iter_mut().try_for_each(|child| visit(child, rest, see)),
            _ => Ok(()),
        },
    }
}

fn remove_below(start: &mut Value, steps: &[PathStep], last: &PathStep) {
    let mut remove = |parent: &mut Value| {
        match last {
            PathStep::Name(name) => remove_name(parent, name),
            PathStep::Every => remove_all(parent),
        }
        Ok::<(), std::convert::Infallible>(())
    };
    // It never fails.
    visit(start, steps, &mut remove).unwrap_or(());
}

fn remove_name(parent: &mut Value, name: &str) {
    match parent {
        Value::Object(fields) => {
            fields.shift_remove(name);
        }
        Value::Array(items) => {
            if let Some(index) = name.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        _ => {}
    }
}

fn remove_all(parent: &mut Value) {
    match parent {
        Value::Object(fields) => fields.clear(),
        Value::Array(items) => items.clear(),
        _ => {}
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
    fn a_name_between_backticks_may_have_dots() {
        for (path, expected) in [
            ("`a.b`", vec!["a.b"]),
            ("q.`a.b`.c", vec!["q", "a.b", "c"]),
            ("`a`b`", vec!["a`b"]),
            ("a`b", vec!["a`b"]),
        ] {
            assert_eq!(FieldPath::parse("field", path.to_owned()).unwrap().names, expected, "{path}");
        }
    }

    /// Makes every number that a pattern leads to one more.
    fn count_up(pattern: &str, text: &str) -> String {
        let mut json = Json::from_slice(text.as_bytes()).unwrap();
        let up = |found: Found<'_>| Ok(found.to_value().as_i64().map(|number| json!(number + 1)));
        FieldPattern::parse("field", pattern).unwrap().edit(&mut json, up).unwrap();
        String::from_utf8(json.to_bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_star_stands_for_every_item_and_every_field() {
        let text = r#"{"a":[{"b":1,"c":2},{"b":3},"x"],"*":7}"#;
        assert_eq!(count_up("a.*.b", text), r#"{"a":[{"b":2,"c":2},{"b":4},"x"],"*":7}"#);
        assert_eq!(count_up("a.0.*", text), r#"{"a":[{"b":2,"c":3},{"b":3},"x"],"*":7}"#);
        assert_eq!(count_up("[*]", text), r#"{"a":[{"b":1,"c":2},{"b":3},"x"],"*":8}"#);
        assert_eq!(count_up("*", r#"{"a":1,"b":[1]}"#), r#"{"a":2,"b":[1]}"#);
        for missing in ["x.*", "a.9.b", "a.b.*", "a.*.b.c"] {
            assert_eq!(count_up(missing, text), text, "{missing}");
        }
    }

    #[test]
    fn what_a_pattern_leads_to_is_removed() {
        let remove = |pattern: &str| {
            let mut json = Json::from_slice(br#"{"a":[{"b":1,"c":2},{"b":3}],"d":{"e":4}}"#).unwrap();
            FieldPattern::parse("exclude", pattern).unwrap().remove(&mut json);
            String::from_utf8(json.to_bytes().to_vec()).unwrap()
        };
        assert_eq!(remove("d"), r#"{"a":[{"b":1,"c":2},{"b":3}]}"#);
        assert_eq!(remove("d.e"), r#"{"a":[{"b":1,"c":2},{"b":3}],"d":{}}"#);
        assert_eq!(remove("a.*.b"), r#"{"a":[{"c":2},{}],"d":{"e":4}}"#);
        assert_eq!(remove("a.0"), r#"{"a":[{"b":3}],"d":{"e":4}}"#);
        assert_eq!(remove("a.*"), r#"{"a":[],"d":{"e":4}}"#);
        assert_eq!(remove("d.x"), r#"{"a":[{"b":1,"c":2},{"b":3}],"d":{"e":4}}"#);
    }

    #[test]
    fn a_path_of_jsonpath_is_refused_with_the_one_that_is_meant() {
        let reason = FieldPath::parse("field", "$.a.b".to_owned()).unwrap_err().reason().to_owned();
        assert!(reason.contains("write `a.b`"), "{reason}");
        assert!(FieldPattern::parse("fields", "$.a").is_err());
        assert_eq!(FieldPath::parse("field", "[$].a".to_owned()).unwrap().names, ["$", "a"]);
    }

    #[test]
    fn a_path_with_an_empty_name_is_refused() {
        for path in ["", ".", "a.", "a..b", "[]", "a.[]", "[].a", "[a.b].", "[a]..b"] {
            assert_eq!(FieldPath::parse("field", path.to_owned()).unwrap_err().path(), "field");
        }
    }
}
