//! Whatever a configuration of Kafka Connect holds: it is converted, or it is said why not, and no password is shown.

use std::path::Path;
use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;
use sluice_connector_api::Registry;
use sluice_runtime::config::yaml::Node;

use super::command::written;
use super::connector::convert;
use super::read::read;

/// What must not be shown.
const PASSWORD: &str = "hunter2-hunter2";

const CLASSES: [&str; 10] = [
    "io.confluent.connect.http.HttpSinkConnector",
    "io.aiven.kafka.connect.http.HttpSinkConnector",
    "io.confluent.connect.s3.S3SinkConnector",
    "io.aiven.kafka.connect.s3.S3SinkConnector",
    "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
    "io.aiven.kafka.connect.opensearch.OpensearchSinkConnector",
    "io.confluent.connect.jdbc.JdbcSinkConnector",
    "com.nordstrom.kafka.connect.sqs.SqsSinkConnector",
    "org.apache.kafka.connect.file.FileStreamSinkConnector",
    "com.example.Nobody",
];

/// Settings whose values are no secrets.
const NAMES: [&str; 36] = [
    "name",
    "topics",
    "topics.regex",
    "tasks.max",
    "key.converter",
    "value.converter",
    "value.converter.schemas.enable",
    "value.converter.schema.registry.url",
    "transforms",
    "transforms.a.type",
    "transforms.a.field",
    "transforms.a.fields",
    "transforms.a.renames",
    "transforms.a.spec",
    "transforms.a.regex",
    "transforms.a.replacement",
    "transforms.a.topic.format",
    "transforms.a.predicate",
    "predicates",
    "predicates.p.type",
    "predicates.p.pattern",
    "errors.tolerance",
    "errors.deadletterqueue.topic.name",
    "errors.retry.timeout",
    "consumer.override.max.poll.interval.ms",
    "http.url",
    "http.timeout",
    "batch.max.size",
    "flush.size",
    "rotate.interval.ms",
    "path.format",
    "connection.url",
    "connection.attempts",
    "insert.mode",
    "pk.fields",
    "file.name.template",
];

const VALUES: [&str; 24] = [
    "a",
    "a,b,,",
    "^orders-.*",
    "true",
    "-1",
    "0",
    "9223372036854775807",
    "99999999999999999999999",
    "1e309",
    "NaN",
    "${file:/x:y}",
    "${env:X}",
    "${",
    "{{topic}}-{{partition}}-{{start_offset}}",
    "'year'=YYYY/'month'=MM",
    "jdbc:postgresql://h:5432/db?user=u",
    "http://h:99999/x y",
    "org.apache.kafka.connect.transforms.ReplaceField$Value",
    "org.apache.kafka.connect.transforms.Cast$Key",
    "org.apache.kafka.connect.transforms.RegexRouter",
    "org.apache.kafka.connect.transforms.TimestampRouter",
    "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    "org.apache.kafka.connect.json.JsonConverter",
    "\u{9b}31m\u{202e}\u{feff}: \"'\\",
];

const SECRETS: [&str; 7] = [
    "connection.password",
    "aws.secret.access.key",
    "http.headers.authorization",
    "consumer.override.sasl.jaas.config",
    "oauth2.client.secret",
    "ssl.key.password",
    "api.key.value",
];

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = sluice_registry::register(sluice_transforms::register(Registry::new()));
        sluice_sinks::register(registry)
    })
}

fn settings() -> impl Strategy<Value = Vec<(String, String)>> {
    let known = (select(NAMES.to_vec()), select(VALUES.to_vec()));
    let known = known.prop_map(|(name, value)| (name.to_owned(), value.to_owned()));
    let secret = select(SECRETS.to_vec()).prop_map(|name| (name.to_owned(), PASSWORD.to_owned()));
    let other = ("[a-z.\\\\ =:#!\\[\\]\\u{0}-\\u{9}]{0,12}", ".{0,12}");
    let one = prop_oneof![8 => known, 2 => secret, 1 => other];
    (select(CLASSES.to_vec()), prop::collection::vec(one, 0..14)).prop_map(|(class, mut settings)| {
        settings.push(("connector.class".to_owned(), class.to_owned()));
        settings
    })
}

/// In each form in which a configuration is read; the last is cut short.
fn texts(settings: &[(String, String)], end: prop::sample::Index) -> Vec<(&'static str, String)> {
    // A backslash at the end of a line would make the next setting, a password maybe, part of this value.
    let line = |(name, value): &(String, String)| format!("{name}={}\n", value.replace('\\', "\\\\"));
    let lines = settings.iter().map(line).collect();
    let fields = settings.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let json = Value::Object(fields).to_string();
    let end = json.floor_char_boundary(end.index(json.len()));
    let cut = json.get(..end).unwrap_or_default().to_owned();
    let nested = format!("{{\"name\":\"n\",\"config\":{json}}}");
    vec![
        ("c.properties", lines),
        ("c.yaml", json.clone()),
        ("c.json", json),
        ("c.json", nested),
        ("c.json", cut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_configuration_is_converted_or_refused_and_shows_no_password(
        settings in settings(),
        end in any::<prop::sample::Index>(),
    ) {
        for (form, text) in texts(&settings, end) {
            let said = match read(Path::new(form), &text).and_then(|config| convert(config, Some("c"), registry())) {
                Ok(converted) => {
                    let file = written(&converted);
                    let read = Node::parse(&file).map(|node| node.to_json());
                    prop_assert!(read.is_ok_and(|read| read == converted.file), "{}", file);
                    format!("{file}{:?}{:?}", converted.missing, converted.remarks)
                }
                Err(reason) => reason,
            };
            prop_assert!(!said.contains(PASSWORD), "{}: {}", form, said);
        }
    }
}
