//! What is committed, and when.

use sluice_connector_api::{Order, Record};

use crate::support::{Answer, Entry, Gate, Run, Setup, once, partition, record, records, script};

/// Invariant 1: a filtered record is done at once, yet nothing before it is.
#[tokio::test(start_paused = true)]
async fn a_filtered_record_does_not_commit_past_one_in_flight() {
    let gate = Gate::new();
    let mut run = Setup::new(script([Answer::held(&gate)])).start_with(records(0, 5, &["a", "drop", "drop"]));
    run.pass(1000).await;
    assert_eq!((run.committed(), run.tally().filtered), (Some(5), 2));
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.committed(), Some(8));
}

/// Invariant 1: a put that overtakes another in time does not in commits.
#[tokio::test(start_paused = true)]
async fn a_later_put_that_ends_first_commits_nothing() {
    let gate = Gate::new();
    let setup = Setup::new(script([Answer::held(&gate)])).in_flight(2).with(|settings| {
        settings.lane.batch.max_records = 2;
        settings.lane.limits.order = Order::Key;
    });
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c", "d"]));
    run.pass(1000).await;
    assert_eq!((run.stored(), run.committed()), (vec![2, 3], Some(0)));
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.committed(), Some(4));
}

/// Invariants 1 and 2: a record that became several is one record.
#[tokio::test(start_paused = true)]
async fn split_records_commit_when_all_their_parts_are_done() {
    let gate = Gate::new();
    let answers = [Answer::Store, Answer::Store, Answer::held(&gate)];
    let setup = Setup::new(script(answers)).with(|settings| settings.lane.batch.max_records = 1);
    let mut run = setup.start_with(records(0, 0, &["split 3"]));
    run.pass(1000).await;
    assert_eq!((run.stored(), run.committed(), run.tally().delivered), (vec![0, 0], Some(0), 0));
    gate.open();
    run.finish().await.unwrap();
    assert_eq!((run.committed(), run.tally().delivered), (Some(1), 1));
    let parts: Vec<_> = run.journal.stored().iter().map(Record::part).collect();
    assert_eq!(parts, [Some(0), Some(1), Some(2)]);
}

/// Invariant 2: of a record that became several, one part skipped makes it skipped, and it counts once.
#[tokio::test(start_paused = true)]
async fn a_split_record_with_a_part_rejected_counts_once_as_skipped() {
    use sluice_connector_api::Failure;
    let answer = Answer::FailAt(vec![(1, Failure::rejected("bad"))]);
    let mut run = Setup::new(script([answer])).tolerant().start_with(records(0, 0, &["split 3", "split 0"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.read, tally.delivered, tally.skipped, tally.filtered), (2, 0, 1, 1));
    assert_eq!((run.committed(), run.budget.used()), (Some(2), 0));
}

/// Invariant 1: a commit that was refused is made again, without anything new to commit.
#[tokio::test(start_paused = true)]
async fn a_refused_commit_is_made_again() {
    let run = Setup::new(script([])).start_with(records(0, 0, &["a"]));
    run.pass(200).await;
    assert_eq!(run.journal.commits(0), [0, 1]);
    run.refuse_commit(0);
    run.pass(200).await;
    assert_eq!(run.journal.commits(0), [0, 1, 1]);
}

/// Invariant 1: a group without an offset may begin at the end of the topic; what was read before a crash has
/// to have one, long before the first commit is due.
#[tokio::test(start_paused = true)]
async fn the_first_offset_of_a_partition_is_committed_as_soon_as_it_is_read() {
    let setup = Setup::new(once(Answer::held(&Gate::new())))
        .with(|settings| settings.commit_interval = std::time::Duration::from_secs(1000));
    let run = setup.start_with(records(0, 7, &["a", "b"]));
    run.pass(100).await;
    let run = run.kill().await;
    assert_eq!(run.committed(), Some(7));
}

/// Invariant 1: offsets that are not in a row (compaction, transactions) are committed like any other.
#[tokio::test(start_paused = true)]
async fn gaps_in_the_offsets_do_not_hold_a_commit() {
    let batch = [3, 7, 20].map(|offset| record(0, offset, "", "a"));
    let mut run = Setup::new(script([])).start_with(batch.into());
    run.finish().await.unwrap();
    assert_eq!(run.committed(), Some(21));
}

/// Invariant 1: a topic made anew begins at 0 again, below what is still in flight; neither commits for the
/// other.
#[tokio::test(start_paused = true)]
async fn offsets_that_go_back_neither_stall_nor_lose_a_record() {
    let gate = Gate::new();
    let setup =
        Setup::new(script([Answer::held(&gate)])).with(|settings| settings.lane.batch.max_records = 2);
    let mut run = setup.start_with(records(0, 100, &["a", "b"]));
    run.read(records(0, 0, &["c", "d", "e"]));
    run.pass(200).await;
    assert_eq!(run.committed(), Some(0), "a restart finds the new records");
    gate.open();
    run.finish().await.unwrap();
    assert_eq!((run.stored(), run.tally().delivered), (vec![100, 101, 0, 1, 2], 5));
    assert_eq!((run.committed(), run.budget.used()), (Some(3), 0));
}

/// Invariant 1: partitions are committed apart.
#[tokio::test(start_paused = true)]
async fn a_slow_partition_does_not_hold_the_commits_of_another() {
    let gate = Gate::new();
    let run = Setup::new(script([Answer::held(&gate)])).in_flight(2).start();
    run.assign([0, 1, 2]);
    run.read(records(0, 0, &["a"]));
    run.pass(100).await;
    run.read(records(1, 0, &["b"]));
    run.pass(100).await;
    assert_eq!((run.journal.commits(0), run.journal.commits(1)), (vec![0], vec![0, 1]));
    assert!(run.journal.commits(2).is_empty(), "nothing was read of it");
    let ack = run.revoke([1]);
    run.pass(6000).await;
    assert_eq!(ack.try_recv().unwrap(), [], "it was committed already");
    run.pass(20).await;
    gate.open();
    let ack = run.revoke([0]);
    run.pass(1).await;
    assert_eq!(ack.try_recv().unwrap(), [(partition(0), 1)]);
}

/// A commit that the brokers refuse is made again, also where nothing more is done: else the group would fall back.
#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_is_made_again() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["a", "b"]));
    let commits = |run: &Run| {
        let of_two = |(_, entry): &(_, Entry)| matches!(entry, Entry::Committed(offsets) if offsets == &[(partition(0), 2)]);
        run.journal.entries().iter().filter(|entry| of_two(entry)).count()
    };
    run.pass(1000).await;
    assert_eq!(commits(&run), 1);
    run.refuse_commit(0);
    run.pass(1000).await;
    assert_eq!(commits(&run), 2);
    run.finish().await.unwrap();
}

