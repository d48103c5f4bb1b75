//! A database that changes, goes away, or does not let anybody in.

use serde_json::json;
use sluice_connector_api::{FailureKind, FindingKind, ReadingTask, Sink, TopicPartition, Trouble};
use sluice_plugin_testing::{batch_failure, record_failures};
use sluice_tests::postgres::Postgres;

use crate::support::{row, sink, sink_of};

async fn put(
    sink: &dyn Sink,
    id: i64,
    value: serde_json::Value,
) -> Result<(), sluice_connector_api::PutError> {
    sink.put(&[row(id, json!({ "id": id }), value)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changes_is_looked_at_again() {
    let Some(server) = Postgres::start() else { return };
    let upsert = json!({ "mode": "upsert", "key": "record_key" });
    let sink = sink(&server, upsert);
    let missing = batch_failure(put(&*sink, 1, json!({ "v": 1 })).await);
    assert_eq!(missing.kind(), FailureKind::Fatal);
    assert_eq!(
        missing.to_string(),
        "there is no table t; create it, let `auto_create: true` do so, or mend `table`"
    );
    server.sql("create table t (id int primary key, v int, w int)");
    put(&*sink, 1, json!({ "v": 1, "w": 1 })).await.unwrap();
    server.sql("alter table t alter column v type text");
    put(&*sink, 2, json!({ "v": "text now" })).await.unwrap();
    server.sql("alter table t rename column w to x");
    let renamed = record_failures(put(&*sink, 3, json!({ "w": 1 })).await);
    assert_eq!(renamed[0].1, FailureKind::Rejected);
    put(&*sink, 3, json!({ "x": 3 })).await.unwrap();
    server.sql("drop table t; create table t (id bigint primary key, y int)");
    put(&*sink, 4, json!({ "y": 4 })).await.unwrap();
    server.sql("alter table t add column z int");
    put(&*sink, 5, json!({ "z": 5 })).await.unwrap();
    assert_eq!(server.sql("select id, y, z from t order by id"), [["4", "4", "null"], ["5", "null", "5"]]);
    server.sql("alter table t drop constraint t_pkey");
    let keyless = batch_failure(put(&*sink, 6, json!({ "z": 6 })).await);
    assert_eq!(keyless.kind(), FailureKind::Fatal);
    assert!(keyless.to_string().contains("42P10"), "{keyless}");
    server.sql("drop table t");
    assert_eq!(batch_failure(put(&*sink, 6, json!({ "z": 6 })).await).kind(), FailureKind::Fatal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_an_outage_and_what_comes_back_is_used() {
    let Some(mut server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int)");
    let sink = sink(&server, json!({ "mode": "upsert", "key": "record_key", "offsets_table": "offsets" }));
    let owner = sink.exactly_once(&ReadingTask::new("c", 0, "g")).unwrap();
    put(&*sink, 1, json!({ "v": 1 })).await.unwrap();
    server.stop();
    for _ in 0..2 {
        let away = batch_failure(put(&*sink, 2, json!({ "v": 2 })).await);
        assert_eq!(away.kind(), FailureKind::Retriable, "{away}");
    }
    assert_eq!(sink.check().await[0].kind, FindingKind::Unreachable);
    let away = owner.take_over(&[TopicPartition::new("t", 0)]).await.unwrap_err();
    assert_eq!(away.kind(), FailureKind::Retriable, "{away}");
    server.launch();
    put(&*sink, 2, json!({ "v": 2 })).await.unwrap();
    assert_eq!(server.number("select count(*) from t"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_held_ends_in_a_time_out_that_is_tried_again() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int)");
    let settings = json!({ "mode": "upsert", "key": "record_key", "request_timeout": "3s" });
    let sink = sink(&server, settings);
    put(&*sink, 1, json!({ "v": 1 })).await.unwrap();
    let url = server.url("postgres");
    let (locker, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    locker.batch_execute("begin; lock table t").await.unwrap();
    let failure = batch_failure(put(&*sink, 2, json!({ "v": 2 })).await);
    assert_eq!((failure.kind(), failure.trouble()), (FailureKind::Retriable, Trouble::TimedOut), "{failure}");
    locker.batch_execute("rollback").await.unwrap();
    connection.abort();
    put(&*sink, 2, json!({ "v": 3 })).await.unwrap();
    assert_eq!(server.sql("select v from t where id = 2"), [["3"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_what_is_missing() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create role guest login; create role stranger login; revoke create on schema public from public",
    );
    let upsert = json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"], "on_null": "delete" });
    let wrong = async |user: &str, more: serde_json::Value| {
        let findings = sink_of(&server, user, more).check().await;
        let wrong = findings.iter().filter(|finding| finding.kind == FindingKind::Wrong);
        wrong.map(|finding| format!("{}: {}", finding.subject, finding.text)).collect::<Vec<_>>()
    };
    assert_eq!(
        wrong("guest", upsert.clone()).await,
        ["table t: there is no table t; create it, let `auto_create: true` do so, or mend `table`"]
    );
    server.sql("create table t (name int)");
    assert_eq!(
        wrong("postgres", upsert.clone()).await,
        ["table t: has no column `id`; add it, or mend the settings that name it"]
    );
    server.sql("alter table t add column id int; alter table t add column more int not null");
    let mut whole = upsert.clone();
    whole["value_column"] = "name".into();
    assert_eq!(
        wrong("postgres", whole).await,
        [
            "table t: the table t has the column `more`, which takes no null and has no default, and nothing fills it; give it a default, \
          or let it be null"
        ]
    );
    server.sql("alter table t drop column more");
    assert_eq!(
        wrong("postgres", upsert.clone()).await,
        ["table t: has no primary key and no unique index over (id); add one"]
    );
    server.sql("alter table t add primary key (id); grant select, insert on t to guest");
    assert_eq!(
        wrong("guest", upsert.clone()).await,
        ["table t: the right to UPDATE, DELETE is missing; grant it to the user"]
    );
    server.sql("grant update, delete on t to guest");
    assert_eq!(wrong("guest", upsert.clone()).await, Vec::<String>::new());
    let nobody = wrong("nobody-knows", upsert.clone()).await;
    assert!(nobody.len() == 1 && nobody[0].contains("28000"), "{nobody:?}");
    let forbidden =
        batch_failure(put(&*sink_of(&server, "stranger", upsert.clone()), 1, json!({ "name": 1 })).await);
    assert!(forbidden.kind() == FailureKind::Fatal && forbidden.is_forbidden(), "{forbidden}");
    let mut stored = upsert;
    stored["offsets_table"] = "offsets".into();
    let sink = sink_of(&server, "guest", stored);
    let owner = sink.exactly_once(&ReadingTask::new("c", 0, "g")).unwrap();
    let refused = owner.take_over(&[TopicPartition::new("t", 0)]).await.unwrap_err();
    assert!(refused.to_string().contains("have it made: create table if not exists"), "{refused}");
}

/// Whatever is done to a table under a sink that runs: it says what is wrong, and goes on with the next put once that is mended.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_table_is_told_and_mending_it_is_enough() {
    let Some(server) = Postgres::start() else { return };
    let mut next = 0;
    for (setting, done, said, mended) in [
        (
            "fields",
            "alter table t rename column id to key_id",
            "no column `id`",
            "alter table t rename column key_id to id",
        ),
        (
            "fields",
            "alter table t drop column id",
            "no column `id`",
            "alter table t add column id int unique",
        ),
        (
            "fields",
            "drop table t",
            "there is no table t",
            "create table t (id bigint primary key, v int, w text)",
        ),
        ("fields", "alter table t rename to hidden", "there is no table t", "alter table hidden rename to t"),
        ("fields", "alter table t drop constraint t_pkey", "42P10", "alter table t add primary key (id)"),
        (
            "fields",
            "drop table t; create table t (v int)",
            "no column `id`",
            "alter table t add column id int unique",
        ),
        (
            "fields",
            "drop table t; create view t as select 1 as id, 2 as v",
            "",
            "drop view t; create table t (id int primary key, v int)",
        ),
        (
            "fields",
            "alter table t rename column v to x",
            "no column for the field `v`",
            "alter table t rename column x to v",
        ),
        (
            "fields",
            "alter table t drop column v",
            "no column for the field `v`",
            "alter table t add column v numeric",
        ),
        (
            "fields",
            "alter table t alter column v type uuid using null",
            "uuid",
            "alter table t alter column v type int using 1",
        ),
        ("fields", "alter table t alter column v type text", "", ""),
        (
            "fields",
            "alter table t add column needed int not null default 1; alter table t alter column needed drop default",
            "needed",
            "alter table t drop column needed",
        ),
        (
            "fields",
            "alter schema public rename to gone; create schema public",
            "there is no table t",
            "drop schema public; alter schema gone rename to public",
        ),
        (
            "whole",
            "alter table t rename column whole to part",
            "no column `whole`",
            "alter table t rename column part to whole",
        ),
        (
            "whole",
            "alter table t add column needed int not null default 1; alter table t alter column needed drop default",
            "nothing fills it",
            "alter table t alter column needed set default 1",
        ),
        (
            "whole",
            "alter table t drop column whole",
            "no column `whole`",
            "alter table t add column whole text",
        ),
    ] {
        server.sql("drop table if exists t; drop table if exists hidden; create table t (id int primary key, v int, whole jsonb)");
        let settings = match setting {
            "whole" => {
                json!({ "mode": "upsert", "key": "record_key", "key_columns": ["id"], "value_column": "whole" })
            }
            _ => json!({ "mode": "upsert", "key": "record_key" }),
        };
        let sink = sink(&server, settings);
        let mut put = async || {
            next += 1;
            put(&*sink, next, json!({ "v": 1 })).await
        };
        put().await.unwrap();
        server.sql(done);
        if !said.is_empty() {
            // As a connector that is restarted by its supervisor puts it again and again.
            for _ in 0..2 {
                let failed = format!("{:?}", put().await.expect_err(done));
                assert!(failed.contains(said), "{done}: {failed}");
            }
        } else if mended.is_empty() {
            put().await.unwrap();
        }
        server.sql(mended);
        put().await.unwrap_or_else(|error| panic!("{done}; {mended}: {error:?}"));
        put().await.unwrap();
    }
}
