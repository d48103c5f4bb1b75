//! The connector of a function.

use std::path::Path;

use sluice_connector_api::Registry;

use crate::config::interpolate::Follow;
use crate::config::problem::Problem;
use crate::config::settings::GuaranteeSetting;
use crate::config::yaml::{Content, Key, Node, YamlError};
use crate::connector::load::Connector;

/// Stands for a `source.kafka` that is not used.
const UNUSED: &str = "{ bootstrap_servers: unused, topics: [unused] }";

/// Why a file is refused that asks for more than a function can do.
const EXACTLY_ONCE: &str = "`guarantee`: exactly once does not hold in AWS Lambda, where the event source mapping keeps the \
     offsets; run the connector as a daemon, or take the key out";

/// Reads, checks and builds the connector in a text that stands for a file's, or reports everything that is wrong
/// with it.
///
/// The event source mapping reads the topic, so that `source.kafka` may be absent, or refer to what is not set. Only a
/// dead letter queue that is a topic needs it, for its brokers.
pub async fn load(
    file: &Path,
    text: &str,
    registry: &Registry,
    follow: Follow,
) -> Result<Connector, Vec<Problem>> {
    let at = |error: YamlError| vec![Problem::at(file, error.position, error.text)];
    let mut node = Node::parse(text).map_err(at)?;
    if !has_topic(&node) {
        let unused = Node::parse(UNUSED).map_err(at)?;
        set_kafka(&mut node, unused);
    }
    let guarantee = node.get("guarantee").map_or(node.position, |guarantee| guarantee.position);
    let connector = Connector::of(file, node, registry, follow).await?;
    if connector.guarantee == Some(GuaranteeSetting::ExactlyOnce) {
        return Err(vec![Problem::at(file, guarantee, EXACTLY_ONCE.to_owned())]);
    }
    Ok(connector)
}

fn has_topic(node: &Node) -> bool {
    let queue = node.get("errors").and_then(|errors| errors.get("dead_letter_queue"));
    queue.is_some_and(|queue| queue.get("topic").is_some())
}

/// Puts a node in the place of `source.kafka`. What is not a map is left as it is, for the schema to judge.
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
