//! What stands in for settings that have no counterpart of their own, by their names: those of Confluent's and Aiven's sinks, of
//! `MirrorMaker` 2 and of the Replicator, as their reference pages list them.

/// Settings that nothing is needed for. One that ends in `*` is each that begins like it.
const NEEDLESS: &[&str] = &[
    // Of every connector.
    "confluent.*",
    "metric.reporters",
    "metrics.*",
    // Into S3: buffers, tries and the details of names.
    "allow.optional.map.keys",
    "aws.s3.backoff.*",
    "aws.s3.part.size.bytes",
    "connect.meta.data",
    "directory.delim",
    "enhanced.avro.schema.support",
    "file.delim",
    "file.name.timestamp.*",
    "filename.offset.zero.pad.width",
    "format.bytearray.extension",
    "headers.format.class",
    "keys.format.class",
    "partitioner.max.open.files",
    "rotate.file.on.partition.change",
    "s3.compression.level",
    "s3.elastic.buffer.*",
    "s3.http.send.expect.continue",
    "s3.object.behavior.on.tagging.error",
    "s3.object.part.retries",
    "s3.part.retries",
    "s3.path.style.access.enabled",
    "s3.retry.backoff.ms",
    "schema.cache.size",
    "shutdown.timeout.ms",
    "timestamp.source",
    "timestamp.timezone",
    // Into Elasticsearch and OpenSearch.
    "data.stream.index.template.name",
    "data.stream.timestamp.field",
    "topic.schema.ignore",
    // Over JDBC: of other databases.
    "connection.oracle.*",
    "mssql.*",
    // Of mirrors: what is done beside copying records.
    "admin.*",
    "checkpoints.topic.replication.factor",
    "emit.checkpoints.*",
    "emit.heartbeats.*",
    "group.filter.class",
    "groups",
    "groups.blacklist",
    "groups.exclude",
    "heartbeats.topic.replication.factor",
    "source.admin.*",
    "sync.group.offsets.*",
    "target.admin.*",
    "transaction.boundary*",
    "use.incremental.alter.configs",
];

const ENCRYPTION: &str = "let the bucket encrypt: its default encryption, with the key of KMS there";
const TAGS: &str = "objects get no tags; tell them apart by `prefix`";
const S3_PROXY: &str =
    "calls go through no proxy; set `endpoint_url` to an endpoint within the network, such as that of a VPC";
const LINES: &str = "`format: json_lines` writes key and headers beside the value, in one line";
const TOMBSTONES: &str = "drop tombstones with the transform `filter` and the predicate `record_is_tombstone`, or write them with \
                          `format: json_lines`";
const KERBEROS: &str = "there is no Kerberos; use `auth.basic`, or an API key by `auth.header`";
const PROXY: &str = "set `proxy_from_environment: true`, and the proxy in the variable HTTPS_PROXY";
const RESOURCE: &str = "`index` names the index, alias or data stream: give each topic a file of its own, or rename topics with the \
                        transform `regex_router`";

/// Settings, the value by which each changes nothing, and what stands in for it otherwise. One that ends in `*` is each that begins
/// like it.
const STAND_INS: &[(&str, &str, &str)] = &[
    ("aws.s3.sse.algorithm", "", ENCRYPTION),
    ("s3.sse.customer.key", "", "no key of the client's own is sent; let the bucket encrypt"),
    ("s3.sse.kms.key.id", "", ENCRYPTION),
    ("s3.ssea.name", "", ENCRYPTION),
    (
        "s3.acl.canned",
        "",
        "no list of access is sent: objects belong to the owner of the bucket (`BucketOwnerEnforced`)",
    ),
    ("s3.object.tagging", "false", TAGS),
    ("s3.object.tagging.key.value.pairs", "", TAGS),
    ("s3.proxy.*", "", S3_PROXY),
    ("s3.wan.mode", "false", "set `endpoint_url` to the endpoint of the accelerated bucket"),
    (
        "s3.schema.partition.affix.type",
        "NONE",
        "names are made of topic, `objects.path`, partition and first offset",
    ),
    ("avro.codec", "null", "objects are lines, `csv` or `parquet`; `compression` packs them"),
    ("store.kafka.headers", "false", LINES),
    ("store.kafka.keys", "false", LINES),
    ("behavior.on.null.values", "fail", TOMBSTONES),
    ("tombstone.encoded.partition", "", TOMBSTONES),
    ("format.bytearray.separator", "\\n", "each record of `format: raw` ends with a line feed"),
    (
        "partition.field.name",
        "",
        "objects are by topic, time and partition; give each value a topic of its own with a routing transform",
    ),
    ("output_fields", "value", "`format: raw` writes the value, `json_lines` all that belongs to a record"),
    ("kerberos.*", "", KERBEROS),
    ("proxy.*", "", PROXY),
    ("external.version.header", "", "`version` is the record's offset or its timestamp"),
    ("external.resource.usage", "DISABLED", RESOURCE),
    ("topic.index.map", "", RESOURCE),
    ("topic.to.external.resource.mapping", "", RESOURCE),
    ("topic.key.ignore", "", "give these topics a file of their own, with `document_id: origin`"),
    ("table.name.normalize", "false", "write into `table` what the name becomes"),
    (
        "topics.to.tables.mapping",
        "",
        "give each topic a file of its own with its `table`, or rename topics with `regex_router` and list the `tables`",
    ),
    ("timestamp.precision.mode", "microseconds", "times keep the digits that they have"),
    (
        "exactly.once.support",
        "requested",
        "between two clusters records are written at least once; within one, `sink.kafka.transactional_id` writes them exactly once",
    ),
    (
        "producer.override.*",
        "",
        "is about the producer of dead letters, which writes as durably as the brokers allow; `sink.kafka.properties` is for the sink \
         `kafka`",
    ),
];

/// Says whether nothing is needed for a setting of this value.
pub(super) fn is_needless(name: &str, value: &str) -> bool {
    let value = value.trim();
    let is_neutral =
        |neutral: &str| value.is_empty() || (!neutral.is_empty() && value.eq_ignore_ascii_case(neutral));
    NEEDLESS.iter().any(|needless| stands_for(needless, name))
        || STAND_INS.iter().any(|(setting, neutral, _)| stands_for(setting, name) && is_neutral(neutral))
}

/// Returns what stands in for a setting.
pub(super) fn stand_in(name: &str) -> Option<&'static str> {
    STAND_INS.iter().find(|(setting, _, _)| stands_for(setting, name)).map(|(_, _, text)| *text)
}

fn stands_for(setting: &str, name: &str) -> bool {
    match setting.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == setting,
    }
}
