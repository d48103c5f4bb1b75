//! A JSON document that is read no further than somebody looks.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::Error as _;
use serde_json::{Map, Value};

use super::fault;
use super::fields::FieldPlaces;
use super::flat;
use super::found::{Found, Scalar};
use super::path::field_at;
use super::read::{self, Document};
use super::text::{Text, ToldField};
use super::written;
use crate::{SchemaFields, SchemaType};

/// What a text may begin with, and some programs write before JSON: it is no part of the document.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A JSON document. Numbers keep the digits that they were written with.
///
/// [`Json::find`] is what stands at a place; it reads as little as that takes. [`Json::value`] is the document as
/// `serde_json` has it, which is read when it is first asked for. [`Json::to_bytes`] is the document as it goes out: as it
/// came, but for the blanks between its parts, as long as nobody has changed it.
///
/// ```
/// use sluice_connector_api::{Found, Json, Scalar};
///
/// let json = Json::parse(r#"{"ticker":"OOOO", "price":44.50}"#.into())?;
/// assert_eq!(json.find(&["price"]), Some(Found::Scalar(Scalar::Number("44.50"))));
/// assert_eq!(json.value().get("ticker").and_then(|ticker| ticker.as_str()), Some("OOOO"));
/// assert_eq!(json.to_bytes(), r#"{"ticker":"OOOO","price":44.50}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct Json {
    form: Form,
    /// What the schema says of it, but for what was changed since. Shared by the records of a schema.
    of: Option<Arc<SchemaType>>,
}

#[derive(Clone)]
enum Form {
    /// A value that was made or changed here.
    Made(Value),
    Text(Text),
}

impl Json {
    /// Takes a document in UTF-8, or says what is wrong with it and where, in `serde_json`'s words. A byte order mark
    /// before it is passed over.
    pub fn parse(text: Bytes) -> serde_json::Result<Self> {
        let text = if text.starts_with(BYTE_ORDER_MARK) { text.slice(BYTE_ORDER_MARK.len()..) } else { text };
        // Looked at twice, since that is cheaper than sharing the bytes with what says where they are wrong.
        if let Err(error) = std::str::from_utf8(&text) {
            return read_or_explain(&text).and_then(|_| Err(serde_json::Error::custom(error)));
        }
        let source = ByteString::try_from(text).map_err(serde_json::Error::custom)?;
        let fields = flat::find(&source).or_else(|| FieldPlaces::find(&source));
        let text = Text::new(source, fields);
        if text.fields.is_none() {
            let document = read_or_explain(text.source.as_bytes())?;
            text.read.get_or_init(|| Box::new(document));
        }
        Ok(Self { form: Form::Text(text), of: None })
    }

    /// Takes a text that is known to be a document. Where its fields are is known, too, or it is read when somebody asks. It may be
    /// known that it goes out as it is.
    pub(super) fn from_known(source: ByteString, fields: Option<FieldPlaces>, is_compact: bool) -> Self {
        let text = Text::new(source, fields);
        if is_compact {
            text.is_compact.get_or_init(|| true);
        }
        Self { form: Form::Text(text), of: None }
    }

