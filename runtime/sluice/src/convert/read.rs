//! Reads a configuration of Kafka Connect in each of its forms. What it holds is never shown: it may be a password.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use sluice_connector_api::Json;
use sluice_runtime::config::yaml::Node;

use super::mirror_flow::{CLASS, connector_of_flow, is_of_flows};

/// A configuration of a Kafka Connect connector.
#[derive(Debug)]
pub(super) struct ConnectConfig {
    /// The connector's name, if it says so.
    pub(super) name: Option<String>,
    /// Its settings.
    pub(super) settings: BTreeMap<String, String>,
}

/// Reads JSON as the REST API takes it, properties, a `KafkaConnector` of the Strimzi operator, or the one flow of a process of
/// `MirrorMaker`; or says why it cannot.
pub(super) fn read(file: &Path, text: &str) -> Result<ConnectConfig, String> {
    let is_properties = file.extension().is_some_and(|extension| extension == "properties");
    let document = if is_properties { None } else { document(text) };
    let config = match document {
        Some(fields) if is_ours(&fields) => {
            return Err("this is a connector file of Sluice already; `sluice check` looks at it".to_owned());
        }
        Some(fields) => of_document(fields)?,
        None => ConnectConfig { name: None, settings: properties(text) },
    };
    if config.settings.contains_key(CLASS) {
        return Ok(ConnectConfig {
            name: config.name.or_else(|| config.settings.get("name").cloned()),
            ..config
        });
    }
    if is_of_flows(&config.settings) {
        let settings = connector_of_flow(&config.settings)?;
        return Ok(ConnectConfig { name: settings.get("name").cloned(), settings });
    }
    Err(format!("has no `{CLASS}`, which every connector of Kafka Connect has"))
}

fn document(text: &str) -> Option<Map<String, Value>> {
    let value = Json::value_from_slice(text.as_bytes())
        .ok()
        .or_else(|| Node::parse(text).ok().map(|node| node.to_json()));
    match value {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Says whether this is a connector file of ours already.
fn is_ours(fields: &Map<String, Value>) -> bool {
    ["source", "sink"].iter().all(|part| fields.get(*part).is_some_and(|part| !part.is_string()))
}

/// A map of settings, or one that has them under `config` or `spec`.
fn of_document(mut fields: Map<String, Value>) -> Result<ConnectConfig, String> {
    let name =
        fields.get("name").or_else(|| fields.get("metadata").and_then(|metadata| metadata.get("name")));
    let name = name.and_then(Value::as_str).map(str::to_owned);
    let mut class = None;
    let mut tasks = None;
    if let Some(Value::Object(mut spec)) = fields.remove("spec") {
        (class, tasks) = (spec.remove("class"), spec.remove("tasksMax"));
        fields = match spec.remove("config") {
            Some(Value::Object(config)) => config,
            _ => Map::new(),
        };
    } else if let Some(Value::Object(config)) = fields.remove("config") {
        fields = config;
    }
    let mut settings = BTreeMap::new();
    let more = [(CLASS, class), ("tasks.max", tasks)];
    let more = more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    for (name, value) in fields.into_iter().chain(more) {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(format!("`{name}` is neither text nor a number"));
            }
        };
        settings.insert(name, text);
    }
    Ok(ConnectConfig { name, settings })
}

/// Reads a file of lines such as `name=value`, as Java does (`java.util.Properties`).
fn properties(text: &str) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.starts_with(['#', '!']) || line.is_empty() {
            continue;
        }
        let mut whole = line.to_owned();
        // A line that ends in an odd number of backslashes goes on in the next one.
        while whole.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
            whole.pop();
            match lines.next() {
                Some(next) => whole.push_str(next.trim_start()),
                None => break,
            }
        }
        let (name, value) = assignment(&whole);
        settings.insert(name, value);
    }
    settings
}

/// Takes a line apart at the first `=`, `:` or blank that is not escaped.
fn assignment(line: &str) -> (String, String) {
    let mut escaped = false;
    let end = line.char_indices().find(|(_, c)| {
        let ends = !escaped && (matches!(c, '=' | ':') || c.is_whitespace());
        escaped = !escaped && *c == '\\';
        ends
    });
    let Some((end, _)) = end else { return (unescaped(line), String::new()) };
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
    (unescaped(name), unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                plain.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_alike() {
        let forms = [
            ("c.json", r#"{"name":"n","config":{"connector.class":"x","tasks.max":2}}"#),
            ("c.json", r#"{"name":"n","connector.class":"x","tasks.max":"2"}"#),
            ("c.properties", "name=n\nconnector.class : x\ntasks.max 2\n"),
            (
                "c.yaml",
                "kind: KafkaConnector\nmetadata: { name: n }\nspec: { class: x, tasksMax: 2, config: {} }\n",
            ),
        ];
        for (file, text) in forms {
            let config = read(Path::new(file), text).unwrap();
            assert_eq!(config.name.as_deref(), Some("n"), "{text}");
            assert_eq!((&*config.settings[CLASS], &*config.settings["tasks.max"]), ("x", "2"), "{text}");
        }
    }

    #[test]
    fn properties_are_read_as_java_reads_them() {
        let text = "# no=thing\n! no=thing\n\n  a = 1 \\\n     2\nb:x\\:y\nc\\ d e\\u00e9\\tf\ng=\n";
        let read = properties(text);
        let expected = [("a", "1 2"), ("b", "x:y"), ("c d", "e\u{e9}\tf"), ("g", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn what_is_no_connector_is_told_without_its_values() {
        let said = read(Path::new("c.json"), r#"{"password":"hunter2"}"#).unwrap_err();
        assert!(said.contains("connector.class") && !said.contains("hunter2"), "{said}");
        let said = read(Path::new("c.json"), r#"{"connector.class":{"password":"hunter2"}}"#).unwrap_err();
        assert!(!said.contains("hunter2"), "{said}");
        let said = read(Path::new("c.yaml"), "source: { kafka: {} }\nsink: { stdout: {} }\n").unwrap_err();
        assert!(said.contains("already; `sluice check`"), "{said}");
    }
}
