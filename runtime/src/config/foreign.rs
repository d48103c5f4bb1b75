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
        return None;
    };
    let text = format!(
        "this configures a connector of Kafka Connect ({what}), not of Sluice; a connector here has `source`, `transforms` \
         and `sink`: docs/migration.md says what stands for which key"
    );
    Some(Problem::of_file(file, text))
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
    fn a_connector_of_ours_is_none_of_them() {
        let ours = "# connector.class=x is Kafka Connect's\nsource:\n  kafka: { properties: { a.b: \"c=d\" } }\nsink: { http: {} }\n";
        assert_eq!(found("c.yaml", ours), None);
        assert_eq!(found("c.yaml", "hello world\n"), None);
        assert_eq!(found("c.yaml", "- a=b\n"), None);
    }
}
