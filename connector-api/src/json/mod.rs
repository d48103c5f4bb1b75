//! JSON documents that are read no further than somebody looks.
//!
//! Most records have a few fields, of which a template prints some: a value of `serde_json` for each costs more than all
//! else on a record's way. So a document is checked as a whole when it comes, but stays the text that it is; `fields` says
//! where in it the fields are, and `read` makes a value of it for whoever asks.

mod fields;
mod numbers;
mod path;
mod read;

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::Value;

use self::fields::Fields;
pub use self::fields::Scalar;
pub use self::path::field_at;

/// A JSON document. Numbers keep the digits that they were written with.
///
/// [`Json::value`] is the document as `serde_json` has it, which is read when it is first asked for. Who needs no more than
/// a string, a number or a boolean at the root asks [`Json::glance`] before.
///
/// ```
/// use sluice_connector_api::{Json, Scalar};
///
/// let json = Json::parse(r#"{"ticker":"OOOO","price":44.50}"#.into())?;
/// assert_eq!(json.glance(&["price"]), Some(Scalar::Number("44.50")));
/// assert_eq!(json.value().get("ticker").and_then(|ticker| ticker.as_str()), Some("OOOO"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json(Form);

#[derive(Clone)]
enum Form {
    Read(Value),
    Text(Text),
}

/// An object that nobody has asked for as a value, or not to change it.
#[derive(Clone)]
struct Text {
    source: Bytes,
    fields: Fields,
    /// Fields that were set since, in that order.
    set: Vec<(String, Value)>,
    value: OnceLock<Box<Value>>,
    /// Whether the source is the compact form: the engine asks for that where it measures a record, and the sink again.
    is_compact: OnceLock<bool>,
}

impl Json {
    /// Takes a document in UTF-8, or says what is wrong with it and where, in `serde_json`'s words.
    pub fn parse(text: Bytes) -> serde_json::Result<Self> {
        Ok(Self(match Fields::find(&text) {
            Some(fields) => {
                let (set, value, is_compact) = Default::default();
                Form::Text(Text { source: text, fields, set, value, is_compact })
            }
            None => Form::Read(read::read(&text)?),
        }))
    }

    /// Returns the document as a value.
    pub fn value(&self) -> &Value {
        match &self.0 {
            Form::Read(value) => value,
            Form::Text(text) => text.value.get_or_init(|| Box::new(text.read())),
        }
    }

    /// Returns the document as a value that may be changed.
    pub fn value_mut(&mut self) -> &mut Value {
        if let Form::Text(text) = &mut self.0 {
            let value = text.value.take().map_or_else(|| text.read(), |value| *value);
            self.0 = Form::Read(value);
        }
        match &mut self.0 {
            Form::Read(value) => value,
            Form::Text(_) => unreachable!("it was read above"),
        }
    }

    /// Returns the document as a value of one's own.
    pub fn into_value(mut self) -> Value {
        self.value_mut().take()
    }

    /// Says whether the document is an object.
    pub fn is_object(&self) -> bool {
        match &self.0 {
            Form::Read(value) => value.is_object(),
            Form::Text(_) => true,
        }
    }

    /// Returns the string, number or boolean to which a path of names leads, if that takes no reading, which is so for some at
    /// the root. `None` says nothing: the field may be missing, may be something else, or is to be looked for in
    /// [`Json::value`].
    pub fn glance(&self, path: &[impl AsRef<str>]) -> Option<Scalar<'_>> {
        let [name] = path else { return None };
        let name = name.as_ref();
        match &self.0 {
            Form::Read(_) => None,
            Form::Text(text) => match text.set.iter().rev().find(|(field, _)| field == name) {
                Some((_, value)) => Scalar::of(value),
                None => text.fields.get(&text.source, name),
            },
        }
    }

    /// Returns the document in its compact form if it came in that: flat, without blanks, each name once. It is what
    /// [`Json::value`] would be written as.
    pub fn compact(&self) -> Option<&Bytes> {
        let Form::Text(text) = &self.0 else { return None };
        let is_compact = || *text.is_compact.get_or_init(|| text.fields.are_compact(&text.source));
        (text.set.is_empty() && is_compact()).then_some(&text.source)
    }

    /// Sets a field at the root: where it stood, else behind the others. Does nothing where the document is no object.
    pub fn set(&mut self, name: &str, value: Value) {
        match &mut self.0 {
            Form::Text(text) if text.value.get().is_none() => text.set.push((name.to_owned(), value)),
            _ => {
                if let Value::Object(fields) = self.value_mut() {
                    fields.insert(name.to_owned(), value);
                }
            }
        }
    }
}

