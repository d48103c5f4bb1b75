//! Records of serializers that nobody here wrote, through a real registry and a real broker, into a knowledge base: every
//! value, deletes, schemas that go on, a registry that is away; and the same connector in AWS Lambda.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::connector::Folder;
use sluice_tests::glue::GlueRegistry;
use sluice_tests::kafka::{self, Broker};
use sluice_tests::lambda::{RuntimeApi, event};
use sluice_tests::python::Python;
use sluice_tests::schema_registry::SchemaRegistry;
use sluice_tests::sluice::{Running, Sluice};

/// Documents by their ids.
type Documents = BTreeMap<String, String>;

/// Records of one format, and what they are to become.
struct Case {
    /// As `schema_producer.py` knows it.
    format: &'static str,
    converter: &'static str,
    /// What else the converter of the values is told.
    settings: &'static str,
    document_id: &'static str,
    /// After the first round of records, and after the second.
    expected: [&'static [(&'static str, &'static str)]; 2],
}

const AVRO: Case = Case {
    format: "avro",
    converter: "avro",
    settings: ", time: rfc3339",
    document_id: "key",
    expected: [
        &[
            (
                r#"{"id":1}"#,
                r#"{"id":9007199254740993,"price":44.50,"fee":-0.1250,"rate":0.1,"ratio":0.1,"at":"2026-01-31T12:30:00.5Z","at_us":"2026-01-31T12:30:00.123456Z","day":"2026-01-31","time":"00:00:01.000005","ref":"0a0b0c0d-0000-4000-8000-00000000000f","state":"PAID","raw":"AP8=","hash":"3q2+7w==","note":null,"any":42,"tags":{"a":"b"},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":null}]},{"sku":"","parts":[]}],"to":{"street":"Main St \"1\"","geo":{"lat":-0.5,"lon":1.25}}}"#,
            ),
            (
                r#"{"id":2}"#,
                r#"{"id":9007199254740994,"price":44.50,"fee":-0.1250,"rate":0.1,"ratio":0.1,"at":"2026-01-31T12:30:00.5Z","at_us":"2026-01-31T12:30:00.123456Z","day":"2026-01-31","time":"00:00:01.000005","ref":"0a0b0c0d-0000-4000-8000-00000000000f","state":"PAID","raw":"AP8=","hash":"3q2+7w==","note":"said","any":"text","tags":{},"lines":[],"to":{"street":"","geo":null}}"#,
            ),
            (
                r#"{"id":3}"#,
                r#"{"id":-9223372036854775808,"price":-9999999.99,"fee":-0.1250,"rate":"Infinity","ratio":0.1,"at":"1969-12-31T23:59:59Z","at_us":"2026-01-31T12:30:00.123456Z","day":"1969-12-31","time":"00:00:01.000005","ref":"0a0b0c0d-0000-4000-8000-00000000000f","state":"PAID","raw":"AP8=","hash":"3q2+7w==","note":null,"any":[1,-1],"tags":{"a":"b"},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":null}]},{"sku":"","parts":[]}],"to":{"street":"Main St \"1\"","geo":{"lat":-0.5,"lon":1.25}}}"#,
            ),
        ],
        &[
            (
                r#"{"id":1}"#,
                r#"{"id":9007199254740993,"coupon":"TEN","price":44.50,"fee":-0.1250,"rate":0.1,"ratio":0.1,"at":"2026-01-31T12:30:00.5Z","at_us":"2026-01-31T12:30:00.123456Z","day":"2026-01-31","time":"00:00:01.000005","ref":"0a0b0c0d-0000-4000-8000-00000000000f","state":"PAID","raw":"AP8=","hash":"3q2+7w==","note":null,"any":true,"tags":{"a":"b"},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":null}]},{"sku":"","parts":[]}],"to":{"street":"Main St \"1\"","geo":{"lat":-0.5,"lon":1.25}},"tier":"gold"}"#,
            ),
            (
                r#"{"id":3}"#,
                r#"{"id":-9223372036854775808,"price":-9999999.99,"fee":-0.1250,"rate":"Infinity","ratio":0.1,"at":"1969-12-31T23:59:59Z","at_us":"2026-01-31T12:30:00.123456Z","day":"1969-12-31","time":"00:00:01.000005","ref":"0a0b0c0d-0000-4000-8000-00000000000f","state":"PAID","raw":"AP8=","hash":"3q2+7w==","note":null,"any":[1,-1],"tags":{"a":"b"},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":null}]},{"sku":"","parts":[]}],"to":{"street":"Main St \"1\"","geo":{"lat":-0.5,"lon":1.25}}}"#,
            ),
            (
                r#"{"id":4}"#,
                r#"{"id":9007199254740996,"coupon":null,"price":44.50,"fee":-0.1250,"rate":0.1,"ratio":0.1,"at":"2026-01-31T12:30:00.5Z","at_us":"2026-01-31T12:30:00.123456Z","day":"2026-01-31","time":"00:00:01.000005","ref":"0a0b0c0d-0000-4000-8000-00000000000f","state":"PAID","raw":"AP8=","hash":"3q2+7w==","note":null,"any":true,"tags":{"a":"b"},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":null}]},{"sku":"","parts":[]}],"to":{"street":"Main St \"1\"","geo":{"lat":-0.5,"lon":1.25}},"tier":"basic"}"#,
            ),
        ],
    ],
};

/// Its key gets a field more in the second round, so that the id is made of the one that stays.
const PROTOBUF: Case = Case {
    format: "protobuf",
    converter: "protobuf",
    settings: "",
    document_id: "{ template: \"order/{{@record.key.id}}\" }",
    expected: [
        &[
            (
                "order/1",
                r#"{"id":-1,"big":18446744073709551615,"unit_price":44.50,"money":{"currency_code":"EUR","units":44,"nanos":500000000},"at":"2026-01-31T12:30:00.5Z","took":"-1.5s","note":"","more":{"x":[1.0,null,{"y":true}]},"state":"PAID","raw":"AP8=","tags":{"a":-1,"b":2},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":[]}]}],"card":"4111","rate":0.1,"to":{"street":"Main St"},"unset":0}"#,
            ),
            (
                "order/2",
                r#"{"id":-2,"big":18446744073709551615,"money":{"currency_code":"EUR","units":44,"nanos":500000000},"at":"2026-01-31T12:30:00.5Z","took":"-1.5s","state":"NEW","raw":"AP8=","tags":{},"lines":[],"cash":0,"rate":0.1,"unset":0}"#,
            ),
            (
                "order/3",
                r#"{"id":-3,"big":18446744073709551615,"money":{"currency_code":"EUR","units":44,"nanos":500000000},"at":"2026-01-31T12:30:00.5Z","took":"-1.5s","state":"NEW","raw":"AP8=","tags":{},"lines":[],"cash":0,"rate":0.1,"unset":0}"#,
            ),
        ],
        &[
            (
                "order/1",
                r#"{"id":-1,"big":18446744073709551615,"unit_price":44.50,"money":{"currency_code":"EUR","units":44,"nanos":500000000},"at":"2026-01-31T12:30:00.5Z","took":"-1.5s","note":"","more":{"x":[1.0,null,{"y":true}]},"state":"PAID","raw":"AP8=","tags":{"a":-1,"b":2},"lines":[{"sku":"x","parts":[{"sku":"żółć 🦀","parts":[]}]}],"card":"4111","rate":0.1,"to":{"street":"Main St"},"unset":0,"coupon":"TEN"}"#,
            ),
            (
                "order/3",
                r#"{"id":-3,"big":18446744073709551615,"money":{"currency_code":"EUR","units":44,"nanos":500000000},"at":"2026-01-31T12:30:00.5Z","took":"-1.5s","state":"NEW","raw":"AP8=","tags":{},"lines":[],"cash":0,"rate":0.1,"unset":0}"#,
            ),
            (
                "order/4",
                r#"{"id":-4,"big":18446744073709551615,"money":{"currency_code":"EUR","units":44,"nanos":500000000},"at":"2026-01-31T12:30:00.5Z","took":"-1.5s","state":"NEW","raw":"AP8=","tags":{},"lines":[],"cash":0,"rate":0.1,"unset":0,"coupon":"TEN"}"#,
            ),
        ],
    ],
};

const JSON_SCHEMA: Case = Case {
    format: "json_schema",
    converter: "json_schema",
    settings: ", validate: true",
    document_id: "key",
    expected: [
        &[
            (
                r#"{"id":1}"#,
                r#"{"id":9007199254740993,"price":44.5,"to":{"street":"Main St"},"list":[1,null,{"x":"żółć 🦀"}]}"#,
            ),
            (
                r#"{"id":2}"#,
                r#"{"id":9007199254740994,"price":44.5,"to":{"street":"Main St"},"list":[1,null,{"x":"żółć 🦀"}]}"#,
            ),
            (
                r#"{"id":3}"#,
                r#"{"id":9007199254740995,"price":44.5,"to":{"street":"Main St"},"list":[1,null,{"x":"żółć 🦀"}]}"#,
            ),
        ],
        &[
            (
                r#"{"id":1}"#,
                r#"{"id":9007199254740993,"price":44.5,"to":{"street":"Main St"},"list":[1,null,{"x":"żółć 🦀"}],"coupon":"TEN"}"#,
            ),
            (
                r#"{"id":3}"#,
                r#"{"id":9007199254740995,"price":44.5,"to":{"street":"Main St"},"list":[1,null,{"x":"żółć 🦀"}]}"#,
            ),
            (
                r#"{"id":4}"#,
                r#"{"id":9007199254740996,"price":44.5,"to":{"street":"Main St"},"list":[1,null,{"x":"żółć 🦀"}],"coupon":null}"#,
            ),
        ],
    ],
};

/// A topic with records of one format, and a connector that reads it.
struct Stage<'a> {
    case: &'a Case,
    python: &'a Python,
    broker: &'static Broker,
    topic: String,
    registry: String,
    folder: Folder,
}

