//! What a database does to a batch in the middle of it: rows of which one is at fault, locks that cross, limits, and a server that goes.

use serde_json::{Value, json};
use sluice_connector_api::{
    ExactlyOnce, Failure, FailureKind, PositionStep, PutError, PutProgress, ReadingTask, Record, Sink,
    StoredPosition, TakenOver, TopicPartition, Trouble,
};
use sluice_plugin_testing::{batch_failure, record};
use sluice_tests::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::support::{row, sink, sink_of};

fn upsert() -> Value {
    json!({ "mode": "upsert", "key": "record_key" })
}

fn rows(values: &[(i64, Value)]) -> Vec<Record> {
    values.iter().map(|(id, value)| row(*id, json!({ "id": id }), value.clone())).collect()
}

/// Somebody else at the same database.
async fn other(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url("postgres"), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn put_one(sink: &dyn Sink, id: i64, v: i64) -> Result<(), PutError> {
    sink.put(&rows(&[(id, json!({ "v": v }))])).await
}

/// Puts as the engine does: what is rejected as a whole in halves, until the record at fault stands alone.
async fn narrowed(sink: &dyn Sink, batch: &[Record]) -> Vec<i64> {
    let (mut waiting, mut rejected) = (vec![batch], Vec::new());
    while let Some(part) = waiting.pop() {
        match sink.put(part).await {
            Ok(()) => {}
            Err(PutError::Batch(failure)) if failure.kind() == FailureKind::Rejected => match part {
                [one] => rejected.push(one.origin().offset()),
                several => {
                    let (first, second) = several.split_at(several.len() / 2);
                    waiting.extend([second, first]);
                }
            },
            Err(error) => panic!("{error:?}"),
        }
    }
    rejected
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_breaks_a_rule_of_the_table_in_the_middle_of_a_batch_costs_only_itself() {
    let Some(server) = Postgres::start() else { return };
    server.sql(
        "create table kinds (k text primary key); insert into kinds values ('a'); \
         create function no_sevens() returns trigger language plpgsql as $$ begin \
         if new.v = 7 then raise exception 'card 41114111'; end if; return new; end $$",
    );
    let good = |id: i64| (id, json!({ "v": id, "mail": format!("m{id}"), "kind": "a", "need": 1 }));
    for (rule, bad) in [
        ("unique (mail)", json!({ "v": 3, "mail": "m0", "kind": "a", "need": 1 })),
        (
            "unique (mail) deferrable initially deferred",
            json!({ "v": 3, "mail": "m0", "kind": "a", "need": 1 }),
        ),
        ("foreign key (kind) references kinds", json!({ "v": 3, "mail": "m3", "kind": "z", "need": 1 })),
        (
            "foreign key (kind) references kinds deferrable initially deferred",
            json!({ "v": 3, "mail": "m3", "kind": "z", "need": 1 }),
        ),
        ("check (v < 100)", json!({ "v": 300, "mail": "m3", "kind": "a", "need": 1 })),
        ("exclude (mail with =)", json!({ "v": 3, "mail": "m0", "kind": "a", "need": 1 })),
        ("check (need is not null)", json!({ "v": 3, "mail": "m3", "kind": "a", "need": null })),
        ("trigger", json!({ "v": 7, "mail": "m3", "kind": "a", "need": 1 })),
    ] {
        server.sql("drop table if exists t; create table t (id int primary key, v int, mail text, kind text, need int)");
        match rule {
            "trigger" => {
                server.sql("create trigger t before insert on t for each row execute function no_sevens()")
            }
            rule => server.sql(&format!("alter table t add {rule}")),
        };
        let sink = sink(&server, upsert());
        sink.put(&rows(&[good(0)])).await.unwrap();
        let batch = rows(&[good(1), good(2), (3, bad), good(4), good(5)]);
        let failure = batch_failure(sink.put(&batch).await);
        assert_eq!(failure.kind(), FailureKind::Rejected, "{rule}: {failure}");
        assert!(!failure.to_string().contains("4111"), "{failure}");
        assert_eq!(server.number("select count(*) from t"), 1, "{rule}: nothing of it is stored");
        assert_eq!(narrowed(&*sink, &batch).await, [3], "{rule}");
        assert_eq!(
            server.sql("select string_agg(id::text, ' ' order by id) from t"),
            [["0 1 2 4 5"]],
            "{rule}"
        );
    }
}

/// The server finds the two out, and ends one of them: here ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int); insert into t values (1, 0), (2, 0)");
    let sink = sink(&server, upsert());
    let other = other(&server).await;
    other
        .batch_execute("set deadlock_timeout = '60s'; begin; update t set v = 1 where id = 1")
        .await
        .unwrap();
    // It has the row 2, and waits for 1.
    let batch = rows(&[(2, json!({ "v": 5 })), (1, json!({ "v": 5 }))]);
    let (outcome, ended) = tokio::join!(sink.put(&batch), async {
        let waits = "select count(*) from pg_stat_activity where application_name = 'sluice' and wait_event_type = 'Lock'";
        while server.number(waits) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        other.batch_execute("update t set v = 1 where id = 2; commit").await
    });
    ended.unwrap();
    let failure = batch_failure(outcome);
    assert!(failure.kind() == FailureKind::Retriable && failure.to_string().contains("40P01"), "{failure}");
    sink.put(&batch).await.unwrap();
    assert_eq!(server.sql("select id, v from t order by id"), [["1", "5"], ["2", "5"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_the_server_pass_and_rights_that_are_taken_are_named() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (id int primary key, v int); create role guest login; grant select, insert, update on t to guest");
    let guest = || sink_of(&server, "guest", upsert());
    let told = |outcome: Result<(), PutError>| -> (FailureKind, Trouble, String) {
        let failure: Failure = batch_failure(outcome);
        (failure.kind(), failure.trouble(), failure.to_string())
    };

    // A statement that takes too long by the server's own rule.
    server.sql("alter role guest set statement_timeout = '300ms'");
    let slow = guest();
    put_one(&*slow, 1, 1).await.unwrap();
    let other = other(&server).await;
    other.batch_execute("begin; lock table t in exclusive mode").await.unwrap();
    let (kind, trouble, said) = told(put_one(&*slow, 1, 2).await);
    assert_eq!((kind, trouble), (FailureKind::Retriable, Trouble::TimedOut), "{said}");
    other.batch_execute("rollback").await.unwrap();
    put_one(&*slow, 1, 2).await.unwrap();
    server.sql("alter role guest reset statement_timeout");

    // No connection left for this user: the one that there is has another.
    server.sql("alter role guest connection limit 1");
    let second = guest();
    let (kind, trouble, said) = told(put_one(&*second, 2, 1).await);
    assert_eq!((kind, trouble), (FailureKind::Retriable, Trouble::Throttled), "{said}");
    assert!(said.contains("53300"), "{said}");
    drop(slow);
    let since = std::time::Instant::now();
    while put_one(&*second, 2, 1).await.is_err() {
        assert!(since.elapsed() < sluice_tests::sluice::PATIENCE, "a connection is free");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }

    // A server that may only be read from, as one is in a failover.
    server.sql("alter system set default_transaction_read_only = on");
    server.sql("select pg_reload_conf()");
    let since = std::time::Instant::now();
    let said = loop {
        match put_one(&*second, 3, 1).await {
            Ok(()) => assert!(since.elapsed() < sluice_tests::sluice::PATIENCE, "it takes the setting"),
            refused => break told(refused),
        }
    };
    assert!(said.0 == FailureKind::Retriable && said.2.contains("25006"), "{said:?}");
    server.sql("alter system reset default_transaction_read_only");
    server.sql("select pg_reload_conf()");
    let since = std::time::Instant::now();
    while put_one(&*second, 3, 2).await.is_err() {
        assert!(since.elapsed() < sluice_tests::sluice::PATIENCE, "it takes the setting");
    }

    // A right that is taken while it runs, and given again.
    server.sql("revoke update, insert on t from guest");
    let failure = batch_failure(put_one(&*second, 4, 1).await);
    assert!(failure.is_forbidden() && failure.to_string().contains("42501"), "{failure}");
    server.sql("grant update, insert on t to guest");
    put_one(&*second, 4, 1).await.unwrap();
    assert_eq!(server.number("select count(*) from t"), 4);
}

fn step(taken: &TakenOver, from: Option<i64>, to: i64) -> PutProgress {
    let at = |offset| StoredPosition::new(offset, 0, "");
    PutProgress::new(vec![PositionStep {
        partition: taken.partition.clone(),
        from: from.map(at),
        to: at(to),
        token: taken.token.clone(),
    }])
}

async fn take_over(owner: &dyn ExactlyOnce) -> TakenOver {
    owner.take_over(&[TopicPartition::new("prices", 0)]).await.unwrap().remove(0)
}

/// Rows and position go together, or neither does.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_in_the_middle_of_a_transaction_leaves_nothing_of_it() {
    let Some(mut server) = Postgres::start() else { return };
    server.sql("create table t (v int); create table u (v int)");
    let more = json!({ "table": "{{to}}", "tables": ["t", "u"], "unknown_fields": "ignore", "offsets_table": "offsets" });
    let owner = sink(&server, more).exactly_once(&ReadingTask::new("c", 0, "g")).unwrap();
    let taken = take_over(&*owner).await;
    let record = |offset: i64, to: &str| record(offset).value(json!({ "to": to, "v": offset })).build();
    owner.put(&[record(0, "t"), record(1, "u")], &step(&taken, None, 2)).await.unwrap();
    // The first of two tables is written, and the second waits.
    let other = other(&server).await;
    other.batch_execute("begin; lock table u").await.unwrap();
    let batch = [record(2, "t"), record(3, "u")];
    let progress = step(&taken, Some(2), 4);
    let waits = "select count(*) from pg_stat_activity where application_name = 'sluice' and wait_event_type = 'Lock'";
    let outcome = {
        let put = owner.put(&batch, &progress);
        tokio::pin!(put);
        let mut crashed = false;
        loop {
            tokio::select! {
                outcome = &mut put => break outcome,
                () = tokio::time::sleep(std::time::Duration::from_millis(20)), if !crashed => {
                    if server.number(waits) > 0 {
                        server.stop();
                        crashed = true;
                    }
                }
            }
        }
    };
    let failure = batch_failure(outcome);
    assert_eq!(failure.kind(), FailureKind::Retriable, "{failure}");
    server.launch();
    assert_eq!(server.number("select (select count(*) from t) + (select count(*) from u)"), 2);
    assert_eq!(server.number("select next_offset from offsets"), 2);
    owner.put(&batch, &progress).await.unwrap();
    owner.put(&batch, &progress).await.unwrap();
    assert_eq!(server.number("select (select count(*) from t) + (select count(*) from u)"), 4);
    assert_eq!(server.number("select next_offset from offsets"), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_offsets_that_is_gone_stops_the_connector_and_is_made_when_it_begins_again() {
    let Some(server) = Postgres::start() else { return };
    server.sql("create table t (v int)");
    let more = json!({ "offsets_table": "offsets" });
    let owner = sink(&server, more).exactly_once(&ReadingTask::new("c", 0, "g")).unwrap();
    let taken = take_over(&*owner).await;
    let batch = [record(0).value(json!({ "v": 0 })).build()];
    owner.put(&batch, &step(&taken, None, 1)).await.unwrap();
    server.sql("drop table offsets");
    let failure = batch_failure(owner.put(&batch, &step(&taken, Some(1), 2)).await);
    assert!(failure.kind() == FailureKind::Fatal && failure.to_string().contains("offsets"), "{failure}");
    assert_eq!(server.number("select count(*) from t"), 1, "nothing without its position");
    let taken = take_over(&*owner).await;
    assert_eq!(taken.position, None, "nobody knows any more how far it was");
    owner.put(&batch, &step(&taken, None, 1)).await.unwrap();
}
