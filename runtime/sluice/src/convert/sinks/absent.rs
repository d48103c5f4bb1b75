//! What is said of a sink that has no counterpart.

/// What targets are called in the names of classes, and the sink here that writes there, if there is one.
const TARGETS: [(&str, &str, Option<&str>); 36] = [
    ("bedrock", "Amazon Bedrock", Some("bedrock_kb")),
    ("elasticsearch", "Elasticsearch", Some("opensearch")),
    ("opensearch", "OpenSearch", Some("opensearch")),
    ("postgres", "PostgreSQL", Some("postgres")),
    ("jdbc", "databases over JDBC, of which PostgreSQL has a sink", Some("postgres")),
    ("s3", "Amazon S3", Some("s3")),
    ("sqs", "Amazon SQS", Some("sqs")),
    ("http", "HTTP", Some("http")),
    ("webhook", "HTTP", Some("http")),
    ("mongo", "MongoDB", None),
    ("redis", "Redis", None),
    ("bigquery", "BigQuery", None),
    ("snowflake", "Snowflake", None),
    ("dynamo", "DynamoDB", None),
    ("kinesis", "Kinesis", None),
    ("firehose", "Firehose", None),
    ("lambda", "AWS Lambda", None),
    ("eventbridge", "Amazon EventBridge", None),
    ("redshift", "Amazon Redshift", None),
    ("gcs", "Google Cloud Storage", None),
    ("pubsub", "Google Pub/Sub", None),
    ("azure", "Azure", None),
    ("hdfs", "HDFS", None),
    ("iceberg", "Iceberg", None),
    ("delta", "Delta Lake", None),
    ("clickhouse", "ClickHouse", None),
    ("cassandra", "Cassandra", None),
    ("couchbase", "Couchbase", None),
    ("neo4j", "Neo4j", None),
    ("influx", "InfluxDB", None),
    ("splunk", "Splunk", None),
    ("datadog", "Datadog", None),
    ("rabbit", "RabbitMQ", None),
    ("mqtt", "MQTT", None),
    ("jms", "JMS", None),
    ("sns", "Amazon SNS", None),
];

/// Says why a class has no counterpart.
pub(super) fn reason(class: &str) -> String {
    let lower = class.to_ascii_lowercase();
    let is_of_debezium = lower.starts_with("io.debezium.connector.") && !lower.contains("sink");
    if is_of_debezium || lower.contains("source") && !lower.contains("sink") {
        return format!("{class} is a source: Sluice moves records out of Kafka, and not into it");
    }
    match TARGETS.iter().find(|(word, ..)| lower.contains(word)) {
        Some((_, target, Some(sink))) => format!(
            "{class} writes to {target}; its settings are not known here: `sluice new {sink}` begins a connector with the sink \
             `{sink}`"
        ),
        Some((_, target, None)) => format!("{class} writes to {target}, for which there is no sink yet"),
        None => format!("{class} has no counterpart yet; `sluice plugins` lists the sinks that there are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_sink_writes_to_the_same_target_it_is_named() {
        for (class, expected) in [
            ("org.opensearch.kafka.connect.OpensearchSinkConnector", "`sluice new opensearch`"),
            ("io.lenses.streamreactor.connect.aws.s3.sink.S3SinkConnector", "`sluice new s3`"),
            (
                "com.mongodb.kafka.connect.MongoSinkConnector",
                "writes to MongoDB, for which there is no sink yet",
            ),
            ("com.clickhouse.kafka.connect.ClickHouseSinkConnector", "writes to ClickHouse"),
            ("io.debezium.connector.postgresql.PostgresConnector", "is a source"),
            ("io.confluent.connect.jdbc.JdbcSourceConnector", "is a source"),
            ("my.own.Sink", "`sluice plugins` lists the sinks"),
        ] {
            assert!(reason(class).contains(expected), "{}", reason(class));
        }
    }
}
