//! `sluice convert`: configurations of Kafka Connect sinks become connector files that pass `check`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluice_runtime::config::yaml::Node;
use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Exited, Sluice};

/// What no output may show.
const SECRET: &str = "hunter2";

fn convert(file: &str, text: &str) -> Exited {
    let folder = Folder::with(file, text);
    let ended = Sluice::new(["convert", file]).current_dir(folder.path()).output();
    assert!(!ended.stdout.contains(SECRET) && !ended.stderr.contains(SECRET), "{ended}");
    ended
}

fn json_of(text: &str) -> Value {
    Node::parse(text).unwrap().to_json()
}

/// Converts a configuration that has counterparts for everything, and returns the file after a check.
#[track_caller]
fn converted(config: &Value) -> Value {
    let ended = convert("c.json", &json!({ "name": "prices", "config": config }).to_string());
    let ended = ended.expect_code(0);
    passes(&ended.stdout);
    json_of(&ended.stdout)
}

/// A file passes `check` once the variables that it names are set.
#[track_caller]
fn passes(file: &str) {
    let folder = Folder::with("prices.yaml", file);
    let mut check = Sluice::new(["check", "prices.yaml"]).current_dir(folder.path());
    for reference in file.split("${env:").skip(1) {
        let name: String = reference.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let value = if name.contains("URL") { "https://set.example/x" } else { "set" };
        check = check.env(name, value);
    }
    check.output().expect_code(0);
}

const CONFLUENT_HTTP: &str = "io.confluent.connect.http.HttpSinkConnector";
const AIVEN_HTTP: &str = "io.aiven.kafka.connect.http.HttpSinkConnector";

#[test]
fn a_sink_over_http_of_confluent_has_its_counterparts() {
    let file = converted(&json!({
        "connector.class": CONFLUENT_HTTP, "topics": "a, b", "tasks.max": "3",
        "http.api.url": "https://api.example.com/${topic}/${key}", "request.method": "PUT",
        "headers": "Accept:application/json|X-Api-Key:hunter2", "behavior.on.null.values": "delete",
        "batch.max.size": "50", "batch.prefix": "[", "batch.suffix": "]", "batch.separator": ",",
        "retry.backoff.ms": "2500", "max.retries": "7", "request.body.format": "json",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
        "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters",
        "errors.deadletterqueue.context.headers.enable": true, "errors.log.enable": true,
        "consumer.override.max.poll.interval.ms": "600000", "consumer.override.auto.offset.reset": "latest",
    }));
    let expected = json!({
        "source": {
            "kafka": {
                "bootstrap_servers": "${env:KAFKA_BOOTSTRAP_SERVERS:-localhost:9092}", "topics": ["a", "b"],
                "auto_offset_reset": "latest", "properties": { "max.poll.interval.ms": "600000" },
            },
            "key": "string", "value": "json",
        },
        "sink": { "http": {
            "url": "https://api.example.com/{{@record.topic}}/{{@record.key}}", "method": "PUT",
            "headers": { "accept": "application/json" },
            "auth": { "header": { "name": "x-api-key", "value": "${env:HEADERS_X_API_KEY_SECRET}" } },
            "on_null": "delete", "batch": { "format": "json_array" },
        } },
        "batch": { "max_records": 50 },
        "errors": { "retry_delay": "2500ms", "tolerance": "all", "dead_letter_queue": { "topic": "letters" } },
        "tasks_max": 3,
    });
    assert_eq!(file, expected);
}

#[test]
fn each_way_to_authenticate_has_its_counterpart_and_shows_no_secret() {
    let with = |class: &str, more: &Value| {
        let mut config = json!({
            "connector.class": class, "topics": "t", "value.converter": "x.JsonConverter",
            "value.converter.schemas.enable": false,
        });
        for (name, value) in more.as_object().unwrap() {
            config[name] = value.clone();
        }
        converted(&config)["sink"]["http"]["auth"].clone()
    };
    let basic = with(
        CONFLUENT_HTTP,
        &json!({
            "http.api.url": "http://h/", "auth.type": "BASIC", "connection.user": "hunter2", "connection.password": "hunter2",
        }),
    );
    assert_eq!(basic["basic"]["password"], "${env:CONNECTION_PASSWORD}");
    let oauth2 = json!({
        "http.api.url": "http://h/", "auth.type": "oauth2", "oauth2.token.url": "https://login/token",
        "oauth2.client.id": "sluice", "oauth2.client.secret": "hunter2", "oauth2.client.scope": "any",
    });
    let expected = json!({ "oauth2": {
        "token_url": "https://login/token", "client_id": "sluice", "client_secret": "${env:OAUTH2_CLIENT_SECRET}",
        "scope": "any",
    } });
    assert_eq!(with(CONFLUENT_HTTP, &oauth2), expected);
    let fixed = with(
        AIVEN_HTTP,
        &json!({
            "http.url": "http://h/", "http.authorization.type": "static", "http.headers.authorization": "Bearer hunter2",
        }),
    );
    assert_eq!(fixed["header"]["value"], "${env:HTTP_HEADERS_AUTHORIZATION}");
    let in_url = with(AIVEN_HTTP, &json!({ "http.url": "https://me:hunter2@h/" }));
    assert_eq!(in_url, Value::Null);
}

