//! A connector that fails, and what its next start finds (invariants 1 and 10).

use std::time::Duration;

use sluice_connector_api::Failure;

use crate::support::{Answer, Gate, Run, Setup, once, record, records, script};

/// What a run and the one after it stored together.
async fn restart(failed: &Run, all: &[&str]) -> Vec<i64> {
    let next = failed.committed().unwrap_or(0);
    let mut again =
        Setup::new(script([])).start_with(records(0, next, &all[usize::try_from(next).unwrap()..]));
    again.finish().await.unwrap();
    assert_eq!(again.committed(), Some(i64::try_from(all.len()).unwrap()));
    let mut stored = [failed.stored(), again.stored()].concat();
    stored.sort_unstable();
    stored.dedup();
    stored
}

/// Invariants 1 and 10: whatever it fails of, the next start reads what was not done and misses nothing.
#[tokio::test(start_paused = true)]
async fn a_failed_connector_is_the_same_after_a_restart() {
    let failures = [
        || Answer::Fail(Failure::fatal("no rights")),
        || Answer::FailAt(vec![(1, Failure::fatal("no rights"))]),
        || Answer::Fail(Failure::retriable("down").retry_after(Duration::from_secs(3))),
        || Answer::FailAt(vec![(0, Failure::rejected("bad")), (1, Failure::rejected("bad"))]),
        || Answer::Panic,
    ];
    let all = ["a", "b", "c", "d", "e", "f"];
    for fail in failures {
        let setup = Setup::new(script(std::iter::once(Answer::Store).chain(std::iter::repeat_with(fail))))
            .with(|settings| settings.lane.batch.max_records = 2);
        let mut run = setup.start_with(records(0, 0, &all));
        assert!(!matches!(run.join().await, Ok(Ok(()))));
        assert_eq!(restart(&run, &all).await, [0, 1, 2, 3, 4, 5]);
    }
}

/// Invariants 9 and 10: a panic of the sink is tried again like an outage, and then the connector says what it said. It
/// says nothing of the record, which is neither skipped nor committed.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_is_tried_again_until_the_time_is_up() {
    let setup = Setup::new(script(std::iter::repeat_with(|| Answer::Panic))).tolerant();
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("retries used up after "), "{failed}");
    assert!(
        failed.contains(": the sink panicked at ") && failed.ends_with(": the script says so"),
        "{failed}"
    );
    assert!(run.puts().len() > 10 && run.puts().iter().all(|put| put == &[0, 1]), "{:?}", run.puts());
    assert_eq!((run.tally().skipped, run.tally().abandoned, run.committed()), (0, 2, Some(0)));
}

/// Invariant 9: a sink that panics now and then costs no more than the puts that it failed.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_once_loses_nothing() {
    for answer in [Answer::Panic, Answer::Late(Duration::from_millis(5), Box::new(Answer::Panic))] {
        let mut run = Setup::new(once(answer)).start_with(records(0, 0, &["a", "b"]));
        run.finish().await.unwrap();
        assert_eq!((run.stored(), run.tally().retries, run.committed()), (vec![0, 1], 1, Some(2)));
    }
}

/// Invariants 1 and 9: so is a sink that panics when it is asked about a record before the put: it says nothing of the
/// record. What came before is delivered.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_before_the_put_stops_the_connector_and_rejects_nothing() {
    for method in ["size_of", "id", "batch_key"] {
        let setup = Setup::new(script([])).tolerant().with(|settings| {
            settings.lane.limits.order = sluice_connector_api::Order::Id { newest_wins: false };
        });
        let told = format!("upset {method}");
        let mut run = setup.start_with(vec![record(0, 0, "k", "a"), record(0, 1, "k", &told)]);
        let failed = run.ended().await.unwrap_err();
        let reason = failed.to_string();
        assert!(reason.starts_with("the sink was asked about record t-0-1 and panicked at "), "{reason}");
        assert!(reason.ends_with(": the record says so"), "{reason}");
        assert_eq!(failed.origin.map(|origin| origin.offset()), Some(1));
        assert_eq!((run.stored(), run.tally().skipped, run.committed()), (vec![0], 0, Some(1)));
    }
}

/// Invariants 1 and 9: a fatal failure stops at once, without another try and without a verdict on a record.
#[tokio::test(start_paused = true)]
async fn a_fatal_failure_stops_at_once_and_keeps_the_offsets() {
    let setup = Setup::new(once(Answer::Fail(Failure::fatal("no such knowledge base")))).tolerant();
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    assert_eq!(run.ended().await.unwrap_err().to_string(), "no such knowledge base");
    assert_eq!((run.puts().len(), run.committed(), run.tally().abandoned), (1, Some(0), 2));
}

/// Invariant 1: of a fatal failure at an index, the others are stored and what is before it is committed.
#[tokio::test(start_paused = true)]
async fn a_fatal_failure_at_an_index_commits_what_is_before_it() {
    let answer = Answer::FailAt(vec![(0, Failure::retriable("busy")), (1, Failure::fatal("no rights"))]);
    let setup =
        Setup::new(script([Answer::Store, answer])).with(|settings| settings.lane.batch.max_records = 2);
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c", "d"]));
    assert_eq!(run.ended().await.unwrap_err().to_string(), "no rights");
    assert_eq!((run.puts().len(), run.committed()), (2, Some(2)));
}

/// Invariant 10: while one batch fails for good, those beside it end and are committed.
#[tokio::test(start_paused = true)]
async fn a_failure_lets_the_puts_beside_it_end() {
    let answers = [Answer::late(1000), Answer::Fail(Failure::fatal("no rights"))];
    let mut run = Setup::new(script(answers)).in_flight(2).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a"]));
    run.pass(50).await;
    run.read(records(1, 10, &["b"]));
    assert!(run.ended().await.is_err());
    assert_eq!((run.committed(), run.journal.commits(1).last().copied()), (Some(1), Some(10)));
}

/// Invariant 1: a source that fails has still given what it gave.
#[tokio::test(start_paused = true)]
async fn what_was_read_is_delivered_before_a_source_that_failed_is_reported() {
    let mut run = Setup::new(once(Answer::down())).start_with(records(0, 0, &["a", "b"]));
    run.fail("the broker has no such topic");
    assert_eq!(run.ended().await.unwrap_err().to_string(), "the broker has no such topic");
    assert_eq!((run.stored(), run.committed()), (vec![0, 1], Some(2)));
}

/// Invariant 2: records that come while a failed connector winds down are left for the next reading.
#[tokio::test(start_paused = true)]
async fn records_that_come_behind_a_failure_are_abandoned() {
    let gate = Gate::new();
    let mut run = Setup::new(once(Answer::held(&gate))).start_with(records(0, 0, &["a", "foul"]));
    run.pass(100).await;
    run.read(records(0, 2, &["b", "c"]));
    run.pass(100).await;
    gate.open();
    assert!(run.ended().await.is_err());
    assert_eq!((run.stored(), run.committed()), (vec![0], Some(1)));
    assert_eq!((run.tally().read, run.tally().abandoned, run.budget.used()), (4, 3, 0));
}
