//! `sluice produce` by a schema: what it writes is what a connector reads, and what keeps it from that is told.

use sluice_embedded_kafka::EmbeddedKafka;
use sluice_tests::connector::Folder;
use sluice_tests::sluice::{Exited, Sluice};

const SCHEMA: &str = r#"{"type":"record","name":"Price","fields":[
    {"name":"ticker","type":"string"},{"name":"price","type":"double"},{"name":"note","type":["null","string"],"default":null}]}"#;

fn folder() -> Folder {
    let folder = Folder::with("price.avsc", SCHEMA);
    folder
        .write("price.proto", "syntax = \"proto3\"; message Price { string ticker = 1; double price = 2; }");
    folder.write("price.json", r#"{"type":"object","required":["ticker"]}"#);
    folder.write("prices.csv", "ticker,price\nA,1.5\nB,2\n");
    for (format, file) in [("avro", "price.avsc"), ("protobuf", "price.proto"), ("json_schema", "price.json")]
    {
        let text = format!(
            "source:\n  kafka: {{ bootstrap_servers: \"${{env:KAFKA_BOOTSTRAP_SERVERS}}\", topics: [{format}] }}\n  \
             value: {{ {format}: {{ schema_files: [{file}] }} }}\nsink: {{ stdout: {{}} }}\n"
        );
        folder.write(&format!("{format}.yaml"), text);
    }
    folder
}

fn produce(folder: &Folder, servers: &str, arguments: &[&str], input: &str) -> Exited {
    let all = ["produce", "-b", servers].into_iter().chain(arguments.iter().copied());
    Sluice::new(all).current_dir(folder.path()).input(input).output()
}

#[test]
fn what_is_produced_by_a_schema_is_read_by_it() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), folder());
    let servers = kafka.bootstrap_servers();
    for (format, file) in [("avro", "price.avsc"), ("protobuf", "price.proto"), ("json_schema", "price.json")]
    {
        kafka.create_topic(format, 1).unwrap();
        let arguments = ["-t", format, "--format", format, "--schema", file, "--key=ticker"];
        let lines = "{\"ticker\":\"A\",\"price\":1.5}\n";
        produce(&folder, &servers, &arguments, lines).expect_code(0);
        let mut of_file = arguments.to_vec();
        of_file.push("prices.csv");
        if format != "json_schema" {
            produce(&folder, &servers, &of_file, "").expect_code(0);
        }
        let preview = Sluice::new(["preview", &format!("{format}.yaml"), "--live=1"]);
        let preview = preview.current_dir(folder.path()).env("KAFKA_BOOTSTRAP_SERVERS", &servers);
        let read = preview.output().expect_code(0);
        let expected = match format {
            "avro" => r#"{"ticker":"B","price":2.0,"note":null}"#,
            "protobuf" => r#"{"ticker":"B","price":2.0}"#,
            _ => r#"{"ticker":"A","price":1.5}"#,
        };
        assert!(read.stdout.contains(&format!("\"value\":{expected}")), "{read}");
    }
}

#[test]
fn what_cannot_be_written_by_a_schema_is_told() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), folder());
    kafka.create_topic("t", 1).unwrap();
    let servers = kafka.bootstrap_servers();
    let said = |arguments: &[&str], input: &str, code: i32| {
        let all: Vec<&str> = ["-t", "t"].iter().chain(arguments).copied().collect();
        produce(&folder, &servers, &all, input).expect_code(code).stderr
    };
    let by_avro = ["--format=avro", "--schema=price.avsc"];
    assert_eq!(
        said(&by_avro, "{\"ticker\":1,\"price\":2}\n", 1),
        "error: `{\"ticker\":1,\"price\":2}` is no value of the schema: `ticker` has to be text, and is a number"
    );
    assert_eq!(said(&["--format=arvo"], "", 1), "error: no format is named `arvo`; did you mean `avro`?");
    assert_eq!(said(&["--format=avro"], "", 1), "error: --schema: name the file of the schema to write by");
    let no_format = said(&["--schema=price.avsc"], "", 1);
    assert!(no_format.contains("with --format, which is one of avro, json_schema, protobuf"), "{no_format}");
    let no_file = said(&["--format=avro", "--schema=none.avsc"], "", 1);
    assert!(no_file.starts_with("error: none.avsc cannot be read: No such file"), "{no_file}");
    let away = said(&["--format=avro", "--schema=price.avsc", "--registry=http://127.0.0.1:1"], "", 3);
    assert!(away.starts_with("error: the registry cannot be asked: "), "{away}");
    let no_url = said(&["--format=avro", "--schema=price.avsc", "--registry=localhost:8081"], "", 1);
    assert!(no_url.starts_with("error: --registry: "), "{no_url}");
}
