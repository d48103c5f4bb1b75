//! What the serializers write, the converters read, and the registry knows.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Json, Registry, SerializePayload, SerializerChoices, Side};
use sluice_wire_testing::{HttpReply, HttpServer, SeenRequest, reply};
use tempfile::TempDir;

use crate::support::{Sent, build, text, with_confluent};

/// A registry with Confluent's API that answers nothing but what it is asked by the letter.
struct Known(Vec<(String, Value)>);

impl Known {
    fn answer(&mut self, request: &SeenRequest) -> HttpReply {
        let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        match (request.method.as_str(), path.as_slice()) {
            ("POST", ["subjects", subject]) => match self.look_up(subject, &request.json()) {
                Some((id, version)) => {
                    reply(200, "", &json!({ "subject": subject, "id": id, "version": version }).to_string())
                }
                None => reply(404, "", r#"{"error_code":40403,"message":"Schema not found"}"#),
            },
            ("POST", ["subjects", subject, "versions"]) => {
                let schema = request.json();
                for reference in schema["references"].as_array().unwrap() {
                    let named = reference["subject"].as_str().unwrap();
                    assert!(self.0.iter().any(|(known, _)| known == named), "{named} is registered before");
                }
                self.0.push(((*subject).to_owned(), schema));
                reply(200, "", &json!({ "id": self.0.len() }).to_string())
            }
            ("GET", ["schemas", "ids", id]) => {
                let (_, schema) = &self.0[id.parse::<usize>().unwrap() - 1];
                reply(200, "", &schema.to_string())
            }
            ("GET", ["subjects", subject, "versions", version]) => {
                assert_eq!(*version, "1");
                let (_, schema) = self.0.iter().find(|(known, _)| known == subject).unwrap();
                reply(200, "", &schema.to_string())
            }
            other => panic!("{other:?}"),
        }
    }

    fn look_up(&self, subject: &str, schema: &Value) -> Option<(usize, usize)> {
        let of_subject = self.0.iter().enumerate().filter(|(_, (known, _))| known == subject);
        let found = (1..).zip(of_subject).find(|(_, (_, (_, known)))| known == schema);
        found.map(|(version, (index, _))| (index + 1, version))
    }
}

async fn registry() -> (HttpServer, Arc<Mutex<Known>>) {
    let known = Arc::new(Mutex::new(Known(Vec::new())));
    let of_server = Arc::clone(&known);
    let server =
        HttpServer::start_answering(move |request: &SeenRequest| of_server.lock().unwrap().answer(request));
    (server.await, known)
}

struct Files(TempDir);

impl Files {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self(folder)
    }

    fn choices(&self, names: &[&str], registry: Option<&HttpServer>) -> SerializerChoices {
        SerializerChoices {
            schema_files: names.iter().map(|name| self.0.path().join(name)).collect(),
            registry_urls: registry.map(|server| server.url.clone()).into_iter().collect(),
            ..SerializerChoices::default()
        }
    }
}

async fn open(format: &str, choices: SerializerChoices) -> Result<SerializePayload, String> {
    let plugins = sluice_registry::register(Registry::new());
    let serializer = plugins.serializer(format, choices).unwrap().map_err(|error| error.to_string())?;
    serializer.open("orders", Side::Value).await.map_err(|failure| failure.to_string())
}

fn write(serialize: &SerializePayload, document: &str) -> Result<Sent, String> {
    let json = Json::from_slice(document.as_bytes()).unwrap();
    serialize(&json).map(Sent::new).map_err(|rejection| rejection.to_string())
}

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long"},
    {"name":"small","type":"int","default":7},
    {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
    {"name":"fixed","type":{"type":"fixed","name":"F","size":4,"logicalType":"decimal","precision":9,"scale":1}},
    {"name":"rate","type":"double"},
    {"name":"ok","type":"boolean"},
    {"name":"raw","type":"bytes","default":"\u00ff"},
    {"name":"note","type":["null","string"],"default":null},
    {"name":"any","type":["int","string","double"]},
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"day","type":{"type":"int","logicalType":"date"}},
    {"name":"time","type":{"type":"int","logicalType":"time-millis"}},
    {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","DONE"]}},
    {"name":"tags","type":{"type":"map","values":"string"}},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"n","type":"int"},{"name":"next","type":["null","Line"],"default":null}]}}},
    {"name":"last","type":["null","Line"],"default":null}]}"#;

