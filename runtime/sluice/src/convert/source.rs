//! Where records come from: topics, converters, and the consumer.

use serde_json::{Map, Value, json};
use sluice_connector_api::Registry;
use sluice_runtime::config::credentials::sounds_secret;

use super::options::Options;

/// A converter with its settings.
type Named = (&'static str, Map<String, Value>);

/// A converter of Kafka Connect and the one that stands for it.
struct ConverterEntry {
    /// The end of its class.
    class: &'static str,
    /// The converter here, with its settings, of those options that begin with `key.converter.` or `value.converter.`.
    convert: fn(&str, &mut Options) -> Named,
}

/// The converters that have a counterpart.
const CONVERTERS: &[ConverterEntry] = &[
    ConverterEntry { class: ".StringConverter", convert: string },
    ConverterEntry { class: ".ByteArrayConverter", convert: |_, _| plain("bytes") },
    ConverterEntry { class: ".DoubleConverter", convert: |_, _| plain("double") },
    ConverterEntry { class: ".FloatConverter", convert: |_, _| plain("float") },
    ConverterEntry { class: ".IntegerConverter", convert: |_, _| plain("integer") },
    ConverterEntry { class: ".LongConverter", convert: |_, _| plain("long") },
    ConverterEntry { class: ".ShortConverter", convert: |_, _| plain("short") },
    ConverterEntry { class: ".JsonConverter", convert: json },
    // Those of one name are told apart by whose they are: the first that fits is taken.
    ConverterEntry {
        class: ".registry.utils.converter.AvroConverter",
        convert: |prefix, options| apicurio("avro", prefix, options),
    },
    ConverterEntry {
        class: ".registry.utils.converter.ExtJsonConverter",
        convert: |prefix, options| apicurio("json_schema", prefix, options),
    },
    ConverterEntry {
        class: ".schemaregistry.kafkaconnect.AWSKafkaAvroConverter",
        convert: |prefix, options| glue("avro", prefix, options),
    },
    ConverterEntry {
        class: ".schemaregistry.kafkaconnect.protobuf.ProtobufSchemaConverter",
        convert: |prefix, options| glue("protobuf", prefix, options),
    },
    ConverterEntry {
        class: ".schemaregistry.kafkaconnect.jsonschema.JsonSchemaConverter",
        convert: |prefix, options| glue("json_schema", prefix, options),
    },
    ConverterEntry { class: ".AvroConverter", convert: |prefix, options| confluent("avro", prefix, options) },
    ConverterEntry {
        class: ".ProtobufConverter",
        convert: |prefix, options| confluent("protobuf", prefix, options),
    },
    ConverterEntry {
        class: ".JsonSchemaConverter",
        convert: |prefix, options| confluent("json_schema", prefix, options),
    },
];

fn plain(name: &'static str) -> Named {
    (name, Map::new())
}

fn string(prefix: &str, options: &mut Options) -> Named {
    let encoding = options.take(&format!("{prefix}.converter.encoding"));
    let settings = encoding.map(|encoding| ("encoding".to_owned(), encoding.into()));
    ("string", settings.into_iter().collect())
}

/// With an envelope of `schema` and `payload` it is another converter here.
fn json(prefix: &str, options: &mut Options) -> Named {
    let enveloped = options.bool(&format!("{prefix}.schemas.enable")) != Some(false);
    options.ignore(&[&format!("{prefix}.schemas.cache.size"), &format!("{prefix}.decimal.format")]);
    let keeps_null = options.bool(&format!("{prefix}.replace.null.with.default")) == Some(false);
    match (enveloped, keeps_null) {
        (false, _) => plain("json"),
        (true, false) => plain("connect_json"),
        (true, true) => {
            let settings = [("replace_null_with_default".to_owned(), false.into())];
            ("connect_json", settings.into_iter().collect())
        }
    }
}

/// A converter of Confluent's, which asks its registry for the schema.
fn confluent(name: &'static str, prefix: &str, options: &mut Options) -> Named {
    let mut urls = Vec::new();
    for url in options.list(&format!("{prefix}.schema.registry.url")) {
        urls.push(options.safe(&format!("{prefix}.schema.registry.url"), &url));
    }
    if urls.is_empty() {
        options.variables.insert("SCHEMA_REGISTRY_URL".to_owned());
        urls.push("${env:SCHEMA_REGISTRY_URL}".to_owned());
    }
    let mut registry = Map::new();
    registry.insert("urls".to_owned(), urls.into());
    if options.take(&format!("{prefix}.basic.auth.user.info")).is_some() {
        let names = ["SCHEMA_REGISTRY_USERNAME", "SCHEMA_REGISTRY_PASSWORD"];
        options.variables.extend(names.map(str::to_owned));
        let [username, password] = names.map(|name| format!("${{env:{name}}}"));
        let basic = json!({ "basic": { "username": username, "password": password } });
        registry.insert("auth".to_owned(), basic);
    }
    options
        .ignore(&[&format!("{prefix}.basic.auth.credentials.source"), &format!("{prefix}.schemas.enable")]);
    of_registry(name, json!({ "confluent": registry }))
}

/// A converter of Apicurio's, which asks the registry by its own API.
fn apicurio(name: &'static str, prefix: &str, options: &mut Options) -> Named {
    let key = format!("{prefix}.apicurio.registry.url");
    let url = options.shown(&key).unwrap_or_else(|| {
        options.variables.insert("APICURIO_REGISTRY_URL".to_owned());
        "${env:APICURIO_REGISTRY_URL}".into()
    });
    let mut registry = Map::new();
    registry.insert("urls".to_owned(), json!([url]));
    if let Some(id) = options.take(&format!("{prefix}.apicurio.registry.use-id")) {
        let id = if id.eq_ignore_ascii_case("globalId") { "global" } else { "content" };
        registry.insert("id".to_owned(), id.into());
    }
    for ignored in ["apicurio.registry.auto-register", "apicurio.registry.find-latest", "schemas.enable"] {
        options.ignore(&[&format!("{prefix}.{ignored}")]);
    }
    of_registry(name, json!({ "apicurio": registry }))
}

/// A converter of the AWS Glue schema registry.
fn glue(name: &'static str, prefix: &str, options: &mut Options) -> Named {
    let mut registry = Map::new();
    if let Some(region) = options.take(&format!("{prefix}.region")) {
        registry.insert("region".to_owned(), region.into());
    }
    if let Some(url) = options.shown(&format!("{prefix}.endpoint")) {
        registry.insert("endpoint_url".to_owned(), url);
    }
    for ignored in [
        "schemaAutoRegistrationEnabled",
        "avroRecordType",
        "protobufMessageType",
        "registry.name",
        "schemas.enable",
    ] {
        options.ignore(&[&format!("{prefix}.{ignored}")]);
    }
    of_registry(name, json!({ "glue": registry }))
}

fn of_registry(name: &'static str, registry: Value) -> Named {
    (name, [("registry".to_owned(), registry)].into_iter().collect())
}

/// The properties of a Java consumer that librdkafka has, too.
const PROPERTIES: [&str; 12] = [
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "fetch.max.bytes",
    "fetch.min.bytes",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "session.timeout.ms",
    "request.timeout.ms",
];

/// Writes `source`.
pub(super) fn source(name: &str, stem: Option<&str>, registry: &Registry, options: &mut Options) -> Value {
    let mut kafka = Map::new();
    let servers = options.shown("consumer.override.bootstrap.servers");
    let servers = servers.unwrap_or_else(|| "${env:KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}".into());
    kafka.insert("bootstrap_servers".to_owned(), servers);
    kafka.insert("topics".to_owned(), topics(options));
    let group = options.take("consumer.override.group.id");
    match group {
        Some(group) => drop(kafka.insert("group".to_owned(), group.into())),
        None if stem.is_some_and(|stem| stem != name) => {
            kafka.insert("group".to_owned(), format!("connect-{name}").into());
        }
        None => {}
    }
    if let Some(reset) = options.take("consumer.override.auto.offset.reset") {
        if matches!(&*reset, "earliest" | "latest") {
            kafka.insert("auto_offset_reset".to_owned(), reset.into());
        } else {
            options.no_counterpart("consumer.override.auto.offset.reset", "is neither earliest nor latest");
        }
    }
    sign_in(&mut kafka, options);
    let properties = properties(options);
    if !properties.is_empty() {
        kafka.insert("properties".to_owned(), properties.into());
    }
    let mut source = Map::new();
    source.insert("kafka".to_owned(), kafka.into());
    for side in ["key", "value"] {
        if let Some(converter) = converter(side, registry, options) {
            source.insert(side.to_owned(), converter);
        }
    }
    options.ignore(&["header.converter"]);
    source.into()
}

fn topics(options: &mut Options) -> Value {
    let mut topics = options.list("topics");
    if let Some(pattern) = options.take("topics.regex") {
        // Kafka Connect's pattern is about the whole name.
        let begin = if pattern.starts_with('^') { "" } else { "^" };
        let end = if pattern.ends_with('$') { "" } else { "$" };
        topics.push(format!("{begin}{pattern}{end}"));
    }
    if topics.is_empty() {
        options.no_counterpart("topics", "names no topic; write those to be read into `source.kafka.topics`");
        topics.push("my-topic".to_owned());
    }
    topics.into()
}

/// The consumer's own identity and encryption. Who it is never shown: both the user and the password become references.
fn sign_in(kafka: &mut Map<String, Value>, options: &mut Options) {
    const PREFIX: &str = "consumer.override.";
    let mechanism = options.take("consumer.override.sasl.mechanism").unwrap_or_default();
    let protocol = options.take("consumer.override.security.protocol").unwrap_or_default();
    options.ignore(&[
        "consumer.override.sasl.jaas.config",
        "consumer.override.sasl.client.callback.handler.class",
    ]);
    let user = || json!({ "username": "${env:KAFKA_USERNAME}", "password": "${env:KAFKA_PASSWORD}" });
    let auth = match &*mechanism {
        "" => None,
        "PLAIN" => Some(json!({ "plain": user() })),
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            let mut scram = user();
            let hash = if mechanism.ends_with("256") { "sha_256" } else { "sha_512" };
            if let Some(scram) = scram.as_object_mut() {
                scram.insert("mechanism".to_owned(), hash.into());
            }
            Some(json!({ "scram": scram }))
        }
        "AWS_MSK_IAM" => Some(json!({ "msk_iam": {} })),
        other => {
            options.no_counterpart("consumer.override.sasl.mechanism", &format!("{other} is not known here"));
            None
        }
    };
    if let Some(auth) = auth {
        if auth.get("msk_iam").is_none() {
            options.variables.extend(["KAFKA_USERNAME".to_owned(), "KAFKA_PASSWORD".to_owned()]);
        }
        kafka.insert("auth".to_owned(), auth);
    }
    if protocol.ends_with("SSL") && !mechanism.starts_with("AWS") {
        kafka.insert("tls".to_owned(), json!({ "enabled": true }));
    }
    options.drop_below(
        &format!("{PREFIX}ssl."),
        "stores of keys and certificates are Java's; name files of PEM in `source.kafka.tls` and `auth: { tls: ... }`",
    );
}

