//! `field_value`: a record with a certain field.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};
use sluice_connector_api::{
    AnyJson, FieldKind, FieldKinds, FieldNeed, FormNeed, Found, Payload, Predicate, PredicateSettings,
    Record, Rejection, Scalar, SettingsError, is_same_json, order_of_json,
};
use sluice_template::shape;

use crate::field_path::FieldPath;
use crate::subject::Of;
use crate::whole_regex::WholeRegex;

/// Holds for records with a field whose value is right.
///
/// All that is asked has to be so; without anything asked, the field has to be there and not null. Numbers are compared by
/// what they are and exactly: `1e2` is `100`. It does not hold for a tombstone, nor for a record without the field or with
/// null in it, unless `exists: false` asks for that. Kafka Connect has none like it.
///
/// ```yaml
/// transforms:
///   - filter: {}
///     predicate:
///       field_value:
///         field: order.status
///         in: [cancelled, draft]
/// ```
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-instead" = {"op, operator, condition, comparison": "what is asked is the key itself, such as `equals: paid` or `greater_than: 100`"}))]
pub(crate) struct FieldValueSettings {
    /// The field. Names within names are separated by dots; an item of an array is a number from 0; a name that has a
    /// dot stands in brackets (`quote.[trade.time]`) or between backticks.
    field: String,
    /// Whether the field has to be there and not null; `false` asks for one that is missing or null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exists: Option<bool>,
    /// The value has to be this one: text, a number, `true` or `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["eq", "value", "is"]))]
    equals: Option<PlainValue>,
    /// The value has to be one of these.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    one_of: Option<Vec<PlainValue>>,
    /// A regular expression that the whole text, or the digits of a number, has to fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-pattern" = true))]
    #[schemars(extend("x-also" = ["regex", "pattern", "match"]))]
    matches: Option<String>,
    /// The value has to be more than this number or text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["gt", "above", "min"]))]
    greater_than: Option<PlainValue>,
    /// The value has to be less than this number or text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-also" = ["lt", "below", "max"]))]
    less_than: Option<PlainValue>,
    /// Whether the field is one of the key or of the value. Default `value`.
    #[serde(default)]
    of: Of,
}

/// A value to compare with.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum PlainValue {
    Bool(bool),
    Number(#[schemars(with = "f64")] Number),
    Text(String),
}

/// By hand: what `serde` tries in turn has no numbers beyond 64 bits.
impl<'de> Deserialize<'de> for PlainValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match AnyJson::deserialize(deserializer)?.into_value() {
            Value::Bool(bool) => Ok(Self::Bool(bool)),
            Value::Number(number) => Ok(Self::Number(number)),
            Value::String(text) => Ok(Self::Text(text)),
            _ => Err(D::Error::custom("expected text, a number, `true` or `false`")),
        }
    }
}

impl From<PlainValue> for Value {
    fn from(plain: PlainValue) -> Self {
        match plain {
            PlainValue::Bool(bool) => bool.into(),
            PlainValue::Number(number) => Self::Number(number),
            PlainValue::Text(text) => text.into(),
        }
    }
}

impl PredicateSettings for FieldValueSettings {
    const NAME: &'static str = "field_value";

    fn build(self) -> Result<Box<dyn Predicate>, SettingsError> {
        let matches = self.matches.map(|pattern| WholeRegex::new("matches", &pattern)).transpose()?;
        let equals = match (self.equals, self.one_of) {
            (Some(_), Some(_)) => {
                return Err(SettingsError::at("in", "stands beside `equals`; name one of them"));
            }
            (Some(value), None) => Some(vec![value.into()]),
            (None, values) => values.map(|values| values.into_iter().map(Value::from).collect()),
        };
        let tests = ValueTests {
            equals,
            matches,
            greater_than: self.greater_than.map(Value::from),
            less_than: self.less_than.map(Value::from),
        };
        if self.exists == Some(false) && tests.are_any() {
            return Err(SettingsError::at(
                "exists",
                "is false, so that there is no value to ask anything of",
            ));
        }
        let field = FieldPath::parse("field", self.field)?;
        Ok(Box::new(FieldValue {
            field,
            exists: self.exists.unwrap_or(true),
            tests: Arc::new(tests),
            of: self.of,
        }))
    }
}

struct FieldValue {
    field: FieldPath,
    exists: bool,
    tests: Arc<ValueTests>,
    of: Of,
}

/// What is asked of a value.
struct ValueTests {
    equals: Option<Vec<Value>>,
    matches: Option<WholeRegex>,
    greater_than: Option<Value>,
    less_than: Option<Value>,
}

impl Predicate for FieldValue {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        let found = match self.of.get(record) {
            None => None,
            Some(Payload::Json(json)) => self.field.find(json).filter(|found| *found != Found::Null),
            Some(other) => {
                let side = self.of.side().name();
                let reason = shape::no_object(other, side, "predicate field_value", self.field.as_str());
                return Err(Rejection::new(reason));
            }
        };
        Ok(match found {
            None => !self.exists,
            Some(found) => self.exists && self.tests.hold(found),
        })
    }

    fn needs(&self) -> Vec<FormNeed> {
        let need = self.of.needs_field(self.field.as_str()).with_fields_optional();
        if !self.exists {
            return vec![need];
        }
        let tests = Arc::clone(&self.tests);
        let kind = FieldNeed::new(self.field.names(), tests.kinds(), tests.what());
        let kind = kind.with_test(move |value| tests.hold(Found::from_value(value))).never_holds();
        vec![need.with_sought([self.field.names()]).with_kind(kind)]
    }
}

