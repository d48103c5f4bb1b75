//! The attributes of a document. Pure.

use aws_smithy_types::primitive::Encoder;
use serde_json::{Map, Value, json};
use sluice_connector_api::{Failure, FieldKind, FieldNeed, FormNeed, Record, SettingsError};
use sluice_template::Template;

use super::unfit::UnfitValue;

use crate::bedrock_kb::settings::{Attribute, MetadataSettings, OriginAttribute, Profile};
use crate::record::naming;

/// Attributes of a document, as the model of the API allows.
const MAX_ATTRIBUTES: usize = 50;
/// Keys of a vector in Amazon S3 Vectors, as far as Bedrock's users may set them.
const MAX_S3_VECTORS_KEYS: usize = 35;
/// Bytes of a vector's metadata in Amazon S3 Vectors, as far as Bedrock's users may fill them: 1 KB.
const MAX_S3_VECTORS_BYTES: usize = 1024;
/// Characters of a key. The document API takes 200, but filters and results of a search take 100.
const MAX_KEY_CHARS: usize = 100;
/// Characters of a text, as the model of the API allows.
const MAX_TEXT_CHARS: usize = 2048;
/// Texts of a list, as the model of the API allows.
const MAX_LIST_ITEMS: usize = 10;
/// What keys of the service's own start with: of customer-managed knowledge bases, and of managed ones.
const RESERVED: [&str; 2] = ["x-amz-bedrock", "_"];

/// An attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AttributeValue {
    String(String),
    Number(f64),
    Boolean(bool),
    StringList(Vec<String>),
}

/// Attributes with their keys.
pub(crate) type DocumentAttributes = Vec<(String, AttributeValue)>;

/// Makes attributes of records.
#[derive(Debug)]
pub(crate) struct MetadataRules {
    attributes: Vec<(String, AttributeRule)>,
    origin: Vec<OriginAttribute>,
    profile: Profile,
}

#[derive(Debug)]
enum AttributeRule {
    String(Template),
    Number(Template),
    Boolean(Template),
    StringList(Template),
}

impl MetadataRules {
    pub(crate) fn new(settings: &MetadataSettings) -> Result<Self, SettingsError> {
        check_count(settings)?;
        let mut origin = settings.origin.clone();
        origin.sort_unstable();
        origin.dedup();
        let taken = |key: &str| origin.iter().any(|attribute| attribute.key() == key);
        let rules = settings.attributes.iter().map(|(key, attribute)| {
            let key_path = format!("metadata.attributes.{key}");
            check_key(key, &key_path)?;
            if taken(key) {
                return Err(SettingsError::at(
                    key_path,
                    "`metadata.origin` makes this attribute as well; remove one",
                ));
            }
            Ok((key.clone(), AttributeRule::new(attribute, &key_path)?))
        });
        Ok(Self { attributes: rules.collect::<Result<_, _>>()?, origin, profile: settings.profile })
    }

    /// States the forms that they need.
    pub(crate) fn needs(&self) -> Vec<FormNeed> {
        let mut needs = Vec::new();
        for (key, rule) in &self.attributes {
            needs.extend(rule.needs(&format!("metadata.attributes.{key}")));
        }
        needs
    }

    /// Returns the attributes of a record; those that are missing, null or empty are left out.
    pub(crate) fn of(&self, record: &Record) -> Result<DocumentAttributes, Failure> {
        let origin =
            self.origin.iter().filter_map(|origin| Some((origin.key().to_owned(), origin.value(record)?)));
        let mut attributes: DocumentAttributes = origin.collect();
        for (key, rule) in &self.attributes {
            let value = rule.value(record).map_err(|unfit| not_made(key, unfit))?;
            attributes.extend(value.map(|value| (key.clone(), value)));
        }
        for (key, value) in &attributes {
            value.check().map_err(|reason| not_made(key, reason.into()))?;
        }
        match self.profile {
            Profile::S3Vectors => check_s3_vectors(&attributes)?,
            Profile::Any => {}
        }
        Ok(attributes)
    }
}

fn not_made(key: &str, unfit: UnfitValue) -> Failure {
    unfit.rejected(&format!("the metadata attribute `{key}` cannot be made: "))
}