/// Invariant 1: where a group begins is known before it has read anything.
#[tokio::test(start_paused = true)]
async fn a_start_is_committed_before_anything_is_read() {
    let setup = Setup::new(script([]))
        .with(|settings| settings.commit_interval = std::time::Duration::from_secs(1000));
    let mut run = setup.start_with(Vec::new());
    run.passed(0, 40);
    run.pass(10).await;
    assert_eq!(run.committed(), Some(40));
    run.stop().await.unwrap();
}

/// Invariant 1: the marks of transactions are no records, and yet nothing before them is passed over.
#[tokio::test(start_paused = true)]
async fn offsets_without_a_record_are_committed_when_what_is_before_them_is_done() {
    let gate = Gate::new();
    let mut run = Setup::new(script([Answer::held(&gate)])).start_with(records(0, 5, &["a"]));
    run.passed(0, 300);
    run.pass(1000).await;
    assert_eq!(run.committed(), Some(5));
    gate.open();
    run.pass(1000).await;
    assert_eq!(run.committed(), Some(300));
    run.stop().await.unwrap();
}

/// Invariant 1: what was read of a topic that is gone is delivered, and says nothing of the one that has its name now.
#[tokio::test(start_paused = true)]
async fn records_of_a_topic_that_was_made_again_are_not_committed_as_those_of_the_new_one() {
    let gate = Gate::new();
    let mut run = Setup::new(script([Answer::held(&gate)])).start_with(records(0, 14, &["a", "b"]));
    run.pass(200).await;
    let before = run.journal.commits(0).len();
    run.restart(0, 0);
    run.pass(200).await;
    gate.open();
    run.pass(1000).await;
    assert_eq!((run.stored(), run.committed()), (vec![14, 15], Some(0)));
    // Not for a moment: whoever came then would begin there.
    let since = run.journal.commits(0).split_off(before);
    assert!(since.iter().all(|offset| *offset == 0), "{since:?}");
    run.read(records(0, 0, &["c"]));
    run.finish().await.unwrap();
    assert_eq!((run.stored(), run.committed()), (vec![14, 15, 0], Some(1)));
}

/// Invariant 1: what is left for the next reading is not passed over by what lies behind it.
#[tokio::test(start_paused = true)]
async fn a_connector_that_goes_down_passes_nothing() {
    let gate = Gate::new();
    let mut run = Setup::new(script([Answer::held(&gate)])).start_with(records(0, 5, &["a"]));
    run.pass(200).await;
    run.stop.cancel();
    run.pass(1).await;
    run.read(records(0, 6, &["b"]));
    run.passed(0, 300);
    run.pass(1).await;
    gate.open();
    run.ended().await.unwrap();
    assert_eq!(run.committed(), Some(6));
}
