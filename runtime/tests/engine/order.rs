//! What keeps its order (invariant 3).

use sluice_connector_api::Order;

use crate::support::{Answer, Gate, Setup, record, records, script};

fn by_key(setup: Setup) -> Setup {
    setup.with(|settings| settings.lane.limits.order = Order::Key)
}

/// Invariant 3: what is older would overwrite what is newer, or it is put again behind it.
#[tokio::test(start_paused = true)]
async fn a_retry_of_one_index_puts_its_successors_of_the_same_key_again() {
    let batch =
        [record(0, 0, "x", "1"), record(0, 1, "y", "1"), record(0, 2, "x", "2"), record(0, 3, "", "-")];
    let mut run = by_key(Setup::new(script([Answer::down_at([0])]))).start_with(batch.into());
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1, 2, 3], vec![0, 2]]);
    assert_eq!((run.tally().delivered, run.committed()), (4, Some(4)));
}

/// Invariant 3: only what comes behind is put again.
#[tokio::test(start_paused = true)]
async fn a_retry_of_one_index_does_not_put_its_predecessors_again() {
    let batch = [record(0, 0, "x", "1"), record(0, 1, "x", "2"), record(0, 2, "x", "3")];
    let mut run = by_key(Setup::new(script([Answer::down_at([1])]))).start_with(batch.into());
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1, 2], vec![1, 2]]);
}

/// Invariant 3: a partition orders its records, however many puts may be in flight.
#[tokio::test(start_paused = true)]
async fn two_batches_of_one_partition_are_never_in_flight_together() {
    let gate = Gate::new();
    let setup = Setup::new(script([Answer::held(&gate), Answer::held(&gate)])).in_flight(4);
    let run = setup.with(|settings| settings.lane.batch.max_records = 2).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a", "b", "c", "d"]));
    run.read(records(1, 10, &["a", "b", "c"]));
    run.pass(1000).await;
    assert_eq!(run.puts(), [vec![0, 1], vec![10, 11]], "the rest waits");
    gate.open();
    run.pass(1000).await;
    assert_eq!(run.puts(), [vec![0, 1], vec![10, 11], vec![2, 3], vec![12]]);
}

/// Invariant 3: one busy key does not make the batches of the others small.
#[tokio::test(start_paused = true)]
async fn a_backlog_behind_a_busy_key_still_fills_whole_batches() {
    let gate = Gate::new();
    let setup = by_key(Setup::new(script([Answer::held(&gate)]))).in_flight(2);
    let run = setup.with(|settings| settings.lane.batch.max_records = 3).start();
    run.assign([0]);
    run.read(["x", "x", "x"].into_iter().zip(0..).map(|(key, offset)| record(0, offset, key, "")).collect());
    run.pass(1).await;
    run.read(
        ["x", "a", "x", "b", "a", "c"]
            .into_iter()
            .zip(3..)
            .map(|(key, offset)| record(0, offset, key, ""))
            .collect(),
    );
    run.pass(1).await;
    assert_eq!(run.puts(), [vec![0, 1, 2], vec![4, 6, 7]]);
    gate.open();
    run.pass(1000).await;
    assert_eq!(run.puts().concat().len(), 9);
}

/// Invariant 3: what has no key waits for nobody.
#[tokio::test(start_paused = true)]
async fn records_without_a_key_are_all_in_flight_at_once() {
    let gate = Gate::new();
    let setup =
        by_key(Setup::new(script((0..9).map(|_| Answer::late(500)).collect::<Vec<_>>()))).in_flight(3);
    let run = setup.with(|settings| settings.lane.batch.max_records = 1).start_with(records(
        0,
        0,
        &["a", "b", "c", "d", "e"],
    ));
    run.pass(100).await;
    assert_eq!(run.puts(), [[0], [1], [2]], "three and no more");
    run.pass(500).await;
    assert_eq!(run.puts().len(), 5);
    gate.open();
}

/// Invariant 3: a sink's own id orders where the sink says so.
#[tokio::test(start_paused = true)]
async fn an_id_of_the_sink_orders_across_partitions() {
    let setup = Setup::new(script([Answer::late(100)])).in_flight(4).with(|settings| {
        settings.lane.limits.order = Order::Id { newest_wins: false };
        settings.lane.batch.max_records = 1;
    });
    let run = setup.start();
    run.assign([0, 1]);
    run.read(vec![record(0, 0, "same", ""), record(1, 7, "same", ""), record(1, 8, "other", "")]);
    run.pass(50).await;
    assert_eq!(run.puts(), [[0], [8]]);
    run.pass(100).await;
    assert_eq!(run.puts(), [[0], [8], [7]]);
}

/// Invariant 3: a batch whose backoff a rebalance cut short goes before what was read later.
#[tokio::test(start_paused = true)]
async fn what_was_not_stored_goes_before_what_came_later() {
    let setup = Setup::new(script([Answer::down()])).with(|settings| {
        settings.lane.retry.backoff.base = std::time::Duration::from_secs(50);
        settings.lane.retry.backoff.cap = std::time::Duration::from_secs(50);
        settings.lane.batch.max_records = 2;
    });
    let mut run = setup.start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["a", "b"]));
    run.pass(20).await;
    run.read(records(0, 2, &["c", "d"]));
    run.pass(1).await;
    let _ack = run.revoke([1]);
    run.finish().await.unwrap();
    assert_eq!(run.stored(), [0, 1, 2, 3]);
}

/// Invariant 3: without a key the partition orders, where the sink says so, and other partitions and keys go beside it.
#[tokio::test(start_paused = true)]
async fn records_without_a_key_may_keep_the_order_of_their_partition() {
    for (order, beside) in [
        (Order::KeyOrPartition, vec![vec![0], vec![2], vec![10]]),
        (Order::Key, vec![vec![0], vec![1], vec![2], vec![10]]),
    ] {
        let gate = Gate::new();
        let setup = Setup::new(script(std::iter::repeat_with({
            let gate = gate.clone();
            move || Answer::held(&gate)
        })));
        let setup = setup.in_flight(4).with(|settings| {
            settings.lane.limits.order = order;
            settings.lane.batch.max_records = 1;
        });
        let run = setup.start();
        run.assign([0, 1]);
        run.read(vec![record(0, 0, "", "a"), record(0, 1, "", "b"), record(0, 2, "x", "c")]);
        run.read(vec![record(1, 10, "", "d")]);
        run.pass(100).await;
        assert_eq!(run.puts(), beside, "{order:?}");
        gate.open();
        run.pass(100).await;
        assert_eq!(run.puts().len(), 4);
    }
}
