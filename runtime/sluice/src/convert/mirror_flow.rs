//! The configuration of a process of `MirrorMaker` 2: clusters, and flows between them. A flow is a connector.

use std::collections::BTreeMap;

/// The key that the configuration of every connector has.
pub(super) const CLASS: &str = "connector.class";

/// What copies records there.
const MIRROR: &str = "org.apache.kafka.connect.mirror.MirrorSourceConnector";

/// What is about the process, and the topics that it keeps for itself.
const OF_PROCESS: [&str; 9] = [
    "clusters",
    "config.storage.",
    "dedicated.mode.",
    "group.id",
    "listeners",
    "offset.storage.",
    "offset.flush.",
    "rest.",
    "status.storage.",
];

/// Says whether this is such a configuration.
pub(super) fn is_of_flows(settings: &BTreeMap<String, String>) -> bool {
    settings.contains_key("clusters") && !settings.contains_key(CLASS)
}

/// Returns the settings of the connector that copies the records of the one flow that is on, as `MirrorMaker` itself makes them.
pub(super) fn connector_of_flow(
    settings: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let clusters = settings.get("clusters").map(String::as_str).unwrap_or_default();
    let clusters: Vec<&str> = clusters.split([',', ' ']).filter(|name| !name.is_empty()).collect();
    let mut flows = Vec::new();
    for source in &clusters {
        for target in clusters.iter().filter(|target| *target != source) {
            let enabled = settings.get(&format!("{source}->{target}.enabled"));
            if enabled.is_some_and(|enabled| enabled.trim().eq_ignore_ascii_case("true")) {
                flows.push((*source, *target));
            }
        }
    }
    match flows.as_slice() {
        [] => Err("has no flow that is on, such as `a->b.enabled = true`".to_owned()),
        [(source, target)] => Ok(of_flow(settings, &clusters, source, target)),
        several => {
            let names: Vec<String> =
                several.iter().map(|(source, target)| format!("{source}->{target}")).collect();
            Err(format!(
                "has several flows, {}, and each is a connector of its own: leave one of them on in a copy of the file for each",
                names.join(", ")
            ))
        }
    }
}

fn of_flow(
    settings: &BTreeMap<String, String>,
    clusters: &[&str],
    source: &str,
    target: &str,
) -> BTreeMap<String, String> {
    let (mut of_all, mut of_flow) = (BTreeMap::new(), BTreeMap::new());
    let flow = format!("{source}->{target}.");
    for (name, value) in settings {
        if let Some(name) = name.strip_prefix(&flow) {
            of_flow.insert(name.to_owned(), value.clone());
        } else if let Some(name) = name.strip_prefix(&format!("{source}.")) {
            of_flow.insert(of_cluster("source", name), value.clone());
        } else if let Some(name) = name.strip_prefix(&format!("{target}.")) {
            of_flow.insert(of_cluster("target", name), value.clone());
        } else if !is_of_others(name, clusters) {
            of_all.insert(name.clone(), value.clone());
        }
    }
    of_flow.remove("enabled");
    of_all.extend(of_flow);
    for (name, value) in [
        (CLASS, MIRROR),
        ("name", &*format!("{source}-to-{target}")),
        ("source.cluster.alias", source),
        ("target.cluster.alias", target),
    ] {
        of_all.insert(name.to_owned(), value.to_owned());
    }
    of_all
}

/// Names a setting of a cluster as the connector has it: those of a client begin with `source.consumer.` and the like.
fn of_cluster(side: &str, name: &str) -> String {
    let is_of_client = ["consumer.", "producer.", "admin."].iter().any(|client| name.starts_with(client));
    if is_of_client { format!("{side}.{name}") } else { format!("{side}.cluster.{name}") }
}

/// Says whether a setting is about the process, another cluster or another flow.
fn is_of_others(name: &str, clusters: &[&str]) -> bool {
    name.contains("->")
        || OF_PROCESS.iter().any(|start| name.starts_with(start))
        || clusters.iter().any(|cluster| name.strip_prefix(cluster).is_some_and(|rest| rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let all = [
            ("clusters", "east, west,north"),
            ("east.bootstrap.servers", "e:9092"),
            ("west.bootstrap.servers", "w:9092"),
            ("west.producer.compression.type", "zstd"),
            ("north.bootstrap.servers", "n:9092"),
            ("topics", "all"),
            ("tasks.max", "3"),
            ("status.storage.replication.factor", "1"),
            ("east->west.topics", "orders.*"),
            ("north->west.topics", "others"),
        ];
        let all = all.iter().chain(more);
        all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_flow_that_is_on_is_a_connector() {
        let made = connector_of_flow(&settings(&[("east->west.enabled", "true")])).unwrap();
        let expected = [
            (CLASS, MIRROR),
            ("name", "east-to-west"),
            ("source.cluster.alias", "east"),
            ("source.cluster.bootstrap.servers", "e:9092"),
            ("target.cluster.alias", "west"),
            ("target.cluster.bootstrap.servers", "w:9092"),
            ("target.producer.compression.type", "zstd"),
            ("tasks.max", "3"),
            ("topics", "orders.*"),
        ];
        assert_eq!(made, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn no_flow_and_several_are_told() {
        let none = connector_of_flow(&settings(&[("east->west.enabled", "false")])).unwrap_err();
        assert!(none.contains("no flow"), "{none}");
        let both = settings(&[("east->west.enabled", "true"), ("west->east.enabled", "True")]);
        let several = connector_of_flow(&both).unwrap_err();
        assert!(several.contains("east->west, west->east"), "{several}");
    }
}
