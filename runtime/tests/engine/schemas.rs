//! Schemas that a converter asks for: a registry that is away is an outage and no record's fault (invariants 1, 3, 6, 9).

use std::time::Duration;

use sluice_connector_api::{Failure, Payload, Record};
use tokio::time::Instant;

use crate::support::{Fetch, Run, SchemaRegistry, Setup, records, script};

/// More records than are worth transforming where they are.
const CHUNK: usize = 20;

fn setup(registry: &SchemaRegistry) -> Setup {
    Setup::new(script([])).value(registry.converter())
}

fn away() -> Fetch {
    Fetch::Fails(Failure::retriable("the registry is away"))
}

fn no_such_schema() -> Fetch {
    Fetch::Fails(Failure::rejected("there is no schema 7"))
}

/// Records of partition 0 as a source has them, from an offset on.
fn unread(first: i64, values: &[&str]) -> Vec<Record> {
    let mut read = records(0, first, values);
    for record in &mut read {
        record.value = record.value.take().map(|value| Payload::Bytes(value.to_bytes()));
    }
    read
}

fn chunk(first: i64, value: &str) -> Vec<Record> {
    unread(first, &[value; CHUNK])
}

/// Lets the pipeline run for so long, and returns what was stored by then.
async fn after(run: &Run, millis: u64) -> Vec<i64> {
    run.pass(millis).await;
    run.stored()
}

#[tokio::test(start_paused = true)]
async fn a_schema_is_fetched_once_and_the_records_go_on_in_order() {
    let registry = SchemaRegistry::answering([]);
    let mut run = setup(&registry).start_with(unread(0, &["raw:a", "7:b", "7:c", "8:d", "7:e"]));
    run.read(chunk(10, "7:f"));
    run.read(chunk(40, "8:g"));
    run.finish().await.unwrap();
    let expected: Vec<_> = (0..5).chain(10..30).chain(40..60).collect();
    assert_eq!((run.stored(), registry.asked()), (expected, vec!["7".to_owned(), "8".to_owned()]));
    assert_eq!((run.tally().delivered, run.committed()), (45, Some(60)));
}

/// Invariant 9: nothing is rejected, however long it takes, and all is delivered once the registry is back.
#[tokio::test(start_paused = true)]
async fn a_registry_that_is_away_is_waited_for() {
    for chunks in [vec![unread(0, &["7:a", "raw:b"])], vec![chunk(0, "7:a"), chunk(20, "raw:b")]] {
        let registry = SchemaRegistry::answering((0..12).map(|_| away()));
        let mut run = setup(&registry).tolerant().start();
        run.assign([0]);
        let count = chunks.iter().flatten().count();
        for chunk in chunks {
            run.read(chunk);
        }
        assert_eq!(after(&run, 1).await, Vec::<i64>::new(), "what lies behind waits, too");
        run.finish().await.unwrap();
        let count = i64::try_from(count).unwrap();
        assert_eq!(run.stored(), (0..count).collect::<Vec<_>>());
        assert_eq!((run.tally().skipped, run.committed(), registry.asked().len()), (0, Some(count), 13));
    }
}

/// The wait grows as that between puts does, and heeds what the registry asks for.
#[tokio::test(start_paused = true)]
async fn the_wait_is_at_least_what_the_registry_asks_for() {
    let busy = Failure::throttled("busy").retry_after(Duration::from_secs(9));
    let registry = SchemaRegistry::answering([Fetch::Fails(busy)]);
    let mut run = setup(&registry).start_with(unread(0, &["7:a"]));
    assert_eq!(after(&run, 8_900).await, Vec::<i64>::new());
    run.finish().await.unwrap();
    assert_eq!(run.stored(), [0]);
}

