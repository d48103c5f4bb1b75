//! The settings that every sink on AWS shares beside those of its own, as the keys of one map.
//!
//! Serde's `flatten` cannot do this: it excludes `deny_unknown_fields`, so that a misspelt key would pass, and an error
//! would no longer name its key. Here the keys that are shared are taken on the way, and the sink's own settings read
//! the others as if they were alone.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sluice_connector_api::{HumanDuration, SettingsError, Sink, SinkSettings};

use super::settings::AwsSettings;
use crate::url::endpoint_url;

/// The settings of a sink on AWS, without those that all of them share.
///
/// Derive `Deserialize`, `Serialize` and `JsonSchema`, and deny unknown fields, as for `SinkSettings`; then register
/// `OnAws<...>`:
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use sluice_connector_api::{Registry, SettingsError, Sink};
/// use sluice_wire::{AwsSettings, AwsSinkSettings, OnAws};
///
/// /// Stores nothing in a table.
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct TableSettings {
///     /// The table.
///     table: String,
/// }
///
/// impl AwsSinkSettings for TableSettings {
///     const NAME: &'static str = "table";
///
///     fn build(self, aws: AwsSettings) -> Result<Box<dyn Sink>, SettingsError> {
///         Err(SettingsError::at("table", format!("not {} in {:?}", self.table, aws.region)))
///     }
/// }
///
/// let registry = Registry::new().with_sink::<OnAws<TableSettings>>();
/// let settings = serde_json::json!({ "table": "t", "region": "eu-west-3" });
/// let error = registry.sink("table")?.build(settings).map(|_| ()).unwrap_err();
/// assert_eq!(error.to_string(), r#"table: not t in Some("eu-west-3")"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait AwsSinkSettings: DeserializeOwned + JsonSchema + 'static {
    /// The key under `sink:` that picks this sink, in `snake_case`.
    const NAME: &'static str;

    /// How long a call may take where `request_timeout` does not say. Default: 30 seconds.
    const REQUEST_TIMEOUT: HumanDuration = HumanDuration::secs(30);

    /// Checks what the schema cannot say, and makes the sink, as [`SinkSettings::build`] does.
    fn build(self, aws: AwsSettings) -> Result<Box<dyn Sink>, SettingsError>;
}

/// The settings of a sink on AWS and those that all of them share, in one map.
#[derive(Clone, Debug, Serialize)]
pub struct OnAws<S> {
    /// The sink's own.
    #[serde(flatten)]
    pub own: S,
    /// Those that all share.
    #[serde(flatten)]
    pub aws: AwsSettings,
}

impl<S: AwsSinkSettings> SinkSettings for OnAws<S> {
    const NAME: &'static str = S::NAME;

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        if let Some(url) = &self.aws.endpoint_url {
            endpoint_url("endpoint_url", url)?;
        }
        self.own.build(self.aws)
    }
}

impl<S: AwsSinkSettings> JsonSchema for OnAws<S> {
    fn inline_schema() -> bool {
        S::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        S::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        format!("{}::OnAws<{}>", module_path!(), S::schema_id()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = S::json_schema(generator);
        let shared = shared_properties(generator, S::REQUEST_TIMEOUT);
        match schema.get_mut("properties") {
            Some(Value::Object(own)) => own.extend(shared),
            _ => {
                schema.insert("properties".to_owned(), shared.into());
            }
        }
        let mut instead = schema.get("x-instead").and_then(Value::as_object).cloned().unwrap_or_default();
        instead.insert(ELSEWHERE.to_owned(), CREDENTIALS.into());
        schema.insert("x-instead".to_owned(), instead.into());
        schema
    }
}

/// Keys by which other tools name credentials.
const ELSEWHERE: &str = "access_key, access_key_id, assume_role, aws_access_key_id, aws_secret_access_key, credentials, profile, role_arn, secret_access_key";
const CREDENTIALS: &str =
    "credentials come from AWS's usual places: environment, profile, web identity, container or instance";

/// The keys that are shared, with the default that depends on the sink.
fn shared_properties(generator: &mut SchemaGenerator, timeout: HumanDuration) -> Map<String, Value> {
    let mut schema = AwsSettings::json_schema(generator);
    let Some(Value::Object(mut shared)) = schema.remove("properties") else {
        return Map::new();
    };
    if let Some(Value::Object(key)) = shared.get_mut("request_timeout") {
        let said = key.get("description").and_then(Value::as_str).unwrap_or_default();
        let said = format!("{said} Default: `{timeout}`.");
        key.insert("description".to_owned(), said.into());
        key.insert("default".to_owned(), timeout.to_string().into());
    }
    shared
}

impl<'de, S: AwsSinkSettings> Deserialize<'de> for OnAws<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OnAwsVisitor(PhantomData))
    }
}

struct OnAwsVisitor<S>(PhantomData<S>);

impl<'de, S: AwsSinkSettings> Visitor<'de> for OnAwsVisitor<S> {
    type Value = OnAws<S>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of settings")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        let mut aws = AwsSettings::new(S::REQUEST_TIMEOUT.get());
        let own = S::deserialize(MapAccessDeserializer::new(OwnKeys { map, aws: &mut aws }))?;
        Ok(OnAws { own, aws })
    }
}

