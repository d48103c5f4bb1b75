//! Any JSON within what is deserialized, where every object is the object that it is.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::read;

/// Any JSON, as a part of what is deserialized, such as a setting that holds some.
///
/// It is what a `serde_json::Value` would be there, but for objects that have a field with an inward name of `serde_json`: a
/// `Value` takes these for something else, such as a number. It must not stand within what `serde` reads twice (`flatten`,
/// `untagged`): there the two cannot be told apart.
///
/// ```
/// use serde::Deserialize;
/// use sluice_connector_api::AnyJson;
///
/// #[derive(Deserialize)]
/// struct Settings {
///     constant: AnyJson,
/// }
///
/// let text = r#"{"constant":{"$serde_json::private::Number":"7"}}"#;
/// let settings: Settings = serde_json::from_str(text)?;
/// assert_eq!(settings.constant.into_value().to_string(), r#"{"$serde_json::private::Number":"7"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct AnyJson(Value);

impl AnyJson {
    /// Returns the value.
    pub fn into_value(self) -> Value {
        self.0
    }

    /// Looks at the value.
    pub fn value(&self) -> &Value {
        &self.0
    }
}

impl From<Value> for AnyJson {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl<'de> Deserialize<'de> for AnyJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::value(deserializer).map(Self)
    }
}

impl JsonSchema for AnyJson {
    fn inline_schema() -> bool {
        Value::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        Value::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Value::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Json;
    use crate::json::numbers;
    use crate::json::read::tests::documents;

    #[derive(Deserialize)]
    struct Within {
        any: AnyJson,
        list: Vec<AnyJson>,
    }

    fn within(document: &str) -> String {
        format!(r#"{{"any":{document},"list":[{document}]}}"#)
    }

    #[track_caller]
    fn is(read: Result<Within, String>, expected: &Value) {
        let Within { any, list } = read.unwrap();
        assert_eq!((any.value(), &list), (expected, &vec![AnyJson::from(expected.clone())]));
    }

    proptest! {
        #[test]
        fn it_is_what_was_written_wherever_it_comes_from(document in documents()) {
            // Of a value `serde_json` hands it on without its sign.
            prop_assume!(!document.contains("-0"));
            let whole = within(&document);
            let of_text = serde_json::from_str::<Within>(&whole).map_err(|error| error.to_string());
            // Numbers with an exponent are written anew by `serde_json`.
            if !numbers::may_have_exponents(document.as_bytes()) {
                is(of_text, &Json::from_slice(document.as_bytes()).unwrap().into_value());
            }
            let value = Json::from_slice(whole.as_bytes()).unwrap().into_value();
            let expected = value["any"].clone();
            let read = Within::deserialize(&value).map_err(|error| error.to_string());
            is(read, &expected);
            is(serde_path_to_error::deserialize(value).map_err(|error| error.to_string()), &expected);
        }
    }

    #[test]
    fn numbers_of_every_kind_keep_their_digits() {
        let numbers = r"[0,-1,18446744073709551615,18446744073709551616,-9223372036854775809,1.5,1.50,-0.0,0.1e-400,1E5,340282366920938463463374607431768211456]";
        let value = Json::from_slice(numbers.as_bytes()).unwrap().into_value();
        assert_eq!(value.to_string(), numbers);
        assert_eq!(AnyJson::deserialize(&value).unwrap().into_value().to_string(), numbers);
        assert_eq!(AnyJson::deserialize(value).unwrap().into_value().to_string(), numbers);
    }
}
