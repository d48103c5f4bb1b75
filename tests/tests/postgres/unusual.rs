//! Tables that are built as few are: keys that are equal without being the same text, arrays of anything, types of types, columns that
//! the database fills, views, and rules that answer with codes of their own.

use serde_json::{Value, json};
use sluice_connector_api::{FailureKind, FindingKind, PutError};
use sluice_plugin_testing::{batch_failure, record, record_failures};
use sluice_tests::postgres::Postgres;

use crate::support::{gone, row, sink};

fn by_key(column: &str) -> Value {
    json!({ "mode": "upsert", "key": "record_key", "key_columns": [column], "on_null": "delete" })
}

/// A delete of `a` stands between two writes of `A`: the table takes the three for one row.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_a_table_takes_for_one_are_written_and_deleted_in_the_order_read() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create extension citext");
    for (key_type, [one, same, other]) in [
        ("citext", [json!("Ab"), json!("aB"), json!("c")]),
        ("char(4)", [json!("a"), json!("a "), json!("c")]),
        ("numeric", [json!(1), json!(1.0), json!(2)]),
        ("int", [json!(1), json!("01"), json!(2)]),
        (
            "uuid",
            [
                json!("6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
                json!("{6F9619FF8B86D011B42D00CF4FC964FF}"),
                json!("00000000-8b86-d011-b42d-00cf4fc964ff"),
            ],
        ),
        (
            "timestamptz",
            [json!("2025-02-16T13:25:45Z"), json!("2025-02-16 14:25:45+01"), json!("2025-02-17T00:00:00Z")],
        ),
        ("boolean", [json!(true), json!("t"), json!(false)]),
        ("inet", [json!("10.0.0.1"), json!("10.0.0.1/32"), json!("10.0.0.2")]),
    ] {
        server.sql(&format!("drop table if exists t; create table t (id {key_type} primary key, v int)"));
        let sink = sink(&server, by_key("id"));
        sink.put(&[
            row(0, one.clone(), json!({ "v": 1 })),
            gone(1, same.clone()),
            row(2, other.clone(), json!({ "v": 2 })),
            row(3, one.clone(), json!({ "v": 3 })),
            gone(4, other.clone()),
            row(5, same.clone(), json!({})),
        ])
        .await
        .unwrap_or_else(|error| panic!("{key_type}: {error:?}"));
        assert_eq!(server.sql("select v from t").concat(), ["3"], "{key_type}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_an_array_is_written_as_its_type_takes_it() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create type mood as enum ('calm', 'busy'); create domain small as smallint; create domain smaller as small;
         create domain doc as jsonb; create domain docs as doc; create domain tags as text[];
         create table t (id int, raw bytea[], j jsonb[], at timestamptz[], days date[], m mood[], n smallint[][], s smaller, d docs,
                         words tags, money numeric(6,2)[])",
    );
    let sink = sink(&server, json!({}));
    let value = json!({
        "id": 1, "raw": ["AP8=", null], "j": ["text", { "a": "b\"c" }, 1, [1, "x"], null], "at": [1_739_712_345_678_i64, "infinity"],
        "days": [19_782, "-infinity"], "m": ["busy", "calm"], "n": [[1, 2], [3, 4]], "s": 5, "d": "a text", "words": ["a,b"],
        "money": [1.5, 2],
    });
    sink.put(&[record(0).value(value).build()]).await.unwrap();
    assert_eq!(
        server.sql(
            "set time zone 'UTC'; select raw[1], raw[2] is null, j[1], j[2], j[4], j[5], at, days, m, n, s, d, words, money from t"
        )[0],
        [
            "\\x00ff",
            "t",
            "\"text\"",
            "{\"a\": \"b\\\"c\"}",
            "[1, \"x\"]",
            "null",
            "{\"2025-02-16 13:25:45.678+00\",infinity}",
            "{2024-02-29,-infinity}",
            "{busy,calm}",
            "{{1,2},{3,4}}",
            "5",
            "\"a text\"",
            "{\"a,b\"}",
            "{1.50,2.00}",
        ]
    );
    for (field, bad, said) in [
        ("raw", json!(["no base64"]), "`raw`"),
        ("n", json!([[1], [40_000]]), "`n`"),
        ("s", json!(40_000), "`s`"),
        ("words", json!(["a\u{0}"]), "`words`"),
    ] {
        let mut value = json!({ "id": 2 });
        value[field] = bad;
        let failed = record_failures(sink.put(&[record(1).value(value).build()]).await);
        assert!(failed[0].2.contains(said), "{field}: {failed:?}");
    }
    assert_eq!(server.number("select count(*) from t"), 1);
}

/// Neither stops the connector: each is of one record, whatever code the type or the trigger answers with.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_a_type_or_a_trigger_answers_with_is_of_the_record() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create extension hstore; create extension ltree;
         create table t (id int primary key, h hstore, path ltree, q tsquery, x xml, p point, r int4range, jp jsonpath, b bit(3),
                         c text);
         create function picky() returns trigger language plpgsql as $$ declare n int; begin
           case new.c when 'own' then raise exception 'card 4111' using errcode = 'SH001';
                      when 'assert' then assert false, 'card 4111';
                      when 'standard' then raise exception sqlstate '45000' using message = 'card 4111';
                      when 'nothing' then select id into strict n from t where id < 0;
                      when 'external' then raise exception sqlstate '38000' using message = 'card 4111';
                      when 'case' then case new.id when -1 then n := 1; end case;
                      else n := 0; end case; return new; end $$;
         create trigger picky before insert on t for each row execute function picky()",
    );
    let sink = sink(&server, json!({ "mode": "upsert", "key": "fields", "key_columns": ["id"] }));
    for (field, bad) in [
        ("h", json!({ "a": 1 })),
        ("path", json!("a..b")),
        ("q", json!("a &")),
        ("x", json!("<a>")),
        ("p", json!("nowhere")),
        ("r", json!("[2,1]")),
        ("jp", json!("$[")),
        ("b", json!("1011")),
        ("c", json!("own")),
        ("c", json!("assert")),
        ("c", json!("standard")),
        ("c", json!("nothing")),
        ("c", json!("external")),
        ("c", json!("case")),
    ] {
        let mut value = json!({ "id": 1 });
        value[field] = bad;
        let failure = batch_failure(sink.put(&[record(0).value(value.clone()).build()]).await);
        assert_eq!(failure.kind(), FailureKind::Rejected, "{value}: {failure}");
        assert!(!failure.to_string().contains("4111"), "{failure}");
    }
    sink.put(&[record(0).value(json!({ "id": 1, "h": "a=>1", "b": "101", "path": "a.b" })).build()])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_the_database_fills_is_told_as_that() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create table t (id int primary key, net int, gross int generated always as (net * 2) stored,
                         serial int generated by default as identity, fixed int generated always as identity)",
    );
    let rows = |more: Value| {
        let mut value = json!({ "net": 1 });
        value.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        [row(0, json!({ "id": 1 }), value)]
    };
    let settings = json!({ "mode": "upsert", "key": "record_key" });
    for changes in [json!({}), json!({ "auto_evolve": true })] {
        let mut settings = settings.clone();
        settings.as_object_mut().unwrap().append(&mut changes.as_object().unwrap().clone());
        let sink = sink(&server, settings);
        sink.put(&rows(json!({ "serial": 7 }))).await.unwrap();
        for field in ["gross", "fixed"] {
            let Err(PutError::Records(failures)) = sink.put(&rows(json!({ field: 5 }))).await else {
                panic!("{field}")
            };
            assert_eq!(
                failures[0].1.to_string(),
                format!(
                    "the column `{field}` of the table t is generated always, and takes no value; set `unknown_fields: ignore`, or drop \
                     the field"
                )
            );
        }
    }
    let mut ignoring = settings;
    ignoring["unknown_fields"] = "ignore".into();
    sink(&server, ignoring).put(&rows(json!({ "gross": 9, "fixed": 9, "net": 3 }))).await.unwrap();
    assert_eq!(server.sql("select net, gross, serial, fixed < 9 from t"), [["3", "6", "7", "t"]]);
}