const DOCUMENT: &str = r#"{"id":-9007199254740993,"price":44.5,"fixed":-0.5,"rate":1.25,"ok":true,"any":"12",
    "at":"2026-01-31T12:30:00.5Z","day":"1969-12-31","time":"00:00:01.5","state":"DONE","tags":{"a":"b"},
    "lines":[{"n":1,"next":{"n":2}}],"last":{"n":3}}"#;

const READ: &str = r#"{"id":-9007199254740993,"small":7,"price":44.50,"fixed":-0.5,"rate":1.25,"ok":true,"raw":"/w==","note":null,"any":"12","at":1769862600500,"day":-1,"time":1500,"state":"DONE","tags":{"a":"b"},"lines":[{"n":1,"next":{"n":2,"next":null}}],"last":{"n":3,"next":null}}"#;

#[tokio::test]
async fn avro_is_read_as_it_was_meant_by_the_schema_that_the_registry_got_to_know() {
    let (files, (server, known)) = (Files::new(&[("order.avsc", ORDER)]), registry().await);
    let choices = files.choices(&["order.avsc"], Some(&server));
    let serialize = open("avro", choices.clone()).await.unwrap();
    let sent = write(&serialize, DOCUMENT).unwrap();
    assert_eq!(sent.bytes[..5], [0, 0, 0, 0, 1]);
    assert_eq!(text(&*build("avro", with_confluent(&server, json!({}))), &sent).await, READ);
    let _known = open("avro", choices.clone()).await.unwrap();
    let _other =
        open("avro", SerializerChoices { subject: Some("other".to_owned()), ..choices }).await.unwrap();
    let subjects: Vec<_> = known.lock().unwrap().0.iter().map(|(subject, _)| subject.clone()).collect();
    assert_eq!(subjects, ["orders-value", "other"], "what is known is not registered again");
}

#[tokio::test]
async fn without_a_registry_the_payload_stands_alone() {
    let files = Files::new(&[("order.avsc", ORDER)]);
    let serialize = open("avro", files.choices(&["order.avsc"], None)).await.unwrap();
    let sent = write(&serialize, DOCUMENT).unwrap();
    let converter = build("avro", json!({ "schema_files": [files.0.path().join("order.avsc")] }));
    assert_eq!(text(&*converter, &sent).await, READ);
}

