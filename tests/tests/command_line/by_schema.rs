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
        "error: record 1: `{\"ticker\":1,\"price\":2}` is no value of the schema: `ticker` has to be text, and is a number"
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

/// Reads the newest records of a topic, without the blanks in what is shown.
fn read(folder: &Folder, servers: &str, topic: &str, source: &str) -> String {
    let text = format!(
        "source:\n  kafka: {{ bootstrap_servers: \"{servers}\", topics: [{topic}] }}\n  {source}\nsink: {{ stdout: {{}} }}\n"
    );
    folder.write("read.yaml", text);
    let preview = Sluice::new(["preview", "read.yaml", "--live=3"]).current_dir(folder.path());
    preview.output().expect_code(0).stdout.split_whitespace().collect()
}

/// Reads records whose keys and values are Avro.
fn read_avro(folder: &Folder, servers: &str, topic: &str, key: &str) -> String {
    let avro = |file: &str| format!("{{ avro: {{ schema_files: [{file}] }} }}");
    read(folder, servers, topic, &format!("key: {}\n  value: {}", avro(key), avro("price.avsc")))
}

#[test]
fn keys_are_written_by_a_schema_of_their_own_and_tombstones_have_one() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), folder());
    let servers = kafka.bootstrap_servers();
    folder.write(
        "key.avsc",
        r#"{"type":"record","name":"Key","fields":[{"name":"id","type":"long"},{"name":"region","type":"string"}]}"#,
    );
    folder.write("id.avsc", r#"{"type":"record","name":"Id","fields":[{"name":"id","type":"long"}]}"#);
    folder.write("text.avsc", r#"{"type":"string"}"#);
    let by_avro = ["--format=avro", "--schema=price.avsc"];
    let line = "{\"ticker\":\"A\",\"price\":1.5}\n";

    // Several fields, in CSV, whose values are texts.
    kafka.create_topic("several", 1).unwrap();
    folder.write("key-only.csv", "id,region\n7,eu\n");
    let keys = ["-t=several", "--key=id", "--key=region", "--key-schema=key.avsc", "--format=avro"];
    let tombstones: Vec<&str> = keys.into_iter().chain(["--tombstone", "key-only.csv"]).collect();
    produce(&folder, &servers, &tombstones, "").expect_code(0);
    let read = read_avro(&folder, &servers, "several", "key.avsc");
    assert!(read.contains(r#""key":{"id":7,"region":"eu"},"value":null"#), "{read}");

    // One field as an object, and records in full.
    kafka.create_topic("records", 1).unwrap();
    let of_records = ["-t=records", "--records", "--key-schema=id.avsc"];
    let of_records: Vec<&str> = of_records.into_iter().chain(by_avro).collect();
    let records = "{\"key\":{\"id\":1},\"value\":{\"ticker\":\"A\",\"price\":1.5},\"headers\":{\"h\":\"x\"}}\n\
                   {\"key\":{\"id\":1},\"value\":null}\n";
    produce(&folder, &servers, &of_records, records).expect_code(0);
    let read = read_avro(&folder, &servers, "records", "id.avsc");
    assert!(read.contains(r#""key":{"id":1},"value":{"ticker":"A","#), "{read}");
    assert!(read.contains(r#""key":{"id":1},"value":null"#), "{read}");

    // A text, which need not be JSON.
    kafka.create_topic("text", 1).unwrap();
    let of_text = ["-t=text", "--key-delimiter=|", "--null=NULL", "--key-schema=text.avsc"];
    let of_text: Vec<&str> = of_text.into_iter().chain(by_avro).collect();
    produce(&folder, &servers, &of_text, &format!("7|{line}ab|NULL\n")).expect_code(0);
    let read = read_avro(&folder, &servers, "text", "text.avsc");
    assert!(read.contains(r#""key":"7","value":{"ticker":"A","#), "{read}");
    assert!(read.contains(r#""key":"ab","value":null"#), "{read}");

    let said = |arguments: &[&str], input: &str| {
        let all: Vec<&str> = ["-t=text"].iter().chain(arguments).copied().collect();
        produce(&folder, &servers, &all, input).expect_code(1).stderr
    };
    let bare = ["--format=avro", "--schema=price.avsc", "--key=ticker", "--key-schema=id.avsc"];
    let bare = said(&bare, line);
    assert!(
        bare.contains("`\"A\"` is no key of the schema: ") && bare.ends_with("is made with --key-object"),
        "{bare}"
    );
    assert!(said(&["--tombstone"], line).contains("--tombstone: a tombstone is of a key"));
    assert!(said(&["--records", "--format=jsonl"], line).contains("take --format record"));
}

#[test]
fn a_key_is_a_field_within_fields() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), folder());
    let servers = kafka.bootstrap_servers();
    kafka.create_topic("t", 1).unwrap();
    let line = "{\"after\":{\"id\":7,\"region\":\"eu\"}}\n";
    for keys in [
        &["--key=after.id"][..],
        &["--key=after.id", "--key=after.region"],
        &["--key=after.id", "--key-object"],
    ] {
        let arguments: Vec<&str> = ["-t=t"].iter().chain(keys).copied().collect();
        produce(&folder, &servers, &arguments, line).expect_code(0);
    }
    let read = read(&folder, &servers, "t", "key: json");
    for key in [r#""key":7,"#, r#""key":{"id":7,"region":"eu"},"#, r#""key":{"id":7},"#] {
        assert!(read.contains(key), "{key}: {read}");
    }
}

#[test]
fn what_stands_before_a_line_at_fault_is_sent_and_told() {
    let (kafka, folder) = (EmbeddedKafka::start().unwrap(), folder());
    kafka.create_topic("t", 1).unwrap();
    let servers = kafka.bootstrap_servers();
    let said = |arguments: &[&str], input: &[u8]| {
        let all = ["produce", "-b", &servers, "-t=t"].into_iter().chain(arguments.iter().copied());
        Sluice::new(all).current_dir(folder.path()).input(input).output().expect_code(1).stderr
    };
    assert_eq!(
        said(&["--key=id"], b"{\"id\":1}\n{\"id\":2}\n{\"no\":3}\n"),
        "error: record 3: field `id`, which is to be the key, is missing; 2 record(s) before it are acknowledged in t"
    );
    let text = said(&["--format=text"], b"a\nb\xff\n");
    assert_eq!(
        text,
        "error: line 2: is not valid UTF-8; write the file as UTF-8, as `iconv` does; 1 record(s) before it are acknowledged in t"
    );
}