/// What `on conflict` finds a row by, and what it does not.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_knows_what_finds_a_row() {
    let Some(server) = Postgres::start() else { return };
    let settings = json!({ "mode": "upsert", "key": "fields", "key_columns": ["id", "Part"] });
    for (made, found) in [
        ("create table t (id int, \"Part\" text, v int, primary key (\"Part\", id) include (v))", true),
        (
            "create table t (id int, \"Part\" text, v int); create unique index on t (id, \"Part\") include (v)",
            true,
        ),
        (
            "create table t (id int, \"Part\" text, v int, primary key (id, \"Part\")) partition by list (\"Part\"); create table p partition of t default",
            true,
        ),
        (
            "create table base (id int, \"Part\" text, v int, primary key (id, \"Part\")); create view t as select * from base",
            true,
        ),
        (
            "create table t (id int, \"Part\" text, v int, primary key (id, \"Part\") deferrable initially deferred)",
            false,
        ),
        (
            "create table t (id int, \"Part\" text, v int); create unique index on t (id, \"Part\") where v > 0",
            false,
        ),
        (
            "create table t (id int, \"Part\" text, v int); create unique index on t (id, lower(\"Part\"))",
            false,
        ),
        ("create table t (id int, \"Part\" text, v int, primary key (id, \"Part\", v))", false),
    ] {
        server.sql(&format!("drop schema public cascade; create schema public; {made}"));
        let sink = sink(&server, settings.clone());
        let wrong: Vec<_> =
            sink.check().await.into_iter().filter(|finding| finding.kind == FindingKind::Wrong).collect();
        assert_eq!(wrong.is_empty(), found, "{made}: {wrong:?}");
        let put = sink.put(&[record(0).value(json!({ "id": 1, "Part": "a", "v": 1 })).build()]).await;
        assert_eq!(put.is_ok(), found, "{made}: {put:?}");
    }
}

/// As behind a proxy or a name that leads to another server by now: the connection that is kept would stay with the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_only_be_read_from_is_left_for_whoever_answers_next() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int)");
    let sink = sink(&server, json!({ "mode": "upsert", "key": "record_key", "max_in_flight": 1 }));
    let put = async || sink.put(&[row(0, json!({ "id": 1 }), json!({ "v": 1 }))]).await;
    put().await.unwrap();
    let pids = "select string_agg(pid::text, ' ') from pg_stat_activity where application_name = 'sluice'";
    let first = server.sql(pids);
    server.sql("alter database postgres set default_transaction_read_only = on");
    // The connection that is there does not know it yet; one that is made does.
    put().await.unwrap();
    assert_eq!(server.sql(pids), first, "it is kept");
    server.sql(&format!("select pg_terminate_backend({})", first[0][0]));
    let failure = loop {
        match put().await {
            Ok(()) => panic!("it may only be read from"),
            refused => {
                let failure = batch_failure(refused);
                if failure.to_string().contains("25006") {
                    break failure;
                }
            }
        }
    };
    assert_eq!(failure.kind(), FailureKind::Retriable);
    assert!(failure.to_string().ends_with("cannot execute INSERT in a read-only transaction"), "{failure}");
    server.sql("begin read write; alter database postgres reset default_transaction_read_only; commit");
    put().await.expect("a connection of its own to the server as it is now");
}
