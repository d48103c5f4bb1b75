//! Which plug-ins there are, what each can be told, and whether a configuration is valid.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::flat::{CLASS, FlatConfig, TOPICS};
use crate::config::flat_names::FlatError;
use crate::config::schema::plugin_schema;
use crate::config::shared_schema::ConnectorSchema;
use crate::control::configs;
use crate::control::error::{RestError, RestResult};
use crate::control::query::Parameters;
use crate::control::served::Served;

/// `PluginInfo`.
#[derive(Debug, Serialize)]
pub(super) struct PluginInfo {
    class: String,
    #[serde(rename = "type")]
    kind: &'static str,
    version: String,
}

/// `ConfigKeyInfo`.
#[derive(Clone, Debug, Serialize)]
pub(super) struct ConfigKey {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    required: bool,
    default_value: Option<String>,
    importance: &'static str,
    documentation: String,
    group: String,
    width: &'static str,
    display_name: String,
    dependents: [&'static str; 0],
    /// Until Kafka Connect 4.3.
    order: usize,
    order_in_group: usize,
}

/// `ConfigValueInfo`.
#[derive(Debug, Serialize)]
struct ConfigValue {
    name: String,
    value: Option<String>,
    recommended_values: [&'static str; 0],
    errors: Vec<String>,
    visible: bool,
}

/// `GET /connector-plugins`.
pub(super) async fn list(State(served): State<Served>, RawQuery(query): RawQuery) -> Json<Vec<PluginInfo>> {
    let registry = &served.registry;
    let info = |name: &str, kind| PluginInfo {
        class: name.to_owned(),
        kind,
        version: served.identity.version.clone(),
    };
    let mut plugins: Vec<_> = registry.sinks().map(|plugin| info(plugin.name(), "sink")).collect();
    if !Parameters::from_query(query.as_deref()).is_true("connectorsOnly", true) {
        plugins.extend(registry.converters().map(|plugin| info(plugin.name(), "converter")));
        plugins.extend(registry.transforms().map(|plugin| info(plugin.name(), "transformation")));
        plugins.extend(registry.predicates().map(|plugin| info(plugin.name(), "predicate")));
    }
    Json(plugins)
}

/// `GET /connector-plugins/{plugin}/config`. Of a sink it is what a whole connector with it can be told.
pub(super) async fn config(
    State(served): State<Served>,
    Path(plugin): Path<String>,
) -> RestResult<Json<Vec<ConfigKey>>> {
    let registry = &served.registry;
    if registry.sink(&plugin).is_ok() {
        return Ok(Json(keys_of_connector(&served, &plugin)));
    }
    let schema = registry.transform(&plugin).map(plugin_schema);
    let schema = schema.or_else(|_| registry.converter(&plugin).map(plugin_schema));
    let schema = schema.or_else(|_| registry.predicate(&plugin).map(plugin_schema));
    let schema = schema.map_err(|_| RestError::not_found(format!("Unknown plugin {plugin}.")))?;
    let mut keys = Vec::new();
    collect(&schema, "", &mut keys);
    Ok(Json(keys))
}

/// `PUT /connector-plugins/{plugin}/config/validate`: finds what `sluice check` finds.
pub(super) async fn validate(
    State(served): State<Served>,
    Path(plugin): Path<String>,
    body: Bytes,
) -> RestResult<Json<Value>> {
    let flat = configs::read(&body)?;
    match flat.get(CLASS) {
        Some(class) if *class == plugin => {}
        Some(class) => {
            return Err(RestError::bad_request(format!(
                "Included connector type {class} does not match request type {plugin}"
            )));
        }
        None => return Err(configs::no_class()),
    }
    configs::known_class(&plugin, &served.registry)?;
    let name = flat.get("name").map_or("connector", String::as_str);
    let before = served.before(name).await;
    let (_, mut errors) = configs::check(name, &flat, before.as_ref(), &served.registry).await;
    if !flat.contains_key("name") {
        errors.push(FlatError::new(
            "name",
            "Missing required configuration \"name\" which has no default value.",
        ));
    }
    Ok(Json(validated(&plugin, &flat, &keys_of_connector(&served, &plugin), &errors)))
}

fn validated(plugin: &str, flat: &FlatConfig, keys: &[ConfigKey], errors: &[FlatError]) -> Value {
    let errors_of = |name: &str| {
        let of_it = errors.iter().filter(|error| error.name == name);
        of_it.map(|error| error.text.clone()).collect::<Vec<_>>()
    };
    let value = |name: &str, value: Option<String>| ConfigValue {
        name: name.to_owned(),
        value,
        recommended_values: [],
        errors: errors_of(name),
        visible: true,
    };
    let mut configs = Vec::new();
    let undefined: Vec<_> = flat.keys().filter(|name| keys.iter().all(|key| key.name != **name)).collect();
    for key in keys {
        let given = flat.get(&key.name).cloned().or_else(|| key.default_value.clone());
        configs.push(json!({ "definition": key, "value": value(&key.name, given) }));
    }
    for name in undefined {
        configs.push(json!({ "definition": null, "value": value(name, flat.get(name).cloned()) }));
    }
    let groups: Vec<_> = keys
        .iter()
        .map(|key| key.group.clone())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    json!({ "name": plugin, "error_count": errors.len(), "groups": groups, "configs": configs })
}

fn keys_of_connector(served: &Served, sink: &str) -> Vec<ConfigKey> {
    let mut schema = ConnectorSchema::of(&served.registry).value().clone();
    let mut keys = Vec::new();
    let text = |documentation: &str| json!({ "type": "string", "description": documentation });
    for (name, documentation) in [
        ("name", "Its name: that of its file, without the ending."),
        (CLASS, "The sink, by its name."),
        (TOPICS, "The topics to read, with commas between them."),
    ] {
        keys.push(ConfigKey::new(name.to_owned(), &text(documentation), true, keys.len()));
    }
    if let Some(properties) = schema.pointer_mut("/properties/sink/properties").and_then(Value::as_object_mut)
    {
        properties.retain(|name, _| name == sink);
    }
    if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.shift_remove("transforms");
    }
    collect(&schema, "", &mut keys);
    // It has a name of its own above, and a sink for dead letters is any of all.
    keys.retain(|key| {
        key.name != "source.kafka.topics" && !key.name.starts_with("errors.dead_letter_queue.sink.")
    });
    for (order, key) in keys.iter_mut().enumerate() {
        key.order = order + 1;
        key.order_in_group = order + 1;
    }
    keys
}

/// Collects the values below a schema; what is a map of any keys has no names of its own.
fn collect(schema: &Value, path: &str, keys: &mut Vec<ConfigKey>) {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, below) in properties.into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if below.get("properties").is_some() {
            collect(below, &path, keys);
        } else {
            keys.push(ConfigKey::new(path, below, required.contains(&name.as_str()), keys.len()));
        }
    }
}

impl ConfigKey {
    fn new(name: String, schema: &Value, required: bool, order: usize) -> Self {
        let group = name.split('.').next().unwrap_or_default().to_owned();
        let documentation = schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
        let default = schema.get("default").filter(|default| !default.is_null());
        let default_value = default.map(|default| match default {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        Self {
            kind: kind(schema),
            required,
            default_value,
            importance: if required { "HIGH" } else { "MEDIUM" },
            documentation,
            group,
            width: "MEDIUM",
            display_name: name.clone(),
            dependents: [],
            order,
            order_in_group: order,
            name,
        }
    }
}

/// Names a type (`org.apache.kafka.common.config.ConfigDef.Type`).
fn kind(schema: &Value) -> &'static str {
    if schema.get("writeOnly") == Some(&Value::Bool(true)) {
        return "PASSWORD";
    }
    let named = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        Some(one) => one.as_str(),
        None => None,
    };
    match named {
        Some("integer") => "LONG",
        Some("number") => "DOUBLE",
        Some("boolean") => "BOOLEAN",
        Some("array") => "LIST",
        _ => "STRING",
    }
}
