//! What the settings of every plug-in must do.

use schemars::SchemaGenerator;
use serde_json::{Map, Value};
use sluice_connector_api::Plugin;

/// A key that nobody would use.
const UNKNOWN: &str = "a_key_that_is_not_there";

/// Holds a plug-in's settings to their contract: the name is in `snake_case`, the settings and every key of theirs are
/// documented, `example` builds, and a key that is not known is refused.
///
/// The plug-in comes from the registry, so that it works for sinks, transforms and predicates alike. Panics where the
/// settings break the contract.
///
/// ```
/// # use async_trait::async_trait;
/// # use sluice_connector_api::{Limits, PutError, Record, SettingsError, Sink, SinkSettings};
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use sluice_connector_api::Registry;
/// use sluice_plugin_testing::settings_contract;
///
/// /// Stores nothing in a table.
/// #[derive(Deserialize, Serialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Table {
///     /// The table's name.
///     name: String,
/// }
/// # #[async_trait]
/// # impl Sink for Table {
/// #     fn limits(&self) -> Limits { Limits::default() }
/// #     async fn put(&self, _: &[Record]) -> Result<(), PutError> { Ok(()) }
/// # }
/// # impl SinkSettings for Table {
/// #     const NAME: &'static str = "table";
/// #     fn build(self) -> Result<Box<dyn Sink>, SettingsError> { Ok(Box::new(self)) }
/// # }
///
/// let registry = Registry::new().with_sink::<Table>();
/// settings_contract(registry.sink("table")?, &serde_json::json!({ "name": "prices" }));
/// # Ok::<(), sluice_connector_api::UnknownPlugin>(())
/// ```
#[track_caller]
pub fn settings_contract<T: ?Sized>(plugin: &Plugin<T>, example: &Value) {
    let name = plugin.name();
    let is_snake = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    assert!(!name.is_empty() && name.chars().all(is_snake), "`{name}` is not in snake_case");
    is_documented(plugin);
    if let Err(error) = plugin.build(example.clone()) {
        panic!("{name}: the example does not build: {error}");
    }
    refuses_an_unknown_key(plugin, example);
}

#[track_caller]
fn is_documented<T: ?Sized>(plugin: &Plugin<T>) {
    let name = plugin.name();
    assert!(!plugin.summary().is_empty(), "`{name}` has no documentation");
    let schema = plugin.schema(&mut SchemaGenerator::default());
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (key, property) in properties {
        let said = property.get("description").and_then(Value::as_str).unwrap_or_default();
        assert!(!said.is_empty(), "the key `{key}` of `{name}` has no documentation");
    }
}

#[track_caller]
fn refuses_an_unknown_key<T: ?Sized>(plugin: &Plugin<T>, example: &Value) {
    let Value::Object(keys) = example else { return };
    let mut keys = keys.clone();
    keys.insert(UNKNOWN.to_owned(), Value::Null);
    let name = plugin.name();
    let Err(error) = plugin.build(Value::Object(keys)) else {
        panic!("`{name}` takes a key that it does not know; deny unknown fields");
    };
    assert!(error.to_string().contains(UNKNOWN), "`{name}` does not name an unknown key: {error}");
}
