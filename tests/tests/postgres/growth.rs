//! Tables that are made, and columns that are added.

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, FindingKind, ReadingTask, Sink};
use sluice_plugin_testing::{ExactlyOnceContract, SinkContract, batch_failure, record, record_failures};
use sluice_tests::postgres::Postgres;

use crate::support::{gone, row, sink, sink_of};

const COLUMNS: &str = "select column_name, data_type, is_nullable from information_schema.columns where table_name = 't' order by ordinal_position";

fn growing(more: &Value) -> Value {
    let mut settings = json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"], "auto_create": true, "auto_evolve": true });
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    settings
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_of_the_first_batch_and_gets_columns_with_later_ones() {
    let Some(server) = Postgres::start() else { return };
    let sink = sink(
        &server,
        growing(&json!({ "column_types": { "at": "timestamptz", "never seen": "numeric(4,1)[]" } })),
    );
    let first = r#"{"n":1,"big":9223372036854775808,"price":44,"ok":true,"name":"Zoë","tags":["a",1],"of":{"a":null},"at":1739712345678,"gone":null}"#;
    sink.put(&[
        row(0, "a", parsed(first)),
        row(1, "b", parsed(r#"{"price":44.50,"x; drop table t":"\"q\"","Name":"M"}"#)),
    ])
    .await
    .unwrap();
    assert_eq!(
        server.sql(COLUMNS),
        [
            ["id", "text", "NO"],
            ["n", "bigint", "YES"],
            ["big", "numeric", "YES"],
            ["price", "numeric", "YES"],
            ["ok", "boolean", "YES"],
            ["name", "text", "YES"],
            ["tags", "jsonb", "YES"],
            ["of", "jsonb", "YES"],
            ["at", "timestamp with time zone", "YES"],
            ["x; drop table t", "text", "YES"],
            ["Name", "text", "YES"],
            ["never seen", "ARRAY", "YES"],
        ]
    );
    assert_eq!(
        server.sql("set time zone 'UTC'; select id, n, big, price, ok, name, tags, at, \"x; drop table t\" from t order by id"),
        [
            ["a", "1", "9223372036854775808", "44", "t", "Zoë", "[\"a\", 1]", "2025-02-16 13:25:45.678+00", "null"],
            ["b", "null", "null", "44.50", "null", "null", "null", "null", "\"q\""],
        ]
    );
    sink.put(&[
        row(2, "a", json!({ "gone": null, "later": null })),
        row(3, "c", json!({ "later": [1], "n": null })),
    ])
    .await
    .unwrap();
    sink.put(&[gone(4, "b")]).await.unwrap_err();
    assert_eq!(
        server.sql("select id, n, later from t where id <> 'b' order by id"),
        [["a", "1", "null"], ["c", "null", "[1]"]]
    );
    assert_eq!(
        server.number("select count(*) from information_schema.columns where column_name = 'gone'"),
        0
    );
    // The primary key is that of the key, so that a second put writes over.
    sink.put(&[row(5, "c", json!({ "n": 5 }))]).await.unwrap();
    assert_eq!(server.sql("select id, n, later from t where id = 'c'"), [["c", "5", "[1]"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_made_column_does_not_hold_is_rejected_by_name_and_nothing_is_changed_for_it() {
    let Some(server) = Postgres::start() else { return };
    let sink = sink(&server, growing(&json!({})));
    sink.put(&[row(0, "a", json!({ "n": 1, "ok": true, "price": 1.5 }))]).await.unwrap();
    let before = server.sql(COLUMNS);
    let batch = [
        row(1, "b", json!({ "n": 2 })),
        row(2, "c", parsed(r#"{"n":1.5}"#)),
        row(3, "d", parsed(r#"{"n":9223372036854775808}"#)),
        row(4, "e", json!({ "n": 5 })),
    ];
    let failures = record_failures(sink.put(&batch).await);
    assert_eq!(
        failures.iter().map(|(index, kind, _)| (*index, *kind)).collect::<Vec<_>>(),
        [(1, FailureKind::Rejected), (2, FailureKind::Rejected)]
    );
    assert_eq!(
        failures[0].2,
        "field `n` is no whole number of 64 bits, which its column, a `bigint`, holds; `numeric` holds any number"
    );
    assert_eq!(server.sql("select id from t order by id").concat(), ["a", "b", "e"]);
    for (value, said) in [
        (json!({ "ok": "perhaps" }), "22P02, column `ok` of type boolean"),
        (json!({ "price": "much" }), "22P02, column `price` of type numeric"),
        (json!({ "n": "one" }), "22P02, column `n` of type bigint"),
    ] {
        let failure = batch_failure(sink.put(&[row(5, "f", value)]).await);
        assert!(failure.kind() == FailureKind::Rejected && failure.to_string().ends_with(said), "{failure}");
    }
    assert_eq!(server.sql(COLUMNS), before, "no type is changed");
    // Whoever owns the table may, and it is noticed.
    server.sql("alter table t alter column n type numeric");
    sink.put(&[row(6, "c", parsed(r#"{"n":1.5}"#))]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_somebody_else_keeps_what_it_has() {
    let Some(server) = Postgres::start() else { return };
    server
        .sql("create table t (id text primary key, n smallint not null default 7, kept text default 'kept')");
    let sink = sink(&server, growing(&json!({ "column_types": { "n": "text" } })));
    sink.put(&[row(0, "a", json!({ "more": 1 })), row(1, "b", json!({ "n": 2 }))]).await.unwrap();
    assert_eq!(
        server.sql("select * from t order by id"),
        [["a", "7", "kept", "1"], ["b", "2", "kept", "null"]]
    );
    let failures = record_failures(sink.put(&[row(2, "c", json!({ "n": 40000 }))]).await);
    assert!(failures[0].2.contains("a `smallint`"), "{failures:?}");
}

/// Eight tasks see eight kinds of records at the same moment, into a table that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_make_a_table_and_columns_at_the_same_moment_agree() {
    let Some(server) = Postgres::start() else { return };
    for round in 0..5 {
        let table = format!("made_{round}");
        let mut tasks = Vec::new();
        for task in 0..8_i64 {
            let sink = sink(&server, growing(&json!({ "table": table })));
            tasks.push(tokio::spawn(async move {
                for offset in 0..3 {
                    let value = json!({ format!("of_{task}"): task, format!("of_{task}_{offset}"): "x", "shared": offset });
                    put_until_stored(&*sink, &row(offset, format!("{task}-{offset}").as_str(), value)).await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(
            server.sql(&format!("select count(*), sum(shared), sum(of_7) from {table}")),
            [["24", "24", "21"]]
        );
        let columns = format!("select count(*) from information_schema.columns where table_name = '{table}'");
        assert_eq!(server.number(&columns), 2 + 8 + 24);
    }
}

/// A retriable failure is the engine's to try again.
async fn put_until_stored(sink: &dyn Sink, record: &sluice_connector_api::Record) {
    for _ in 0..50 {
        match sink.put(std::slice::from_ref(record)).await {
            Ok(()) => return,
            failed => assert_eq!(batch_failure(failed).kind(), FailureKind::Retriable),
        }
    }
    panic!("not stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_column_can_have_are_rejected_by_name_and_others_are_quoted() {
    let Some(server) = Postgres::start() else { return };
    let sink = sink(&server, growing(&json!({})));
    let long = "ä".repeat(32);
    let batch = [
        row(0, "a", json!({ "select": 1, "Üñï \"q\"": 2, "a.b": 3, "%s $1 'x' --": 4 })),
        row(1, "b", json!({ long.clone(): 1 })),
        row(2, "c", json!({ "ctid": 1 })),
        row(3, "d", json!({ "": 1 })),
        row(4, "e", json!({ "nul\u{0}": 1 })),
        row(5, "f", json!({ "select": 6 })),
    ];
    let failures = record_failures(sink.put(&batch).await);
    assert_eq!(failures.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [1, 2, 3, 4]);
    for ((_, _, said), why) in failures.iter().zip(["63 bytes", "of the system", "is empty", "U+0000"]) {
        assert!(said.contains(why), "{said}");
    }
    assert_eq!(
        server.sql("select id, \"select\", \"Üñï \"\"q\"\"\", \"a.b\", \"%s $1 'x' --\" from t order by id"),
        [["a", "1", "2", "3", "4"], ["f", "6", "null", "null", "null"]]
    );
    let wide: serde_json::Map<String, Value> = (0..1700).map(|n| (format!("c{n}"), Value::from(n))).collect();
    let failure = batch_failure(sink.put(&[row(6, "g", Value::Object(wide))]).await);
    assert!(
        failure.kind() == FailureKind::Rejected && failure.to_string().contains("1600 columns"),
        "{failure}"
    );
    sink.put(&[row(7, "h", json!({ "a.b": 8 }))]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_nothing_to_make_a_table_of_waits_for_what_has() {
    let Some(server) = Postgres::start() else { return };
    let sink = sink(&server, growing(&json!({ "on_null": "delete" })));
    sink.put(&[gone(0, "a")]).await.expect("there is nothing to delete");
    let batch = [row(1, "a", json!([1])), row(2, json!({ "id": null }), json!({ "n": 1 })), gone(3, "b")];
    let failures = record_failures(sink.put(&batch).await);
    assert_eq!(
        failures.iter().map(|(index, kind, _)| (*index, *kind)).collect::<Vec<_>>(),
        [(0, FailureKind::Rejected), (1, FailureKind::Rejected)]
    );
    assert!(failures[0].2.starts_with("there is no table t yet"), "{failures:?}");
    assert_eq!(server.sql("select to_regclass('t')"), [["null"]], "no table was made");
    sink.put(&[gone(4, "c"), row(5, "c", json!({})), row(6, "d", json!({ "n": 1 }))]).await.unwrap();
    assert_eq!(server.sql("select id, n from t order by id"), [["c", "null"], ["d", "1"]]);
    server.sql("drop table t");
    sink.put(&[row(7, "e", json!({ "n": 1, "m": 2 }))]).await.expect("one that is dropped is made anew");
    assert_eq!(server.sql("select * from t"), [["e", "1", "2"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_leave_to_add_columns_a_table_is_made_once_and_stays() {
    let Some(server) = Postgres::start() else { return };
    let sink = sink(&server, growing(&json!({ "auto_evolve": false })));
    sink.put(&[row(0, "a", json!({ "n": 1, "m": null }))]).await.unwrap();
    let failures = record_failures(
        sink.put(&[row(1, "b", json!({ "m": 1 })), row(2, "c", json!({ "m": null, "n": 2 }))]).await,
    );
    assert!(failures.len() == 1 && failures[0].2.contains("no column for the field `m`"), "{failures:?}");
    assert_eq!(server.sql("select * from t order by id"), [["a", "1"], ["c", "2"]]);
    // A null counts where somebody else made the column meanwhile.
    server.sql("alter table t add column m int default 5");
    sink.put(&[row(3, "c", json!({ "m": null, "n": 3 }))]).await.unwrap();
    assert_eq!(server.sql("select n, m from t where id = 'c'"), [["3", "null"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_values_and_origins_get_their_table_too() {
    let Some(server) = Postgres::start() else { return };
    let settings = json!({ "mode": "upsert", "key": "origin", "value_column": "v", "auto_create": true });
    let sink = sink(&server, settings);
    sink.put(&[record(3).value(json!([1])).build(), record(4).value("plain").build()]).await.unwrap();
    assert_eq!(
        server.sql("select kafka_topic, kafka_partition, kafka_offset, v from t order by 3"),
        [["prices", "0", "3", "[1]"], ["prices", "0", "4", "plain"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_says_which_right_or_type_is_missing_before_anything_is_made() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create role guest login; revoke create on schema public from public");
    let told = async |user: &str, more: Value| {
        let findings = sink_of(&server, user, growing(&more)).check().await;
        let of_table = findings.last().unwrap().clone();
        (of_table.kind, of_table.text.clone())
    };
    assert_eq!(
        told("postgres", json!({})).await,
        (FindingKind::Good, "is made with the first records".to_owned())
    );
    let refused = told("guest", json!({})).await;
    assert!(
        refused.0 == FindingKind::Wrong && refused.1.contains("grant create on schema public"),
        "{refused:?}"
    );
    let refused = told("postgres", json!({ "table": "sales.t" })).await;
    assert!(
        refused.0 == FindingKind::Wrong && refused.1.contains("there is no schema \"sales\""),
        "{refused:?}"
    );
    let refused = told("postgres", json!({ "column_types": { "v": "vektor(3)" } })).await;
    assert!(
        refused.0 == FindingKind::Wrong && refused.1.contains("vektor") && refused.1.contains("column_types"),
        "{refused:?}"
    );
    let refused = told("postgres", json!({ "column_types": { "v": "int primary key" } })).await;
    assert!(refused.0 == FindingKind::Wrong && refused.1.contains("column_types"), "{refused:?}");
    assert_eq!(server.sql("select to_regclass('t')"), [["null"]], "a check makes nothing");
    // What is put all the same says what to have done.
    let failure = batch_failure(
        sink_of(&server, "guest", growing(&json!({}))).put(&[row(0, "a", json!({ "n": 1 }))]).await,
    );
    assert!(failure.is_forbidden() && failure.to_string().contains("have it done: create table if not exists \"t\" (\"id\" text, \"n\" bigint, primary key (\"id\"))"), "{failure}");
    let of_type = growing(&json!({ "column_types": { "n": "int; drop table t" } }));
    let mut settings = json!({ "url": server.url("postgres"), "table": "t" });
    settings.as_object_mut().unwrap().extend(of_type.as_object().unwrap().clone());
    let refused = sluice_sinks::register(sluice_connector_api::Registry::new())
        .sink("postgres")
        .unwrap()
        .build(settings)
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("column_types.n")
            || refused.to_string().contains("a type of PostgreSQL"),
        "{refused}"
    );
    server.sql("create table t (id text primary key); grant select, insert, update on t to guest");
    let refused = told("guest", json!({})).await;
    assert!(refused.0 == FindingKind::Wrong && refused.1.contains("owner"), "{refused:?}");
    let failure = batch_failure(
        sink_of(&server, "guest", growing(&json!({}))).put(&[row(0, "a", json!({ "n": 1 }))]).await,
    );
    assert!(
        failure.is_forbidden()
            && failure
                .to_string()
                .contains("have it done: alter table \"t\" add column if not exists \"n\" bigint"),
        "{failure}"
    );
    assert_eq!(told("guest", json!({ "auto_evolve": false })).await.0, FindingKind::Good);
    assert_eq!(
        told("postgres", json!({})).await,
        (FindingKind::Good, "has the columns and the rights".to_owned())
    );
}

/// A change of the table waits for its lock, and no longer than a few seconds: it holds everybody else up meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_in_use_is_waited_for() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id text primary key)");
    let sink = sink(&server, growing(&json!({ "request_timeout": "60s" })));
    let (reader, connection) =
        tokio_postgres::connect(&server.url("postgres"), tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    reader.batch_execute("begin; select * from t").await.unwrap();
    let failure = batch_failure(sink.put(&[row(0, "a", json!({ "n": 1 }))]).await);
    assert!(failure.kind() == FailureKind::Retriable && failure.to_string().contains("55P03"), "{failure}");
    reader.batch_execute("rollback").await.unwrap();
    connection.abort();
    sink.put(&[row(0, "a", json!({ "n": 1 }))]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_table_keeps_the_contracts() {
    let Some(server) = Postgres::start() else { return };
    let price = |offset: i64| {
        record(offset).key(format!("{offset}").as_str()).value(json!({ "price": offset })).build()
    };
    SinkContract::new(&*sink(&server, growing(&json!({})))).records(price).holds().await;
    assert_eq!(server.number("select count(*) from t"), 2000);
    let settings =
        json!({ "table": "appended", "auto_create": true, "auto_evolve": true, "offsets_table": "offsets" });
    let sink = sink(&server, settings);
    let task = ReadingTask::new("prices", 0, "connect-prices");
    let owners = [sink.exactly_once(&task).unwrap(), sink.exactly_once(&task).unwrap()];
    let count = async || {
        let is_there = server.sql("select to_regclass('appended') is not null") == [["t"]];
        if is_there { usize::try_from(server.number("select count(*) from appended")).unwrap() } else { 0 }
    };
    // Each record has a column of its own.
    let record = |offset: i64| record(offset).value(json!({ format!("c{offset}"): offset })).build();
    ExactlyOnceContract::new([&*owners[0], &*owners[1]], record, count)
        .refused(|offset| row(offset, "k", json!({ "c0": "no number" })))
        .holds()
        .await;
}