impl<'a> Stage<'a> {
    /// `access` is what stands under `registry` in the settings of a converter.
    fn set_up(
        case: &'a Case,
        python: &'a Python,
        broker: &'static Broker,
        registry: &str,
        access: &str,
    ) -> Self {
        let topic = kafka::unique(case.format);
        broker.create_topic(&topic, 1);
        let folder = Folder::with("orders.yaml", connector(case, &topic, access));
        Self { case, python, broker, topic, registry: registry.to_owned(), folder }
    }

    /// Writes the records of a round.
    fn produce(&self, round: usize) {
        let servers = self.broker.bootstrap_servers();
        let round = round.to_string();
        let arguments = [&*servers, &*self.registry, &*self.topic, self.case.format, &*round];
        let output = self.python.command(60, "schema_producer.py", arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn run(&self, base: &LocalKnowledgeBase) -> Running {
        Sluice::new(["run".as_ref(), self.folder.path()])
            .envs(base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", self.broker.bootstrap_servers())
            .env("REGISTRY", &self.registry)
            .spawn()
    }

    fn committed(&self) -> Option<i64> {
        self.broker.committed(&self.topic, &self.topic)[0]
    }

    /// Waits until all is done that the topic holds, and ends.
    #[track_caller]
    fn finish(&self, mut daemon: Running) {
        let end = self.broker.end_offsets(&self.topic)[0];
        daemon.wait_while_running("a commit of all", || self.committed() == Some(end));
        daemon.terminate().expect_code(0);
    }

    fn expected(&self, round: usize) -> Documents {
        let of_round = self.case.expected[round - 1].iter();
        of_round.map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
    }

    /// Starts the same connector as a function.
    fn function(&self, base: &LocalKnowledgeBase) -> (RuntimeApi, Running) {
        let api = RuntimeApi::start();
        let function = api
            .function(Sluice::new(["lambda"]).arg(self.folder.path()))
            .envs(base.environment())
            .env("KAFKA_BOOTSTRAP_SERVERS", "unused:9092")
            .env("REGISTRY", &self.registry)
            .env("SLUICE_BATCH_RESPONSE", "partial")
            .spawn();
        (api, function)
    }

    /// What an event source mapping hands on of the topic.
    fn event(&self) -> Value {
        let base64 = |bytes: Option<Vec<u8>>| bytes.map(|bytes| BASE64.encode(bytes));
        let records = self.broker.read(&self.topic).into_iter();
        event("orders", 0, records.map(|record| (record.offset, base64(record.key), base64(record.value))))
    }
}

/// It tolerates everything, so that a record that is rejected would be gone.
fn connector(case: &Case, topic: &str, access: &str) -> String {
    let Case { converter, settings, document_id, .. } = case;
    format!(
        "\
source:
  kafka:
    bootstrap_servers: ${{env:KAFKA_BOOTSTRAP_SERVERS}}
    topics: [{topic}]
    group: {topic}
    commit_interval: 50ms
    properties: {{ session.timeout.ms: 1000, heartbeat.interval.ms: 200 }}
  key: {{ {converter}: {{ registry: {{ {access} }} }} }}
  value: {{ {converter}: {{ registry: {{ {access} }}{settings} }} }}
sink:
  bedrock_kb:
    knowledge_base_id: ${{env:KBID}}
    data_source_id: ${{env:DSID}}
    document_id: {document_id}
    on_null: delete
    content: {{ template: \"{{{{json @record.value}}}}\" }}
    calls_per_second: 1000
batch: {{ linger: 10ms }}
errors: {{ tolerance: all, retry_delay: 50ms, retry_delay_max: 500ms }}
"
    )
}

fn documents(base: &LocalKnowledgeBase) -> Documents {
    base.documents().into_iter().map(|document| (document.id, document.text)).collect()
}

/// How a registry is away.
#[derive(Clone, Copy, Debug)]
enum Absence {
    /// It takes connections and answers nothing.
    Paused,
    /// Nobody listens.
    Stopped,
}

impl Absence {
    fn begin(self, registry: &mut SchemaRegistry) {
        match self {
            Self::Paused => registry.pause(),
            Self::Stopped => registry.stop(),
        }
    }

    fn end(self, registry: &mut SchemaRegistry) {
        match self {
            Self::Paused => registry.resume(),
            Self::Stopped => registry.launch(),
        }
    }
}

/// How long the registry is away: longer than several tries take.
const AWAY: Duration = Duration::from_secs(8);

/// Both rounds arrive, and what lies between them waits for a registry that is away.
fn both_rounds(
    case: &Case,
    python: &Python,
    broker: &'static Broker,
    registry: &mut SchemaRegistry,
    absence: Absence,
) {
    let url = format!("{}/apis/ccompat/v7", registry.url());
    let access = "confluent: { urls: [\"${env:REGISTRY}\"], request_timeout: 1s }";
    let stage = Stage::set_up(case, python, broker, &url, access);
    let base = LocalKnowledgeBase::start();
    stage.produce(1);
    stage.finish(stage.run(&base));
    assert_eq!(documents(&base), stage.expected(1), "{}", case.format);
    let committed = stage.committed();

    stage.produce(2);
    absence.begin(registry);
    let mut daemon = stage.run(&base);
    daemon.wait_for_logs("cannot be fetched yet", 3);
    thread::sleep(AWAY);
    assert!(daemon.is_alive(), "{}", daemon.log());
    assert_eq!(
        (documents(&base), stage.committed()),
        (stage.expected(1), committed),
        "nothing is passed over"
    );
    in_lambda_while_it_is_away(&stage);
    absence.end(registry);
    stage.finish(daemon);
    assert_eq!(documents(&base), stage.expected(2), "{}", case.format);

    let of_function = LocalKnowledgeBase::start();
    let (mut api, _function) = stage.function(&of_function);
    assert_eq!(api.invoke(stage.event().to_string(), Duration::from_mins(1)).failures(), []);
    assert_eq!(documents(&of_function), stage.expected(2), "{} in AWS Lambda", case.format);
}

/// The function waits until its time is nearly up, and then none of its records is done.
fn in_lambda_while_it_is_away(stage: &Stage<'_>) {
    let base = LocalKnowledgeBase::start();
    let (mut api, _function) = stage.function(&base);
    let timeout = Duration::from_secs(6);
    let answer = api.invoke(stage.event().to_string(), timeout);
    assert_eq!(answer.failures().len(), 6, "{answer:?}");
    assert!(answer.took < timeout, "{:?}", answer.took);
    assert_eq!(documents(&base), Documents::new());
}

#[test]
fn what_confluents_serializers_write_arrives_value_by_value_whatever_the_registry_does() {
    let Some(mut registry) = SchemaRegistry::start() else { return };
    let Some(python) = Python::with_serializers() else { return };
    let Some(broker) = Broker::shared() else { return };
    for (case, absence) in
        [(&AVRO, Absence::Paused), (&PROTOBUF, Absence::Stopped), (&JSON_SCHEMA, Absence::Paused)]
    {
        both_rounds(case, &python, broker, &mut registry, absence);
    }
}

/// Half of the values are packed with zlib.
#[test]
fn what_the_serializers_of_aws_glue_write_arrives_value_by_value() {
    let Some(glue) = GlueRegistry::start() else { return };
    let Some(python) = Python::with_serializers() else { return };
    let Some(broker) = Broker::shared() else { return };
    let avro = Case { format: "glue_avro", ..AVRO };
    let json = Case { format: "glue_json", ..JSON_SCHEMA };
    for case in [&avro, &json] {
        let access = "glue: { endpoint_url: \"${env:REGISTRY}\", region: eu-west-1 }";
        let stage = Stage::set_up(case, &python, broker, &glue.url(), access);
        let base = LocalKnowledgeBase::start();
        for round in [1, 2] {
            stage.produce(round);
            stage.finish(stage.run(&base));
            assert_eq!(documents(&base), stage.expected(round), "{} {round}", case.format);
        }
    }
}

/// Files of schemas, of which the last refers to the first, and a document of it.
struct Written {
    case: Case,
    files: [(&'static str, &'static str); 2],
    document: &'static str,
    stored: &'static str,
}

fn written() -> [Written; 3] {
    let plain = |case: Case| Case { document_id: "{ template: \"order/{{id}}\" }", settings: "", ..case };
    [
        Written {
            case: plain(AVRO),
            files: [
                (
                    "address.avsc",
                    r#"{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"street","type":"string"}]}"#,
                ),
                (
                    "order.avsc",
                    r#"{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"to","type":["null","shop.Address"],"default":null}]}"#,
                ),
            ],
            document: r#"{"id":9007199254740993,"price":44.5,"at":"2026-01-31T12:30:00.5Z","to":{"street":"Main St"}}"#,
            stored: r#"{"id":9007199254740993,"price":44.50,"at":1769862600500,"to":{"street":"Main St"}}"#,
        },
        Written {
            case: plain(PROTOBUF),
            files: [
                (
                    "address.proto",
                    "syntax = \"proto3\"; package shop; message Address { string street = 1; }",
                ),
                (
                    "order.proto",
                    "syntax = \"proto3\"; package shop; import \"address.proto\"; import \"google/protobuf/timestamp.proto\"; \
                     message Order { int64 id = 1; google.protobuf.Timestamp at = 2; Address to = 3; }",
                ),
            ],
            document: r#"{"id":9007199254740993,"at":"2026-01-31T12:30:00.5Z","to":{"street":"Main St"}}"#,
            stored: r#"{"id":9007199254740993,"at":"2026-01-31T12:30:00.5Z","to":{"street":"Main St"}}"#,
        },
        Written {
            case: Case { settings: ", validate: true", ..plain(JSON_SCHEMA) },
            files: [
                (
                    "address.json",
                    r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["street"]}"#,
                ),
                (
                    "order.json",
                    r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","required":["id"],"properties":{"to":{"$ref":"address.json"}}}"#,
                ),
            ],
            document: r#"{"id":9007199254740993,"price":44.50,"to":{"street":"Main St"}}"#,
            stored: r#"{"id":9007199254740993,"price":44.50,"to":{"street":"Main St"}}"#,
        },
    ]
}

#[test]
fn what_produce_writes_by_the_schemas_of_a_real_registry_arrives() {
    let Some(registry) = SchemaRegistry::start() else { return };
    let Some(python) = Python::with_serializers() else { return };
    let Some(broker) = Broker::shared() else { return };
    for Written { case, files, document, stored } in written() {
        let url = format!("{}/apis/ccompat/v7", registry.url());
        let stage = Stage::set_up(&case, &python, broker, &url, "confluent: { urls: [\"${env:REGISTRY}\"] }");
        // Only the value has a schema, and names the document, so that nothing can be deleted.
        let text = connector(&case, &stage.topic, "confluent: { urls: [\"${env:REGISTRY}\"] }");
        let text: Vec<&str> =
            text.lines().filter(|line| !line.starts_with("  key:") && !line.contains("on_null")).collect();
        stage.folder.write("orders.yaml", text.join("\n"));
        let source = Folder::new();
        let mut produce =
            Sluice::new(["produce", "--topic", &stage.topic, "--format", case.format, "--registry", &url])
                .env("KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers());
        for (name, schema) in files {
            produce = produce.arg("--schema").arg(source.write(name, schema));
        }
        produce.arg(source.write("orders.jsonl", format!("{document}\n"))).output().expect_code(0);
        let base = LocalKnowledgeBase::start();
        stage.finish(stage.run(&base));
        let expected = Documents::from([("order/9007199254740993".to_owned(), stored.to_owned())]);
        assert_eq!(documents(&base), expected, "{}", case.format);
    }
}