    /// Reads a document that is wanted as a value only, as [`Json::parse`] and [`Json::into_value`] do, but at once.
    pub fn value_from_slice(text: &[u8]) -> serde_json::Result<Value> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        Ok(read_or_explain(text)?.value)
    }

    /// Does what [`Json::parse`] does with bytes that somebody else keeps.
    pub fn from_slice(text: &[u8]) -> serde_json::Result<Self> {
        Self::parse(Bytes::copy_from_slice(text))
    }

    /// Returns the document as a value.
    pub fn value(&self) -> &Value {
        match &self.form {
            Form::Made(value) => value,
            Form::Text(text) => &text.document().value,
        }
    }

    /// Returns the document as a value that may be changed. It has no [`Json::schema_type`] any more.
    pub fn value_mut(&mut self) -> &mut Value {
        self.of = None;
        self.made()
    }

    /// Returns the document as a value of which no more may be changed than the field of this name at the root, with what is
    /// in it: the others keep their [`Json::schema_type`].
    pub fn value_mut_below(&mut self, name: &str) -> &mut Value {
        self.forget_type(name);
        self.made()
    }

    fn made(&mut self) -> &mut Value {
        match self.form {
            Form::Made(ref mut value) => value,
            Form::Text(ref mut text) => {
                self.form = Form::Made(text.take());
                self.made()
            }
        }
    }

    /// Returns what the schema says of the document, if it was read by one. What a transform has changed since has no type.
    pub fn schema_type(&self) -> Option<&SchemaType> {
        self.of.as_deref()
    }

    /// Keeps what the schema says of the document: for converters, and for transforms that hand on a part of a document.
    #[must_use]
    pub fn with_schema_type(mut self, of: Option<Arc<SchemaType>>) -> Self {
        self.of = of;
        self
    }

    /// Does what [`Json::with_schema_type`] does.
    pub fn set_schema_type(&mut self, of: Option<SchemaType>) {
        self.of = of.map(Arc::new);
    }

    /// Sets what is known of a field at the root, as for one that has another name now.
    pub fn set_type(&mut self, name: &str, of: SchemaType) {
        let fields = match self.schema_type() {
            Some(SchemaType::Object(fields)) => fields.with(name, of),
            None => SchemaFields::default().with(name, of),
            Some(_) => return,
        };
        self.set_schema_type(Some(SchemaType::Object(fields)));
    }

    fn forget_type(&mut self, name: &str) {
        let left = match self.schema_type() {
            None => return,
            Some(SchemaType::Object(fields)) if fields.get(name).is_none() => return,
            Some(SchemaType::Object(fields)) => Some(SchemaType::Object(fields.without(name))),
            Some(_) => None,
        };
        self.set_schema_type(left);
    }

    /// Returns the document as a value of one's own.
    pub fn into_value(self) -> Value {
        match self.form {
            Form::Made(value) => value,
            Form::Text(mut text) => text.take(),
        }
    }

    /// Says whether the document is an object.
    pub fn is_object(&self) -> bool {
        match &self.form {
            Form::Text(Text { fields: Some(_), .. }) => true,
            _ => self.value().is_object(),
        }
    }

    /// Returns what a path of names leads to; an item of an array has its index for a name. `None` where nothing is there.
    /// A string, number, boolean or null at the root of an object is told without reading the document.
    pub fn find(&self, path: &[impl AsRef<str>]) -> Option<Found<'_>> {
        let (Form::Text(text), [first, rest @ ..]) = (&self.form, path) else {
            return field_at(self.value(), path).map(Found::from_value);
        };
        match text.tell(first.as_ref()) {
            ToldField::Missing => None,
            ToldField::Scalar(scalar) => rest.is_empty().then_some(Found::Scalar(scalar)),
            ToldField::Null => rest.is_empty().then_some(Found::Null),
            ToldField::Set(value) => field_at(value, rest).map(Found::from_value),
            ToldField::Unread => field_at(&text.document().value, path).map(Found::from_value),
        }
    }

    /// Returns the document as it came, if it came in the compact form: flat, without blanks, each name once; so is one that was
    /// hoisted since, or was made by a [`JsonWriter`](crate::JsonWriter) with each name once.
    /// It is what [`Json::to_bytes`] returns, and takes no reading.
    pub fn compact(&self) -> Option<&Bytes> {
        let Form::Text(text) = &self.form else { return None };
        (text.set.is_empty() && text.is_compact()).then_some(text.source.as_bytes())
    }

    /// Returns the document as it goes out, without blanks between its parts. One that nobody has changed has its numbers
    /// and strings as they were written, escapes included; where an object has a name twice, only the last is left.
    pub fn to_bytes(&self) -> Bytes {
        if let Some(compact) = self.compact() {
            return compact.clone();
        }
        match self.unchanged() {
            Some(source) => written::without_blanks(source).into(),
            None => self.value().to_string().into(),
        }
    }

    /// Returns the length of [`Json::to_bytes`].
    pub fn length(&self) -> usize {
        if let Some(compact) = self.compact() {
            return compact.len();
        }
        match self.unchanged() {
            Some(source) => written::length_without_blanks(source),
            None => written::length_of(self.value()),
        }
    }

    /// Returns the text that stands for the document, if there is one.
    fn unchanged(&self) -> Option<&Bytes> {
        match &self.form {
            Form::Text(text) if text.set.is_empty() && text.document().has_each_name_once => {
                Some(text.source.as_bytes())
            }
            _ => None,
        }
    }

    /// Sets a field at the root: where it stood, else behind the others. Does nothing where the document is not an object.
    pub fn set(&mut self, name: &str, value: Value) {
        self.forget_type(name);
        match &mut self.form {
            Form::Text(text) if text.read.get().is_none() => {
                // Most documents get one field; the default would be room for four.
                if text.set.capacity() == 0 {
                    text.set.reserve_exact(1);
                }
                text.set.push((name.to_owned(), Some(value)));
            }
            _ => {
                if let Value::Object(fields) = self.made() {
                    fields.insert(name.to_owned(), value);
                }
            }
        }
    }

    /// Removes a field at the root, if it is there.
    ///
    /// ```
    /// use sluice_connector_api::Json;
    ///
    /// let mut json = Json::parse(r#"{"id":7,"price":44.50}"#.into())?;
    /// json.remove("id");
    /// assert_eq!(json.to_bytes(), r#"{"price":44.50}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn remove(&mut self, name: &str) {
        self.forget_type(name);
        match &mut self.form {
            Form::Text(text) if text.read.get().is_none() => {
                if !matches!(text.tell(name), ToldField::Missing) {
                    text.set.push((name.to_owned(), None));
                }
            }
            _ => {
                if let Value::Object(fields) = self.made() {
                    fields.shift_remove(name);
                }
            }
        }
    }

    /// Returns an object that has the document for its only field; what the schema says goes along. Its text becomes part of
    /// the new one where it tells by itself.
    #[must_use]
    pub fn hoisted(mut self, name: &str) -> Self {
        let of = self.of.take();
        let spliced = match &self.form {
            Form::Text(text) => text.hoisted(name),
            Form::Made(_) => None,
        };
        let mut hoisted = match spliced {
            Some(text) => Self { form: Form::Text(text), of: None },
            None => Self::from(Value::Object(Map::from_iter([(name.to_owned(), self.into_value())]))),
        };
        if let Some(of) = of {
            hoisted.set_type(name, Arc::unwrap_or_clone(of));
        }
        hoisted
    }

    /// Says whether `is_wanted` holds for a string, number or boolean of the document, however deep; names are not asked for.
    /// One that a later field of its name has replaced may be asked for, too. An object without objects and arrays in it
    /// takes no reading.
    pub fn any_scalar(&self, mut is_wanted: impl FnMut(Scalar<'_>) -> bool) -> bool {
        match &self.form {
            Form::Made(value) => any_in(value, &mut is_wanted),
            Form::Text(text) => match text.any_at_root(&mut is_wanted) {
                Some(is_there) => is_there || text.set_values().any(|value| any_in(value, &mut is_wanted)),
                None => any_in(&text.document().value, &mut is_wanted),
            },
        }
    }

    /// Says whether the document is an object none of whose fields is an object. It takes no reading where the text
    /// tells.
    pub fn is_flat_object(&self) -> bool {
        match &self.form {
            Form::Text(text @ Text { fields: Some(fields), .. }) => {
                fields.have_no_object(&text.source)
                    && text.set.iter().all(|(_, value)| !matches!(value, Some(Value::Object(_))))
            }
            _ => self.value().as_object().is_some_and(|fields| !fields.values().any(Value::is_object)),
        }
    }
}

