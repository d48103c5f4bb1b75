//! `MirrorMaker` 2: a source connector that copies topics between clusters, which is a sink into Kafka here.

use serde_json::Map;

use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[
    SinkEntry {
        class: "org.apache.kafka.connect.mirror.MirrorSourceConnector",
        name: "kafka",
        convert: mirror,
    },
    SinkEntry { class: "MirrorSourceConnector", name: "kafka", convert: mirror },
];

/// What copies bytes as they are.
pub(super) const BYTES: &str = "org.apache.kafka.connect.converters.ByteArrayConverter";

/// What `MirrorMaker` does beside copying records, and what there is no need for.
const BESIDE: [&str; 23] = [
    "header.converter",
    "target.cluster.alias",
    "replication.factor",
    "refresh.topics.enabled",
    "refresh.topics.interval.seconds",
    "refresh.groups.enabled",
    "refresh.groups.interval.seconds",
    "sync.topic.configs.enabled",
    "sync.topic.configs.interval.seconds",
    "sync.topic.acls.enabled",
    "sync.topic.acls.interval.seconds",
    "config.properties.exclude",
    "config.properties.blacklist",
    "config.property.filter.class",
    "topic.filter.class",
    "offset.lag.max",
    "offset-syncs.topic.location",
    "offset-syncs.topic.replication.factor",
    "emit.offset-syncs.enabled",
    "consumer.poll.timeout.ms",
    "admin.timeout.ms",
    "heartbeats.replication.enabled",
    "add.source.alias.to.metrics",
];

const TOPICS_ARE_MADE: &str = "topics are not made here, and neither their settings nor their access lists are copied: create them with \
                               as many partitions as those that are read (`sluice topics create`)";
const BEGINS: &str = "MirrorMaker keeps its offsets where no consumer group sees them: this connector begins at the earliest records, \
                      unless offsets are set for its group (`sluice offsets`); offsets of other groups are not translated";

fn mirror(options: &mut Options) -> Result<SinkSection, String> {
    let servers = options
        .take("target.cluster.bootstrap.servers")
        .ok_or("has no `target.cluster.bootstrap.servers`")?;
    let mut section = SinkSection::default();
    options.needless(&BESIDE);
    section.set("bootstrap_servers", Some(options.safe("target.cluster.bootstrap.servers", &servers)));
    section.set("topic", Some(topic(options)));
    section.set("partition", Some("origin"));
    let properties =
        producer("target.cluster.", &["producer.override.", "target.producer.", "producer."], options);
    if !properties.is_empty() {
        section.set("properties", Some(properties));
    }
    consumer(options);
    topics(options);
    for side in ["key.converter", "value.converter"] {
        if options.peek(side).is_none() {
            options.give(side, BYTES);
        }
    }
    options.remarks.push(TOPICS_ARE_MADE.to_owned());
    options.remarks.push(BEGINS.to_owned());
    Ok(section)
}

/// What a topic is called in the other cluster.
fn topic(options: &mut Options) -> String {
    let policy = options.take("replication.policy.class").unwrap_or_default();
    let separator = options.take("replication.policy.separator").unwrap_or_else(|| ".".to_owned());
    let alias = options.take("source.cluster.alias").unwrap_or_else(|| "source".to_owned());
    if policy.ends_with(".IdentityReplicationPolicy") {
        return "{{@record.topic}}".to_owned();
    }
    if !policy.is_empty() && !policy.ends_with(".DefaultReplicationPolicy") {
        let text =
            format!("{policy} is not known here; write what a topic is called into `sink.kafka.topic`");
        options.no_counterpart("replication.policy.class", &text);
    }
    format!("{alias}{separator}{{{{@record.topic}}}}")
}

const OF_LIBRDKAFKA: &str = "write librdkafka's properties of the same meaning into `sink.kafka.properties`";

/// Who the producer is to the other cluster, and what else librdkafka has a property for.
pub(super) fn producer(
    cluster: &str,
    prefixes: &[&str],
    options: &mut Options,
) -> Map<String, serde_json::Value> {
    let mut properties = Map::new();
    let protocol = options.take(&format!("{cluster}security.protocol"));
    let mechanism = options.take(&format!("{cluster}sasl.mechanism"));
    options.ignore(&[&format!("{cluster}sasl.jaas.config")]);
    if let Some(protocol) = protocol {
        properties.insert("security.protocol".to_owned(), protocol.into());
    }
    if let Some(mechanism) = mechanism {
        properties.insert("sasl.mechanism".to_owned(), mechanism.into());
        for (name, variable) in [("sasl.username", "TARGET_USERNAME"), ("sasl.password", "TARGET_PASSWORD")] {
            options.variables.insert(variable.to_owned());
            properties.insert(name.to_owned(), format!("${{env:{variable}}}").into());
        }
    }
    for prefix in prefixes {
        options.ignore(&[&format!("{prefix}acks"), &format!("{prefix}enable.idempotence")]);
        for name in ["compression.type", "linger.ms", "client.id", "max.request.size"] {
            let theirs = if name == "max.request.size" { "message.max.bytes" } else { name };
            if let Some(value) = options.shown(&format!("{prefix}{name}")) {
                properties.insert(theirs.to_owned(), value);
            }
        }
        options.drop_below(prefix, OF_LIBRDKAFKA);
    }
    options
        .drop_below(&format!("{cluster}ssl."), "name files of PEM in `sink.kafka.tls` and `sink.kafka.auth`");
    options.drop_below(cluster, OF_LIBRDKAFKA);
    properties
}

/// The consumer of the cluster that is read: what `source` takes as overrides of a consumer.
fn consumer(options: &mut Options) {
    reads_by(&["source.cluster.", "source.consumer.", "consumer."], options);
}

/// Makes overrides of a consumer of what begins like these.
pub(super) fn reads_by(prefixes: &[&str], options: &mut Options) {
    for prefix in prefixes {
        for name in options.below(prefix) {
            if name.starts_with("override.") {
                continue;
            }
            if let Some(value) = options.take(&format!("{prefix}{name}")) {
                options.give(&format!("consumer.override.{name}"), &value);
            }
        }
    }
}

/// Topics are names or patterns there, all in one list.
fn topics(options: &mut Options) {
    let mut topics = Vec::new();
    for topic in options.list("topics") {
        let is_pattern = topic.contains(['*', '+', '?', '[', '(', '|', '\\', '{', '^', '$']);
        topics.push(match topic.as_str() {
            ".*" => "^[^_].*$".to_owned(),
            _ if is_pattern => format!("^{}$", topic.trim_start_matches('^').trim_end_matches('$')),
            name => name.to_owned(),
        });
    }
    if topics.is_empty() {
        topics.push("^[^_].*$".to_owned());
    }
    options.give("topics", &topics.join(","));
    for name in ["topics.exclude", "topics.blacklist"] {
        if options.take(name).is_some() {
            options.no_counterpart(name, "write `topics` so that they are not among them");
        }
    }
}
