//! Records that the sink holds past their put, until they make one thing with others (invariants 1, 6, 7 and 9).

use std::collections::VecDeque;
use std::time::Duration;

use sluice_connector_api::{Failure, Record, StoreReach};

use crate::support::{HoldScript, Setup, records, script, size};

/// A sink that stores so many records of a partition at once.
fn holding(complete: usize) -> HoldScript {
    HoldScript { complete, ..HoldScript::default() }
}

fn setup(script_of_hold: HoldScript) -> Setup {
    Setup::new(script([])).hold(script_of_hold).with(|settings| settings.lane.batch.max_records = 2)
}

/// Invariants 1 and 7: what a put brought is committed when it is stored, and its bytes count until then; what counts is what
/// the sink says that it takes.
#[tokio::test(start_paused = true)]
async fn the_offset_of_a_held_record_waits_until_it_is_stored() {
    let run = setup(holding(5)).start_with(records(0, 7, &["a", "b", "c", "d"]));
    run.pass(60_000).await;
    assert_eq!((run.puts(), run.committed()), (vec![vec![7, 8], vec![9, 10]], Some(7)));
    let held = records(0, 7, &["a", "b", "c", "d"]);
    let bytes: usize = held.iter().map(Record::size).sum();
    assert_eq!(run.budget.used(), bytes);
    assert!(bytes < size(&held), "the records themselves are gone");
    run.read(records(0, 11, &["e"]));
    run.pass(100).await;
    assert_eq!((run.stored(), run.committed(), run.budget.used()), (vec![7, 8, 9, 10, 11], Some(12), 0));
}

/// Invariant 2: a record that the sink holds is no more delivered than it is committed.
#[tokio::test(start_paused = true)]
async fn a_held_record_is_in_flight_until_it_is_stored_and_is_counted_once() {
    let run = setup(holding(3)).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a", "b"]));
    run.read(records(1, 0, &["a", "b", "c"]));
    run.pass(1000).await;
    assert_eq!((run.tally().delivered, run.tally().in_flight()), (3, 2), "those of partition 1 are stored");
    run.read(records(0, 2, &["c"]));
    run.pass(1000).await;
    run.read(records(0, 3, &["d"]));
    run.pass(1000).await;
    assert_eq!((run.tally().delivered, run.tally().in_flight()), (6, 1));
    let ack = run.revoke([0]);
    run.pass(10).await;
    assert!(ack.try_recv().is_ok());
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.abandoned, tally.in_flight()), (6, 1, 0));
    run.assign([0]);
    run.read(records(0, 3, &["d", "e", "f"]));
    run.pass(1000).await;
    let tally = run.tally();
    assert_eq!((tally.read, tally.delivered, tally.abandoned, tally.in_flight()), (10, 9, 1, 0));
    assert_eq!(run.stored().len(), 9);
}

/// What is left at a stop is left for the next reading, and was never delivered.
#[tokio::test(start_paused = true)]
async fn what_is_held_at_a_stop_is_not_delivered() {
    let mut run = setup(holding(4)).start_with(records(0, 0, &["a", "b", "c", "d", "e", "f"]));
    run.pass(1000).await;
    run.stop().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.abandoned, tally.in_flight()), (4, 2, 0));
}

/// One partition waits for its own things alone.
#[tokio::test(start_paused = true)]
async fn a_partition_with_nothing_held_is_committed() {
    let run = setup(holding(2)).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a"]));
    run.read(records(1, 0, &["a", "b"]));
    run.pass(1000).await;
    assert_eq!(run.journal.commits(0).last(), Some(&0));
    assert_eq!(run.journal.commits(1).last(), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_stored_though_no_record_comes() {
    let run = setup(HoldScript { interval: Some(Duration::from_secs(10)), ..holding(99) });
    let run = run.start_with(records(0, 0, &["a", "b"]));
    run.pass(9_900).await;
    assert_eq!((run.stored(), run.committed()), (vec![], Some(0)));
    run.pass(300).await;
    assert_eq!((run.stored(), run.committed(), run.reaches()), (vec![0, 1], Some(2), vec![StoreReach::Due]));
    run.pass(60_000).await;
    assert_eq!(run.reaches().len(), 1, "nothing is open, and so nothing is due");
}

/// Where the source ends there is no other reading: all is stored.
#[tokio::test(start_paused = true)]
async fn at_the_end_of_the_source_all_is_stored() {
    let mut run = setup(holding(99)).start_with(records(0, 0, &["a", "b", "c"]));
    run.finish().await.unwrap();
    assert_eq!(
        (run.stored(), run.committed(), run.reaches()),
        (vec![0, 1, 2], Some(3), vec![StoreReach::All])
    );
}

/// Invariants 1 and 6: what is open is read again by whoever reads the partition next.
#[tokio::test(start_paused = true)]
async fn a_stop_and_a_revoke_drop_what_is_open_and_commit_nothing_of_it() {
    let mut run = setup(holding(3)).start_with(records(0, 0, &["a", "b", "c", "d", "e"]));
    run.pass(1000).await;
    let ack = run.revoke([0]);
    run.pass(10).await;
    assert_eq!(ack.try_recv().map(|offsets| offsets.len()), Ok(0), "what is stored was committed before");
    assert_eq!((run.committed(), run.budget.used()), (Some(4), 0));
    run.assign([0]);
    run.read(records(0, 4, &["e", "f"]));
    run.pass(1000).await;
    assert_eq!(run.stored(), [0, 1, 2, 3], "the one that was open is gone, and makes nothing complete");
    run.stop().await.unwrap();
    assert_eq!((run.stored().len(), run.committed(), run.budget.used()), (4, Some(4), 0));
}

/// Invariant 9: storing is tried again like a put, and no record is put twice for it.
#[tokio::test(start_paused = true)]
async fn storing_that_fails_is_tried_again_and_ends_the_connector_for_good_reason() {
    let failures = VecDeque::from([Failure::retriable("away"), Failure::retriable("away")]);
    let mut run = setup(HoldScript { failures, ..holding(99) }).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!((run.stored(), run.puts().len(), run.reaches().len()), (vec![0], 1, 3));

    let failures = VecDeque::from([Failure::fatal("no right to write")]);
    let mut run = setup(HoldScript { failures, ..holding(99) }).start_with(records(0, 0, &["a"]));
    let failed = run.finish().await.unwrap_err();
    assert!(failed.reason.contains("no right to write"), "{failed}");
    assert_eq!((run.stored(), run.committed(), run.budget.used()), (vec![], Some(0), 0));
}

/// Invariant 7: a source that stopped reading would wait for ever for what only more records complete.
#[tokio::test(start_paused = true)]
async fn what_is_open_makes_room_where_it_uses_up_the_buffer() {
    let large = "x".repeat(300_000);
    let run = setup(holding(99)).start_with(records(0, 0, &[&large, &large]));
    run.pass(1000).await;
    assert_eq!((run.stored(), run.reaches()), (vec![0, 1], vec![StoreReach::Room]));
    assert_eq!((run.committed(), run.budget.used()), (Some(2), 0));
}

/// Invariant 10: it takes its connector down, and neither the process nor a record with it.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_wherever_it_is_asked_ends_its_connector_alone() {
    let mut run = setup(HoldScript { upset: true, ..holding(2) }).start_with(records(0, 0, &["a", "b"]));
    let ended = run.join().await;
    assert!(!matches!(ended, Ok(Ok(()))), "{ended:?}");
    assert_eq!((run.stored(), run.tally().skipped, run.committed()), (vec![], 0, Some(0)));
}
