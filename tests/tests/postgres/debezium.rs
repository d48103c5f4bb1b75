//! Debezium's records in Avro, keyed by the row's id, from a real registry into a table: inserts, updates and deletes.

use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker};
use sluice_tests::postgres::Postgres;
use sluice_tests::schema_registry::SchemaRegistry;
use sluice_tests::sluice::{Running, Sluice};

/// As Debezium's connector for PostgreSQL writes it with `AvroConverter` and `time.precision.mode=connect`: the row is a schema of its
/// own in the envelope.
const ENVELOPE: &str = r#"{"type":"record","name":"Envelope","namespace":"shop.public.orders","connect.name":"shop.public.orders.Envelope",
"fields":[
  {"name":"before","type":["null",{"type":"record","name":"Value","connect.name":"shop.public.orders.Value","fields":[
    {"name":"id","type":"long"},
    {"name":"name","type":["null","string"],"default":null},
    {"name":"price","type":["null",{"type":"bytes","scale":2,"precision":10,"connect.name":"org.apache.kafka.connect.data.Decimal",
      "logicalType":"decimal"}],"default":null},
    {"name":"changed","type":["null",{"type":"long","connect.version":1,"connect.name":"org.apache.kafka.connect.data.Timestamp",
      "logicalType":"timestamp-millis"}],"default":null}]}],"default":null},
  {"name":"after","type":["null","Value"],"default":null},
  {"name":"source","type":{"type":"record","name":"Source","namespace":"io.debezium.connector.postgresql","fields":[
    {"name":"table","type":"string"},{"name":"lsn","type":["null","long"],"default":null}]}},
  {"name":"op","type":"string"},
  {"name":"ts_ms","type":["null","long"],"default":null}]}"#;

const KEY: &str = r#"{"type":"record","name":"Key","namespace":"shop.public.orders","connect.name":"shop.public.orders.Key",
"fields":[{"name":"id","type":"long"}]}"#;

/// A row in JSON.
fn row(id: i64, name: &str, price: &str) -> String {
    format!(r#"{{"id":{id},"name":"{name}","price":"{price}","changed":1739712345678}}"#)
}

/// A record in full, of which Debezium has `op`, `before` and `after`.
fn change(id: i64, op: &str, before: &str, after: &str) -> String {
    format!(
        r#"{{"key":{{"id":{id}}},"value":{{"before":{before},"after":{after},"source":{{"table":"orders","lsn":7}},"op":"{op}","ts_ms":1}}}}"#
    )
}

fn wait_for_rows(daemon: &mut Running, server: &Postgres, wanted: &[[&str; 3]]) {
    let is_there = server.number("select count(*) from pg_tables where tablename = 'orders'");
    let rows = || server.sql("select id, name, price from orders order by id");
    if is_there == 0 {
        daemon.wait_while_running("the table is made", || {
            server.number("select count(*) from pg_tables where tablename = 'orders'") == 1
        });
    }
    daemon.wait_while_running("the rows are those of the source", || rows() == wanted);
}

#[test]
fn a_table_follows_what_debezium_says_of_another_in_avro() {
    let Some(registry) = SchemaRegistry::start() else { return };
    let (Some(broker), Some(server)) = (Broker::shared(), Postgres::start()) else { return };
    let topic = kafka::unique("shop.public.orders");
    broker.create_topic(&topic, 3);
    let url = format!("{}/apis/ccompat/v7", registry.url());
    let avro = format!("{{ avro: {{ registry: {{ confluent: {{ urls: [\"{url}\"] }} }} }} }}");
    let folder = Folder::with(
        "orders.yaml",
        format!(
            "source:\n  kafka:\n    bootstrap_servers: {}\n    topics: [{topic}]\n    group: {topic}\n  key: {avro}\n  value: {avro}\n\
             transforms:\n  - unwrap_cdc: {{}}\nsink:\n  postgres:\n    url: {}\n    table: orders\n    mode: upsert\n    \
             key: record_key\n    on_null: delete\n    auto_create: true\n",
            broker.bootstrap_servers(),
            server.url("postgres"),
        ),
    );
    folder.write("envelope.avsc", ENVELOPE);
    folder.write("key.avsc", KEY);
    let produce = |records: &[String]| {
        let by_schema = ["--format=avro", "--records", "--schema=envelope.avsc", "--key-schema=key.avsc"];
        let servers = broker.bootstrap_servers();
        let all = ["produce", "-b", &servers, "-t", &topic, "--registry", &url].into_iter().chain(by_schema);
        let sent = Sluice::new(all).current_dir(folder.path()).input(records.join("\n")).output();
        sent.expect_code(0);
    };
    let connector = folder.path().join("orders.yaml");
    let mut daemon = Sluice::new(["run".as_ref(), connector.as_path()]).env("SLUICE_LISTEN", "none").spawn();

    let (tea, nuts) = (row(1, "Tea", "44.50"), row(2, "Nuts", "1234567.89"));
    produce(&[change(1, "r", "null", &tea), change(2, "c", "null", &nuts)]);
    wait_for_rows(&mut daemon, &server, &[["1", "Tea", "44.50"], ["2", "Nuts", "1234567.89"]]);
    let types = "select string_agg(data_type, ',' order by ordinal_position) from information_schema.columns \
                 where table_name = 'orders'";
    assert_eq!(server.sql(types), [["bigint,text,numeric,timestamp with time zone"]]);

    produce(&[change(2, "u", &nuts, &row(2, "Almonds", "2.00"))]);
    wait_for_rows(&mut daemon, &server, &[["1", "Tea", "44.50"], ["2", "Almonds", "2.00"]]);

    let tombstone = r#"{"key":{"id":1},"value":null}"#.to_owned();
    produce(&[change(1, "d", &tea, "null"), tombstone, change(3, "c", "null", &row(3, "Rice", "0.01"))]);
    wait_for_rows(&mut daemon, &server, &[["2", "Almonds", "2.00"], ["3", "Rice", "0.01"]]);

    let ended = daemon.terminate().expect_code(0);
    assert!(!ended.stderr.contains("rejected"), "{ended}");
}
