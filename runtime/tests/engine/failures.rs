//! A connector that fails, and what its next start finds (invariants 1 and 10).

use std::time::Duration;

use sluice_connector_api::Failure;

use crate::support::{Answer, Gate, Run, Setup, once, records, script};

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
        || Answer::Fail(Failure::retriable("down").retry_after(Duration::from_secs(1000))),
        || Answer::FailAt(vec![(0, Failure::rejected("bad")), (1, Failure::rejected("bad"))]),
        || Answer::Panic,
    ];
    let all = ["a", "b", "c", "d", "e", "f"];
    for fail in failures {
        let setup =
            Setup::new(script([Answer::Store, fail()])).with(|settings| settings.lane.batch.max_records = 2);
        let mut run = setup.start_with(records(0, 0, &all));
        assert!(!matches!(run.join().await, Ok(Ok(()))));
        assert_eq!(restart(&run, &all).await, [0, 1, 2, 3, 4, 5]);
    }
}

/// Invariant 10: a panic ends the pipeline's task and nothing else; what was in flight is not committed.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_commits_nothing() {
    let mut run = Setup::new(once(Answer::Panic)).start_with(records(0, 0, &["a"]));
    assert!(run.join().await.unwrap_err().is_panic());
    assert!(run.journal.commits(0).iter().all(|offset| *offset == 0));
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
