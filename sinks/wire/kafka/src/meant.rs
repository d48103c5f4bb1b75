//! Which property of librdkafka is meant by a name that it does not have.

/// How many letters a name may differ by from the one that is meant.
const MOST_DIFFERENT: usize = 2;

/// The properties that are set most often, by which misspelt ones are told. librdkafka's `CONFIGURATION.md` has them all.
const COMMON: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "api.version.request",
    "auto.commit.interval.ms",
    "batch.num.messages",
    "batch.size",
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "compression.codec",
    "compression.level",
    "compression.type",
    "connections.max.idle.ms",
    "debug",
    "delivery.timeout.ms",
    "enable.idempotence",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.instance.id",
    "group.protocol",
    "group.remote.assignor",
    "heartbeat.interval.ms",
    "isolation.level",
    "linger.ms",
    "log.connection.close",
    "max.in.flight.requests.per.connection",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "message.max.bytes",
    "message.send.max.retries",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "partition.assignment.strategy",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queue.buffering.max.ms",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.required.acks",
    "request.timeout.ms",
    "retries",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "sasl.kerberos.keytab",
    "sasl.kerberos.principal",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "statistics.interval.ms",
    "topic.metadata.refresh.interval.ms",
    "transactional.id",
];

/// Properties of the Java clients, and what stands for them here.
const OF_JAVA: &[(&str, &str)] = &[
    ("auto.include.jmx.reporter", "metrics are at `/metrics`"),
    ("buffer.memory", "`queue.buffering.max.kbytes` is librdkafka's"),
    ("default.api.timeout.ms", "`socket.timeout.ms` is librdkafka's"),
    ("exclude.internal.topics", "a pattern under `topics` says which it means"),
    ("fetch.max.wait.ms", "`fetch.wait.max.ms` is librdkafka's"),
    ("interceptor.classes", "librdkafka has no interceptors"),
    ("key.deserializer", "the converter `source.key` reads keys"),
    ("key.serializer", "keys are written as the connector has them"),
    ("max.block.ms", "`message.timeout.ms` is librdkafka's"),
    ("max.poll.records", "`batch.max_records` bounds a batch, and `buffer_memory` what is read"),
    ("max.request.size", "`message.max.bytes` is librdkafka's"),
    ("metric.reporters", "metrics are at `/metrics`"),
    ("receive.buffer.bytes", "`socket.receive.buffer.bytes` is librdkafka's"),
    ("sasl.client.callback.handler.class", "`auth` says who the connector is, Amazon MSK's IAM included"),
    ("sasl.jaas.config", "`auth` says who the connector is"),
    ("sasl.login.callback.handler.class", "`auth` says who the connector is"),
    ("send.buffer.bytes", "`socket.send.buffer.bytes` is librdkafka's"),
    ("ssl.keystore.type", "a key store is one of PKCS#12, or take the certificates of `tls`"),
    ("ssl.truststore.certificates", "`ssl.ca.pem` is librdkafka's"),
    ("ssl.truststore.location", "the authorities are a file of PEM under `tls`"),
    ("ssl.truststore.password", "the authorities are a file of PEM under `tls`, which needs no password"),
    ("ssl.truststore.type", "the authorities are a file of PEM under `tls`"),
    ("value.deserializer", "the converter `source.value` reads values"),
    ("value.serializer", "values are written as the connector has them"),
];

/// Says what stands here for a property of the Java clients.
pub(crate) fn of_java(name: &str) -> Option<&'static str> {
    let known = OF_JAVA.iter().find(|(theirs, _)| *theirs == name);
    known.map(|(_, way_out)| *way_out)
}

/// Finds the property that is meant, whether it was misspelt or written with underscores.
pub(crate) fn meant(name: &str) -> Option<&'static str> {
    let dotted = name.to_ascii_lowercase().replace(['_', '-'], ".");
    let distance = |known: &str| strsim::damerau_levenshtein(&dotted, known);
    let near = COMMON.iter().map(|known| (distance(known), *known)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, known)| *distance <= MOST_DIFFERENT.min(known.len() / 3)).map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use rdkafka::ClientConfig;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;

    use super::*;

    fn is_known(name: &str) -> bool {
        let mut config = ClientConfig::new();
        config.set(name, "no value of any");
        let made = config.create_native_config();
        !matches!(made, Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)))
    }

    #[test]
    fn what_is_offered_exists() {
        for name in COMMON {
            assert!(is_known(name), "{name}");
        }
        for (_, way_out) in OF_JAVA {
            if let Some(name) = way_out.strip_suffix(" is librdkafka's") {
                assert!(is_known(name.trim_matches('`')), "{way_out}");
            }
        }
    }

    #[test]
    fn a_misspelt_property_is_told_by_the_one_that_is_meant() {
        for (name, expected) in [
            ("sesion.timeout.ms", Some("session.timeout.ms")),
            ("fetch_min_bytes", Some("fetch.min.bytes")),
            ("fetch.min.byte", Some("fetch.min.bytes")),
            ("Client-Id", Some("client.id")),
            ("ack", Some("acks")),
            ("x", None),
            ("hunter2", None),
        ] {
            assert_eq!(meant(name), expected, "{name}");
        }
    }
}
