//! The whole way, from a real broker through the binary.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use sluice_tests::connector::Folder;
use sluice_tests::kafka::{self, Broker, NewRecord};
use sluice_tests::postgres::Postgres;
use sluice_tests::sluice::{PATIENCE, Running, Sluice};

/// A connector from a topic into the table `t`, with more lines for the sink and for the file.
fn connector(topic: &str, of_sink: &str, of_file: &str) -> Folder {
    Folder::with(
        "c.yaml",
        format!(
            "source:\n  kafka:\n    bootstrap_servers: ${{env:SERVERS}}\n    topics: [{topic}]\n    group: {topic}\n    \
             commit_interval: 200ms\n    properties: {{ session.timeout.ms: 2000, heartbeat.interval.ms: 300 }}\n  key: string\n\
             sink:\n  postgres:\n    url: ${{env:DATABASE}}\n    table: t\n{of_sink}{of_file}"
        ),
    )
}

fn run(broker: &Broker, server: &Postgres, folder: &Folder) -> Running {
    Sluice::new(["run".as_ref(), folder.path()])
        .env("SERVERS", broker.bootstrap_servers())
        .env("DATABASE", server.url("postgres"))
        .env("SLUICE_LISTEN", "none")
        .spawn()
}

fn wait_for(server: &Postgres, sql: &str, wanted: i64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = server.number(sql);
        if now >= wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{now} of {wanted}: {sql}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Without a key, so that a record that is put again is a row more.
#[test]
fn killed_again_and_again_each_record_is_one_row() {
    const RECORDS: usize = 30_000;
    let (Some(broker), Some(server)) = (Broker::shared(), Postgres::start()) else { return };
    server.sql("create table t (n int, p int)");
    let topic = kafka::unique("exactly");
    broker.create_topic(&topic, 3);
    let record = |number: usize| {
        NewRecord::unkeyed(format!("{{\"n\":{number}}}")).partition(i32::try_from(number % 3).unwrap())
    };
    broker.produce(&topic, (0..RECORDS).map(record));
    let folder = connector(
        &topic,
        "    offsets_table: offsets\n    max_in_flight: 2\n",
        "batch: { max_records: 100 }\nguarantee: exactly_once\n",
    );
    let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
    eprintln!("seed {}", random.get_seed());
    for kill in 1..=5 {
        let daemon = run(broker, &server, &folder);
        wait_for(&server, "select count(*) from t", kill * 2000);
        std::thread::sleep(Duration::from_millis(random.u64(0..150)));
        daemon.kill();
    }
    let daemon = run(broker, &server, &folder);
    let count = i64::try_from(RECORDS).unwrap();
    wait_for(&server, "select count(distinct n) from t", count);
    daemon.terminate().expect_code(0);
    assert_eq!(
        server.sql("select count(*), count(distinct n) from t"),
        [[RECORDS.to_string(), RECORDS.to_string()]]
    );
    assert_eq!(server.number("select sum(next_offset)::int8 from offsets"), count);
    assert_eq!(
        broker.committed(&topic, &topic),
        broker.end_offsets(&topic).into_iter().map(Some).collect::<Vec<_>>()
    );
}

/// A predecessor that hangs and goes on later than its successor stores nothing more.
#[test]
fn a_predecessor_that_wakes_up_stores_nothing() {
    let (Some(broker), Some(server)) = (Broker::shared(), Postgres::start()) else { return };
    server.sql("create table t (n int)");
    let topic = kafka::unique("zombie");
    broker.create_topic(&topic, 1);
    broker.produce(&topic, (0..200).map(|number| NewRecord::unkeyed(format!("{{\"n\":{number}}}"))));
    let folder = connector(&topic, "    offsets_table: offsets\n", "");
    let first = run(broker, &server, &folder);
    wait_for(&server, "select count(*) from t", 200);
    first.signal(Signal::STOP);
    let mut second = run(broker, &server, &folder);
    second.wait_for_log("partitions assigned");
    broker.produce(&topic, (200..400).map(|number| NewRecord::unkeyed(format!("{{\"n\":{number}}}"))));
    wait_for(&server, "select count(*) from t", 400);
    first.signal(Signal::CONT);
    std::thread::sleep(Duration::from_secs(2));
    broker.produce(&topic, (400..600).map(|number| NewRecord::unkeyed(format!("{{\"n\":{number}}}"))));
    wait_for(&server, "select count(distinct n) from t", 600);
    first.terminate();
    second.terminate().expect_code(0);
    assert_eq!(server.sql("select count(*), count(distinct n) from t"), [["600", "600"]]);
}

#[test]
fn poison_in_the_middle_of_a_batch_goes_to_the_queue_and_an_outage_is_lived_through() {
    let (Some(broker), Some(mut server)) = (Broker::shared(), Postgres::start()) else { return };
    server.sql("create table t (id text primary key, n int)");
    let topic = kafka::unique("poison");
    let queue = format!("{topic}-letters");
    broker.create_topic(&topic, 2);
    let record = |number: usize| {
        let value = if number % 10 == 7 { "\"poison\"".to_owned() } else { number.to_string() };
        NewRecord::new(format!("k{number}"), format!("{{\"n\":{value}}}"))
    };
    broker.produce(&topic, (0..500).map(record));
    let folder = connector(
        &topic,
        "    mode: upsert\n    key: record_key\n    key_columns: [id]\n    on_null: delete\n    offsets_table: offsets\n",
        &format!(
            "errors:\n  tolerance: all\n  dead_letter_queue: {{ topic: {queue} }}\n  retry_delay_max: 1s\n"
        ),
    );
    let daemon = run(broker, &server, &folder);
    wait_for(&server, "select count(*) from t", 450);
    server.stop();
    broker.produce(&topic, (500..1000).map(record));
    broker.produce(&topic, [NewRecord::tombstone("k0"), NewRecord::new("k1", "{\"n\":-1}")]);
    std::thread::sleep(Duration::from_secs(1));
    server.launch();
    wait_for(&server, "select count(*) from t where id <> 'k0'", 899);
    let ends: Vec<_> = broker.end_offsets(&topic).into_iter().map(Some).collect();
    let deadline = Instant::now() + PATIENCE;
    while broker.committed(&topic, &topic) != ends {
        assert!(Instant::now() < deadline, "not all is committed");
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon.terminate().expect_code(0);
    assert_eq!(server.sql("select count(*), min(n) from t"), [["899", "-1"]]);
    assert_eq!(broker.end_offsets(&queue).iter().sum::<i64>(), 100);
}

/// What is wrong with the table stops the connector and is said, nothing is passed over, and it goes on by itself: with the waits of the
/// supervisor in seconds.
#[test]
fn a_table_that_changes_under_a_running_connector_stops_it_until_it_is_mended() {
    let (Some(broker), Some(server)) = (Broker::shared(), Postgres::start()) else { return };
    server.sql("create role guest login; create table t (id text primary key, n int); grant select, insert, update on t to guest");
    let topic = kafka::unique("changing");
    broker.create_topic(&topic, 1);
    let of_sink = "    mode: upsert\n    key: record_key\n    key_columns: [id]\n";
    let folder = connector(&topic, of_sink, "errors:\n  tolerance: none\n  retry_delay_max: 1s\n");
    let produce = |from: usize| {
        let records = (from..from + 50).map(|n| NewRecord::new(format!("k{n}"), format!("{{\"n\":{n}}}")));
        broker.produce(&topic, records);
    };
    let mut count = 0;
    for (broken, said, mended) in [
        ("alter table t rename to hidden", "there is no table t", "alter table hidden rename to t"),
        ("revoke insert on t from guest", "42501", "grant insert on t to guest"),
        (
            "alter table t rename column id to key_id",
            "no column `id`",
            "alter table t rename column key_id to id",
        ),
    ] {
        // A daemon for each: whose connector has failed before waits the longer before it starts again.
        let mut daemon = Sluice::new(["run".as_ref(), folder.path()])
            .env("SERVERS", broker.bootstrap_servers())
            .env("DATABASE", server.url("guest"))
            .env("SLUICE_LISTEN", "none")
            .spawn();
        let mut stored = |daemon: &mut Running| {
            count += 50;
            let wanted = i64::from(count);
            daemon.wait_until(mended, |_| (server.number("select count(*) from t") == wanted).then_some(()));
        };
        produce(server.number("select count(*)::int8 from t").try_into().unwrap());
        stored(&mut daemon);
        let from = server.number("select count(*)::int8 from t").try_into().unwrap();
        server.sql(broken);
        produce(from);
        daemon.wait_for_log(said);
        server.sql(mended);
        stored(&mut daemon);
        daemon.terminate().expect_code(0);
    }
    assert_eq!(server.sql("select count(*), sum(n) from t"), [["300", "44850"]]);
}

/// From the schema that stands in each record to the types of the table's columns, and the values in them.
#[test]
fn a_table_is_made_with_the_types_of_the_schema() {
    let (Some(broker), Some(server)) = (Broker::shared(), Postgres::start()) else { return };
    let topic = kafka::unique("typed");
    broker.create_topic(&topic, 1);
    let schema = json!({ "type": "struct", "fields": [
        { "field": "id", "type": "int32" },
        { "field": "total", "type": "bytes", "name": "org.apache.kafka.connect.data.Decimal",
          "parameters": { "scale": "2", "connect.decimal.precision": "9" } },
        { "field": "day", "type": "int32", "name": "org.apache.kafka.connect.data.Date" },
        { "field": "at", "type": "int64", "name": "org.apache.kafka.connect.data.Timestamp" },
        { "field": "seen", "type": "int64", "name": "io.debezium.time.MicroTimestamp" },
        { "field": "noon", "type": "int64", "name": "io.debezium.time.MicroTime" },
        { "field": "raw", "type": "bytes" },
        { "field": "note", "type": "string", "optional": true },
        { "field": "old", "type": "boolean", "optional": true },
        { "field": "tags", "type": "array", "items": { "type": "string" } },
    ] });
    let payload = json!({ "id": 7, "total": "EWI=", "day": 20_484, "at": 1_769_862_600_500_i64, "seen": 1_769_862_600_500_001_i64,
        "noon": 43_200_000_001_i64, "raw": "AP8=", "note": null, "old": true, "tags": ["a"] });
    let key = json!({ "schema": { "type": "int32" }, "payload": 7 });
    let record = NewRecord::new(key.to_string(), json!({ "schema": schema, "payload": payload }).to_string());
    broker.produce(&topic, [record]);
    let folder = Folder::with(
        "c.yaml",
        format!(
            "source:\n  kafka: {{ bootstrap_servers: \"${{env:SERVERS}}\", topics: [{topic}] }}\n  key: connect_json\n  value: connect_json\n\
             transforms:\n  - replace_field: {{ renames: {{ day: placed_on }} }}\n  - cast: {{ spec: {{ old: string }} }}\n\
             sink:\n  postgres:\n    url: ${{env:DATABASE}}\n    table: t\n    mode: upsert\n    key: record_key\n    key_columns: [order_id]\n    \
             auto_create: true\n"
        ),
    );
    let daemon = run(broker, &server, &folder);
    wait_for(&server, "select count(*) from information_schema.columns where table_name = 't'", 1);
    wait_for(&server, "select count(*) from t", 1);
    daemon.terminate().expect_code(0);
    let columns = "select attname::text, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 't'::regclass and attnum > 0 order by attnum";
    assert_eq!(
        server.sql(columns),
        [
            ["order_id", "integer"],
            ["id", "integer"],
            ["total", "numeric(9,2)"],
            ["at", "timestamp with time zone"],
            ["seen", "timestamp without time zone"],
            ["noon", "time without time zone"],
            ["raw", "bytea"],
            ["note", "text"],
            ["tags", "jsonb"],
            ["placed_on", "date"],
            ["old", "text"],
        ]
    );
    assert_eq!(
        server.sql(
            "set time zone 'UTC'; select order_id, total, placed_on, at, seen, noon, raw, note, old from t"
        ),
        [[
            "7",
            "44.50",
            "2026-01-31",
            "2026-01-31 12:30:00.5+00",
            "2026-01-31 12:30:00.500001",
            "12:00:00.000001",
            "\\x00ff",
            "null",
            "true"
        ]]
    );
}
