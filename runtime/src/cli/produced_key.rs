//! Which key the records get that `sluice produce` sends.

use bytes::Bytes;
use clap::Args;
use serde_json::{Map, Value};
use sluice_connector_api::{Json, field_at, path_names};

use crate::cli::exit::Exit;

/// Where the key of a record comes from.
#[derive(Debug, Args)]
pub(crate) struct ProducedKey {
    /// The field that becomes the record's key, such as `id` or `after.id`; where it is null the record has none
    ///
    /// Names within names are separated by dots; an item of an array is a number from 0, and a name that has a dot stands in
    /// brackets, unless the object itself has a field of the whole name. Given several times, the key is a JSON object of these
    /// fields, each under its last name.
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["key_text", "key_delimiter"])]
    pub(crate) key: Vec<String>,
    /// Makes the key a JSON object where it is of one field, too, such as `{"id":7}`: so does Debezium
    #[arg(long, requires = "key")]
    key_object: bool,
    /// The key of every record
    #[arg(long, value_name = "TEXT", conflicts_with = "key_delimiter")]
    pub(crate) key_text: Option<String>,
    /// What ends the key that stands at the beginning of each line
    #[arg(long, value_name = "TEXT")]
    pub(crate) key_delimiter: Option<String>,
}

impl ProducedKey {
    /// Says whether the key is made of fields.
    pub(crate) fn is_of_fields(&self) -> bool {
        !self.key.is_empty()
    }

    /// Says whether records get a key at all.
    pub(crate) fn is_given(&self) -> bool {
        self.is_of_fields() || self.key_text.is_some() || self.key_delimiter.is_some()
    }

    /// Makes the key of an object: JSON where it is written by a schema, else a text as it is. None where its one field is null.
    pub(crate) fn of(&self, object: &Map<String, Value>, by_schema: bool) -> Result<Option<String>, Exit> {
        if let ([field], false) = (&*self.key, self.key_object) {
            return Ok(match found(object, field)? {
                Value::Null => None,
                Value::String(text) if !by_schema => Some(text.clone()),
                other => Some(other.to_string()),
            });
        }
        let mut key = Map::new();
        for field in &self.key {
            let value = found(object, field)?.clone();
            let last = path_names(field).and_then(|names| names.last().map(|name| name.text));
            let last = if object.contains_key(field) { field } else { last.unwrap_or(field) };
            if key.insert(last.to_owned(), value).is_some() {
                return Err(Exit::Running(format!("--key {field}: would be the second `{last}` of the key")));
            }
        }
        Ok(if key.is_empty() { None } else { Some(Value::Object(key).to_string()) })
    }

    /// Says what to do about a key that a schema does not take.
    pub(crate) fn advice(&self) -> &'static str {
        match (&*self.key, self.key_object) {
            ([_], false) => "; an object of the field is made with --key-object",
            _ => "",
        }
    }
}

/// Finds the field that a path leads to. One of the whole name comes first.
fn found<'a>(object: &'a Map<String, Value>, field: &str) -> Result<&'a Value, Exit> {
    if let Some(value) = object.get(field) {
        return Ok(value);
    }
    let Some(names) = path_names(field) else {
        let text = "is no field's name; names within names are separated by one dot, such as `after.id`";
        return Err(Exit::Running(format!("--key {field}: {text}")));
    };
    let names: Vec<&str> = names.iter().map(|name| name.text).collect();
    let below = names.split_first().and_then(|(first, rest)| field_at(object.get(*first)?, rest));
    below.ok_or_else(|| Exit::Running(format!("field `{field}`, which is to be the key, is missing")))
}

/// Reads a text that is to be written by a schema: as JSON, and where it is none, as a JSON string.
pub(crate) fn documents(text: &[u8]) -> Vec<Json> {
    let mut documents = Vec::new();
    documents.extend(Json::parse(Bytes::copy_from_slice(text)));
    if let Ok(text) = std::str::from_utf8(text) {
        documents.push(Value::from(text).into());
    }
    documents
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(fields: &[&str], is_object: bool, object: &Value) -> Result<Option<String>, String> {
        let key = fields.iter().map(|field| (*field).to_owned()).collect();
        let given = ProducedKey { key, key_object: is_object, key_text: None, key_delimiter: None };
        given.of(object.as_object().unwrap(), false).map_err(|exit| match exit {
            Exit::Running(text) => text,
            _ => panic!("another kind"),
        })
    }

    #[test]
    fn a_field_is_named_by_its_path() {
        let change = || json!({ "after": { "id": 7, "a.b": "x" }, "tags": ["t"], "op.x": "c", "none": null });
        for (field, expected) in
            [("after.id", "7"), ("after.[a.b]", "x"), ("tags.0", "t"), ("op.x", "c"), ("after.`a.b`", "x")]
        {
            assert_eq!(key(&[field], false, &change()), Ok(Some(expected.to_owned())), "{field}");
        }
        assert_eq!(key(&["none"], false, &change()), Ok(None));
        let missing = key(&["after.no"], false, &change()).unwrap_err();
        assert_eq!(missing, "field `after.no`, which is to be the key, is missing");
        assert!(key(&["after."], false, &change()).unwrap_err().contains("is no field's name"));
    }

    #[test]
    fn several_fields_make_an_object_of_their_last_names() {
        let change = || json!({ "after": { "id": 7, "at": null }, "id": 8 });
        assert_eq!(
            key(&["after.id", "after.at"], false, &change()).unwrap().unwrap(),
            r#"{"id":7,"at":null}"#
        );
        assert_eq!(key(&["after.id"], true, &change()).unwrap().unwrap(), r#"{"id":7}"#);
        assert!(
            key(&["after.id", "id"], false, &change()).unwrap_err().contains("the second `id` of the key")
        );
    }
}
