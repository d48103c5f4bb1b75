//! Partitions that come and go (invariants 1, 3 and 6).

use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use sluice_connector_api::Failure;

use crate::support::{Answer, Gate, Setup, once, partition, records, script};

const LONG: Duration = Duration::from_secs(50);

fn slow_to_retry(setup: Setup) -> Setup {
    setup.with(|settings| (settings.lane.retry.backoff.base, settings.lane.retry.backoff.cap) = (LONG, LONG))
}

/// A failure whose wait is no matter of luck.
fn down_for_long() -> Answer {
    Answer::Fail(Failure::throttled("429").retry_after(LONG))
}

/// Invariant 1: somebody else has the partition; the late put changes nothing there.
#[tokio::test(start_paused = true)]
async fn a_put_that_ends_after_its_partition_was_lost_commits_nothing() {
    let gate = Gate::new();
    let mut run = Setup::new(once(Answer::held(&gate))).start_with(records(0, 0, &["a", "b"]));
    run.pass(100).await;
    let ack = run.lose([0]);
    run.pass(2).await;
    assert_eq!(ack.try_recv(), Ok(vec![]), "a lost partition has nothing to commit, and waits for nobody");
    gate.open();
    run.finish().await.unwrap();
    assert_eq!((run.stored(), run.journal.commits(0)), (vec![0, 1], vec![0]));
    assert_eq!((run.tally().delivered, run.tally().abandoned, run.budget.used()), (0, 2, 0));
}

/// Invariant 1: somebody else may have committed more already.
#[tokio::test(start_paused = true)]
async fn a_lost_partition_is_not_committed_but_a_revoked_one_is() {
    for (lost, committed) in [(true, vec![]), (false, vec![(partition(0), 1)])] {
        let setup = Setup::new(script([])).with(|settings| settings.commit_interval = LONG * 100);
        let run = setup.start_with(records(0, 0, &["a"]));
        run.pass(100).await;
        assert_eq!((run.stored(), run.committed()), (vec![0], Some(0)));
        let ack = run.take_away([0], lost);
        run.pass(2).await;
        assert_eq!(ack.try_recv(), Ok(committed));
    }
}

/// Invariant 1: also when the partition has come back meanwhile and its records are read anew.
#[tokio::test(start_paused = true)]
async fn a_late_put_does_not_finish_a_record_that_is_read_anew() {
    let (gate, second) = (Gate::new(), Gate::new());
    let setup = Setup::new(script([Answer::held(&gate), Answer::held(&second)]));
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    run.pass(100).await;
    let _ack = run.lose([0]);
    run.assign([0]);
    run.read(records(0, 0, &["a", "b"]));
    run.pass(100).await;
    gate.open();
    run.pass(100).await;
    assert_eq!((run.puts().len(), run.committed()), (2, Some(0)), "the new reading is in flight");
    second.open();
    run.finish().await.unwrap();
    assert_eq!((run.committed(), run.tally().delivered), (Some(2), 2));
}

/// Invariant 6: a backoff of minutes does not keep a partition from its next owner.
#[tokio::test(start_paused = true)]
async fn a_rebalance_never_waits_for_a_backoff() {
    let run = slow_to_retry(Setup::new(once(down_for_long()))).start_with(records(0, 3, &["a"]));
    run.pass(100).await;
    let ack = run.revoke([0]);
    run.pass(2).await;
    assert_eq!(ack.try_recv(), Ok(vec![]), "the offset of the record was committed when it was read");
    assert_eq!(run.committed(), Some(3));
}

/// Invariants 3 and 6: its next owner may have stored something newer already.
#[tokio::test(start_paused = true)]
async fn nothing_of_a_partition_is_put_after_it_was_given_up() {
    let run = slow_to_retry(Setup::new(once(down_for_long()))).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a"]));
    run.read(records(1, 10, &["b"]));
    run.pass(100).await;
    run.read(records(0, 1, &["waits behind it"]));
    run.pass(1).await;
    let ack = run.revoke([0]);
    run.pass(2).await;
    assert!(ack.try_recv().is_ok());
    run.pass(100_000).await;
    assert_eq!(run.puts(), [vec![0, 10], vec![10]]);
    assert_eq!((run.tally().abandoned, run.tally().delivered, run.budget.used()), (2, 1, 0));
}

/// Invariants 3 and 6: neither does a narrowing go on with the records of somebody else.
#[tokio::test(start_paused = true)]
async fn a_rejected_batch_is_not_narrowed_after_its_partition_was_given_up() {
    let gate = Gate::new();
    let answer = Answer::Held(gate.clone(), Box::new(Answer::Fail(Failure::rejected("bad"))));
    let mut run = Setup::new(once(answer)).start_with(records(0, 0, &["a", "b", "c"]));
    run.pass(100).await;
    let _ack = run.lose([0]);
    run.pass(2).await;
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0, 1, 2]]);
}

