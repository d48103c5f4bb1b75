//! Records that one put cannot take together (invariant 3). The scripted sink parts deletes from writes.

use std::time::Duration;

use sluice_connector_api::{Order, Record};
use tokio::time::Instant;

use crate::support::{Answer, Gate, Setup, once, record, script};

/// Records of partition 0 from offset 0: their keys, and whether they delete.
fn batch(of: &[(&str, bool)]) -> Vec<Record> {
    let value = |delete: bool| if delete { "delete" } else { "write" };
    (0..).zip(of).map(|(offset, (key, delete))| record(0, offset, key, value(*delete))).collect()
}

fn by_id(setup: Setup) -> Setup {
    setup.with(|settings| settings.lane.limits.order = Order::Id { newest_wins: false })
}

/// Invariant 3: each put has one kind, and what nothing orders is gathered across the other kind.
#[tokio::test(start_paused = true)]
async fn writes_and_deletes_never_share_a_put() {
    let records = batch(&[("a", false), ("b", true), ("c", false), ("d", true), ("e", false)]);
    let mut run = by_id(Setup::new(script([]))).start_with(records);
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 2, 4], vec![1, 3]]);
    assert_eq!((run.tally().delivered, run.committed()), (5, Some(5)));
}

/// Invariant 3: a delete waits for the write before it, and the next write for the delete.
#[tokio::test(start_paused = true)]
async fn a_write_and_a_delete_of_one_id_neither_swap_nor_overlap() {
    let gate = Gate::new();
    let records = batch(&[("x", false), ("x", true), ("x", false), ("y", true)]);
    let mut run = by_id(Setup::new(once(Answer::held(&gate)))).in_flight(4).start_with(records);
    run.pass(1000).await;
    assert_eq!(run.puts(), [[0], [3]], "another id does not wait");
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0], [3], [1], [2]]);
}

/// Invariant 3: where the partition orders, nothing is gathered across the other kind.
#[tokio::test(start_paused = true)]
async fn kinds_take_turns_where_the_partition_orders() {
    let records = batch(&[("a", false), ("b", false), ("c", true), ("d", false)]);
    let mut run = Setup::new(script([])).in_flight(4).start_with(records);
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1], vec![2], vec![3]]);
}

/// Invariant 5: each kind lingers for itself.
#[tokio::test(start_paused = true)]
async fn a_full_batch_of_deletes_goes_while_an_older_write_lingers() {
    let began = Instant::now();
    let setup = by_id(Setup::new(script([]))).in_flight(2).with(|settings| {
        settings.lane.batch.max_records = 2;
        settings.lane.batch.linger = Duration::from_millis(300);
    });
    let run = setup.start_with(batch(&[("a", false), ("b", true)]));
    run.pass(100).await;
    run.read(vec![record(0, 2, "c", "delete"), record(0, 3, "d", "delete")]);
    run.pass(1000).await;
    assert_eq!(run.puts(), [vec![1, 2], vec![0], vec![3]]);
    let starts: Vec<_> = run.journal.starts().iter().map(|start| (*start - began).as_millis()).collect();
    assert_eq!(starts, [100, 300, 400]);
}

/// Invariant 3: what a rebalance left of a put goes before the other kind of its key.
#[tokio::test(start_paused = true)]
async fn a_write_that_comes_back_still_goes_before_the_delete_behind_it() {
    let setup = by_id(Setup::new(once(Answer::down()))).with(|settings| {
        (settings.lane.retry.backoff.base, settings.lane.retry.backoff.cap) =
            (Duration::from_secs(50), Duration::from_secs(50));
    });
    let mut run = setup.start();
    run.assign([0, 1]);
    run.read(batch(&[("x", false), ("x", true)]));
    run.pass(100).await;
    let _ack = run.revoke([1]);
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0], [0], [1]]);
}