/// Invariant 1: the connector fails after its retry timeout, what stood before is stored, and the rest is read again.
#[tokio::test(start_paused = true)]
async fn a_registry_that_stays_away_fails_the_connector() {
    let registry = SchemaRegistry::answering((0..10_000).map(|_| away()));
    let setup = setup(&registry).tolerant();
    let mut run = setup.start_with(unread(0, &["raw:a", "7:b", "raw:c"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.contains("record t-0-1 needs the schema `7` for its value: retries used up"), "{failed}");
    assert!(failed.ends_with("the registry is away"), "{failed}");
    assert_eq!((run.stored(), run.committed(), run.tally().skipped), (vec![0], Some(1), 0));
}

/// Invariant 6: a stop races the wait, and what waits is read again.
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_registry() {
    for answers in [vec![Fetch::Hangs], (0..1000).map(|_| away()).collect()] {
        let registry = SchemaRegistry::answering(answers);
        let mut run = setup(&registry).start_with(unread(0, &["raw:a", "7:b", "raw:c"]));
        assert_eq!(after(&run, 5_000).await, [0]);
        let stopped = Instant::now();
        run.stop().await.unwrap();
        assert!(stopped.elapsed() < Duration::from_secs(1), "{:?}", stopped.elapsed());
        assert_eq!((run.stored(), run.committed(), run.tally().abandoned), (vec![0], Some(1), 2));
        assert_eq!(run.budget.used(), 0);
    }
}

/// Invariant 6: a revoke is answered at once; the records are void, and come again with the partition.
#[tokio::test(start_paused = true)]
async fn a_revoke_does_not_wait_for_a_registry() {
    let registry = SchemaRegistry::answering([Fetch::Found(Duration::from_secs(20))]);
    let mut run = setup(&registry).start_with(unread(0, &["raw:a", "7:b"]));
    run.read(chunk(20, "raw:c"));
    assert_eq!(after(&run, 1_000).await, [0]);
    let ack = run.revoke([0]);
    run.pass(10).await;
    assert!(ack.try_recv().is_ok(), "answered while the registry is away");
    run.assign([0]);
    run.read(unread(1, &["7:b"]));
    run.finish().await.unwrap();
    assert_eq!((run.stored(), run.committed()), (vec![0, 1], Some(2)));
    assert_eq!(registry.asked(), ["7"]);
}

/// A registry that has no such schema is the record's fault, and its neighbours go on.
#[tokio::test(start_paused = true)]
async fn a_schema_that_does_not_exist_rejects_the_record() {
    let registry = SchemaRegistry::answering([no_such_schema()]);
    let setup_of = |registry: &SchemaRegistry| setup(registry).letters(script([]));
    let mut run = setup_of(&registry).start_with(unread(0, &["7:a", "8:b", "raw:c"]));
    run.finish().await.unwrap();
    let [letter] = &run.letters.stored()[..] else { panic!("one letter") };
    let reason = letter.headers.last("__connect.errors.exception.message").unwrap();
    assert_eq!(reason.value.as_deref(), Some(&b"there is no schema 7"[..]));
    assert_eq!((run.stored(), run.committed(), run.tally().dead_lettered), (vec![1, 2], Some(3), 1));
    let registry = SchemaRegistry::answering([no_such_schema()]);
    let mut run = setup(&registry).start_with(unread(0, &["7:a", "8:b"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.contains("t-0-0 was rejected by value converter: there is no schema 7"), "{failed}");
}

/// Rights and addresses are the set-up's fault: the connector stops, whatever it tolerates.
#[tokio::test(start_paused = true)]
async fn a_fatal_answer_of_the_registry_stops_the_connector() {
    let registry = SchemaRegistry::answering([Fetch::Fails(Failure::fatal("403 Forbidden"))]);
    let setup = setup(&registry).letters(script([]));
    let mut run = setup.start_with(unread(0, &["raw:a", "7:b", "raw:c"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.ends_with("record t-0-1 needs the schema `7` for its value: 403 Forbidden"), "{failed}");
    assert_eq!((run.stored(), run.committed(), run.letters.stored().len()), (vec![0], Some(1), 0));
}

/// A converter that does not keep what it fetched cannot spin the connector.
#[tokio::test(start_paused = true)]
async fn a_converter_that_asks_again_and_again_rejects_the_record() {
    let registry = SchemaRegistry::answering([]);
    let mut run = setup(&registry).tolerant().start_with(unread(0, &["lost:a", "7:b"]));
    run.finish().await.unwrap();
    assert_eq!((run.stored(), run.tally().skipped, run.committed()), (vec![1], 1, Some(2)));
    assert!(registry.asked().len() < 30, "{:?}", registry.asked());
}
