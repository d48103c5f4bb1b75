//! A stop (invariant 6): nothing new begins, what is in flight ends, what is done is committed.

use std::time::Duration;

use sluice_connector_api::{Failure, Order};
use tokio::time::Instant;

use crate::support::{Answer, Gate, Setup, once, records, script};

fn down_for_long() -> Answer {
    Answer::Fail(Failure::throttled("429").retry_after(Duration::from_secs(50)))
}

/// Invariants 1 and 6.
#[tokio::test(start_paused = true)]
async fn a_stop_cuts_a_backoff_short_and_commits_what_is_done() {
    let setup = Setup::new(script([Answer::Store, down_for_long()])).with(|settings| {
        settings.lane.batch.max_records = 1;
        settings.commit_interval = Duration::from_secs(1000);
    });
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    run.pass(100).await;
    let asked = Instant::now();
    run.stop().await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(5), "{:?}", asked.elapsed());
    assert_eq!((run.committed(), run.tally().delivered, run.tally().abandoned), (Some(1), 1, 1));
}

/// Invariant 6: an outage that lasts at a stop is no failure of the connector's.
#[tokio::test(start_paused = true)]
async fn a_put_that_fails_after_a_stop_is_left_for_the_next_start() {
    let gate = Gate::new();
    let refused = Failure::retriable("down").retry_after(Duration::from_secs(1000));
    let answer = Answer::Held(gate.clone(), Box::new(Answer::Fail(refused)));
    let mut run = Setup::new(once(answer)).start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    run.stop.cancel();
    run.pass(1).await;
    gate.open();
    run.ended().await.unwrap();
    assert_eq!((run.puts().len(), run.committed()), (1, Some(0)));
}

/// Invariant 6: a put that has begun is not cut short, and what it stored is committed.
#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_puts_in_flight_end() {
    let setup = Setup::new(script([Answer::late(2000), Answer::late(3000)])).in_flight(2);
    let setup = setup.with(|settings| {
        settings.lane.batch.max_records = 1;
        settings.lane.limits.order = Order::Key;
    });
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c"]));
    run.pass(100).await;
    run.stop().await.unwrap();
    assert_eq!((run.stored(), run.committed(), run.tally().abandoned), (vec![0, 1], Some(2), 1));
}

/// Invariant 6: records that linger are not hurried into the sink by a stop.
#[tokio::test(start_paused = true)]
async fn a_stop_begins_no_put() {
    let setup = Setup::new(script([])).with(|settings| settings.lane.batch.linger = Duration::from_secs(100));
    let mut run = setup.start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    run.stop().await.unwrap();
    assert!(run.puts().is_empty());
    assert_eq!((run.committed(), run.tally().abandoned, run.budget.used()), (Some(0), 1, 0));
}

/// Invariant 6: a batch that was made in the very moment of the stop is not put either.
#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_step_puts_nothing() {
    let setup = Setup::new(script([])).with(|settings| settings.lane.batch.max_records = 1);
    let mut run = setup.start_with(records(0, 0, &["a"]));
    // The pipeline has not run yet: the stop and the records are there at once.
    run.stop().await.unwrap();
    assert!(run.puts().is_empty());
}

/// Invariants 1 and 6: a sink that hangs holds a stop until the caller gives up, but not the commits.
#[tokio::test(start_paused = true)]
async fn what_is_done_is_committed_while_a_stop_waits_for_a_put() {
    let gate = Gate::new();
    let setup = Setup::new(script([Answer::Store, Answer::held(&gate)])).in_flight(2);
    let mut run = setup.with(|settings| settings.commit_interval = Duration::from_secs(10)).start();
    run.assign([0, 1]);
    run.pass(1).await;
    run.read(records(0, 0, &["a"]));
    run.pass(100).await;
    run.read(records(1, 10, &["b"]));
    run.pass(100).await;
    run.stop.cancel();
    run.pass(10_000).await;
    assert!(!run.has_ended());
    assert_eq!(run.committed(), Some(1));
    gate.open();
    run.ended().await.unwrap();
    assert_eq!(run.journal.commits(1).last(), Some(&11));
}

/// Invariant 10: a failure that came before the stop is what the connector reports.
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_hide_a_failure() {
    let gate = Gate::new();
    let setup = Setup::new(once(Answer::held(&gate)));
    let mut run = setup.start_with(records(0, 0, &["a", "foul"]));
    run.pass(100).await;
    run.stop.cancel();
    run.pass(1).await;
    gate.open();
    assert!(run.ended().await.unwrap_err().to_string().contains("it is foul"));
    assert_eq!(run.committed(), Some(1));
}

/// Invariant 6: a rebalance during a stop is answered when the puts have ended.
#[tokio::test(start_paused = true)]
async fn a_revoke_during_a_stop_is_answered() {
    let mut run = Setup::new(once(Answer::late(2000))).start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    run.stop.cancel();
    run.pass(1).await;
    let ack = run.revoke([0]);
    run.ended().await.unwrap();
    assert_eq!(ack.try_recv().unwrap().first().map(|(_, offset)| *offset), Some(1));
    assert_eq!(run.tally().abandoned, 0);
}
