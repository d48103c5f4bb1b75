//! Confluent's Replicator: a source connector that copies topics between clusters, which is a sink into Kafka here.

use super::mirror::{BYTES, producer, reads_by};
use super::section::{SinkEntry, SinkSection};
use crate::convert::options::Options;

pub(super) const SINKS: &[SinkEntry] = &[SinkEntry {
    class: "io.confluent.connect.replicator.ReplicatorSourceConnector",
    name: "kafka",
    convert: replicator,
}];

/// What the Replicator does beside copying records, and what there is no need for.
const BESIDE: [&str; 20] = [
    "dest.topic.replication.factor",
    "dest.zookeeper.connect",
    "header.converter",
    "offset.start",
    "offset.timestamps.commit",
    "offset.topic.commit",
    "offset.translator.tasks.max",
    "offset.translator.tasks.separate",
    "provenance.header.enable",
    "provenance.header.filter.overrides",
    "src.header.converter",
    "src.zookeeper.connect",
    "topic.auto.create",
    "topic.config.sync",
    "topic.config.sync.interval.ms",
    "topic.create.backoff.ms",
    "topic.poll.interval.ms",
    "topic.timestamp.type",
    "dest.kafka.client.id",
    "src.kafka.client.id",
];

const OF_ITS_OWN: &str = "the Replicator goes on where its own offsets are, which no consumer group sees unless `src.consumer.group.id` names \
                          it: set offsets with `sluice offsets` before the first start; topics are not made, and offsets of other groups are not \
                          translated";

fn replicator(options: &mut Options) -> Result<SinkSection, String> {
    let servers =
        options.take("dest.kafka.bootstrap.servers").ok_or("has no `dest.kafka.bootstrap.servers`")?;
    let mut section = SinkSection::default();
    options.needless(&BESIDE);
    section.set("bootstrap_servers", Some(options.safe("dest.kafka.bootstrap.servers", &servers)));
    let topic = options.take("topic.rename.format").unwrap_or_else(|| "${topic}".to_owned());
    section.set("topic", Some(topic.replace("${topic}", "{{@record.topic}}")));
    if options.bool("topic.preserve.partitions") != Some(false) {
        section.set("partition", Some("origin"));
    }
    let properties = producer("dest.kafka.", &["producer.override."], options);
    if !properties.is_empty() {
        section.set("properties", Some(properties));
    }
    reads_by(&["src.kafka.", "src.consumer."], options);
    if let Some(topics) = options.take("topic.whitelist") {
        options.give("topics", &topics);
    }
    if let Some(pattern) = options.take("topic.regex") {
        options.give("topics.regex", &pattern);
    }
    if options.take("topic.blacklist").is_some() {
        options.no_counterpart("topic.blacklist", "write `topics` so that they are not among them");
    }
    converters(options);
    options.remarks.push(OF_ITS_OWN.to_owned());
    Ok(section)
}

/// Those of the source read, and those of the connector write what was read: bytes as they are, in nearly every configuration.
fn converters(options: &mut Options) {
    for side in ["key.converter", "value.converter"] {
        let source = format!("src.{side}");
        for name in [side, &source] {
            let class = options.take(name);
            if class.is_some_and(|class| !class.ends_with("ByteArrayConverter")) {
                options.no_counterpart(
                    name,
                    "records are copied as they are, byte by byte, with the ids of their schemas",
                );
            }
            options.forget_below(&format!("{name}."));
        }
        options.give(side, BYTES);
    }
}
