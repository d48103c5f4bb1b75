//! JSON documents, read as `serde_json` reads them, but quicker, with numbers as they were written, and every object as
//! the object that it is.
//!
//! An object gets room for a few fields and for one that a transform adds at once, instead of growing with each: without
//! that a small record takes a fifth longer from bytes to text (`cargo bench --bench parts`).
//!
//! `serde_json` passes the digits of a number on as a map with one field of a name of its own, and takes every such map
//! for a number, whoever wrote it. Here the two are told apart by how the name comes, never by what it is: the name of a
//! field that stands in the text is offered as an option that is there, that of a number as a string. So a document that
//! holds the inward names of `serde_json` is read as any other (docs/decisions/0012).

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::numbers;

/// Fields for which an object has room at once.
const ROOM: usize = 7;

/// Under this name `serde_json` passes the digits of a number on.
const DIGITS: &str = "$serde_json::private::Number";

/// A document as a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Document {
    pub(super) value: Value,
    /// Whether no object of it has a name twice. Where one has, the last counts, and the others are not in the value.
    pub(super) has_each_name_once: bool,
}

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> serde_json::Result<Document> {
    let state = State::new(bytes);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = AnyValue(&state).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Document { value, has_each_name_once: !state.came_twice.get() })
}

/// What is known of a document while it is read.
struct State<'a> {
    /// What stands behind the last number, where numbers have to be looked up in the text.
    rest: Cell<Option<&'a str>>,
    came_twice: Cell<bool>,
}

impl<'a> State<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let is_looked_up = numbers::may_have_exponents(bytes);
        let rest = if is_looked_up { std::str::from_utf8(bytes).ok() } else { None };
        Self { rest: Cell::new(rest), came_twice: Cell::new(false) }
    }

    /// Takes the digits of the next number: as they stand in the text, where `serde_json` may have changed them.
    fn number(&self, digits: String) -> Number {
        let Some(literal) = self.next_literal() else { return Number::from_string_unchecked(digits) };
        // `serde_json` has checked the digits; the text is trusted no further than it says the same.
        let is_same = numbers::is_same(literal, &digits);
        Number::from_string_unchecked(if is_same { literal.to_owned() } else { digits })
    }

    fn next_literal(&self) -> Option<&'a str> {
        let (literal, rest) = numbers::next_literal(self.rest.get()?)?;
        self.rest.set(Some(rest));
        Some(literal)
    }

    fn insert(&self, fields: &mut Map<String, Value>, name: String, value: Value) {
        if fields.insert(name, value).is_some() {
            self.came_twice.set(true);
        }
    }
}

/// Reads a value from whatever is deserialized, be it a text or a value already.
pub(super) fn value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    AnyValue(&State::new(&[])).deserialize(deserializer)
}

#[derive(Clone, Copy)]
struct AnyValue<'a>(&'a State<'a>);

impl<'de> DeserializeSeed<'de> for AnyValue<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        self.0.next_literal();
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        self.0.next_literal();
        Ok(Value::Number(value.into()))
    }

    /// Numbers like this come from a value only: in a text they are digits.
    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        Ok(Number::from_i128(value).map_or(Value::Null, Value::Number))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        Ok(Number::from_u128(value).map_or(Value::Null, Value::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let first = match fields.next_key_seed(FirstName)? {
            None => return Ok(Value::Object(Map::new())),
            Some(First::Digits) => return Ok(Value::Number(self.0.number(fields.next_value()?))),
            Some(First::Name(name)) => name,
        };
        let mut object = Map::with_capacity(ROOM);
        object.insert(first, fields.next_value_seed(self)?);
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(self)?;
            self.0.insert(&mut object, name, value);
        }
        Ok(Value::Object(object))
    }
}

/// What a map begins with.
enum First {
    /// The name of a field, whatever it is.
    Name(String),
    /// The mark of `serde_json`: the map is how it hands a number on.
    Digits,
}

/// Reads the first name of a map.
struct FirstName;

impl<'de> DeserializeSeed<'de> for FirstName {
    type Value = First;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<First, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for FirstName {
    type Value = First;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    /// A name that stands in the text.
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<First, D::Error> {
        String::deserialize(deserializer).map(First::Name)
    }

    /// A name that `serde_json` made up.
    fn visit_str<E: Error>(self, name: &str) -> Result<First, E> {
        Ok(if name == DIGITS { First::Digits } else { First::Name(name.to_owned()) })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRIVATE: &str = "$serde_json::private::";

    /// Documents with a blank behind every colon, among them such as `serde_json` would take for its own.
    pub(in super::super) fn documents() -> impl Strategy<Value = String> {
        let text = || "[ -~äß\u{1f600}]{0,6}".prop_map(|text| Value::String(text).to_string());
        let private =
            prop_oneof![Just("Number"), Just("RawValue")].prop_map(|name| format!("\"{PRIVATE}{name}\""));
        let name = prop_oneof![9 => text(), 1 => private];
        let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?";
        let leaf = prop_oneof![text(), number, Just("null".to_owned()), "true|false"];
        leaf.prop_recursive(3, 40, 9, move |inner| {
            let field = (name.clone(), inner.clone()).prop_map(|(name, value)| format!("{name}:\t{value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..9).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(field, 0..9).prop_map(|fields| format!("{{{}}}", fields.join(","))),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_document_is_read_as_serde_json_reads_it(document in documents(), cut in any::<prop::sample::Index>()) {
            let of_serde = |text: &str| {
                serde_json::from_str::<Value>(text).map(|value| value.to_string()).map_err(|error| error.to_string())
            };
            // Exponents are written anew by `serde_json`, and its own names are read by it as something else.
            let is_alike = !numbers::may_have_exponents(document.as_bytes()) && !document.contains(PRIVATE);
            let read = |text: &str| {
                read(text.as_bytes()).map(|read| read.value.to_string()).map_err(|error| error.to_string())
            };
            if is_alike {
                prop_assert_eq!(read(&document), of_serde(&document));
            }
            let cut: String = document.chars().take(cut.index(document.len() + 1)).collect();
            if is_alike {
                prop_assert_eq!(read(&cut), of_serde(&cut));
            }
        }

        /// It is read as it would be if its names were others.
        #[test]
        fn a_name_is_a_name_whatever_it_is(document in documents()) {
            let renamed = document.replace(PRIVATE, "any");
            let read = |text: &str| read(text.as_bytes()).unwrap().value.to_string();
            prop_assert_eq!(read(&document).replace(PRIVATE, "any"), read(&renamed));
        }
    }
}