fn check_count(settings: &MetadataSettings) -> Result<(), SettingsError> {
    let (most, whose) = match settings.profile {
        Profile::Any => (MAX_ATTRIBUTES, "a document"),
        Profile::S3Vectors => (MAX_S3_VECTORS_KEYS, "a vector of Amazon S3 Vectors"),
    };
    let count = settings.attributes.len() + settings.origin.len();
    if count > most {
        let reason = format!("{count} attributes are too many: {whose} takes at most {most}; remove some");
        return Err(SettingsError::at("metadata.attributes", reason));
    }
    Ok(())
}

fn check_key(key: &str, key_path: &str) -> Result<(), SettingsError> {
    if key.is_empty() || key.chars().count() > MAX_KEY_CHARS {
        return Err(SettingsError::at(key_path, format!("a key has 1 to {MAX_KEY_CHARS} characters")));
    }
    match RESERVED.iter().find(|prefix| key.starts_with(**prefix)) {
        Some(prefix) => {
            let reason = format!("keys that start with `{prefix}` are the service's own; write another");
            Err(SettingsError::at(key_path, reason))
        }
        None => Ok(()),
    }
}

fn check_s3_vectors(attributes: &DocumentAttributes) -> Result<(), Failure> {
    let object: Map<_, _> = attributes.iter().map(|(key, value)| (key.clone(), value.to_plain())).collect();
    let bytes = Value::Object(object).to_string().len();
    if bytes > MAX_S3_VECTORS_BYTES {
        return Err(Failure::rejected(format!(
            "the metadata has {bytes} bytes, and Amazon S3 Vectors takes at most {MAX_S3_VECTORS_BYTES}; map less of the \
             record to `metadata`"
        )));
    }
    Ok(())
}

impl AttributeRule {
    fn new(attribute: &Attribute, key_path: &str) -> Result<Self, SettingsError> {
        let parse = |kind: &str, text: &str| Template::new(&format!("{key_path}.{kind}"), text);
        match attribute {
            Attribute::String(text) => parse("string", text).map(Self::String),
            Attribute::Number(text) => parse("number", text).map(Self::Number),
            Attribute::Boolean(text) => parse("boolean", text).map(Self::Boolean),
            Attribute::StringList(text) => {
                let template = parse("string_list", text)?;
                if !template.is_one_tag() {
                    let reason = "a list is one tag, such as {{tags}}";
                    return Err(SettingsError::at(format!("{key_path}.string_list"), reason));
                }
                Ok(Self::StringList(template))
            }
        }
    }

    fn needs(&self, key_path: &str) -> Vec<FormNeed> {
        let (kind, template) = match self {
            Self::String(template) => ("string", template),
            Self::Number(template) => ("number", template),
            Self::Boolean(template) => ("boolean", template),
            Self::StringList(template) => ("string_list", template),
        };
        let mut needs = template.needs(&format!("{key_path}.{kind}"));
        for need in needs.iter_mut().filter(|_| template.is_one_tag()) {
            let kinds: Vec<FieldNeed> = need.fields.iter().filter_map(|field| self.takes(field)).collect();
            need.kinds.extend(kinds);
        }
        // An attribute that is missing is left out.
        needs.into_iter().map(FormNeed::with_fields_optional).collect()
    }

    /// States what the field has to be that the value is made of; nothing where any will do.
    fn takes(&self, field: &[String]) -> Option<FieldNeed> {
        let text_of = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self {
            Self::Number(_) => {
                let need = FieldNeed::new(field, FieldKind::Text | FieldKind::Number, "a number");
                Some(need.with_test(move |value| number(&text_of(value)).is_ok()))
            }
            Self::Boolean(_) => {
                let need = FieldNeed::new(field, FieldKind::Text | FieldKind::Boolean, "`true` or `false`");
                Some(need.with_test(move |value| boolean(&text_of(value)).is_ok()))
            }
            Self::String(_) | Self::StringList(_) => None,
        }
    }

    /// Makes the value; `None` where there is nothing to make it of.
    fn value(&self, record: &Record) -> Result<Option<AttributeValue>, UnfitValue> {
        match self {
            Self::String(template) => Ok(present(template, record)?.map(AttributeValue::String)),
            Self::Number(template) => present(template, record)?.map(|text| number(&text)).transpose(),
            Self::Boolean(template) => present(template, record)?.map(|text| boolean(&text)).transpose(),
            Self::StringList(template) => string_list(template, record),
        }
    }
}