/// The keys of a map but for those that are shared, which are read when they are passed.
struct OwnKeys<'a, M> {
    map: M,
    aws: &'a mut AwsSettings,
}

impl<'de, M: MapAccess<'de>> MapAccess<'de> for OwnKeys<'_, M> {
    type Error = M::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, M::Error> {
        while let Some(key) = self.map.next_key::<String>()? {
            match key.as_str() {
                "region" => self.aws.region = self.map.next_value()?,
                "endpoint_url" => self.aws.endpoint_url = self.map.next_value()?,
                "request_timeout" => self.aws.request_timeout = self.map.next_value()?,
                _ => return seed.deserialize(StringDeserializer::new(key)).map(Some),
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, M::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use serde_json::json;
    use sluice_connector_api::Registry;

    use super::*;

    /// Stores nothing.
    #[derive(Debug, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Table {
        /// The table.
        table: String,
        /// What is within.
        #[serde(default)]
        inner: Vec<u8>,
    }

    impl AwsSinkSettings for Table {
        const NAME: &'static str = "table";
        const REQUEST_TIMEOUT: HumanDuration = HumanDuration::secs(60);

        fn build(self, _: AwsSettings) -> Result<Box<dyn Sink>, SettingsError> {
            Err(SettingsError::new("it was read"))
        }
    }

    fn wrong(settings: Value) -> (String, String) {
        let registry = Registry::new().with_sink::<OnAws<Table>>();
        let error = registry.sink("table").unwrap().build(settings).map(|_| ()).unwrap_err();
        (error.path().to_owned(), error.reason().to_owned())
    }

    #[test]
    fn the_keys_that_are_shared_stand_beside_the_others() {
        let written =
            json!({ "region": "eu-west-3", "table": "t", "endpoint_url": null, "request_timeout": "5s" });
        let settings: OnAws<Table> = serde_json::from_value(written).unwrap();
        assert_eq!((settings.own.table.as_str(), settings.aws.region.as_deref()), ("t", Some("eu-west-3")));
        assert_eq!((settings.aws.endpoint_url, settings.aws.request_timeout), (None, HumanDuration::secs(5)));
        let least: OnAws<Table> = serde_json::from_value(json!({ "table": "t" })).unwrap();
        assert_eq!(least.aws, AwsSettings::new(Table::REQUEST_TIMEOUT.get()));
    }

    #[test]
    fn every_key_that_is_shared_is_read() {
        let aws = AwsSettings {
            region: Some("eu-west-3".to_owned()),
            endpoint_url: Some("http://localhost:1".to_owned()),
            request_timeout: HumanDuration::secs(7),
        };
        let written = OnAws { own: Table { table: "t".to_owned(), inner: vec![1] }, aws: aws.clone() };
        let text = serde_json::to_value(&written).unwrap();
        let properties = schemars::schema_for!(AwsSettings);
        for key in properties.get("properties").unwrap().as_object().unwrap().keys() {
            assert!(text.get(key).is_some(), "{key}");
        }
        let read: OnAws<Table> = serde_json::from_value(text).unwrap();
        assert_eq!((read.aws, read.own.inner), (aws, vec![1]));
    }

    #[test]
    fn an_error_names_its_key_and_an_unknown_key_is_one() {
        assert_eq!(wrong(json!({ "table": "t" })).1, "it was read");
        assert_eq!(wrong(json!({ "table": "t", "request_timeout": "soon" })).0, "request_timeout");
        assert_eq!(wrong(json!({ "table": "t", "region": 3 })).0, "region");
        assert_eq!(wrong(json!({ "region": "eu-west-3", "table": "t", "inner": [1, 300] })).0, "inner[1]");
        assert!(wrong(json!({ "table": "t", "regoin": "eu-west-3" })).1.contains("unknown field `regoin`"));
        assert!(wrong(json!({ "region": "eu-west-3" })).1.contains("missing field `table`"));
    }

    #[test]
    fn the_schema_has_all_keys_and_no_others() {
        let schema = schemars::schema_for!(OnAws<Table>);
        let properties = schema.get("properties").unwrap().as_object().unwrap();
        let keys: Vec<_> = properties.keys().collect();
        assert_eq!(keys, ["table", "inner", "region", "endpoint_url", "request_timeout"]);
        assert_eq!(properties["request_timeout"]["default"], "1m");
        assert!(properties["request_timeout"]["description"].as_str().unwrap().ends_with("Default: `1m`."));
        assert_eq!(properties["endpoint_url"]["default"], Value::Null);
        assert_eq!(properties["region"]["pattern"], "^[a-z0-9-]+$");
        assert_eq!(schema.get("additionalProperties"), Some(&json!(false)));
        assert_eq!(schema.get("required"), Some(&json!(["table"])));
        assert_eq!(schema.get("description"), Some(&json!("Stores nothing.")));
    }
}
