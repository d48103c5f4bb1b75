//! Records without a registry.

use std::path::Path;

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use serde_json::json;

use crate::support::{Sent, build, read, text};

fn keep(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

const ADDRESS: &str =
    r#"{"type":"record","name":"Address","namespace":"shop","fields":[{"name":"s","type":"string"}]}"#;
const CUSTOMER: &str =
    r#"{"type":"record","name":"Customer","namespace":"shop","fields":[{"name":"home","type":"Address"}]}"#;

#[tokio::test]
async fn avro_files_may_refer_to_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let files = [keep(folder.path(), "a.avsc", ADDRESS), keep(folder.path(), "c.avsc", CUSTOMER)];
    let converter = build("avro", json!({ "schema_files": files }));
    assert_eq!(text(&*converter, &Sent::new(b"\x02x")).await, r#"{"home":{"s":"x"}}"#);
}

#[tokio::test]
async fn single_objects_find_their_schema_by_its_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"type":"record","name":"P","fields":[{"name":"a","type":"string"}]}"#;
    let new =
        r#"{"type":"record","name":"P2","fields":[{"name":"a","type":"string"},{"name":"b","type":"int"}]}"#;
    let files = [keep(folder.path(), "old.avsc", old), keep(folder.path(), "new.avsc", new)];
    let converter = build("avro", json!({ "schema_files": files, "encoding": "single_object" }));
    let framed = |schema: &str, payload: &[u8]| {
        let fingerprint = Schema::parse_str(schema).unwrap().fingerprint::<Rabin>().bytes;
        Sent::new([b"\xc3\x01", fingerprint.as_slice(), payload].concat())
    };
    assert_eq!(text(&*converter, &framed(old, b"\x02x")).await, r#"{"a":"x"}"#);
    assert_eq!(text(&*converter, &framed(new, b"\x02x\x02")).await, r#"{"a":"x","b":1}"#);
    let failure = read(&*converter, &framed(ADDRESS, b"\x02x")).await.unwrap_err();
    assert!(failure.starts_with("rejected: no schema of `schema_files` has the fingerprint "), "{failure}");
}

/// The fingerprint is that of the specification's example: CRC-64-AVRO of `"int"`, little endian.
#[tokio::test]
async fn a_fingerprint_is_as_the_specification_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let files = [keep(folder.path(), "int.avsc", "\"int\"")];
    let converter = build("avro", json!({ "schema_files": files, "encoding": "single_object" }));
    let fingerprint = 0x7275_d51a_3f39_5c8f_u64.to_le_bytes();
    let sent = Sent::new([b"\xc3\x01", fingerprint.as_slice(), b"\x02"].concat());
    assert_eq!(text(&*converter, &sent).await, "1");
}

#[tokio::test]
async fn a_file_that_is_missing_or_broken_stops_the_connector() {
    let folder = tempfile::tempdir().unwrap();
    for converter in ["avro", "protobuf", "json_schema"] {
        let missing = json!({ "schema_files": [folder.path().join("none.proto")] });
        let failure = read(&*build(converter, missing), &Sent::new(b"\x02x")).await.unwrap_err();
        assert!(failure.starts_with("fatal: the file "), "{failure}");
        let broken = json!({ "schema_files": [keep(folder.path(), "broken.proto", "{")] });
        let failure = read(&*build(converter, broken), &Sent::new(b"\x02x")).await.unwrap_err();
        assert!(failure.starts_with("fatal: `schema_files` cannot be used: "), "{failure}");
    }
}

const PROTO: &str = "syntax = \"proto3\";\npackage p;\nimport \"common/a.proto\";\nmessage B { A a = 1; }\nmessage C { int32 c = 1; }\n";
const IMPORTED: &str = "syntax = \"proto3\"; package p; message A { string a = 1; }";

#[tokio::test]
async fn proto_files_may_import_each_other() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("common")).unwrap();
    let files = [keep(folder.path(), "common/a.proto", IMPORTED), keep(folder.path(), "b.proto", PROTO)];
    let converter = build("protobuf", json!({ "schema_files": files, "message": "p.B" }));
    assert_eq!(text(&*converter, &Sent::new(b"\x0a\x03\x0a\x01x")).await, r#"{"a":{"a":"x"}}"#);
    let converter = build("protobuf", json!({ "schema_files": files }));
    let failure = read(&*converter, &Sent::new(b"")).await.unwrap_err();
    assert!(failure.ends_with("set `message`; there are: p.b, p.c"), "{failure}");
    let converter = build("protobuf", json!({ "schema_files": files, "message": "p.D" }));
    assert!(
        read(&*converter, &Sent::new(b"")).await.is_err_and(|failure| failure.contains("no message `p.d`"))
    );
}

#[tokio::test]
async fn a_descriptor_set_holds_everything() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("common")).unwrap();
    keep(folder.path(), "common/a.proto", IMPORTED);
    keep(folder.path(), "b.proto", PROTO);
    let mut compiler = protox::Compiler::new([folder.path()]).unwrap();
    compiler.include_imports(true).open_file("b.proto").unwrap();
    let set = keep(folder.path(), "all.binpb", compiler.encode_file_descriptor_set());
    let converter = build("protobuf", json!({ "schema_files": [set], "message": "p.B" }));
    assert_eq!(text(&*converter, &Sent::new(b"\x0a\x03\x0a\x01x")).await, r#"{"a":{"a":"x"}}"#);
}

#[tokio::test]
async fn an_error_in_a_proto_file_has_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = keep(folder.path(), "b.proto", "syntax = \"proto3\";\nmessage B {\n  strin a = 1;\n}\n");
    let failure =
        read(&*build("protobuf", json!({ "schema_files": [file] })), &Sent::new(b"")).await.unwrap_err();
    assert!(failure.contains("b.proto:3:"), "{failure}");
}

#[tokio::test]
async fn json_is_held_to_the_schema_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let address = keep(folder.path(), "address.json", r#"{"type":"object","required":["s"]}"#);
    let customer = keep(folder.path(), "customer.json", r#"{"properties":{"home":{"$ref":"address.json"}}}"#);
    let converter = build("json_schema", json!({ "schema_files": [address, customer] }));
    assert_eq!(text(&*converter, &Sent::new(b"{\"home\": {\"s\": 1.50}}")).await, r#"{"home":{"s":1.50}}"#);
    let failure = read(&*converter, &Sent::new(b"{\"home\": {\"x\": 4711}}")).await.unwrap_err();
    assert!(failure.starts_with("rejected: the value is not valid JSON: what stands at /home"), "{failure}");
    assert!(!failure.contains("4711"), "{failure}");
}

#[tokio::test]
async fn a_schema_that_refers_to_itself_without_end_crashes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for schema in [r##"{"$ref":"#"}"##, r##"{"allOf":[{"$ref":"#"}]}"##] {
        let file = keep(folder.path(), "loop.json", schema);
        let converter = build("json_schema", json!({ "schema_files": [file] }));
        let _either_way = read(&*converter, &Sent::new(b"{}")).await;
    }
    let file = keep(folder.path(), "elsewhere.json", r#"{"$ref":"http://127.0.0.1:9/x.json"}"#);
    let failure =
        read(&*build("json_schema", json!({ "schema_files": [file] })), &Sent::new(b"{}")).await.unwrap_err();
    assert!(failure.contains("is not among its references"), "{failure}");
}
