//! A connector file to begin with.

use serde_json::Value;
use sluice_connector_api::{Plugin, Sink};

use crate::config::schema::plugin_schema;
use crate::reference::keys::shown;

/// Writes a connector file from a topic into a sink: the sink's example, and its other settings as comments.
pub fn starter(plugin: &Plugin<dyn Sink>, topic: &str) -> String {
    let (name, summary, schema) = (plugin.name(), plugin.summary(), plugin_schema(plugin));
    let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let sink = example_in(description).unwrap_or_else(|| required_of(name, &schema));
    let others = others_of(name, &schema, &sink);
    format!(
        "\
# {summary}
# Try it with `sluice check` and `sluice preview`; `sluice plugins` lists what else can stand here.
source:
  kafka:
    bootstrap_servers: ${{env:KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}}
    topics: [{topic}]
  value: json
# What happens to each record on the way:
# transforms:
#   - template: {{ text: \"The price of {{{{ticker}}}} is {{{{price}}}}.\" }}
{sink}{others}# What happens to a record at fault; by default it stops the connector:
# errors:
#   tolerance: all
#   dead_letter_queue: {{ topic: {topic}-dlq }}
"
    )
}

/// Returns the sink in the example of a documentation.
fn example_in(description: &str) -> Option<String> {
    let example = description.split("```yaml\n").nth(1)?.split("```").next()?;
    let mut sink = String::new();
    for line in example.lines().skip_while(|line| !line.starts_with("sink:")) {
        if !sink.is_empty() && !line.starts_with(' ') {
            break;
        }
        sink.push_str(line);
        sink.push('\n');
    }
    (!sink.is_empty()).then_some(sink)
}

/// Writes the settings that a sink without an example must have, to be filled in.
fn required_of(name: &str, schema: &Value) -> String {
    let keys = schema.get("required").and_then(Value::as_array);
    let keys: Vec<&str> = keys.into_iter().flatten().filter_map(Value::as_str).collect();
    if keys.is_empty() {
        return format!("sink:\n  {name}: {{}}\n");
    }
    let mut lines = vec![format!("sink:\n  {name}:\n")];
    for key in keys {
        lines.push(format!("    {key}: # must be set\n"));
    }
    lines.concat()
}

/// Writes the other settings of a sink as comments, with their defaults.
fn others_of(name: &str, schema: &Value, sink: &str) -> String {
    let mut lines = Vec::new();
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, setting) in properties.into_iter().flatten() {
        if sink.contains(&format!("\n    {key}:")) {
            continue;
        }
        lines.push(match setting.get("default").and_then(shown) {
            Some(default) => format!("    # {key}: {default}\n"),
            None => format!("    # {key}:\n"),
        });
    }
    if lines.is_empty() {
        return String::new();
    }
    format!("    # Other settings; `sluice plugins {name}` says what they mean:\n{}", lines.concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sink_without_an_example_names_what_must_be_set_and_what_may() {
        let schema = json!({
            "required": ["path"],
            "properties": { "path": {}, "extension": { "default": "txt" }, "owner": {} },
        });
        let sink = required_of("folder", &schema);
        assert_eq!(sink, "sink:\n  folder:\n    path: # must be set\n");
        let others = others_of("folder", &schema, &sink);
        assert!(others.ends_with("mean:\n    # extension: txt\n    # owner:\n"), "{others}");
        assert_eq!(required_of("plain", &json!({})), "sink:\n  plain: {}\n");
    }

    #[test]
    fn the_sink_of_an_example_is_taken_alone() {
        let text = "Stores.\n\n```yaml\nsource: {}\nsink:\n  s3:\n    bucket: b\nbatch: {}\n```\n";
        assert_eq!(example_in(text).as_deref(), Some("sink:\n  s3:\n    bucket: b\n"));
        assert_eq!(example_in("Stores."), None);
    }
}
