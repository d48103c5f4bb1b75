//! Files that are no connector of ours, but one of Kafka Connect's.

use std::path::Path;

use serde_json::Value;

use crate::config::problem::Problem;

/// The key that every configuration of a Kafka Connect connector has.
const CLASS: &str = "connector.class";

/// Says what a file is that configures a connector of Kafka Connect. Nothing of it is shown: it may hold passwords.
pub(crate) fn foreign(file: &Path, text: &str) -> Option<Problem> {
    let what = if is_json(text) {
        "JSON"
    } else if is_properties(file, text) {
        "properties"
    } else if is_yaml(text) {
        "YAML"
    } else {
        return other_form(file, text);
    };
    let text = format!(
        "this configures a connector of Kafka Connect ({what}), not of Sluice; a connector here has `source`, `transforms` \
         and `sink`; `sluice convert FILE` makes one of it, and docs/migration.md says what stands for which key"
    );
    Some(Problem::of_file(file, text))
}

/// Says of TOML, and of files of `[sections]` as Vector and Fluent Bit have them, that a connector is written in YAML.
fn other_form(file: &Path, text: &str) -> Option<Problem> {
    let mut lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let is_name =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-' | '"');
    let first = lines.next()?;
    let section = first.trim_start_matches('[').split_once(']').filter(|_| first.starts_with('['));
    let (name, behind) = section?;
    let is_section =
        !name.is_empty() && name.chars().all(is_name) && behind.trim_matches([']', ' ']).is_empty();
    // A list of YAML may stand in brackets, too, but nothing follows it.
    (is_section && lines.next().is_some()).then(|| {
        let text = "this is not YAML but has sections in brackets, as TOML does; a connector here is YAML with `source`, \
                    `transforms` and `sink`, and `sluice new SINK` writes one to begin with";
        Problem::of_file(file, text)
    })
}

/// The body of Kafka Connect's REST API, or what stands under its `config`.
fn is_json(text: &str) -> bool {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return false };
    let config = value.get("config");
    [Some(&value), config].into_iter().flatten().any(|map| map.get(CLASS).is_some())
}

/// A file of lines such as `name=value`. One without a class is told by its name alone.
fn is_properties(file: &Path, text: &str) -> bool {
    let named = file.extension().is_some_and(|extension| extension == "properties");
    let mut assigned = false;
    for line in text.lines().map(str::trim_start) {
        let Some((name, _)) = line.split_once('=') else { continue };
        if name.trim() == CLASS {
            return true;
        }
        assigned |= !name.contains([':', '#', '{']);
    }
    named && assigned
}

/// A resource of an operator such as Strimzi's, or the same keys in YAML.
fn is_yaml(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| {
        let name = line.split_once(':').map_or("", |(name, _)| name.trim_matches(['"', '\'', ' ']));
        name == CLASS || (name == "kind" && line.trim_end().ends_with("KafkaConnector"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> Option<String> {
        foreign(Path::new(file), text).map(|problem| problem.text)
    }

    #[test]
    fn a_configuration_of_kafka_connect_is_told_in_each_of_its_forms() {
        for (file, text, what) in [
            (
                "c.properties",
                "name=prices\nconnector.class=io.example.Sink\npassword=hunter2\n",
                "(properties)",
            ),
            ("c.properties", "bootstrap.servers=b:9092\npassword=hunter2\n", "(properties)"),
            ("c.yaml", "connector.class = io.example.Sink\npassword = hunter2\n", "(properties)"),
            (
                "c.json",
                r#"{"name":"prices","config":{"connector.class":"x","password":"hunter2"}}"#,
                "(JSON)",
            ),
            ("c.yaml", r#"{"connector.class":"x","password":"hunter2"}"#, "(JSON)"),
            ("c.yaml", "name: prices\nconfig:\n  connector.class: x\n  password: hunter2\n", "(YAML)"),
            ("c.yaml", "kind: KafkaConnector\nspec: { class: x }\n", "(YAML)"),
        ] {
            let said = found(file, text).unwrap();
            assert!(said.contains(what) && said.contains("docs/migration.md"), "{text}: {said}");
            assert!(!said.contains("hunter2") && !said.contains("prices"), "{said}");
        }
    }

    #[test]
    fn sections_in_brackets_are_told_to_be_no_yaml() {
        for text in [
            "[INPUT]\n    Name kafka\n    Brokers hunter2\n",
            "# Vector\n[sources.in]\ntype = \"kafka\"\n",
            "[[outputs.http]]\n  url = \"hunter2\"\n",
        ] {
            let said = found("c.yaml", text).unwrap();
            assert!(said.contains("`sluice new SINK`") && !said.contains("hunter2"), "{said}");
        }
        for text in ["[a, b]\n", "[a]\n", "[]\n"] {
            assert_eq!(found("c.yaml", text), None, "{text}");
        }
    }

    #[test]
    fn a_connector_of_ours_is_none_of_them() {
        let ours = "# connector.class=x is Kafka Connect's\nsource:\n  kafka: { properties: { a.b: \"c=d\" } }\nsink: { http: {} }\n";
        assert_eq!(found("c.yaml", ours), None);
        assert_eq!(found("c.yaml", "hello world\n"), None);
        assert_eq!(found("c.yaml", "- a=b\n"), None);
    }
}