fn read_or_explain(text: &[u8]) -> serde_json::Result<Document> {
    read::read(text).map_err(|error| fault::explain(error, text))
}

fn any_in(value: &Value, is_wanted: &mut impl FnMut(Scalar<'_>) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| any_in(item, is_wanted)),
        Value::Object(fields) => fields.values().any(|field| any_in(field, is_wanted)),
        scalar => Scalar::of(scalar).is_some_and(is_wanted),
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self { form: Form::Made(value), of: None }
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
        match &json.form {
            Form::Made(_) => true,
            Form::Text(text) => text.read.get().is_some(),
        }
    }

    fn scalar<'a>(json: &'a Json, name: &str) -> Option<Scalar<'a>> {
        json.find(&[name]).and_then(Found::scalar)
    }

    #[test]
    fn an_object_is_read_when_it_is_asked_for_as_a_value() {
        let mut json = parse(r#" {"a": 1.50, "b": {"c": [1, "x"]}} "#);
        assert_eq!((scalar(&json, "a"), json.is_object()), (Some(Scalar::Number("1.50")), true));
        assert!(!is_read(&json));
        assert_eq!(json.value().to_string(), r#"{"a":1.50,"b":{"c":[1,"x"]}}"#);
        assert!(is_read(&json));
        *json.value_mut() = Value::Null;
        assert_eq!((scalar(&json, "a"), json.is_object()), (None, false));
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
            assert_eq!(scalar(&json, "c"), Some(Scalar::Text("y")));
            assert_eq!(is_read(&json), read);
            assert_eq!(json.value().to_string(), r#"{"a":true,"b":2,"c":"y"}"#);
        }
    }

    #[test]
    fn a_field_that_is_removed_is_gone_and_may_come_back_last() {
        for read in [false, true] {
            let mut json = parse(r#"{"a":1,"b":2,"a":3,"c":4}"#);
            if read {
                json.value();
            }
            json.remove("a");
            json.remove("x");
            assert_eq!((scalar(&json, "a"), scalar(&json, "b")), (None, Some(Scalar::Number("2"))));
            assert_eq!(is_read(&json), read);
            json.set("a", true.into());
            json.remove("c");
            assert_eq!(json.to_bytes(), r#"{"b":2,"a":true}"#);
        }
        let mut list = parse("[1]");
        list.remove("0");
        assert_eq!(list.to_bytes(), "[1]");
    }

    #[test]
    fn what_is_changed_has_no_type_any_more_and_the_rest_keeps_its_own() {
        let field = |name: &str| (name.to_owned(), SchemaType::Integer(32));
        let of = SchemaType::Object(["a", "b", "c", "d"].map(field).into_iter().collect());
        let shared = Arc::new(of.clone());
        let mut json = parse(r#"{"a":1,"b":2,"c":{"x":3}}"#).with_schema_type(Some(Arc::clone(&shared)));
        json.set("a", 7.into());
        json.remove("b");
        json.value_mut_below("c");
        let left = |json: &Json| match json.schema_type() {
            Some(SchemaType::Object(fields)) => fields.iter().map(|(name, _)| name.to_owned()).collect(),
            _ => Vec::new(),
        };
        assert_eq!(left(&json), ["d"]);
        json.set_type("e", SchemaType::Text);
        assert_eq!(left(&json), ["d", "e"]);
        assert_eq!(*shared, of, "the schema of other records is as it was");
        json.value_mut();
        assert_eq!(json.schema_type(), None);
    }

    #[test]
    fn a_flat_object_is_told_from_its_text() {
        for (text, expected) in [
            (r#"{"a":1,"b":[{"c":2}]}"#, true),
            (r#"{"a":{"b":1}}"#, false),
            (r#"{"a":1e5}"#, true),
            (r#"{"a":{},"b":1e5}"#, false),
            ("[1]", false),
        ] {
            assert_eq!(parse(text).is_flat_object(), expected, "{text}");
        }
        let mut json = parse(r#"{"a":1}"#);
        json.set("b", serde_json::json!({}));
        assert_eq!((json.is_flat_object(), is_read(&json)), (false, false));
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
            let expected = read::read(&document).map(|document| document.value);
            let expected = expected.map_err(|error| fault::explain(error, &document).to_string());
            let json = Json::parse(document.into()).map_err(|error| error.to_string());
            prop_assert_eq!(json.as_ref().map(Json::value), expected.as_ref());
            if let Ok(json) = json {
                let clone = json.clone();
                prop_assert_eq!(clone.into_value(), expected.unwrap());
            }
        }

        #[test]
        fn what_is_found_is_what_the_value_has(
            names in prop::collection::vec("[ab ]", 0..5),
            values in prop::collection::vec(read::tests::documents(), 5),
            blank in "[ \n\t]?",
            set in prop::option::of("[ab]"),
        ) {
            let field = |(name, value): (&String, &String)| format!("{blank}\"{name}\"{blank}:{blank}{value}{blank}");
            let fields: Vec<String> = names.iter().zip(&values).map(field).collect();
            let mut json = parse(&format!("{{{}}}", fields.join(",")));
            if let Some(compact) = json.compact() {
                prop_assert_eq!(compact, &Bytes::from(json.value().to_string()));
            }
            if let Some(name) = set {
                json.set(&name, serde_json::json!({ "a": [1, null] }));
            }
            let read = Json::from(json.value().clone());
            let paths: [&[&str]; 8] =
                [&["a"], &["b"], &[" "], &["c"], &["a", "0"], &["a", "a"], &["a", "a", "1"], &[]];
            for path in paths {
                let by_value = field_at(json.value(), path).map(Found::from_value);
                prop_assert_eq!(json.find(path), by_value);
                prop_assert_eq!(read.find(path), by_value);
            }
        }

        /// What goes out is the value that came in, and the text that came in but for blanks and names that come twice.
        #[test]
        fn what_goes_out_is_what_came_in(document in read::tests::documents()) {
            let json = parse(&document);
            let out = json.to_bytes();
            prop_assert_eq!(json.length(), out.len());
            let again = Json::parse(out.clone()).unwrap();
            prop_assert_eq!(again.value(), json.value());
            prop_assert_eq!(&again.to_bytes(), &out);
            if read::read(document.as_bytes()).unwrap().has_each_name_once {
                // The documents have a tab behind each colon, and nowhere else: in strings it is escaped.
                prop_assert_eq!(out, document.replace('\t', ""));
            }
        }

        /// A document as a field is what it was, to everybody who looks, and however often it is hoisted.
        #[test]
        fn what_is_hoisted_is_what_it_was(
            document in read::tests::documents(),
            name in "[ab\"\\\\ \n\u{e9}]{0,3}",
            blank in "[ \n\t]?",
            set in prop::option::of("[ab]"),
            read_first: bool,
            times in 1..4_usize,
        ) {
            let mut json = parse(&format!("{blank}{document}{blank}"));
            if let Some(set) = set {
                json.set(&set, 1.into());
            }
            let (mut of_text, mut expected) = (json.to_bytes(), json.value().clone());
            let mut hoisted = if read_first { json } else { parse(&format!("{blank}{document}{blank}")) };
            if !read_first {
                (of_text, expected) = (hoisted.clone().to_bytes(), hoisted.clone().into_value());
            }
            for _ in 0..times {
                hoisted = hoisted.hoisted(&name);
                expected = Value::Object(Map::from_iter([(name.clone(), expected)]));
                of_text = format!("{{{}:{}}}", Value::from(name.as_str()), String::from_utf8(of_text.to_vec()).unwrap()).into();
            }
            prop_assert_eq!(hoisted.find(&[&name]), field_at(&expected, &[&name]).map(Found::from_value));
            prop_assert_eq!(hoisted.find(&["b"]), field_at(&expected, &["b"]).map(Found::from_value));
            prop_assert_eq!(hoisted.is_flat_object(), Json::from(expected.clone()).is_flat_object());
            prop_assert_eq!(hoisted.to_bytes(), &of_text);
            prop_assert_eq!(hoisted.length(), of_text.len());
            prop_assert_eq!(hoisted.value(), &expected);
        }

        /// Each scalar of the value is asked for, and none that stands nowhere.
        #[test]
        fn every_scalar_is_asked_for(
            document in read::tests::documents(),
            read_first: bool,
            set in prop::option::of("[ab]"),
        ) {
            let mut json = parse(&document);
            if read_first {
                json.value();
            }
            if let Some(set) = set {
                json.set(&set, serde_json::json!([true, {"c": "set"}]));
            }
            let mut asked = Vec::new();
            let is_there = json.any_scalar(|scalar| {
                asked.push(scalar.as_str().to_owned());
                false
            });
            prop_assert!(!is_there);
            let mut wanted = Vec::new();
            any_in(json.value(), &mut |scalar| {
                wanted.push(scalar.as_str().to_owned());
                false
            });
            for scalar in &wanted {
                prop_assert!(asked.contains(scalar), "{scalar}");
                prop_assert!(json.any_scalar(|found| found.as_str() == scalar));
            }
            prop_assert!(!json.any_scalar(|found| found.as_str() == "nowhere at all"));
        }

        /// Fields that were set change no others.
        #[test]
        fn a_field_that_is_set_leaves_the_others(document in read::tests::documents(), read_first: bool) {
            let mut json = parse(&document);
            let mut expected = json.value().clone();
            let mut changed = parse(&document);
            if read_first {
                changed.value();
            }
            if let Some(fields) = expected.as_object_mut() {
                fields.insert("set".to_owned(), 1.into());
            }
            changed.set("set", 1.into());
            prop_assert_eq!(changed.value(), &expected);
            prop_assert_eq!(changed.to_bytes(), Bytes::from(changed.value().to_string()));
            *json.value_mut() = expected;
            prop_assert_eq!(json, changed);
        }
    }

    #[test]
    fn what_is_hoisted_or_searched_is_not_read() {
        let json = parse(r#" {"a": 1.50, "b": null} "#);
        assert!(!json.any_scalar(|found| found == Scalar::Text("1.50")) && !is_read(&json));
        let hoisted = json.hoisted("line");
        assert!(!is_read(&hoisted));
        assert_eq!(hoisted.to_bytes(), r#"{"line":{"a":1.50,"b":null}}"#);
        let compact = parse(r#"{"a":1.50}"#).hoisted("line");
        assert_eq!(
            (compact.compact().map(|text| &**text), is_read(&compact)),
            (Some(&br#"{"line":{"a":1.50}}"#[..]), false)
        );
    }

    /// However often it is hoisted, it can be read.
    #[test]
    fn what_is_hoisted_often_stays_what_it_is() {
        let mut json = parse(r#"{"a":[[[1]]]}"#);
        for _ in 0..200 {
            json = json.hoisted("a");
        }
        let out = json.clone().to_bytes();
        assert_eq!(String::from_utf8_lossy(&out).matches('{').count(), 201);
        assert!(json.value().is_object());
    }

    #[test]
    fn a_value_is_read_as_a_document_is() {
        for text in [r#"{"a":1,"a":2E3}"#, "\u{feff}[1.50]", "7", "{", "[1] x", "", "\u{feff}", "\"\\ud800\""]
        {
            let expected =
                Json::from_slice(text.as_bytes()).map(Json::into_value).map_err(|error| error.to_string());
            let read = Json::value_from_slice(text.as_bytes()).map_err(|error| error.to_string());
            assert_eq!(read, expected, "{text}");
        }
        for bytes in [&b"\"\xff\""[..], b"\xff", b"{\"\xc3\":1}", b"[\"a\",\xff]", b"{}\xff"] {
            let expected = Json::from_slice(bytes).map(Json::into_value).map_err(|error| error.to_string());
            assert!(expected.is_err());
            assert_eq!(Json::value_from_slice(bytes).map_err(|error| error.to_string()), expected);
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_document() {
        for text in [r#"{"a":1}"#, r#"{"a":"\u0041"}"#, "[1]"] {
            let json = parse(&format!("\u{feff}{text}"));
            assert_eq!(json.to_bytes(), text.as_bytes());
        }
        assert!(Json::parse("\u{feff}\u{feff}{}".into()).is_err());
        assert!(Json::parse("\u{feff}".into()).is_err());
    }

    #[test]
    fn a_document_that_nobody_changed_goes_out_as_it_was_written() {
        for (text, expected) in [
            (r#"{"a":"\u00e4\/","b":1E5}"#, r#"{"a":"\u00e4\/","b":1E5}"#),
            ("[ 1.50 ,\n{ \"a\" : \"b c\" } ]", r#"[1.50,{"a":"b c"}]"#),
            (r#"{"a":1,"b":{"c":1,"c":2}}"#, r#"{"a":1,"b":{"c":2}}"#),
        ] {
            let json = parse(text);
            assert_eq!(json.to_bytes(), expected.as_bytes());
            assert_eq!(json.length(), expected.len());
        }
    }

    /// Names of `serde_json`'s own are names like any other, whatever stands under them.
    #[test]
    fn inward_names_of_the_reader_are_data() {
        for text in [
            r#"{"v":{"$serde_json::private::Number":7}}"#,
            r#"{"v":{"$serde_json::private::Number":"7"}}"#,
            r#"{"$serde_json::private::Number":"7"}"#,
            r#"{"$serde_json::private::Number":{"$serde_json::private::Number":"7"}}"#,
            r#"[{"$serde_json::private::Number":"1,\"role\":\"admin\""}]"#,
            r#"{"\u0024serde_json::private::Number":"}\n{\"forged\":true"}"#,
            r#"{"a":1,"$serde_json::private::Number":"2"}"#,
            r#"{"$serde_json::private::Number":"1","a":2}"#,
            r#"{"$serde_json::private::RawValue":"{}"}"#,
            r#"{"v":[{"$serde_json::private::RawValue":"not JSON"}]}"#,
            r#"{"$serde_json::private::Number":1E5}"#,
        ] {
            let json = parse(text);
            assert_eq!(json.to_bytes(), text.as_bytes());
            let written = json.value().to_string();
            let again = parse(&written);
            assert_eq!(again.value(), json.value(), "{text}");
            assert!(!json.value().is_number() && again.to_bytes() == written.as_bytes());
            let as_value = serde_json::to_value(json.value()).unwrap();
            assert_eq!(as_value.to_string().replace("1e+5", "1E5"), written, "{text}");
        }
        let twice = r#"{"$serde_json::private::Number":"1","$serde_json::private::Number":"2"}"#;
        assert_eq!(parse(twice).to_bytes(), r#"{"$serde_json::private::Number":"2"}"#);
        let name = "$serde_json::private::Number";
        assert_eq!(parse(twice).find(&[name]), Some(Found::Scalar(Scalar::Text("2"))));
    }
}