#[test]
fn objects_in_s3_and_lines_in_a_file_have_their_counterparts() {
    let file = converted(&json!({
        "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics.regex": "prices\\..*",
        "s3.bucket.name": "bucket", "s3.region": "eu-west-1", "topics.dir": "kafka", "flush.size": "1000",
        "rotate.interval.ms": "60000", "s3.compression.type": "gzip", "s3.part.size": "5242880",
        "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        "storage.class": "io.confluent.connect.s3.storage.S3Storage", "schema.compatibility": "NONE",
        "aws.access.key.id": "hunter2", "aws.secret.access.key": "hunter2",
    }));
    assert_eq!(file["source"]["kafka"]["topics"], json!(["^prices\\..*$"]));
    let sink = json!({
        "bucket": "bucket", "prefix": "kafka/", "region": "eu-west-1", "format": "raw", "compression": "gzip",
        "objects": { "max_records": 1000, "record_time": "60000ms" },
    });
    assert_eq!(file["sink"]["s3"], sink);

    let file = converted(&json!({
        "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": "t", "s3.bucket.name": "bucket",
        "s3.region": "eu-west-1", "rotate.schedule.interval.ms": "600000",
        "format.class": "io.confluent.connect.s3.format.parquet.ParquetFormat", "parquet.codec": "snappy",
        "partitioner.class": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
        "path.format": "'year'=YYYY/'month'=MM/'at'=HH-mm", "locale": "en", "timezone": "UTC",
        "timestamp.extractor": "Record", "partition.duration.ms": "3600000",
    }));
    let sink = json!({
        "bucket": "bucket", "prefix": "topics/", "region": "eu-west-1", "format": "parquet", "compression": "zstd",
        "objects": { "interval": "600000ms", "path": "year=%Y/month=%m/at=%H-%M/" },
    });
    assert_eq!(file["sink"]["s3"], sink);

    let file = converted(&json!({
        "connector.class": "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector", "topics": "t",
        "aws.s3.bucket.name": "bucket", "format.output.type": "jsonl", "format.output.fields": "key,value,offset",
        "file.compression.type": "none", "aws.secret.access.key": "hunter2",
    }));
    let sink = json!({ "bucket": "bucket", "format": "json_lines", "objects": { "interval": "60s" } });
    assert_eq!(file["sink"]["s3"], sink);

    let properties = "name=lines\nconnector.class=FileStreamSink\ntasks.max=1\nfile=/tmp/out.txt\ntopics=t\n";
    let ended = convert("lines.properties", properties).expect_code(0);
    passes(&ended.stdout);
    assert_eq!(
        json_of(&ended.stdout)["sink"],
        json!({ "file": { "path": "/tmp/out.txt", "format": "raw" } })
    );

    let file = converted(&json!({
        "connector.class": "com.nordstrom.kafka.connect.sqs.SqsSinkConnector", "topics": "t",
        "sqs.queue.url": "https://sqs.eu-west-1.amazonaws.com/123456789012/q",
    }));
    assert_eq!(file["sink"]["sqs"]["format"], "raw");
}

const CONFLUENT_SEARCH: &str = "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector";
const AIVEN_SEARCH: &str = "io.aiven.kafka.connect.opensearch.OpenSearchSinkConnector";