fn present(template: &Template, record: &Record) -> Result<Option<String>, UnfitValue> {
    let text = template.render_present(record)?;
    Ok(text.filter(|text| !text.is_empty()))
}

fn number(text: &str) -> Result<AttributeValue, UnfitValue> {
    let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number.map(AttributeValue::Number).ok_or_else(|| UnfitValue::new("its text is not a number", text))
}

fn boolean(text: &str) -> Result<AttributeValue, UnfitValue> {
    match text.trim() {
        "true" => Ok(AttributeValue::Boolean(true)),
        "false" => Ok(AttributeValue::Boolean(false)),
        _ => Err(UnfitValue::new(
            "its text is neither `true` nor `false`; `{{#if FIELD}}true{{else}}false{{/if}}` takes the numbers 0 and 1",
            text,
        )),
    }
}

fn string_list(template: &Template, record: &Record) -> Result<Option<AttributeValue>, UnfitValue> {
    let items: Vec<String> = match template.items(record) {
        Some(items) => items?.into_iter().map(str::to_owned).collect(),
        None => present(template, record)?.into_iter().collect(),
    };
    let items: Vec<_> = items.into_iter().filter(|item| !item.is_empty()).collect();
    Ok(if items.is_empty() { None } else { Some(AttributeValue::StringList(items)) })
}

impl OriginAttribute {
    fn value(self, record: &Record) -> Option<AttributeValue> {
        #[allow(clippy::cast_precision_loss, reason = "the API has no other number, and 2^53 is far")]
        let number = |number: i64| Some(AttributeValue::Number(number as f64));
        match self {
            Self::Topic => Some(AttributeValue::String(record.origin().topic().to_owned())),
            Self::Partition => number(record.origin().partition().into()),
            Self::Offset => number(record.origin().offset()),
            Self::Timestamp => number(record.timestamp?.millis),
            Self::Key => {
                let key = naming::by_key(record, "metadata.origin").ok().filter(|key| !key.is_empty());
                key.map(AttributeValue::String)
            }
        }
    }
}

impl AttributeValue {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::String(text) => check_text(text),
            Self::StringList(items) if items.len() > MAX_LIST_ITEMS => {
                Err(format!("a list takes at most {MAX_LIST_ITEMS} texts, not {}", items.len()))
            }
            Self::StringList(items) => items.iter().try_for_each(|item| check_text(item)),
            Self::Number(_) | Self::Boolean(_) => Ok(()),
        }
    }

    /// Returns the value as the store keeps it.
    fn to_plain(&self) -> Value {
        match self {
            Self::String(text) => text.as_str().into(),
            Self::Number(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::StringList(items) => items.as_slice().into(),
        }
    }

    /// Returns by how many bytes the JSON of [`AttributeValue::to_json`] is longer than what the SDK writes: a large number
    /// is `1e+16` there and `1e16` here.
    pub(crate) fn excess(&self) -> usize {
        match self {
            Self::Number(number) => {
                let sent = Encoder::from(*number).encode().len();
                self.to_plain().to_string().len().saturating_sub(sent)
            }
            _ => 0,
        }
    }

    /// Returns the value as the API takes it.
    pub(crate) fn to_json(&self) -> Value {
        let (kind, member) = match self {
            Self::String(_) => ("STRING", "stringValue"),
            Self::Number(_) => ("NUMBER", "numberValue"),
            Self::Boolean(_) => ("BOOLEAN", "booleanValue"),
            Self::StringList(_) => ("STRING_LIST", "stringListValue"),
        };
        json!({ "type": kind, member: self.to_plain() })
    }
}

fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_TEXT_CHARS && text.chars().count() > MAX_TEXT_CHARS {
        return Err(format!("a text takes at most {MAX_TEXT_CHARS} characters"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::collections::BTreeMap;

    use sluice_connector_api::{FailureKind, Timestamp, TimestampType};

    use super::*;
    use sluice_plugin_testing::{text, with_value};

    fn metadata(settings: Value) -> Result<MetadataRules, SettingsError> {
        MetadataRules::new(&serde_json::from_value(settings).unwrap())
    }

    /// The attributes of a JSON value, as plain JSON.
    fn of(attributes: &Value, value: Value) -> Result<Value, String> {
        let made = metadata(json!({ "attributes": attributes })).unwrap().of(&with_value(0, value.into()));
        let plain = |attributes: DocumentAttributes| {
            attributes.iter().map(|(key, value)| (key.clone(), value.to_plain())).collect()
        };
        made.map(plain).map_err(|failure| {
            assert_eq!(failure.kind(), FailureKind::Rejected);
            failure.to_string()
        })
    }

    fn wrong_key(settings: Value) -> String {
        metadata(settings).unwrap_err().path().to_owned()
    }

    #[test]
    fn fields_become_attributes_of_the_type_asked_for() {
        let attributes = json!({
            "ticker": { "string": "{{ticker}}" }, "price": { "number": "{{price}}" }, "live": { "boolean": "{{live}}" },
            "tags": { "string_list": "{{tags}}" }, "tag": { "string_list": "{{ticker}}" }, "year": { "string": "{{year}}" },
        });
        let value = json!({ "ticker": "OOOO", "price": "44.50", "live": true, "tags": ["a", 1, "", null], "year": 2025 });
        let expected = json!({
            "ticker": "OOOO", "price": 44.5, "live": true, "tags": ["a", "1"], "tag": ["OOOO"], "year": "2025",
        });
        let sorted = |value: Value| -> BTreeMap<String, Value> { serde_json::from_value(value).unwrap() };
        assert_eq!(sorted(of(&attributes, value).unwrap()), sorted(expected));
    }

    #[test]
    fn what_is_missing_null_or_empty_is_left_out() {
        let attributes = json!({
            "a": { "string": "{{missing}}" }, "b": { "number": "{{none}}" }, "c": { "string": "{{empty}}" },
            "d": { "string_list": "{{list}}" }, "e": { "boolean": "{{@record.headers.live}}" },
            "f": { "string": "{{given}}-{{missing}}" }, "g": { "string": "{{given}}" },
        });
        let value = json!({ "none": null, "empty": "", "list": [null, ""], "given": "x" });
        assert_eq!(of(&attributes, value).unwrap(), json!({ "g": "x" }));
    }

    #[test]
    fn an_attribute_may_have_a_default_and_a_condition() {
        let attributes = json!({
            "side": { "string": "{{#if is_buy}}buy{{else}}sell{{/if}}" }, "price": { "number": "{{default price 0}}" },
            "venue": { "string": "{{#if venue}}{{venue.name}}{{/if}}" },
        });
        let expected = json!({ "price": 0.0, "side": "sell" });
        assert_eq!(of(&attributes, json!({ "price": null })).unwrap(), expected, "an empty text is left out");
        let value = json!({ "price": 1.5, "is_buy": true, "venue": { "name": "X" } });
        assert_eq!(of(&attributes, value).unwrap(), json!({ "price": 1.5, "side": "buy", "venue": "X" }));
    }

    #[test]
    fn a_value_of_another_type_is_rejected_by_its_key() {
        let one = |rule: &str, value: Value| {
            of(&json!({ "a": { rule: "{{v}}" } }), json!({ "v": value })).unwrap_err()
        };
        assert_eq!(
            one("number", json!("$44")),
            "the metadata attribute `a` cannot be made: its text is not a number"
        );
        let metadata = metadata(json!({ "attributes": { "a": { "number": "{{v}}" } } })).unwrap();
        let failure = metadata.of(&with_value(0, json!({ "v": "$44" }).into())).unwrap_err();
        assert_eq!(failure.detail(), Some("$44"), "it is for whoever asks for the dead letter");
        assert!(one("number", json!("inf")).contains("not a number"));
        assert!(one("boolean", json!("yes")).contains("neither `true` nor `false`"));
        let told = json!({ "a": { "boolean": "{{#if v}}true{{else}}false{{/if}}" } });
        for (number, flag) in [(0, false), (1, true)] {
            assert_eq!(
                of(&told, json!({ "v": number })).unwrap(),
                json!({ "a": flag }),
                "as the error text says"
            );
        }
        assert!(one("string", json!({})).contains("`v` is a JSON object"));
        assert!(one("string_list", json!([[]])).contains("an item of field `v` is a JSON array"));
        assert!(one("string", json!("x".repeat(2049))).contains("2048"));
        assert!(one("string_list", json!(vec!["x"; 11])).contains("at most 10 texts, not 11"));
        assert!(
            of(&json!({ "a": { "string": "{{v}}" } }), json!({ "v": "ż".repeat(2048) })).is_ok(),
            "characters count"
        );
    }

    #[test]
    fn a_value_without_fields_is_not_taken_for_one_without_the_attribute() {
        let metadata = metadata(json!({ "attributes": { "a": { "string": "{{ticker}}" } } })).unwrap();
        let failure = metadata.of(&text(0, "made by a template")).unwrap_err();
        assert!(
            failure.to_string().contains("the value is text, but the template needs an object with `ticker`"),
            "{failure}"
        );
    }

    #[test]
    fn the_origin_is_told_under_names_of_its_own() {
        let settings = json!({ "origin": ["key", "topic", "partition", "offset", "timestamp", "topic"] });
        let metadata = metadata(settings).unwrap();
        let mut record = text(7, "a");
        record.key = Some("k".into());
        record.timestamp = Some(Timestamp { millis: 1_739_712_345_678, kind: TimestampType::CreateTime });
        let made: Vec<_> =
            metadata.of(&record).unwrap().into_iter().map(|(key, value)| (key, value.to_plain())).collect();
        let expected = [
            ("kafka_topic", json!("prices")),
            ("kafka_partition", json!(0.0)),
            ("kafka_offset", json!(7.0)),
            ("kafka_timestamp", json!(1_739_712_345_678.0)),
            ("kafka_key", json!("k")),
        ];
        assert_eq!(made, expected.map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(metadata.of(&text(0, "a")).unwrap().len(), 3, "neither timestamp nor key");
    }

    #[test]
    fn keys_of_the_services_own_and_keys_too_long_are_refused_at_their_place() {
        for key in ["x-amz-bedrock-kb-source-uri", "_source", "", &"k".repeat(101)] {
            let settings = json!({ "attributes": { key: { "string": "a" } } });
            assert_eq!(wrong_key(settings), format!("metadata.attributes.{key}"));
        }
        let twice = json!({ "attributes": { "kafka_key": { "string": "a" } }, "origin": ["key"] });
        assert_eq!(wrong_key(twice), "metadata.attributes.kafka_key");
    }

    #[test]
    fn templates_that_cannot_work_are_refused_at_their_place() {
        let refused = |rule: &str, text: &str| wrong_key(json!({ "attributes": { "a": { rule: text } } }));
        assert_eq!(refused("number", "{{#if a}}1"), "metadata.attributes.a.number");
        assert_eq!(refused("string_list", "{{a}},{{b}}"), "metadata.attributes.a.string_list");
    }

    #[test]
    fn more_attributes_than_the_store_takes_are_refused() {
        let settings = |count: usize, profile: &str| {
            let attributes: Map<_, _> =
                (0..count).map(|n| (format!("a{n}"), json!({ "string": "a" }))).collect();
            json!({ "attributes": attributes, "origin": ["topic"], "profile": profile })
        };
        assert!(metadata(settings(49, "any")).is_ok());
        assert_eq!(wrong_key(settings(50, "any")), "metadata.attributes");
        assert!(metadata(settings(34, "s3_vectors")).is_ok());
        assert_eq!(wrong_key(settings(35, "s3_vectors")), "metadata.attributes");
    }

    #[test]
    fn the_profile_of_s3_vectors_takes_a_kilobyte() {
        let metadata = metadata(
            json!({ "attributes": { "a": { "string": "{{@record.value}}" } }, "profile": "s3_vectors" }),
        );
        let metadata = metadata.unwrap();
        let shell = r#"{"a":""}"#.len();
        assert!(metadata.of(&text(0, &"x".repeat(1024 - shell))).is_ok());
        let failure = metadata.of(&text(0, &"x".repeat(1025 - shell))).unwrap_err();
        assert!(failure.to_string().contains("1025 bytes"), "{failure}");
    }
}
