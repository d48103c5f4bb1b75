use clap::Args;
use serde_json::Value;
use sluice_connector_api::Plugin;
use sluice_runtime::config::schema::plugin_schema;

use crate::exit::{Exit, print};

/// Lists the sinks, transforms and predicates that this program has, or shows the settings of one.
#[derive(Debug, Args)]
pub(crate) struct PluginsArgs {
    /// Show the settings of the plug-in of this name
    name: Option<String>,
}

pub(crate) fn run(args: &PluginsArgs) -> Result<(), Exit> {
    let registry = crate::registry();
    let sinks = list("sink", registry.sinks());
    let transforms = list("transform", registry.transforms());
    let predicates = list("predicate", registry.predicates());
    let all: Vec<Listed> = sinks.into_iter().chain(transforms).chain(predicates).collect();
    let Some(name) = &args.name else {
        return all.iter().try_for_each(|listed| {
            print(format!("{:<10} {:<20} {}", listed.kind, listed.name, listed.summary))
        });
    };
    if let Some(listed) = all.iter().find(|listed| listed.name == name) {
        return show(listed);
    }
    let known: Vec<_> = all.iter().map(|listed| listed.name).collect();
    Err(Exit::Running(format!("no plug-in is named `{name}`; there are: {}", known.join(", "))))
}

struct Listed {
    kind: &'static str,
    name: &'static str,
    summary: String,
    schema: Value,
}

fn list<'a, T: ?Sized + 'a>(kind: &'static str, plugins: impl Iterator<Item = &'a Plugin<T>>) -> Vec<Listed> {
    let listed = |plugin: &Plugin<T>| Listed {
        kind,
        name: plugin.name(),
        summary: plugin.summary(),
        schema: plugin_schema(plugin),
    };
    plugins.map(listed).collect()
}

fn show(listed: &Listed) -> Result<(), Exit> {
    let text =
        |schema: &Value, key: &str| schema.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    print(format!("{} {}\n\n{}", listed.kind, listed.name, text(&listed.schema, "description")))?;
    let required = listed.schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = listed.schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, schema) in &properties {
        let default =
            schema.get("default").map(|default| format!(" (default {default})")).unwrap_or_default();
        let mark = if required.contains(&Value::from(key.as_str())) { " (required)" } else { &default };
        print(format!("\n{key}{mark}\n    {}", text(schema, "description").replace('\n', "\n    ")))?;
    }
    Ok(())
}