impl Text {
    /// Fields were found in the text: so it is an object, and nested no deeper than may be read.
    fn read(&self) -> Value {
        let mut value = read::read(&self.source)
            .unwrap_or_else(|error| unreachable!("it was seen to be an object: {error}"));
        if let Value::Object(fields) = &mut value {
            fields.extend(self.set.iter().cloned());
        }
        value
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(Form::Read(value))
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Json {
        Json::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    fn is_read(json: &Json) -> bool {
        match &json.0 {
            Form::Read(_) => true,
            Form::Text(text) => text.value.get().is_some(),
        }
    }

    #[test]
    fn an_object_is_read_when_it_is_asked_for_as_a_value() {
        let mut json = parse(r#" {"a": 1.50, "b": {"c": [1, "x"]}} "#);
        assert_eq!((json.glance(&["a"]), json.is_object()), (Some(Scalar::Number("1.50")), true));
        assert!(!is_read(&json));
        assert_eq!(json.value().to_string(), r#"{"a":1.50,"b":{"c":[1,"x"]}}"#);
        assert!(is_read(&json));
        *json.value_mut() = Value::Null;
        assert_eq!((json.glance(&["a"]), json.is_object()), (None, false));
    }

    #[test]
    fn what_cannot_be_told_from_the_text_is_read_at_once() {
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        for text in ["[1]", "7", r#"{"a\n":1}"#, r#"{"a":"\u0041"}"#, r#"{"a":1E5}"#, &deep(126)] {
            assert!(is_read(&parse(text)), "{text}");
        }
        assert!(!is_read(&parse(&deep(9))));
        let too_deep = Json::parse(deep(127).into()).unwrap_err().to_string();
        assert!(too_deep.contains("recursion limit"), "{too_deep}");
    }

    #[test]
    fn a_field_that_is_set_stands_where_it_stood_or_last() {
        for read in [false, true] {
            let mut json = parse(r#"{"a":1,"b":2}"#);
            if read {
                json.value();
            }
            json.set("c", "x".into());
            json.set("a", true.into());
            json.set("c", "y".into());
            assert_eq!(json.glance(&["c"]), (!read).then_some(Scalar::Text("y")));
            assert_eq!(json.value().to_string(), r#"{"a":true,"b":2,"c":"y"}"#);
        }
    }

    /// What the last field of a name is, by the value.
    fn told_by_the_value<'a>(json: &'a Json, name: &str) -> Option<Scalar<'a>> {
        json.value().get(name).and_then(Scalar::of)
    }

    #[test]
    fn the_compact_form_is_told_from_a_text_that_has_it() {
        for text in ["{}", r#"{"a":1}"#, r#"{"a":"x","b":null,"":true}"#] {
            let json = parse(text);
            assert_eq!((json.compact().map(|text| &**text), is_read(&json)), (Some(text.as_bytes()), false));
        }
        for text in [r#"{"a": 1}"#, r#"{"a":1,"a":2}"#, r#"{"a":{}}"#, r#"{"a":[]}"#, "{} ", "[]"] {
            assert_eq!(parse(text).compact(), None, "{text}");
        }
        let mut json = parse("{}");
        json.set("a", Value::Null);
        assert_eq!(json.compact(), None);
    }

    proptest! {
        /// Documents, and documents with something wrong in them.
        #[test]
        fn a_document_is_taken_as_serde_json_takes_it(
            document in read::tests::documents(),
            at in any::<prop::sample::Index>(),
            wrong in prop_oneof![Just(None), any::<u8>().prop_map(Some)],
        ) {
            let mut document = document.into_bytes();
            if let (Some(wrong), false) = (wrong, document.is_empty()) {
                let at = at.index(document.len());
                document[at] = wrong;
            }
            let expected = read::read(&document).map_err(|error| error.to_string());
            let json = Json::parse(document.into()).map_err(|error| error.to_string());
            prop_assert_eq!(json.as_ref().map(Json::value), expected.as_ref());
            if let Ok(json) = json {
                let clone = json.clone();
                prop_assert_eq!(clone.into_value(), expected.unwrap());
            }
        }

        #[test]
        fn a_glance_sees_what_the_value_has(
            names in prop::collection::vec("[ab ]", 0..5),
            values in prop::collection::vec(read::tests::documents(), 5),
            blank in "[ \n\t]?",
        ) {
            let field = |(name, value): (&String, &String)| format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}");
            let fields: Vec<String> = names.iter().zip(&values).map(field).collect();
            let json = parse(&format!("{{{}}}", fields.join(",")));
            if let Some(compact) = json.compact() {
                prop_assert_eq!(compact, &Bytes::from(json.value().to_string()));
            }
            for name in ["a", "b", " ", "c"] {
                if let Some(scalar) = json.glance(&[name]) {
                    prop_assert_eq!(Some(scalar), told_by_the_value(&json, name));
                } else if matches!(json.0, Form::Text(_)) {
                    prop_assert_eq!(told_by_the_value(&json, name), None);
                }
            }
        }
    }
}