/// Invariant 10: a record of somebody else that turns out bad is somebody else's to stop at.
#[tokio::test(start_paused = true)]
async fn a_rejection_that_comes_after_the_partition_was_lost_does_not_stop_the_connector() {
    let gate = Gate::new();
    let bad = || vec![(0, Failure::rejected("bad"))];
    let answer = Answer::Held(gate.clone(), Box::new(Answer::FailAt(bad())));
    let mut run = Setup::new(once(answer)).start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    let _ack = run.lose([0]);
    run.pass(2).await;
    gate.open();
    run.pass(2).await;
    run.assign([1]);
    run.read(records(1, 5, &["b"]));
    run.finish().await.unwrap();
    assert_eq!(run.journal.commits(1).last(), Some(&6));
}

/// Invariants 1 and 6: a put in flight may end and be committed, within 5s.
#[tokio::test(start_paused = true)]
async fn a_revoke_waits_for_a_put_in_flight_and_commits_it() {
    let run = Setup::new(once(Answer::late(3000))).start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    let ack = run.revoke([0]);
    run.pass(2800).await;
    assert_eq!(ack.try_recv(), Err(TryRecvError::Empty));
    run.pass(200).await;
    assert_eq!(ack.try_recv(), Ok(vec![(partition(0), 1)]));
    assert_eq!(run.tally().delivered, 1);
}

/// Invariant 6: a sink that hangs holds a rebalance for no more than 5s.
#[tokio::test(start_paused = true)]
async fn a_revoke_does_not_wait_for_a_sink_that_hangs() {
    let gate = Gate::new();
    let run = Setup::new(once(Answer::held(&gate))).start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    let ack = run.revoke([0]);
    run.pass(4900).await;
    assert_eq!(ack.try_recv(), Err(TryRecvError::Empty));
    run.pass(200).await;
    assert_eq!(ack.try_recv(), Ok(vec![]));
    assert_eq!((run.tally().abandoned, run.budget.used()), (1, 0));
}

/// Invariant 6: while a revoke waits, no new put makes it wait longer.
#[tokio::test(start_paused = true)]
async fn nothing_new_is_put_while_a_revoke_waits() {
    let run = Setup::new(script([Answer::late(3000)])).in_flight(4).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a"]));
    run.pass(100).await;
    let _ack = run.revoke([0]);
    run.read(records(1, 10, &["b"]));
    run.pass(2000).await;
    assert_eq!(run.puts(), [[0]]);
    run.pass(2000).await;
    assert_eq!(run.puts(), [[0], [10]]);
}

/// Invariant 10 in small: a partition that stays loses nothing by one that goes.
#[tokio::test(start_paused = true)]
async fn partitions_that_stay_go_on_after_a_rebalance() {
    let gate = Gate::new();
    let mut run = Setup::new(once(Answer::held(&gate))).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a"]));
    run.read(records(1, 10, &["b"]));
    run.pass(100).await;
    let ack = run.revoke([1]);
    run.pass(6000).await;
    assert!(ack.try_recv().is_ok());
    gate.open();
    run.pass(100).await;
    assert_eq!(run.committed(), Some(1));
    run.read(records(0, 1, &["c"]));
    run.finish().await.unwrap();
    assert_eq!((run.committed(), run.tally().delivered), (Some(2), 2));
}

/// Invariant 1: a record that arrives behind the loss of its partition is somebody else's.
#[tokio::test(start_paused = true)]
async fn a_record_of_a_partition_that_is_not_ours_is_left_alone() {
    let mut run = Setup::new(script([])).start();
    run.read(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert!(run.puts().is_empty());
    assert_eq!((run.tally().abandoned, run.committed(), run.budget.used()), (1, None, 0));
}

/// Invariant 6: a second rebalance does not wait for the first.
#[tokio::test(start_paused = true)]
async fn a_second_revoke_ends_the_first() {
    let gate = Gate::new();
    let run = Setup::new(once(Answer::held(&gate))).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a"]));
    run.pass(100).await;
    let first = run.revoke([0]);
    run.pass(1).await;
    let second = run.revoke([1]);
    run.pass(1).await;
    assert_eq!(first.try_recv(), Ok(vec![]));
    assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
    run.pass(5000).await;
    assert_eq!(second.try_recv(), Ok(vec![]));
}
