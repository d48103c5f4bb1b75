//! Records that repeat one that was stored are dropped; nothing else ever is (invariants 1, 2 and 3).

use sluice_connector_api::Failure;

use crate::support::{Answer, Gate, Run, Setup, once, records, script};

/// What was delivered, filtered and skipped.
fn counts(run: &Run) -> (u64, u64, u64) {
    let tally = run.tally();
    (tally.delivered, tally.filtered, tally.skipped)
}

#[tokio::test(start_paused = true)]
async fn a_record_that_repeats_a_stored_one_is_dropped_and_committed() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["same a", "same b"]));
    run.pass(100).await;
    run.read(records(0, 2, &["same b", "c", "same a"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1], vec![3]]);
    assert_eq!((counts(&run), run.committed(), run.budget.used()), ((3, 2, 0), Some(5), 0));
}

/// In one batch with the first, or while that is in flight: it is done when the first is, and not before.
#[tokio::test(start_paused = true)]
async fn one_that_comes_while_the_first_is_on_its_way_waits_for_it() {
    let gate = Gate::new();
    let first = records(0, 0, &["same a", "same a"]);
    let mut run = Setup::new(once(Answer::held(&gate))).start_with(first);
    run.pass(1000).await;
    run.read(records(0, 2, &["same a"]));
    run.pass(1000).await;
    assert_eq!((run.committed(), counts(&run)), (Some(0), (0, 0, 0)));
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0]]);
    assert_eq!((counts(&run), run.committed(), run.budget.used()), ((1, 2, 0), Some(3), 0));
}

#[tokio::test(start_paused = true)]
async fn a_put_that_fails_is_made_again_for_both() {
    let mut run = Setup::new(script([Answer::down(), Answer::down()])).start_with(records(
        0,
        0,
        &["same a", "same a", "c"],
    ));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 2], vec![0, 2], vec![0, 2]]);
    assert_eq!((counts(&run), run.committed()), ((2, 1, 0), Some(3)));
}

/// What waits for a record at fault is at fault with it; what comes later is tried for itself.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_not_stored_is_not_remembered() {
    let gate = Gate::new();
    let refused = Answer::FailAt(vec![(0, Failure::rejected("bad"))]);
    let setup = Setup::new(script([Answer::Held(gate.clone(), Box::new(refused))])).tolerant();
    let mut run = setup.start_with(records(0, 0, &["same a", "same a"]));
    run.pass(1000).await;
    gate.open();
    run.pass(1000).await;
    run.read(records(0, 2, &["same a", "same a"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0], [2]]);
    assert_eq!((counts(&run), run.committed(), run.budget.used()), ((1, 1, 2), Some(4), 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_at_fault_that_is_not_tolerated_stops_before_what_repeats_it() {
    let refused = Answer::FailAt(vec![(1, Failure::rejected("bad"))]);
    let mut run =
        Setup::new(script([refused])).start_with(records(0, 0, &["c", "same a", "same a", "same a"]));
    assert!(run.ended().await.is_err());
    assert_eq!((counts(&run), run.committed()), ((1, 0, 0), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn each_repeat_of_a_letter_has_a_letter_of_its_own() {
    let refused = Answer::FailAt(vec![(0, Failure::rejected("bad"))]);
    let setup = Setup::new(once(refused)).letters(script([]));
    let mut run = setup.start_with(records(0, 0, &["same a", "same a", "c"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.dead_lettered, tally.filtered), (1, 2, 0));
    assert_eq!(run.committed(), Some(3));
}

/// Nobody knows whether the first put of it counted.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_read_again_is_no_repeat_of_itself() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["same a", "same b"]));
    run.pass(100).await;
    run.read(records(0, 0, &["same a", "same b"]));
    run.pass(100).await;
    run.read(records(0, 2, &["same a"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0, 1], [0, 1]]);
    assert_eq!((counts(&run), run.committed()), ((4, 1, 0), Some(3)));
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_ends_with_the_assignment() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["same a"]));
    run.pass(100).await;
    let ack = run.revoke([0]);
    run.pass(10).await;
    assert!(ack.try_recv().is_ok());
    run.assign([0]);
    run.read(records(0, 1, &["same a"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0], [1]]);
}

/// Whoever gets the partition reads both of them again.
#[tokio::test(start_paused = true)]
async fn one_that_waits_is_left_for_the_next_owner_at_a_revoke() {
    let gate = Gate::new();
    let mut run =
        Setup::new(once(Answer::held(&gate))).start_with(records(0, 0, &["same a", "same a", "same a"]));
    run.pass(100).await;
    let ack = run.lose([0]);
    run.pass(10).await;
    assert!(ack.try_recv().is_ok());
    run.assign([0]);
    run.read(records(0, 1, &["same a"]));
    run.pass(100).await;
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0], [1]]);
    assert_eq!((run.tally().abandoned, run.committed(), run.budget.used()), (3, Some(2), 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_a_topic_that_was_made_anew() {
    let mut run = Setup::new(script([])).start_with(records(0, 7, &["same a"]));
    run.pass(100).await;
    run.restart(0, 0);
    run.read(records(0, 0, &["same a"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[7], [0]]);
}

#[tokio::test(start_paused = true)]
async fn partitions_repeat_nothing_of_each_other() {
    let run = Setup::new(script([])).start();
    run.assign([0, 1]);
    let mut run = run;
    run.read(records(0, 0, &["same a"]));
    run.read(records(1, 5, &["same a"]));
    run.finish().await.unwrap();
    assert_eq!((counts(&run), run.tally().filtered), ((2, 0, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn a_stored_record_is_remembered_for_a_while_and_so_many_of_them() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["same a"]));
    run.pass(61_000).await;
    run.read(records(0, 1, &["same a", "same b", "same c", "same d"]));
    run.pass(100).await;
    run.read(records(0, 5, &["same a", "same d"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0], vec![1, 2, 3, 4], vec![5]]);
}

/// A record is done when all of its parts are, and remembered when all of them are stored.
#[tokio::test(start_paused = true)]
async fn the_parts_of_a_record_repeat_others_one_by_one() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["halves a b", "halves b c", "same b"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0, 0, 1]]);
    assert_eq!((counts(&run), run.committed(), run.budget.used()), ((2, 1, 0), Some(3), 0));
}

/// However many of them wait for one another in a row.
#[tokio::test(start_paused = true)]
async fn a_long_row_of_repeats_ends() {
    let values: Vec<_> = (0..20_000).map(|number| format!("halves {number} {}", number + 1)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let setup = Setup::new(script([])).with(|settings| {
        settings.lane.batch.max_records = 100_000;
        settings.lane.limits.max_records = 100_000;
    });
    let mut run = setup.start_with(records(0, 0, &values));
    run.finish().await.unwrap();
    assert_eq!((run.committed(), run.budget.used()), (Some(20_000), 0));
}