fn properties(options: &mut Options) -> Map<String, Value> {
    const PREFIX: &str = "consumer.override.";
    let mut properties = Map::new();
    for name in options.below(PREFIX) {
        let full = format!("{PREFIX}{name}");
        if PROPERTIES.contains(&&*name) && !sounds_secret(&name) {
            if let Some(value) = options.shown(&full) {
                properties.insert(name, value);
            }
        } else {
            options.ignore(&[&full]);
            options.no_counterpart(&full, "is a property of the Java consumer that librdkafka does not have");
        }
    }
    properties
}

fn converter(side: &str, registry: &Registry, options: &mut Options) -> Option<Value> {
    let key = format!("{side}.converter");
    let Some(class) = options.take(&key) else {
        if side == "value" {
            let text = "is that of the worker, which this configuration does not say; `json` is taken";
            options.remarks.push(format!("{key}: {text}"));
        }
        return None;
    };
    let converted = CONVERTERS.iter().find(|entry| class.ends_with(entry.class));
    let converted = converted.map(|entry| (entry.convert)(&key, options));
    let Some((name, settings)) = converted.filter(|(name, _)| registry.converter(name).is_ok()) else {
        options.drop_below(&format!("{key}."), "belongs to a converter that has no counterpart yet");
        options.no_counterpart(&key, &format!("{class} has no counterpart yet"));
        return Some("bytes".into());
    };
    Some(if settings.is_empty() { name.into() } else { json!({ name: settings }) })
}