/// Converts a sink into Elasticsearch or `OpenSearch` whose values are JSON.
fn search(class: &str, more: &Value) -> Value {
    let mut config = json!({
        "connector.class": class, "topics": "t", "connection.url": "https://a:9200,https://b:9200/",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "x.JsonConverter", "value.converter.schemas.enable": false,
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    converted(&config)
}

#[test]
fn a_sink_into_elasticsearch_of_confluent_has_its_counterparts() {
    let file = search(
        CONFLUENT_SEARCH,
        &json!({
            "connection.username": "hunter2", "connection.password": "hunter2", "batch.size": "500",
            "bulk.size.bytes": "1048576", "max.in.flight.requests": "8", "linger.ms": "100", "max.retries": "3",
            "retry.backoff.ms": "250", "connection.compression": "true", "connection.timeout.ms": "2000",
            "read.timeout.ms": "7000", "behavior.on.null.values": "DELETE", "behavior.on.malformed.documents": "warn",
            "write.method": "INSERT", "key.ignore": "false", "schema.ignore": "true", "type.name": "_doc",
            "flush.timeout.ms": "1", "max.buffered.records": "1", "compact.map.entries": "true",
        }),
    );
    let sink = json!({ "opensearch": {
        "urls": ["https://a:9200", "https://b:9200"],
        "auth": { "basic": { "username": "${env:CONNECTION_USERNAME}", "password": "${env:CONNECTION_PASSWORD}" } },
        "connect_timeout": "2000ms", "request_timeout": "7000ms", "document_id": "key", "on_null": "delete",
        "max_request_size": "1048576", "max_in_flight": 8, "compression": "gzip",
    } });
    assert_eq!(file["sink"], sink);
    assert_eq!(file["batch"], json!({ "max_records": 500, "linger": "100ms" }));
    assert_eq!(file["errors"], json!({ "retry_delay": "250ms", "tolerance": "all" }));

    let stream = json!({ "data.stream.type": "logs", "data.stream.dataset": "shop", "key.ignore": "true" });
    let stream = &search(CONFLUENT_SEARCH, &stream)["sink"]["opensearch"];
    assert_eq!(
        (stream["index"].clone(), stream["write"].clone()),
        (json!("logs-shop-{{@record.topic}}"), json!("data_stream"))
    );
    let id = "{{@record.topic}}+{{@record.partition}}+{{@record.offset}}";
    assert_eq!((stream["document_id"]["template"].clone(), stream.get("on_null")), (json!(id), None));
}

#[test]
fn a_sink_into_opensearch_of_aiven_has_its_counterparts() {
    let file = search(
        AIVEN_SEARCH,
        &json!({
            "index.write.method": "upsert", "behavior.on.version.conflict": "report", "bulk.max.size": "3",
            "bulk.max.operations.size": "100", "bulk.max.concurrent.requests": "2", "routing.type": "value",
            "routing.type.record.value.path": "/customer/id", "aws.region": "eu-west-1", "aws.access_key_id": "hunter2",
            "aws.secret_access_key": "hunter2", "key.ignore": false,
        }),
    );
    let sink = json!({ "opensearch": {
        "urls": ["https://a:9200", "https://b:9200"], "auth": { "sigv4": { "service": "es", "region": "eu-west-1" } },
        "document_id": "key", "write": "upsert", "on_null": "ignore", "max_request_size": "3MiB", "max_in_flight": 2,
        "routing": "{{customer.id}}",
    } });
    assert_eq!(file["sink"], sink);
    let of = |more: Value| search(AIVEN_SEARCH, &more)["sink"]["opensearch"].clone();
    let generated = of(
        json!({ "key.ignore": true, "key.ignore.id.strategy": "none", "behavior.on.null.values": "delete" }),
    );
    assert_eq!(
        (generated["document_id"].clone(), generated["on_null"].clone()),
        (json!("generated"), json!("ignore"))
    );
    let stream =
        of(json!({ "data.stream.enabled": true, "data.stream.prefix": "logs", "routing.type": "key" }));
    assert_eq!(stream["index"], "logs-{{@record.topic}}");
    assert_eq!(
        (stream["write"].clone(), stream["routing"].clone()),
        (json!("data_stream"), json!("{{@record.key}}"))
    );
}

#[test]
fn transforms_and_predicates_that_exist_are_taken_in_their_order() {
    let file = converted(&json!({
        "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t", "transforms": "at, back",
        "transforms.at.type": "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        "transforms.at.field": "at", "transforms.at.target.type": "string",
        "transforms.at.format": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "transforms.at.predicate": "gone",
        "transforms.at.negate": "true",
        "transforms.back.type": "org.apache.kafka.connect.transforms.TimestampConverter$Value",
        "transforms.back.field": "then", "transforms.back.target.type": "unix", "transforms.back.format": "yyyy-MM-dd",
        "transforms.back.unix.precision": "seconds", "transforms.back.predicate": "mine",
        "predicates": "gone,mine",
        "predicates.gone.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
        "predicates.mine.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        "predicates.mine.pattern": "t.*",
    }));
    let expected = json!([
        {
            "timestamp": { "field": "at", "from": "unix_millis", "to": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "on_null": "skip" },
            "predicate": { "record_is_tombstone": {} }, "negate": true,
        },
        {
            "timestamp": { "field": "then", "from": "yyyy-MM-dd", "to": "unix_seconds", "on_null": "skip" },
            "predicate": { "topic_name_matches": { "pattern": "t.*" } },
        },
    ]);
    assert_eq!(file["transforms"], expected);
}

/// A class, its options, and what it becomes.
type ClassCase = (&'static str, Value, Value);

/// The transforms that read fields.
fn of_fields() -> Vec<ClassCase> {
    vec![
        (
            "Cast$Value",
            json!({ "spec": "a.b:int32,c:string" }),
            json!({ "cast": { "spec": ["`a.b`:int32", "c:string"] } }),
        ),
        ("Cast$Key", json!({ "spec": "int8" }), json!({ "cast": { "spec": "int8", "of": "key" } })),
        ("DropHeaders", json!({ "headers": "a,b" }), json!({ "drop_headers": { "headers": ["a", "b"] } })),
        (
            "ExtractField$Key",
            json!({ "field": "id" }),
            json!({ "extract_field": { "field": "id", "of": "key" } }),
        ),
        (
            "ExtractField$Value",
            json!({ "field": "a.b", "field.syntax.version": "V2" }),
            json!({ "extract_field": { "field": "a.b" } }),
        ),
        ("Flatten$Value", json!({ "delimiter": "_" }), json!({ "flatten": { "delimiter": "_" } })),
        (
            "HeaderFrom$Value",
            json!({ "fields": "a,b", "headers": "x,y", "operation": "move" }),
            json!({ "header_from": { "fields": ["a", "b"], "headers": ["x", "y"], "operation": "move" } }),
        ),
        ("HoistField$Value", json!({ "field": "line" }), json!({ "hoist_field": { "field": "line" } })),
        (
            "InsertField$Value",
            json!({ "topic.field": "t", "static.field": "s", "static.value": "v" }),
            json!({ "insert_field": { "topic_field": "t", "static_field": "s", "static_value": "v" } }),
        ),
    ]
}

/// The transforms that write fields, headers and topics.
fn of_records() -> Vec<ClassCase> {
    vec![
        (
            "InsertHeader",
            json!({ "header": "h", "value.literal": "v" }),
            json!({ "insert_header": { "header": "h", "value_literal": "v" } }),
        ),
        (
            "MaskField$Value",
            json!({ "fields": "card", "replacement": "xx", "replace.null.with.default": "true" }),
            json!({ "mask_field": { "fields": ["card"], "replacement": "xx" } }),
        ),
        (
            "RegexRouter",
            json!({ "regex": "(.*)-x", "replacement": "$1" }),
            json!({ "regex_router": { "regex": "(.*)-x", "replacement": "$1" } }),
        ),
        (
            "ReplaceField$Value",
            json!({ "blacklist": "a", "renames": "b.c:d" }),
            json!({ "replace_field": { "exclude": ["a"], "renames": ["`b.c`:d"] } }),
        ),
        (
            "TimestampRouter",
            json!({ "topic.format": "${topic}-${timestamp}", "timestamp.format": "yyyy" }),
            json!({ "timestamp_router": { "topic_format": "${topic}-${timestamp}", "timestamp_format": "yyyy" } }),
        ),
        ("ValueToKey", json!({ "fields": "id" }), json!({ "value_to_key": { "fields": ["id"] } })),
        (
            "io.debezium.transforms.ExtractNewRecordState",
            json!({ "delete.tombstone.handling.mode": "rewrite", "add.fields": "op,ts_ms" }),
            json!({ "unwrap_cdc": { "add_fields": ["op", "ts_ms"], "on_delete": "rewrite" } }),
        ),
    ]
}

const OF_CONNECT: &str = "org.apache.kafka.connect.transforms.";

#[test]
fn each_transform_of_kafka_connect_has_its_counterpart() {
    for (class, options, expected) in of_fields().into_iter().chain(of_records()) {
        let class = if class.contains('.') { class.to_owned() } else { format!("{OF_CONNECT}{class}") };
        let mut config = json!({
            "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t", "transforms": "x",
            "key.converter": "x.JsonConverter", "key.converter.schemas.enable": false, "transforms.x.type": class,
        });
        for (name, value) in options.as_object().unwrap() {
            config[format!("transforms.x.{name}")] = value.clone();
        }
        assert_eq!(converted(&config)["transforms"], json!([expected]), "{class}");
    }
}

#[test]
fn a_filter_needs_its_predicate_and_a_schema_has_no_name_here() {
    let filter = json!({
        "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t", "transforms": "schema,x",
        "transforms.schema.type": "org.apache.kafka.connect.transforms.SetSchemaMetadata$Value",
        "transforms.schema.schema.name": "n", "transforms.x.type": format!("{OF_CONNECT}Filter"),
        "transforms.x.predicate": "gone", "predicates": "gone",
        "predicates.gone.type": format!("{OF_CONNECT}predicates.RecordIsTombstone"),
    });
    let expected = json!([{ "filter": {}, "predicate": { "record_is_tombstone": {} } }]);
    assert_eq!(converted(&filter)["transforms"], expected);
}

const AWS: &str = "com.amazonaws.services.schemaregistry.kafkaconnect";

#[test]
fn converters_of_schema_registries_have_their_counterparts() {
    let value = |class: &str, options: Value| {
        let mut config = json!({
            "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t", "value.converter": class,
        });
        for (name, option) in options.as_object().unwrap() {
            config[format!("value.converter.{name}")] = option.clone();
        }
        converted(&config)["source"]["value"].clone()
    };
    let registry = json!({
        "schema.registry.url": "http://a:8081,http://b:8081", "basic.auth.credentials.source": "USER_INFO",
        "basic.auth.user.info": "me:hunter2",
    });
    for (class, name) in [
        ("io.confluent.connect.avro.AvroConverter", "avro"),
        ("io.confluent.connect.protobuf.ProtobufConverter", "protobuf"),
        ("io.confluent.connect.json.JsonSchemaConverter", "json_schema"),
    ] {
        let confluent = &value(class, registry.clone())[name]["registry"]["confluent"];
        assert_eq!(confluent["urls"], json!(["http://a:8081", "http://b:8081"]), "{class}");
        assert_eq!(confluent["auth"]["basic"]["password"], "${env:SCHEMA_REGISTRY_PASSWORD}");
    }
    for (class, name) in [
        ("AWSKafkaAvroConverter", "avro"),
        ("protobuf.ProtobufSchemaConverter", "protobuf"),
        ("jsonschema.JsonSchemaConverter", "json_schema"),
    ] {
        let glue = value(
            &format!("{AWS}.{class}"),
            json!({ "region": "eu-west-1", "schemaAutoRegistrationEnabled": true }),
        );
        assert_eq!(glue, json!({ name: { "registry": { "glue": { "region": "eu-west-1" } } } }), "{class}");
    }
    for (class, name) in [("AvroConverter", "avro"), ("ExtJsonConverter", "json_schema")] {
        let options = json!({
            "apicurio.registry.url": "http://a:8080/apis/registry/v3", "apicurio.registry.use-id": "globalId",
        });
        let apicurio = value(&format!("io.apicurio.registry.utils.converter.{class}"), options);
        let expected = json!({ "urls": ["http://a:8080/apis/registry/v3"], "id": "global" });
        assert_eq!(apicurio, json!({ name: { "registry": { "apicurio": expected } } }), "{class}");
    }
}

/// Kafka Connect's own converters.
fn of_connect() -> Vec<ClassCase> {
    vec![
        ("json.JsonConverter", json!({}), json!("connect_json")),
        (
            "json.JsonConverter",
            json!({ "schemas.enable": true, "replace.null.with.default": false, "decimal.format": "NUMERIC" }),
            json!({ "connect_json": { "replace_null_with_default": false } }),
        ),
        ("json.JsonConverter", json!({ "schemas.enable": "false" }), json!("json")),
        ("storage.StringConverter", json!({}), json!("string")),
        (
            "storage.StringConverter",
            json!({ "converter.encoding": "ISO-8859-1" }),
            json!({ "string": { "encoding": "ISO-8859-1" } }),
        ),
        ("converters.ByteArrayConverter", json!({}), json!("bytes")),
        ("converters.ShortConverter", json!({}), json!("short")),
        ("converters.IntegerConverter", json!({}), json!("integer")),
        ("converters.LongConverter", json!({}), json!("long")),
        ("converters.FloatConverter", json!({}), json!("float")),
        ("converters.DoubleConverter", json!({}), json!("double")),
    ]
}

#[test]
fn converters_of_kafka_connect_itself_have_their_counterparts() {
    for (class, options, expected) in of_connect() {
        for side in ["key", "value"] {
            let mut config = json!({
                "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t",
                format!("{side}.converter"): format!("org.apache.kafka.connect.{class}"),
            });
            for (name, option) in options.as_object().unwrap() {
                config[format!("{side}.converter.{name}")] = option.clone();
            }
            assert_eq!(converted(&config)["source"][side], expected, "{class}");
        }
    }
}

/// What Kafka Connect has nothing like, so that nothing could become it.
const OURS_ALONE: [&str; 10] = [
    "chunk",
    "decompress",
    "dedupe",
    "explode",
    "field_value",
    "jq",
    "parse_json",
    "redact",
    "set",
    "template",
];

/// The names that stand for something: a name alone, or the only key of a map.
fn name_of(plugin: &Value) -> String {
    let key = plugin.as_object().and_then(|settings| settings.keys().next());
    key.map_or_else(|| plugin.as_str().unwrap().to_owned(), Clone::clone)
}

/// A plug-in that is new becomes a counterpart in a test of this file, or is said to be ours alone.
#[test]
fn every_converter_transform_and_predicate_is_a_counterpart_or_ours_alone() {
    let mut known: BTreeSet<String> = OURS_ALONE.map(str::to_owned).into();
    // The tests of these stand alone.
    known.extend(["avro", "protobuf", "json_schema", "timestamp", "filter"].map(str::to_owned));
    known.extend(["topic_name_matches", "has_header_key", "record_is_tombstone"].map(str::to_owned));
    let cases = of_connect().into_iter().chain(of_fields()).chain(of_records());
    known.extend(cases.map(|(_, _, expected)| name_of(&expected)));
    let listed = Sluice::new(["plugins", "--output", "json"]).output().expect_code(0);
    for line in listed.lines() {
        let plugin = json_of(line);
        let (kind, name) = (plugin["kind"].as_str().unwrap(), plugin["name"].as_str().unwrap());
        assert!(
            known.contains(name) || !matches!(kind, "converter" | "transform" | "predicate"),
            "{kind} {name}: `convert` makes it of nothing; if that is right, it is ours alone"
        );
    }
}

#[test]
fn predicates_of_kafka_connect_have_their_counterparts() {
    for (class, options, expected) in [
        (
            "TopicNameMatches",
            json!({ "pattern": "t.*" }),
            json!({ "topic_name_matches": { "pattern": "t.*" } }),
        ),
        ("HasHeaderKey", json!({ "name": "trace" }), json!({ "has_header_key": { "name": "trace" } })),
        ("RecordIsTombstone", json!({}), json!({ "record_is_tombstone": {} })),
    ] {
        let mut config = json!({
            "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t", "transforms": "x",
            "transforms.x.type": format!("{OF_CONNECT}Filter"), "transforms.x.predicate": "p", "predicates": "p",
            "predicates.p.type": format!("{OF_CONNECT}predicates.{class}"),
        });
        for (name, option) in options.as_object().unwrap() {
            config[format!("predicates.p.{name}")] = option.clone();
        }
        assert_eq!(
            converted(&config)["transforms"],
            json!([{ "filter": {}, "predicate": expected }]),
            "{class}"
        );
    }
}

#[test]
fn a_consumer_that_signs_in_names_no_one() {
    let file = converted(&json!({
        "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t",
        "consumer.override.bootstrap.servers": "b-1.example:9096", "consumer.override.security.protocol": "SASL_SSL",
        "consumer.override.sasl.mechanism": "SCRAM-SHA-512",
        "consumer.override.sasl.jaas.config": "x.ScramLoginModule required username=\"hunter2\" password=\"hunter2\";",
    }));
    let kafka = &file["source"]["kafka"];
    assert_eq!(kafka["auth"]["scram"]["password"], "${env:KAFKA_PASSWORD}");
    assert_eq!(kafka["tls"], json!({ "enabled": true }));
}

#[test]
fn what_has_no_counterpart_is_listed_and_the_rest_is_written_and_passes() {
    let config = json!({
        "connector.class": "FileStreamSink", "file": "/tmp/out", "topics": "t", "no.such.setting": "hunter2",
        "value.converter": "io.confluent.connect.avro.NoSuchConverter",
        "value.converter.basic.auth.user.info": "me:hunter2", "transforms": "x",
        "transforms.x.type": "com.example.Strange$Value", "transforms.x.password": "hunter2",
        "consumer.override.max.poll.records": "5",
    });
    let ended = convert("c.json", &config.to_string()).expect_code(1);
    passes(&ended.stdout);
    for said in [
        "no.such.setting: has no counterpart",
        "transforms.x: com.example.Strange$Value has no counterpart yet",
        "value.converter: io.confluent.connect.avro.NoSuchConverter has no counterpart yet",
        "consumer.override.max.poll.records: is a property of the Java consumer",
    ] {
        assert!(ended.stdout.contains(&format!("# NO COUNTERPART: {said}")), "{said}: {ended}");
        assert!(ended.stderr.contains(said), "{said}: {ended}");
    }
    assert!(
        ended.stderr.ends_with("setting(s) have no counterpart; look at them before you run the connector")
    );
}

#[test]
fn a_sink_that_has_no_counterpart_makes_no_file() {
    for (class, said) in [
        ("com.mongodb.kafka.connect.MongoSinkConnector", "for which there is no sink yet"),
        ("io.confluent.connect.jdbc.JdbcSourceConnector", "is a source"),
        ("com.example.Sink", "`sluice plugins` lists"),
    ] {
        let text =
            json!({ "connector.class": class, "topics": "t", "connection.password": "hunter2" }).to_string();
        let ended = convert("c.json", &text).expect_code(2);
        assert!(ended.stderr.contains(said) && ended.stdout.is_empty(), "{ended}");
    }
    let ended = convert("c.properties", "password=hunter2\n").expect_code(2);
    assert!(ended.stderr.contains("has no `connector.class`"), "{ended}");
}

#[test]
fn a_file_is_written_with_the_group_that_the_connector_had_and_never_over_another() {
    let config = json!({ "name": "old", "config": { "connector.class": "FileStreamSink", "file": "/tmp/o", "topics": "t" } });
    let folder = Folder::with("old.json", config.to_string());
    let run = |file: &str| Sluice::new(["convert", "old.json", file]).current_dir(folder.path()).output();
    let ended = run("new.yaml").expect_code(0);
    assert!(ended.stdout.contains("new.yaml: written; next: sluice check new.yaml"), "{ended}");
    let file = json_of(&std::fs::read_to_string(folder.path().join("new.yaml")).unwrap());
    assert_eq!(file["source"]["kafka"]["group"], "connect-old");
    run("old.yaml").expect_code(0);
    let file = json_of(&std::fs::read_to_string(folder.path().join("old.yaml")).unwrap());
    assert_eq!(file["source"]["kafka"].get("group"), None, "it is that of the file's name");
    run("old.yaml").expect_code(3);
}

const CONFLUENT_JDBC: &str = "io.confluent.connect.jdbc.JdbcSinkConnector";
const AIVEN_JDBC: &str = "io.aiven.connect.jdbc.JdbcSinkConnector";

fn jdbc(class: &str, more: &Value) -> Value {
    let mut config = json!({
        "connector.class": class, "connection.url": "jdbc:postgresql://db.example.com:5432/shop?sslmode=verify-full",
        "connection.user": "sluice", "connection.password": "hunter2",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "x.JsonConverter", "value.converter.schemas.enable": false,
    });
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

#[test]
fn a_sink_over_jdbc_into_postgresql_has_its_counterparts() {
    let upsert = json!({
        "topics": "orders", "insert.mode": "UPSERT", "pk.mode": "record_key", "pk.fields": "id", "delete.enabled": "true",
        "table.name.format": "kafka_${topic}", "batch.size": "500", "max.retries": "3", "retry.backoff.ms": "250",
        "dialect.name": "PostgreSqlDatabaseDialect", "auto.create": "true", "auto.evolve": "true",
        "quote.sql.identifiers": "ALWAYS",
    });
    let file = converted(&jdbc(CONFLUENT_JDBC, &upsert));
    let sink = json!({ "postgres": {
        "url": "postgres://sluice@db.example.com:5432/shop?sslmode=verify-full", "password": "${env:CONNECTION_PASSWORD}",
        "table": "kafka_orders", "mode": "upsert", "key": "record_key", "key_columns": ["id"], "on_null": "delete",
        "auto_create": true, "auto_evolve": true,
    } });
    assert_eq!(file["sink"], sink);
    assert_eq!(
        (&file["batch"], &file["errors"]),
        (&json!({ "max_records": 500 }), &json!({ "retry_delay": "250ms" }))
    );
    let log = converted(&jdbc(AIVEN_JDBC, &json!({ "topics": "a, b", "pk.mode": "kafka" })));
    let log = &log["sink"]["postgres"];
    assert_eq!((&log["table"], &log["tables"]), (&json!("{{@record.topic}}"), &json!(["a", "b"])));
    assert_eq!(log["key_columns"], json!(["__connect_topic", "__connect_partition", "__connect_offset"]));
    let fields =
        json!({ "topics": "t", "pk.mode": "record_value", "pk.fields": "a,b", "insert.mode": "update" });
    let fields = converted(&jdbc(CONFLUENT_JDBC, &fields));
    assert_eq!(fields["sink"]["postgres"]["key"], "fields");
    let kept = json!({
        "topics": "t", "pk.mode": "record_value", "pk.fields": "id", "fields.whitelist": "name,price",
        "connection.url": "jdbc:postgresql://h/d?currentSchema=sales",
    });
    let kept = converted(&jdbc(CONFLUENT_JDBC, &kept));
    assert_eq!(kept["transforms"], json!([{ "replace_field": { "include": ["name", "price", "id"] } }]));
    assert_eq!(kept["sink"]["postgres"]["table"], "sales.t");
}

#[test]
fn debeziums_sink_into_postgresql_has_its_counterparts() {
    let config = json!({
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector", "topics": "shop.public.orders",
        "connection.url": "jdbc:postgresql://db:5432/shop", "connection.username": "sluice",
        "connection.password": "hunter2", "insert.mode": "upsert", "delete.enabled": "true",
        "primary.key.mode": "record_key", "primary.key.fields": "id", "schema.evolution": "basic",
        "quote.identifiers": "true", "batch.size": "1000", "use.reduction.buffer": "true",
        "key.converter": "x.JsonConverter", "value.converter": "x.JsonConverter",
    });
    let file = converted(&config);
    let sink = json!({ "postgres": {
        "url": "postgres://sluice@db:5432/shop", "password": "${env:CONNECTION_PASSWORD}", "table": "shop_public_orders",
        "mode": "upsert", "key": "record_key", "key_columns": ["id"], "on_null": "delete", "auto_create": true,
        "auto_evolve": true,
    } });
    assert_eq!(file["sink"], sink);
    assert_eq!(file["transforms"], json!([{ "unwrap_cdc": {} }]));
    let mut unwrapped = config.clone();
    unwrapped["transforms"] = "u".into();
    unwrapped["transforms.u.type"] = "io.debezium.transforms.ExtractNewRecordState".into();
    assert_eq!(converted(&unwrapped)["transforms"].as_array().map(Vec::len), Some(1));
    let mut several = config;
    several["topics"] = "shop.a,shop.b".into();
    several["truncate.enabled"] = "true".into();
    several["field.include.list"] = "shop.a:id".into();
    let ended = convert("c.json", &json!({ "name": "n", "config": several }).to_string()).expect_code(1);
    for said in ["collection.name.format: a topic with dots", "truncate.enabled:", "field.include.list:"] {
        assert!(ended.stderr.contains(said), "{said}: {ended}");
    }
}

#[test]
fn what_jdbc_does_and_postgres_does_not_is_said() {
    let config = jdbc(
        CONFLUENT_JDBC,
        &json!({
            "topics": "t", "auto.create": "true", "insert.mode": "update", "pk.mode": "record_key",
        }),
    );
    let ended = convert("c.json", &json!({ "name": "n", "config": config }).to_string()).expect_code(1);
    assert!(ended.stderr.contains("auto.create"), "{ended}");
    let mysql = jdbc(CONFLUENT_JDBC, &json!({ "topics": "t", "connection.url": "jdbc:mysql://db/shop" }));
    let ended = convert("c.json", &json!({ "name": "n", "config": mysql }).to_string());
    assert!(ended.code != Some(0) && ended.stderr.contains("writes to mysql over JDBC"), "{ended}");
}

/// Converts a configuration of which not all comes out, and returns the file with what is said of it.
#[track_caller]
fn partly(config: &Value) -> (Value, String) {
    let ended = convert("c.json", &json!({ "name": "n", "config": config }).to_string()).expect_code(1);
    (json_of(&ended.stdout), ended.stdout)
}

/// Such as people publish: each was written without a word, and refused by the first `check`.
#[test]
fn a_file_that_does_not_pass_is_never_written_without_a_word() {
    for (more, said) in [
        (
            json!({ "topics": "dbserver1.inventory.customers", "pk.mode": "record_key", "insert.mode": "upsert" }),
            "`dbserver1.inventory.customers` has more parts",
        ),
        (
            json!({ "topics": "public.account,public.invoice", "table.name.format": "public.${topic}" }),
            "`public.public.account` has more parts",
        ),
        (
            json!({ "topics": "a", "pk.mode": "record_value", "pk.fields": "id", "insert.mode": "upsert", "delete.enabled": "true" }),
            "delete.enabled: needs `pk.mode=record_key`",
        ),
        (json!({ "topics": "a", "quote.sql.identifiers": "NEVER" }), "small letters"),
        (
            json!({ "topics": "a", "table.name.format": "${source.table}" }),
            "DOES NOT PASS `sluice check`: `${source.table}`",
        ),
        (
            json!({ "topics": null, "topics.regex": "^(?!.*internal).*" }),
            "DOES NOT PASS `sluice check`: `source.kafka.topics.0`: is not a regular expression: look-around",
        ),
    ] {
        let (_, text) = partly(&jdbc(CONFLUENT_JDBC, &more));
        assert!(text.contains(said), "{more}: {text}");
        assert!(!text.contains("on_null"), "{text}");
    }
    let prefix = json!({
        "connector.class": "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector", "topics": "t",
        "aws.s3.bucket.name": "bucket", "format.output.type": "jsonl", "aws.s3.prefix": "raw/{{ utc_date }}/",
    });
    let (_, text) = partly(&prefix);
    assert!(text.contains("DOES NOT PASS `sluice check`: `sink.s3.prefix`"), "{text}");
    let folder = Folder::with("c.json", prefix.to_string());
    let ended =
        Sluice::new(["convert", "c.json", "-o", "json"]).current_dir(folder.path()).output().expect_code(1);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(told["missing"] == json!([]) && told["refused"].as_array().unwrap().len() == 1, "{told}");
    assert!(ended.stderr.contains("the file does not pass `sluice check`"), "{ended}");
}

#[test]
fn an_address_and_a_table_are_those_that_java_would_find() {
    for (url, ours) in [
        ("jdbc:postgresql:shop", "postgres://u@localhost/shop"),
        ("jdbc:postgresql:/", "postgres://u@localhost/"),
        ("jdbc:postgresql:///shop?sslmode=disable", "postgres://u@localhost/shop?sslmode=disable"),
        ("jdbc:postgresql://h1:5432,h2/shop", "postgres://u@h1:5432,h2/shop"),
    ] {
        let config = jdbc(
            CONFLUENT_JDBC,
            &json!({ "topics": "t", "connection.url": url, "connection.user": "u", "table.name.format": "\"Sales\".\"${topic}\"" }),
        );
        let file = converted(&config);
        let sink = &file["sink"]["postgres"];
        assert_eq!((&sink["url"], &sink["table"]), (&json!(ours), &json!("Sales.t")), "{url}");
    }
    let keyed = json!({
        "topics": "t", "pk.mode": "record_key", "insert.mode": "upsert", "delete.enabled": "true", "key.converter": null,
    });
    let file = converted(&jdbc(CONFLUENT_JDBC, &keyed));
    assert_eq!(
        (&file["source"]["key"], &file["sink"]["postgres"]["on_null"]),
        (&json!("json"), &json!("delete"))
    );
}

#[test]
fn objects_go_without_nulls_and_by_no_other_time_than_that_of_utc() {
    let config = |zone: &str| {
        json!({
            "connector.class": "io.confluent.connect.s3.S3SinkConnector", "topics": "t", "s3.bucket.name": "bucket",
            "s3.region": "eu-west-1", "flush.size": "5", "behavior.on.null.values": "IGNORE", "locale": "en", "timezone": zone,
            "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
            "partitioner.class": "io.confluent.connect.storage.partitioner.HourlyPartitioner",
        })
    };
    let file = converted(&config("UTC"));
    assert_eq!(file["transforms"], json!([{ "filter": {}, "predicate": { "record_is_tombstone": {} } }]));
    let (_, text) = partly(&config("America/New_York"));
    assert!(text.contains("NO COUNTERPART: timezone: folders are by the time of UTC"), "{text}");
}

#[test]
fn a_flow_of_a_process_of_mirror_maker_is_a_connector() {
    let text = "clusters = primary, secondary\nprimary.bootstrap.servers = p1:9092,p2:9092\nsecondary.bootstrap.servers = s:9092\n\
                primary->secondary.enabled = true\nprimary->secondary.topics = orders, payments\nsecondary->primary.enabled = false\n\
                primary->secondary.sync.group.offsets.enabled = true\nprimary->secondary.emit.heartbeats.enabled = true\n\
                replication.factor=3\ncheckpoints.topic.replication.factor=1\nstatus.storage.replication.factor=1\ntasks.max = 2\n";
    let ended = convert("mm2.properties", text).expect_code(0);
    passes(&ended.stdout);
    let file = json_of(&ended.stdout);
    assert_eq!(
        (&file["source"]["kafka"]["bootstrap_servers"], &file["source"]["kafka"]["topics"]),
        (&json!("p1:9092,p2:9092"), &json!(["orders", "payments"]))
    );
    assert_eq!(
        file["sink"]["kafka"],
        json!({ "bootstrap_servers": "s:9092", "topic": "primary.{{@record.topic}}", "partition": "origin" })
    );
    let both = text.replace("secondary->primary.enabled = false", "secondary->primary.enabled = true");
    let ended = convert("mm2.properties", &both).expect_code(2);
    assert!(ended.stderr.contains("primary->secondary, secondary->primary"), "{ended}");
}

const MIRROR: &str = "org.apache.kafka.connect.mirror.MirrorSourceConnector";

#[test]
fn a_mirror_of_another_cluster_has_its_counterparts() {
    let config = json!({
        "connector.class": MIRROR, "source.cluster.alias": "east", "target.cluster.alias": "west",
        "source.cluster.bootstrap.servers": "east-1:9093", "target.cluster.bootstrap.servers": "west-1:9092,west-2:9092",
        "source.cluster.security.protocol": "SASL_SSL", "source.cluster.sasl.mechanism": "SCRAM-SHA-512",
        "source.cluster.sasl.jaas.config": "x required username=\"hunter2\" password=\"hunter2\";",
        "target.cluster.security.protocol": "SASL_SSL", "target.cluster.sasl.mechanism": "PLAIN",
        "target.cluster.sasl.jaas.config": "x required username=\"hunter2\" password=\"hunter2\";",
        "topics": "orders, shop\\..*, shop.prices", "tasks.max": "4", "replication.factor": "3",
        "sync.topic.acls.enabled": "false", "refresh.topics.interval.seconds": "60", "offset.lag.max": "100",
        "producer.override.compression.type": "lz4", "producer.override.acks": "all",
        "consumer.override.max.partition.fetch.bytes": "2000000", "consumer.auto.offset.reset": "latest",
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
    });
    let file = converted(&config);
    let expected = json!({
        "source": {
            "kafka": {
                "bootstrap_servers": "east-1:9093", "topics": ["orders", "^shop\\..*$", "shop.prices"], "auto_offset_reset": "latest",
                "auth": { "scram": { "username": "${env:KAFKA_USERNAME}", "password": "${env:KAFKA_PASSWORD}", "mechanism": "sha_512" } },
                "tls": { "enabled": true }, "properties": { "max.partition.fetch.bytes": "2000000" },
            },
            "key": "bytes", "value": "bytes",
        },
        "sink": { "kafka": {
            "bootstrap_servers": "west-1:9092,west-2:9092", "topic": "east.{{@record.topic}}", "partition": "origin",
            "properties": {
                "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "${env:TARGET_USERNAME}",
                "sasl.password": "${env:TARGET_PASSWORD}", "compression.type": "lz4",
            },
        } },
        "tasks_max": 4,
    });
    assert_eq!(file, expected);
    let mut same = json!({
        "connector.class": MIRROR, "source.cluster.bootstrap.servers": "a:9092", "target.cluster.bootstrap.servers": "b:9092",
        "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
    });
    let file = converted(&same);
    assert_eq!(file["sink"]["kafka"]["topic"], "{{@record.topic}}");
    assert_eq!(file["source"]["kafka"]["topics"], json!(["^[^_].*$"]), "all but Kafka's own");
    same["topics.exclude"] = "secret.*".into();
    let ended = convert("c.json", &json!({ "name": "n", "config": same }).to_string()).expect_code(1);
    assert!(ended.stderr.contains("topics.exclude"), "{ended}");
}

/// What a connector has to have, beside the setting in question.
fn least(class: &str) -> Value {
    json!({
        "connector.class": class, "topics": "t",
        "connection.url": if class.contains("jdbc") { "jdbc:postgresql://h/d" } else { "http://h:9200" },
        "s3.bucket.name": "bucket", "aws.s3.bucket.name": "bucket", "target.cluster.bootstrap.servers": "b:9092",
        "dest.kafka.bootstrap.servers": "b:9092",
        "source.cluster.bootstrap.servers": "a:9092", "value.converter": "x.JsonConverter", "value.converter.schemas.enable": false,
    })
}

/// Each setting that the page for those who come from Kafka Connect names is one that is converted or spoken of.
#[test]
fn every_key_of_the_page_for_those_who_come_from_kafka_connect_is_known() {
    let page = include_str!("../../../docs/migration.md");
    let mut keys_of: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            keys_of.push((title.split('`').nth(1).unwrap(), Vec::new()));
        }
        let (Some((_, keys)), Some(row)) = (keys_of.last_mut(), line.strip_prefix("| `")) else { continue };
        let cell = row.split(" | ").next().unwrap();
        keys.extend(cell.split('`').step_by(2).filter(|key| !key.is_empty()));
    }
    assert!(keys_of.iter().map(|(_, keys)| keys.len()).sum::<usize>() > 90, "{keys_of:?}");
    for (class, keys) in keys_of {
        let mut config = least(class);
        for key in &keys {
            if config.get(key).is_none() {
                config[key] = "1".into();
            }
        }
        let ended = convert("c.json", &json!({ "name": "n", "config": config }).to_string());
        assert!(matches!(ended.code, Some(0 | 1)), "{class}: {ended}");
        for key in keys {
            assert!(
                !ended.stderr.contains(&format!(" {key}: has no counterpart")),
                "{class}: {key} is not known\n{ended}"
            );
        }
    }
}

/// Configurations with every setting that their connectors have, as their reference pages list them.
const FULL: [(&str, &str); 8] = [
    ("confluent-jdbc", include_str!("connect/confluent-jdbc.json")),
    ("aiven-jdbc", include_str!("connect/aiven-jdbc.json")),
    ("confluent-elasticsearch", include_str!("connect/confluent-elasticsearch.json")),
    ("aiven-opensearch", include_str!("connect/aiven-opensearch.json")),
    ("confluent-s3", include_str!("connect/confluent-s3.json")),
    ("aiven-s3", include_str!("connect/aiven-s3.json")),
    ("mirror-maker", include_str!("connect/mirror-maker.json")),
    ("confluent-replicator", include_str!("connect/confluent-replicator.json")),
];

/// Each is converted, or it is said what stands in for it, or that nothing is needed; and what is written passes `check`.
#[test]
fn every_setting_of_a_full_configuration_is_converted_or_named_with_what_stands_in() {
    for (name, text) in FULL {
        let ended = convert("c.json", text).expect_code(1);
        for said in ended.stderr.lines().filter_map(|line| line.split_once("no counterpart: ")) {
            assert!(!said.1.ends_with(": has no counterpart"), "{name}: {}", said.1);
        }
        assert!(!ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"), "{name}: {ended}");
        passes(&ended.stdout);
    }
}

#[test]
fn the_replicator_has_its_counterparts() {
    let config = json!({
        "connector.class": "io.confluent.connect.replicator.ReplicatorSourceConnector", "src.kafka.bootstrap.servers": "a:9092",
        "dest.kafka.bootstrap.servers": "b:9092", "topic.whitelist": "orders,payments", "topic.rename.format": "${topic}.copy",
        "src.consumer.group.id": "replicator", "key.converter": "io.confluent.connect.replicator.util.ByteArrayConverter",
        "src.kafka.security.protocol": "SASL_SSL", "src.kafka.sasl.mechanism": "PLAIN",
        "src.kafka.sasl.jaas.config": "x required username=\"hunter2\" password=\"hunter2\";", "tasks.max": "2",
    });
    let expected = json!({
        "source": {
            "kafka": {
                "bootstrap_servers": "a:9092", "topics": ["orders", "payments"], "group": "replicator",
                "auth": { "plain": { "username": "${env:KAFKA_USERNAME}", "password": "${env:KAFKA_PASSWORD}" } },
                "tls": { "enabled": true },
            },
            "key": "bytes", "value": "bytes",
        },
        "sink": { "kafka": { "bootstrap_servers": "b:9092", "topic": "{{@record.topic}}.copy", "partition": "origin" } },
        "tasks_max": 2,
    });
    assert_eq!(converted(&config), expected);
}

#[test]
fn the_schema_of_an_address_of_java_stands_before_the_table() {
    let url = "jdbc:postgresql://db/shop?currentSchema=sales&ApplicationName=etl&targetServerType=primary&reWriteBatchedInserts=true";
    let class = "io.confluent.connect.jdbc.JdbcSinkConnector";
    let file = converted(&json!({ "connector.class": class, "topics": "orders,items", "connection.url": url,
        "value.converter": "x.JsonConverter", "value.converter.schemas.enable": "false" }));
    assert_eq!(
        file["sink"]["postgres"],
        json!({
            "url": "postgres://db/shop?application_name=etl&target_session_attrs=read-write",
            "table": "sales.{{@record.topic}}", "tables": ["sales.orders", "sales.items"],
        })
    );
}
