//! JSON documents, read as `serde_json` reads them, but quicker, and with exponents as they were written.
//!
//! An object gets room for a few fields and for one that a transform adds at once, instead of growing with each: without
//! that a small record takes a fifth longer from bytes to text (`cargo bench --bench parts`).

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::numbers;

/// Fields for which an object has room at once.
const ROOM: usize = 7;

/// Under this name `serde_json` passes the digits of a number on.
pub(super) const DIGITS: &str = "$serde_json::private::Number";

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let mut value = AnyValue.deserialize(&mut deserializer)?;
    deserializer.end()?;
    numbers::restore(&mut value, bytes);
    Ok(value)
}

struct AnyValue;

impl<'de> DeserializeSeed<'de> for AnyValue {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
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
        while let Some(item) = items.next_element_seed(Self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let first = match fields.next_key_seed(FirstName)? {
            None => return Ok(Value::Object(Map::new())),
            Some(None) => return Ok(Value::Number(Number::from_string_unchecked(fields.next_value()?))),
            Some(Some(name)) => name,
        };
        let mut object = Map::with_capacity(ROOM);
        object.insert(first, fields.next_value_seed(Self)?);
        while let Some(name) = fields.next_key::<String>()? {
            object.insert(name, fields.next_value_seed(Self)?);
        }
        Ok(Value::Object(object))
    }
}

/// Reads the first name of an object; `None` where the object stands for a number.
struct FirstName;

impl<'de> DeserializeSeed<'de> for FirstName {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FirstName {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((name != DIGITS).then(|| name.to_owned()))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) fn documents() -> impl Strategy<Value = String> {
        let text = || "[ -~äß\u{1f600}]{0,6}".prop_map(|text| Value::String(text).to_string());
        let number = "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?";
        let leaf = prop_oneof![text(), number, Just("null".to_owned()), "true|false"];
        leaf.prop_recursive(3, 40, 9, move |inner| {
            let field = (text(), inner.clone()).prop_map(|(name, value)| format!("{name}: {value}"));
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
                let mut value = serde_json::from_str::<Value>(text).map_err(|error| error.to_string())?;
                numbers::restore(&mut value, text.as_bytes());
                Ok::<_, String>(value)
            };
            let read = |text: &str| read(text.as_bytes()).map_err(|error| error.to_string());
            prop_assert_eq!(read(&document).map(|value| value.to_string()), of_serde(&document).map(|value| value.to_string()));
            let cut: String = document.chars().take(cut.index(document.len() + 1)).collect();
            prop_assert_eq!(read(&cut), of_serde(&cut));
        }
    }
}
