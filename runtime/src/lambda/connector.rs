//! The connector of a function.

use std::path::Path;

use sluice_connector_api::Registry;

use crate::config::interpolate::Lookup;
use crate::config::problem::Problem;
use crate::config::yaml::{Content, Key, Node, YamlError};
use crate::connector::load::Connector;

/// Stands for a `source.kafka` that is not used.
const UNUSED: &str = "{ bootstrap_servers: unused, topics: [unused] }";

/// Reads, checks and builds the connector in a text that stands for a file's, or reports everything that is wrong
/// with it.
///
/// The event source mapping reads the topic, so that `source.kafka` may be absent, or refer to what is not set. Only a
/// dead letter queue that is a topic needs it, for its brokers.
pub fn load(
    file: &Path,
    text: &str,
    registry: &Registry,
    lookup: &dyn Lookup,
) -> Result<Connector, Vec<Problem>> {
    let at = |error: YamlError| vec![Problem::at(file, error.position, error.text)];
    let mut node = Node::parse(text).map_err(at)?;
    if !has_topic(&node) {
        let unused = Node::parse(UNUSED).map_err(at)?;
        set_kafka(&mut node, unused);
    }
    Connector::of(file, node, registry, lookup)
}

fn has_topic(node: &Node) -> bool {
    let queue = node.get("errors").and_then(|errors| errors.get("dead_letter_queue"));
    queue.is_some_and(|queue| queue.get("topic").is_some())
}

/// Puts a node in the place of `source.kafka`. What is no map is left as it is, for the schema to judge.
fn set_kafka(root: &mut Node, kafka: Node) {
    let position = root.position;
    let empty = || Node { position, content: Content::Map(Vec::new()) };
    if let Some(place) = entry(root, "source", empty).and_then(|source| entry(source, "kafka", empty)) {
        *place = kafka;
    }
}

/// Finds the value of a key in a map, after adding it where it is missing.
fn entry<'a>(node: &'a mut Node, name: &str, missing: impl Fn() -> Node) -> Option<&'a mut Node> {
    let position = node.position;
    let Content::Map(entries) = &mut node.content else { return None };
    if !entries.iter().any(|(key, _)| key.name == name) {
        entries.push((Key { position, name: name.to_owned() }, missing()));
    }
    entries.iter_mut().find(|(key, _)| key.name == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::interpolate::Unset;

    struct NothingIsSet;

    impl Lookup for NothingIsSet {
        fn env(&self, _name: &str) -> Option<String> {
            None
        }

        fn unset(&self) -> Unset {
            Unset::Problem
        }
    }

    /// Returns what is wrong with a connector, but for the sink: no plug-in is at hand here.
    fn problems(text: &str) -> Vec<String> {
        let text = format!("{text}sink: {{ none: {{}} }}\n");
        let problems = load(
            Path::new("prices.yaml"),
            &text,
            &sluice_transforms::register(Registry::new()),
            &NothingIsSet,
        )
        .unwrap_err();
        let others = problems.iter().map(ToString::to_string).filter(|problem| !problem.contains("none"));
        others.collect()
    }

    #[test]
    fn the_kafka_section_may_be_absent_or_refer_to_what_is_not_set() {
        let set =
            "source:\n  kafka: { bootstrap_servers: \"${env:BROKERS}\", topics: [t] }\n  value: string\n";
        for text in ["", "source: {}\n", "source: { value: json }\n", set] {
            assert_eq!(problems(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_dead_letter_topic_needs_its_brokers() {
        let queue = "errors: { tolerance: all, dead_letter_queue: { topic: dlq } }\n";
        assert!(problems(&format!("source: {{}}\n{queue}")).join("\n").contains("kafka"));
        let set = "source:\n  kafka: { bootstrap_servers: \"${env:BROKERS}\", topics: [t] }\n";
        assert!(problems(&format!("{set}{queue}")).join("\n").contains("BROKERS"));
    }

    #[test]
    fn what_else_is_wrong_is_still_reported_at_its_place() {
        assert_eq!(problems("source: { valeu: json }\n").len(), 1);
        assert!(problems("source: []\n")[0].starts_with("prices.yaml:1:9"));
    }
}
