//! What records become.

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, Payload, PutError};
use sluice_plugin_testing::{batch_failure, record, record_failures};
use sluice_tests::postgres::Postgres;

use crate::support::{gone, row, sink};

#[tokio::test(flavor = "multi_thread")]
async fn each_type_takes_what_json_has_for_it() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create domain percent as numeric(5,2) check (value <= 100);
         create type mood as enum ('calm', 'busy');
         create table t (id int primary key, n numeric, d double precision, b boolean, s varchar(5), c char(3), j jsonb, w json,
                         tags text[], matrix int[], at timestamptz, day date, raw bytea, m mood, u uuid, p percent,
                         \"Mixed Case\" text default 'none')",
    );
    let sink = sink(&server, json!({ "mode": "upsert", "key": "fields", "key_columns": ["id"] }));
    let digits: Value = serde_json::from_str("12345678901234567890.123456789").unwrap();
    let whole = json!({
        "id": 1, "n": digits, "d": 1.5e300, "b": true, "s": "zażół", "c": "ab", "j": { "a": [1, "x\"y"] }, "w": "text",
        "tags": ["a,b", "say \"x\"", null, "{}"], "matrix": [[1, 2], [3, 4]], "at": 1_739_712_345_678_i64, "day": 19_782,
        "raw": "AP8=", "m": "busy", "u": "6f9619ff-8b86-d011-b42d-00cf4fc964ff", "p": 99.5,
    });
    let nulls = json!({ "id": 2, "n": null, "j": null, "tags": null, "Mixed Case": "set" });
    sink.put(&[record(0).value(whole).build(), record(1).value(nulls).build()]).await.unwrap();
    let rows = server.sql(
        "set time zone 'UTC'; select n, d, b, s, c, j, w, tags, tags[3] is null, matrix, at, day, raw, m, u, p, \"Mixed Case\" \
         from t where id = 1",
    );
    assert_eq!(
        rows[0],
        [
            "12345678901234567890.123456789",
            "1.5e+300",
            "t",
            "zażół",
            "ab ",
            r#"{"a": [1, "x\"y"]}"#,
            r#""text""#,
            r#"{"a,b","say \"x\"",NULL,"{}"}"#,
            "t",
            "{{1,2},{3,4}}",
            "2025-02-16 13:25:45.678+00",
            "2024-02-29",
            "\\x00ff",
            "busy",
            "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "99.50",
            "none",
        ]
    );
    assert_eq!(
        server.sql("select n, j, tags, \"Mixed Case\" from t where id = 2"),
        [["null", "null", "null", "set"]]
    );
    for (field, value) in [
        ("s", json!("too long")),
        ("c", json!("abcd")),
        ("m", json!("angry")),
        ("p", json!(101)),
        ("id", json!("x")),
        ("day", json!("no day")),
        ("j", json!("\u{0}")),
    ] {
        let mut bad = json!({ "id": 9 });
        bad[field] = value;
        let failure = batch_failure(sink.put(&[record(2).value(bad.clone()).build()]).await);
        assert_eq!(failure.kind(), FailureKind::Rejected, "{bad}: {failure}");
    }
    assert_eq!(server.number("select count(*) from t"), 2, "nothing was cut off to fit");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_a_row_happens_in_the_order_read() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id text primary key, a int, b int)");
    let settings =
        json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"], "on_null": "delete" });
    let sink = sink(&server, settings);
    sink.put(&[
        row(0, "x", json!({ "a": 1, "b": 1 })),
        row(1, "x", json!({ "a": 2 })),
        row(2, "y", json!({ "a": 1, "b": 1 })),
        gone(3, "y"),
        row(4, "x", json!({ "a": 3, "b": 3 })),
        gone(5, "z"),
        row(6, "z", json!({ "a": 7 })),
        row(7, "x", json!({ "b": 4 })),
    ])
    .await
    .unwrap();
    assert_eq!(server.sql("select * from t order by id"), [["x", "3", "4"], ["z", "7", "null"]]);
    sink.put(&[gone(8, "x"), gone(9, "absent")]).await.unwrap();
    assert_eq!(server.sql("select id from t"), [["z"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_differ_in_what_they_do_to_a_row_that_is_there_or_is_not() {
    let Some(server) = Postgres::start() else { return };
    for (mode, expected) in
        [("insert", vec!["1 old", "2 new"]), ("upsert", vec!["1 new", "2 new"]), ("update", vec!["1 new"])]
    {
        server.sql("drop table if exists t; create table t (id int primary key, v text); insert into t values (1, 'old')");
        let sink = sink(&server, json!({ "mode": mode, "key": "record_key" }));
        sink.put(&[
            row(0, json!({ "id": 1 }), json!({ "v": "new" })),
            row(1, json!({ "id": 2 }), json!({ "v": "new" })),
        ])
        .await
        .unwrap();
        assert_eq!(server.sql("select id || ' ' || v from t order by id").concat(), expected, "{mode}");
    }
    server.sql("create table plain (v text)");
    let sink = sink(&server, json!({ "table": "plain" }));
    for _ in 0..2 {
        sink.put(&[record(0).value(json!({ "v": "a" })).build()]).await.unwrap();
    }
    assert_eq!(server.number("select count(*) from plain"), 2, "without a key each record is a row more");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_no_rows_are_named_and_the_others_are_stored() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v text)");
    let sink = sink(&server, json!({ "mode": "upsert", "key": "record_key" }));
    let batch = [
        row(0, json!({ "id": 1 }), json!({ "v": "a" })),
        row(1, json!({ "id": 2 }), json!({ "v": "a", "unknown": 1 })),
        row(2, json!({ "id": 3 }), json!("no object")),
        row(3, json!({ "id": null }), json!({ "v": "a" })),
        row(4, "text", json!({ "v": "a" })),
        record(5).value(json!({ "v": "a" })).build(),
        row(6, json!({ "id": 4 }), json!({ "v": "nul \u{0}" })),
        gone(7, json!({ "id": 5 })),
        row(8, json!({ "id": 6 }), json!({ "v": "b" })),
    ];
    let failures = record_failures(sink.put(&batch).await);
    let kinds: Vec<_> = failures.iter().map(|(index, kind, _)| (*index, *kind)).collect();
    assert_eq!(kinds, (1..8).map(|index| (index, FailureKind::Rejected)).collect::<Vec<_>>());
    assert_eq!(server.sql("select id from t order by id"), [["1"], ["6"]]);
    let Err(PutError::Records(failures)) = sink.put(&batch[1..2]).await else { panic!() };
    assert_eq!(
        failures[0].1.to_string(),
        "the table t has no column for the field `unknown`; add it, or set `unknown_fields: ignore`"
    );
}

/// As where `source.key: json` was forgotten: the whole text went into the column.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_the_text_of_an_object_is_not_the_field_that_names_the_row() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id text primary key, v text)");
    let sink = sink(&server, json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"] }));
    let batch = [
        row(0, "{\"id\":1}", json!({ "v": "a" })),
        row(1, "{\"other\":1}", json!({ "v": "a" })),
        row(2, "{id}", json!({ "v": "a" })),
    ];
    let Err(PutError::Records(failures)) = sink.put(&batch).await else { panic!() };
    let [(0, failure)] = failures.as_slice() else { panic!("{failures:?}") };
    assert!(failure.to_string().ends_with("read it with `source.key: json`"), "{failure}");
    let stored = server.sql("select id from t order by id collate \"C\"");
    assert_eq!(stored, [["{\"other\":1}"], ["{id}"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_refuses_its_statement_and_alone_it_is_rejected_without_its_content_in_the_reason() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int check (v < 100))");
    let sink = sink(&server, json!({ "mode": "upsert", "key": "record_key" }));
    let bad = row(1, json!({ "id": 2 }), json!({ "v": "four1111" }));
    let batch = [row(0, json!({ "id": 1 }), json!({ "v": 1 })), bad.clone()];
    assert_eq!(batch_failure(sink.put(&batch).await).kind(), FailureKind::Rejected);
    assert_eq!(server.number("select count(*) from t"), 0, "nothing of the batch is stored");
    let failure = batch_failure(sink.put(&[bad]).await);
    assert_eq!(
        failure.to_string(),
        "writing to the table t was answered 22P02, one of the columns `id` of type integer, `v` of type integer"
    );
    assert!(failure.detail().unwrap().contains("four1111"), "{failure:?}");
    let checked = batch_failure(sink.put(&[row(2, json!({ "id": 3 }), json!({ "v": 100 }))]).await);
    assert!(checked.to_string().ends_with("23514, constraint t_v_check"), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_that_the_table_takes_for_one_are_stored_in_their_order() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create collation loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
         create table t (id text collate loose primary key, v int)",
    );
    let sink = sink(&server, json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"] }));
    let batch = [row(0, "a", json!({ "v": 1 })), row(1, "A", json!({ "v": 2 }))];
    sink.put(&batch).await.unwrap();
    assert_eq!(server.sql("select v from t"), [["2"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn data_chooses_a_table_of_the_list_and_no_other() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create schema s; create table s.eu (v text); create table us (v text); create table secret (v text)",
    );
    let settings = json!({ "table": "{{@record.key}}", "tables": ["s.eu", "us"] });
    let sink = sink(&server, settings);
    let of = |offset, key: &str| row(offset, key, json!({ "v": key }));
    let failures =
        record_failures(sink.put(&[of(0, "s.eu"), of(1, "secret"), of(2, "us"), of(3, "us\" --")]).await);
    assert_eq!(failures.iter().map(|(index, ..)| *index).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(
        server.sql(
            "select (select count(*) from s.eu), (select count(*) from us), (select count(*) from secret)"
        ),
        [["1", "1", "0"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_whole_into_a_column() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create table t (id text primary key, v jsonb); create table texts (id text primary key, v text)",
    );
    let settings =
        json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"], "value_column": "v" });
    let whole = sink(&server, settings.clone());
    whole.put(&[row(0, "a", json!([1, { "b": 2 }])), row(1, "b", Value::Null)]).await.unwrap();
    assert_eq!(server.sql("select v from t order by id"), [["[1, {\"b\": 2}]"], ["null"]]);
    assert_eq!(server.number("select count(*) from t where v is not null"), 2, "a null of JSON is a value");
    let mut texts = settings;
    texts["table"] = "texts".into();
    let texts = sink(&server, texts);
    texts
        .put(&[row(0, "a", json!({ "b": 2 })), record(1).key("b").value(Payload::from("plain")).build()])
        .await
        .unwrap();
    assert_eq!(server.sql("select v from texts order by id"), [["{\"b\":2}"], ["plain"]]);
}