impl ValueTests {
    /// Returns the kinds of which a value has to be for all of the tests.
    fn kinds(&self) -> FieldKinds {
        let of = |value: &Value| FieldKind::of(value).map_or(FieldKinds::ANY, FieldKinds::from);
        let mut kinds = FieldKinds::ANY;
        if self.matches.is_some() {
            kinds = FieldKinds::SCALAR;
        }
        if let Some((first, rest)) = self.equals.as_deref().and_then(<[Value]>::split_first) {
            kinds = kinds.common(rest.iter().fold(of(first), |kinds, value| kinds | of(value)));
        }
        for bound in [&self.greater_than, &self.less_than].into_iter().flatten() {
            kinds = kinds.common(of(bound));
        }
        kinds
    }

    fn what(&self) -> String {
        let kinds = self.kinds();
        if kinds == FieldKinds::ANY { "there".to_owned() } else { format!("{kinds} to compare with") }
    }

    fn are_any(&self) -> bool {
        self.equals.is_some()
            || self.matches.is_some()
            || self.greater_than.is_some()
            || self.less_than.is_some()
    }

    fn hold(&self, found: Found<'_>) -> bool {
        let matches = |regex: &WholeRegex| match found {
            Found::Scalar(Scalar::Text(text) | Scalar::Number(text) | Scalar::Bool(text)) => {
                regex.is_match(text)
            }
            Found::Null | Found::Nested(_) => false,
        };
        if !self.matches.as_ref().is_none_or(matches) {
            return false;
        }
        if self.equals.is_none() && self.greater_than.is_none() && self.less_than.is_none() {
            return true;
        }
        let value = found.to_value();
        let is_same = |others: &Vec<Value>| others.iter().any(|other| is_same_json(other, &value));
        let is_greater = |other: &Value| order_of_json(&value, other).is_some_and(std::cmp::Ordering::is_gt);
        let is_less = |other: &Value| order_of_json(&value, other).is_some_and(std::cmp::Ordering::is_lt);
        self.equals.as_ref().is_none_or(is_same)
            && self.greater_than.as_ref().is_none_or(is_greater)
            && self.less_than.as_ref().is_none_or(is_less)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panicking")]
mod tests {
    use serde_json::json;
    use sluice_connector_api::{Json, Origin};

    use super::*;

    fn test(settings: Value, value: Option<&str>) -> Result<bool, String> {
        let predicate = serde_json::from_value::<FieldValueSettings>(settings).unwrap().build().unwrap();
        let mut record = Record::new(Origin::new("t", 0, 0));
        record.value = value.map(|value| Payload::Json(Json::from_slice(value.as_bytes()).unwrap()));
        predicate.test(&record).map_err(|rejection| rejection.to_string())
    }

    #[test]
    fn a_field_is_compared_by_what_it_is() {
        let value = Some(r#"{"a":{"b":1e2},"s":"abc","n":null,"t":true,"l":[1]}"#);
        for (settings, expected) in [
            (json!({"field": "a.b", "equals": 100}), true),
            (json!({"field": "a.b", "equals": "100"}), false),
            (json!({"field": "s", "in": ["x", "abc"]}), true),
            (json!({"field": "a.b", "less_than": 340_282_366_920_938_463_463_u128}), true),
            (json!({"field": "s", "in": []}), false),
            (json!({"field": "t", "equals": true}), true),
            (json!({"field": "s", "matches": "a.*"}), true),
            (json!({"field": "s", "matches": "b"}), false),
            (json!({"field": "a.b", "greater_than": 99.5, "less_than": 101}), true),
            (json!({"field": "a.b", "greater_than": 100}), false),
            (json!({"field": "s", "greater_than": "abb"}), true),
            (json!({"field": "l", "matches": ".*"}), false),
            (json!({"field": "l"}), true),
            (json!({"field": "n"}), false),
            (json!({"field": "n", "exists": false}), true),
            (json!({"field": "x", "exists": false}), true),
            (json!({"field": "x", "equals": 1}), false),
        ] {
            assert_eq!(test(settings.clone(), value), Ok(expected), "{settings}");
        }
    }

    #[test]
    fn a_tombstone_has_no_field() {
        assert_eq!(test(json!({"field": "a"}), None), Ok(false));
        assert_eq!(test(json!({"field": "a", "exists": false}), None), Ok(true));
    }

    #[test]
    fn what_cannot_be_asked_is_refused() {
        for (settings, key) in [
            (json!({"field": "a..b"}), "field"),
            (json!({"field": "a", "matches": "("}), "matches"),
            (json!({"field": "a", "equals": 1, "in": [2]}), "in"),
            (json!({"field": "a", "exists": false, "equals": 2}), "exists"),
        ] {
            let built = serde_json::from_value::<FieldValueSettings>(settings).unwrap().build();
            assert_eq!(built.err().unwrap().path(), key);
        }
    }
}
