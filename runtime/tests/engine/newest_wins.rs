//! Of the records of one thing only the newest is put (invariants 1, 2 and 3). A thing is named by the key.

use sluice_connector_api::{Failure, Order, Record};

use crate::support::{Answer, Gate, Run, Script, Setup, naming, once, record, refusing, script};

fn newest_wins(script: Script) -> Setup {
    Setup::new(script).with(|settings| {
        settings.lane.limits.order = Order::Id { newest_wins: true };
    })
}

/// Records of partition 0 from offset 0: their keys and values.
fn batch(of: &[(&str, &str)]) -> Vec<Record> {
    (0..).zip(of).map(|(offset, (key, value))| record(0, offset, key, value)).collect()
}

fn counts(run: &Run) -> (u64, u64, u64) {
    let tally = run.tally();
    (tally.delivered, tally.superseded, tally.skipped)
}

/// Invariant 2: each record has its verdict; one without an id is nobody's older one.
#[tokio::test(start_paused = true)]
async fn only_the_newest_of_each_thing_is_put() {
    let records = batch(&[("x", "1"), ("y", "1"), ("", "-"), ("x", "2"), ("", "-"), ("x", "3")]);
    let mut run = newest_wins(script([])).start_with(records);
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[5, 1, 2, 4]]);
    assert_eq!((counts(&run), run.committed(), run.budget.used()), ((4, 2, 0), Some(6), 0));
}

/// A thing that changes faster than the sink takes puts is put as fast as the sink takes them.
#[tokio::test(start_paused = true)]
async fn a_backlog_of_one_thing_takes_one_put_however_long_it_is() {
    let gate = Gate::new();
    let setup = newest_wins(once(Answer::held(&gate))).with(|settings| settings.lane.batch.max_records = 2);
    let mut run = setup.start_with(batch(&[("x", "0")]));
    run.pass(100).await;
    run.read((1..50).map(|offset| record(0, offset, "x", "")).chain([record(0, 50, "y", "")]).collect());
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0], vec![49, 50]]);
    assert_eq!(counts(&run), (3, 48, 0));
}

/// Invariant 1: it is not done before the newer one is stored.
#[tokio::test(start_paused = true)]
async fn the_offset_of_a_superseded_record_waits_for_the_newer_one() {
    let gate = Gate::new();
    let mut run = newest_wins(once(Answer::held(&gate))).start_with(batch(&[("x", "1"), ("x", "2")]));
    run.pass(10_000).await;
    assert_eq!((run.committed(), counts(&run)), (Some(0), (0, 0, 0)));
    assert!(run.budget.used() > 0);
    gate.open();
    run.finish().await.unwrap();
    assert_eq!((run.committed(), counts(&run), run.budget.used()), (Some(2), (1, 1, 0), 0));
}

/// Invariant 9: what a record at fault would have superseded is put after all, the newest of it first.
#[tokio::test(start_paused = true)]
async fn what_a_rejected_record_would_have_superseded_is_put_after_all() {
    for script in [naming(), refusing()] {
        let records = batch(&[("x", "1"), ("x", "2"), ("y", "1"), ("x", "bad"), ("x", "bad")]);
        let mut run = newest_wins(script).tolerant().start_with(records);
        run.finish().await.unwrap();
        let mut stored = run.stored();
        stored.sort_unstable();
        assert_eq!(stored, [1, 2]);
        assert_eq!((counts(&run), run.committed()), ((2, 1, 2), Some(5)));
    }
}

/// Invariant 1: also where the record at fault stops the connector.
#[tokio::test(start_paused = true)]
async fn a_rejected_record_that_stops_the_connector_leaves_the_older_one_stored() {
    let mut run = newest_wins(naming()).start_with(batch(&[("x", "1"), ("x", "bad"), ("y", "1")]));
    assert!(run.ended().await.unwrap_err().to_string().contains("t-0-1"));
    assert_eq!((run.committed(), run.stored(), run.tally().abandoned), (Some(1), vec![2, 0], 1));
}

/// Invariant 3: a retry puts the newest again, and the older ones wait with it.
#[tokio::test(start_paused = true)]
async fn older_records_wait_with_a_newer_one_that_is_tried_again() {
    let answers = [Answer::down(), Answer::down_at([0])];
    let mut run = newest_wins(script(answers)).start_with(batch(&[("x", "1"), ("x", "2"), ("y", "1")]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![1, 2], vec![1, 2], vec![1]]);
    assert_eq!((counts(&run), run.committed()), ((2, 1, 0), Some(3)));
}

/// Invariant 3: one that came back is superseded by what came meanwhile.
#[tokio::test(start_paused = true)]
async fn a_rebalance_in_a_backoff_lets_what_came_since_win() {
    let wait = std::time::Duration::from_secs(50);
    let busy = Answer::Fail(Failure::throttled("429").retry_after(wait));
    let mut run = newest_wins(once(busy)).start();
    run.assign([0, 1]);
    run.read(batch(&[("x", "1"), ("x", "2")]));
    run.pass(100).await;
    run.read(vec![record(0, 2, "x", "3")]);
    run.pass(1).await;
    let _ack = run.revoke([1]);
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[1], [2]]);
    assert_eq!((counts(&run), run.committed()), ((1, 2, 0), Some(3)));
}

/// Invariants 1 and 2: that the newest is somebody else's now is no reason to drop the older one.
#[tokio::test(start_paused = true)]
async fn an_older_record_is_put_after_all_where_the_newer_one_goes_with_its_partition() {
    let gate = Gate::new();
    let answer = Answer::Held(gate.clone(), Box::new(Answer::down()));
    let mut run = newest_wins(once(answer)).start();
    run.assign([0, 1]);
    run.read(vec![record(0, 0, "x", "1"), record(1, 7, "x", "2")]);
    run.pass(100).await;
    let _ack = run.lose([1]);
    run.pass(2).await;
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[7], [0]]);
    assert_eq!((counts(&run), run.tally().abandoned, run.budget.used()), ((1, 0, 0), 1, 0));
}

/// Invariant 3: with another order an older record that is put after all would come too late for its neighbours.
#[tokio::test(start_paused = true)]
async fn all_are_put_where_something_else_orders() {
    let setup = newest_wins(script([])).with(|settings| settings.lane.limits.order = Order::Partition);
    let mut run = setup.start_with(batch(&[("x", "1"), ("x", "2")]));
    run.finish().await.unwrap();
    assert_eq!((run.puts(), counts(&run)), (vec![vec![0, 1]], (2, 0, 0)));
}