#[tokio::test]
async fn what_is_no_document_of_the_schema_is_told_with_its_place() {
    let files = Files::new(&[("order.avsc", ORDER)]);
    let serialize = open("avro", files.choices(&["order.avsc"], None)).await.unwrap();
    for (from, to, expected) in [
        (r#""id":-9007199254740993"#, r#""id":"x""#, "`id` has to be a whole number of 64 bits, and is text"),
        (r#""ok":true,"#, "", "`ok` is missing, and has no default"),
        (r#""ok":true"#, r#""ok":true,"okk":1"#, "`okk` is no field of the schema"),
        (r#""n":2"#, r#""n":4294967296"#, "whole number of 32 bits, and is a number"),
        (
            r#""price":44.5"#,
            r#""price":44.505"#,
            "`price` has to be a number of at most 2 digits behind the point",
        ),
        (r#""fixed":-0.5"#, r#""fixed":99999999999"#, "`fixed` takes more than the 4 bytes of the schema"),
        (r#""state":"DONE""#, r#""state":"GONE""#, "`state` is none of the symbols NEW, DONE"),
        (r#""any":"12""#, r#""any":[]"#, "`any` fits no type of the union: "),
        (r#""day":"1969-12-31""#, r#""day":"soon""#, "`day` has to be a number of days or a date such as"),
    ] {
        assert!(DOCUMENT.contains(from), "{from}");
        let error = write(&serialize, &DOCUMENT.replace(from, to)).err().unwrap();
        assert!(error.contains(expected), "{error}\n{expected}");
    }
}

/// Columns of CSV are texts, and a union may name its type.
#[tokio::test]
async fn texts_are_read_as_numbers_where_the_schema_has_these() {
    let schema = r#"{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"double"},
        {"name":"c","type":"boolean"},{"name":"d","type":["null","long"]},{"name":"e","type":["int","string"]}]}"#;
    let files = Files::new(&[("r.avsc", schema)]);
    let serialize = open("avro", files.choices(&["r.avsc"], None)).await.unwrap();
    let sent = write(&serialize, r#"{"a":"1","b":"2.5","c":"false","d":"3","e":{"int":4}}"#).unwrap();
    let converter = build("avro", json!({ "schema_files": [files.0.path().join("r.avsc")] }));
    assert_eq!(text(&*converter, &sent).await, r#"{"a":1,"b":2.5,"c":false,"d":3,"e":4}"#);
}

const PROTO: &str = "syntax = \"proto3\"; package shop; import \"common.proto\"; import \"google/protobuf/timestamp.proto\";
message First { string a = 1; message Inner { string b = 1; } message Order { Address to = 1; int64 id = 2; double rate = 3;
  google.protobuf.Timestamp at = 4; repeated string tags = 5; } }";
const COMMON: &str = "syntax = \"proto3\"; package shop; message Address { string street = 1; }";

#[tokio::test]
async fn protobuf_is_read_as_it_was_meant_with_what_it_refers_to() {
    let files = Files::new(&[("common.proto", COMMON), ("order.proto", PROTO)]);
    let (server, known) = registry().await;
    let mut choices = files.choices(&["common.proto", "order.proto"], Some(&server));
    choices.message = Some("shop.First.Order".to_owned());
    let serialize = open("protobuf", choices.clone()).await.unwrap();
    let document = r#"{"to":{"street":"x"},"id":9007199254740993,"rate":44.50,"at":"2026-01-31T12:30:00Z","tags":["a"]}"#;
    let sent = write(&serialize, document).unwrap();
    assert_eq!(sent.bytes[..8], [0, 0, 0, 0, 2, 4, 0, 2]);
    let converter = build("protobuf", with_confluent(&server, json!({})));
    assert_eq!(text(&*converter, &sent).await, document.replace("44.50", "44.5"));
    let registered = known.lock().unwrap().0[1].1.clone();
    assert_eq!(
        registered["references"],
        json!([{ "name": "common.proto", "subject": "common.proto", "version": 1 }])
    );
    let error = write(&serialize, r#"{"to":{"sreet":"x"}}"#).err().unwrap();
    assert!(error.contains("sreet"), "{error}");
    choices.message = Some("shop.Frist".to_owned());
    let error = open("protobuf", choices).await.err().unwrap();
    assert!(error.contains("there is no message `shop.Frist`; there are: shop.First"), "{error}");
}

const WITH_DECIMALS: &str = "syntax = \"proto3\"; import \"confluent/type/decimal.proto\";
message Order { confluent.type.Decimal unit_price = 1; repeated confluent.type.Decimal fees = 2;
  map<string, confluent.type.Decimal> by_name = 3; Order next = 4; }";

#[tokio::test]
async fn decimals_of_confluent_are_written_as_numbers() {
    let files = Files::new(&[("order.proto", WITH_DECIMALS)]);
    let serialize = open("protobuf", files.choices(&["order.proto"], None)).await.unwrap();
    let document = r#"{"unit_price":44.50,"fees":[-0.1250,0,"9999999999999999999.99"],"by_name":{"a":1e3},"next":{"unitPrice":1.0}}"#;
    let sent = write(&serialize, document).unwrap();
    let converter = build("protobuf", json!({ "schema_files": [files.0.path().join("order.proto")] }));
    let expected = r#"{"unit_price":44.50,"fees":[-0.1250,0,9999999999999999999.99],"by_name":{"a":1000},"next":{"unit_price":1.0,"fees":[],"by_name":{}}}"#;
    assert_eq!(text(&*converter, &sent).await, expected);
    let parts = r#"{"unit_price":{"value":"EWI=","scale":2}}"#;
    let sent = write(&serialize, parts).unwrap();
    assert_eq!(text(&*converter, &sent).await, r#"{"unit_price":44.50,"fees":[],"by_name":{}}"#);
    assert!(write(&serialize, r#"{"unit_price":"many"}"#).is_err());
}

#[tokio::test]
async fn the_first_message_of_a_schema_is_named_in_one_byte() {
    let files = Files::new(&[("common.proto", COMMON)]);
    let (server, _known) = registry().await;
    let serialize = open("protobuf", files.choices(&["common.proto"], Some(&server))).await.unwrap();
    let sent = write(&serialize, r#"{"street":"x"}"#).unwrap();
    assert_eq!(sent.bytes[..6], [0, 0, 0, 0, 1, 0]);
    let converter = build("protobuf", with_confluent(&server, json!({})));
    assert_eq!(text(&*converter, &sent).await, r#"{"street":"x"}"#);
}

#[tokio::test]
async fn json_is_held_to_its_schema_before_it_is_written() {
    let files = Files::new(&[
        ("street.json", r#"{"type":"object","required":["street"]}"#),
        ("order.json", r#"{"properties":{"to":{"$ref":"street.json"}}}"#),
    ]);
    let (server, _known) = registry().await;
    let choices = files.choices(&["street.json", "order.json"], Some(&server));
    let serialize = open("json_schema", choices).await.unwrap();
    let sent = write(&serialize, r#"{"to":{"street":1.50}}"#).unwrap();
    let converter = build("json_schema", with_confluent(&server, json!({ "validate": true })));
    assert_eq!(text(&*converter, &sent).await, r#"{"to":{"street":1.50}}"#);
    assert!(write(&serialize, r#"{"to":{}}"#).err().unwrap().contains("street"));
}

#[tokio::test]
async fn what_cannot_be_used_is_told() {
    let files = Files::new(&[("bad.avsc", r#"{"type":"nothing"}"#), ("s.avsc", "\"string\"")]);
    let told = async |format: &str, names: &[&str], registry: Option<&HttpServer>| {
        open(format, files.choices(names, registry)).await.err().unwrap()
    };
    assert!(told("avro", &["bad.avsc"], None).await.contains("the schema cannot be used: "));
    assert!(told("avro", &["none.avsc"], None).await.contains("none.avsc cannot be read: No such file"));
    let none = SerializerChoices::default();
    assert_eq!(
        open("avro", none).await.err().unwrap(),
        "schema_files: name the file of the schema to write by"
    );
    let choices = SerializerChoices { subject: Some("s".to_owned()), ..files.choices(&["s.avsc"], None) };
    assert_eq!(open("avro", choices).await.err().unwrap(), "subject: is of a registry, and none is named");
    let nobody = HttpServer::start_answering(|_| reply(404, "", "<html>")).await;
    assert!(told("avro", &["s.avsc"], Some(&nobody)).await.contains("not as a schema registry answers"));
    let refusing = HttpServer::start_answering(|request: &SeenRequest| {
        if request.path.ends_with("/versions") {
            return reply(409, "", r#"{"error_code":409,"message":"is incompatible"}"#);
        }
        reply(404, "", r#"{"error_code":40401,"message":"Subject not found"}"#)
    });
    let error = told("avro", &["s.avsc"], Some(&refusing.await)).await;
    assert!(error.contains("refuses the schema (409)") && error.contains("is incompatible"), "{error}");
}

#[tokio::test]
async fn a_registry_that_is_away_is_an_outage() {
    let files = Files::new(&[("s.avsc", "\"string\"")]);
    let choices = SerializerChoices {
        registry_urls: vec!["http://127.0.0.1:1".to_owned()],
        ..files.choices(&["s.avsc"], None)
    };
    let plugins = sluice_registry::register(Registry::new());
    let serializer = plugins.serializer("avro", choices).unwrap().unwrap();
    let failure = serializer.open("orders", Side::Value).await.err().unwrap();
    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
}
