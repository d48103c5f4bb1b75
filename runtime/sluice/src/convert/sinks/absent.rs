//! What is said of a sink that has no counterpart.

/// What targets are called in the names of classes.
const TARGETS: [(&str, &str); 14] = [
    ("jdbc", "databases over JDBC"),
    ("elasticsearch", "Elasticsearch"),
    ("opensearch", "OpenSearch"),
    ("mongo", "MongoDB"),
    ("redis", "Redis"),
    ("bigquery", "BigQuery"),
    ("snowflake", "Snowflake"),
    ("dynamo", "DynamoDB"),
    ("kinesis", "Kinesis"),
    ("firehose", "Firehose"),
    ("lambda", "AWS Lambda"),
    ("gcs", "Google Cloud Storage"),
    ("hdfs", "HDFS"),
    ("iceberg", "Iceberg"),
];

/// Says why a class has no counterpart.
pub(super) fn reason(class: &str) -> String {
    let lower = class.to_ascii_lowercase();
    if lower.contains("source") && !lower.contains("sink") {
        return format!("{class} is a source: Sluice moves records out of Kafka, and not into it");
    }
    match TARGETS.iter().find(|(word, _)| lower.contains(word)) {
        Some((_, target)) => format!("{class} writes to {target}, for which there is no sink yet"),
        None => format!("{class} has no counterpart yet; `sluice plugins` lists the sinks that there are"),
    }
}
