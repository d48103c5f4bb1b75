//! When a batch goes, and how large it is (invariant 5).

use std::time::Duration;

use sluice_connector_api::Order;
use tokio::time::Instant;

use crate::support::{Answer, Gate, Run, Setup, once, record, records, script};

/// Invariant 5: a record waits for others for as long as its linger says.
#[tokio::test(start_paused = true)]
async fn a_batch_that_is_not_full_goes_when_its_first_record_has_lingered() {
    let began = Instant::now();
    let setup =
        Setup::new(script([])).with(|settings| settings.lane.batch.linger = Duration::from_millis(200));
    let run = setup.start_with(records(0, 0, &["a"]));
    run.pass(150).await;
    run.read(records(0, 1, &["b"]));
    run.pass(150).await;
    run.read(records(0, 2, &["c"]));
    run.pass(500).await;
    assert_eq!(run.puts(), [vec![0, 1], vec![2]]);
    let starts: Vec<_> = run.journal.starts().iter().map(|start| (*start - began).as_millis()).collect();
    assert_eq!(starts, [200, 500]);
}

/// Invariant 5: no linger, no wait.
#[tokio::test(start_paused = true)]
async fn without_a_linger_a_record_goes_at_once() {
    let setup = Setup::new(script([])).with(|settings| settings.lane.batch.linger = Duration::ZERO);
    let run = setup.start_with(records(0, 0, &["a"]));
    run.pass(1).await;
    assert_eq!(run.puts(), [[0]]);
}

/// Invariant 5: a full batch waits for nothing.
#[tokio::test(start_paused = true)]
async fn a_batch_that_is_full_goes_at_once() {
    let setup = Setup::new(script([])).with(|settings| {
        settings.lane.batch.max_records = 2;
        settings.lane.batch.linger = Duration::from_secs(100);
    });
    let run = setup.start_with(records(0, 0, &["a", "b", "c", "d", "e"]));
    run.pass(1).await;
    assert_eq!(run.puts(), [vec![0, 1], vec![2, 3]]);
}

/// Invariant 5: bytes fill a batch as records do, and a record larger than a batch goes alone.
#[tokio::test(start_paused = true)]
async fn bytes_fill_a_batch() {
    let setup = Setup::new(script([])).with(|settings| {
        settings.lane.batch.max_bytes = 6;
        settings.lane.batch.linger = Duration::from_secs(100);
    });
    let run = setup.start_with(records(0, 0, &["1234", "12", "1234", "123", "12345678", "1"]));
    run.pass(1).await;
    assert_eq!(run.puts(), [vec![0, 1], vec![2], vec![3], vec![4]]);
    run.pass(100_000).await;
    assert_eq!(run.puts().last(), Some(&vec![5]));
}

/// Invariant 5: what gathers while a put is in flight makes one batch.
#[tokio::test(start_paused = true)]
async fn a_slow_sink_gets_larger_batches() {
    let gate = Gate::new();
    let mut run = Setup::new(once(Answer::held(&gate))).start_with(records(0, 0, &["a"]));
    for offset in 1..8 {
        run.pass(100).await;
        run.read(records(0, offset, &["b"]));
    }
    run.pass(100).await;
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0], (1..8).collect()]);
}

/// Invariant 5: where the source has no room to read on, no batch waits for records that cannot come.
#[tokio::test(start_paused = true)]
async fn a_batch_that_nothing_more_can_come_into_goes_at_once() {
    let gate = Gate::new();
    let setup = Setup::new(script([Answer::held(&gate), Answer::held(&gate)])).with(|settings| {
        settings.lane.limits.max_in_flight = 2;
        settings.lane.limits.order = Order::Key;
        settings.lane.batch.max_records = 1000;
        settings.lane.batch.max_bytes = 10_000_000;
        settings.lane.batch.linger = Duration::from_hours(1);
    });
    let large = "x".repeat(310_000);
    let mut run = setup.start_with(records(0, 0, &[&large]));
    run.pass(1).await;
    let starts = |run: &Run| run.journal.starts().len();
    assert_eq!(starts(&run), 0, "there is room for more");
    run.read(records(0, 1, &[&large, &large, &large]));
    run.pass(1).await;
    assert_eq!(starts(&run), 1, "it is as large as there is room");
    run.read(records(0, 4, &["a"]));
    run.pass(1).await;
    assert_eq!(starts(&run), 2, "and so is what comes while there is none");
    gate.open();
    run.pass(1).await;
    run.read(records(0, 5, &["b"]));
    run.pass(1).await;
    assert_eq!(starts(&run), 2, "there is room again, and the wait is what was asked for");
    run.read(records(0, 6, &[&large]));
    run.pass(1).await;
    run.read(records(0, 7, &[&large, &large]));
    run.pass(1).await;
    assert_eq!(
        starts(&run),
        3,
        "a source that stopped goes on below seven eighths of the room, which nothing else would make"
    );
    run.finish().await.unwrap();
}

/// Invariants 3 and 5: where batches are of one stripe each, as many are in flight as may be although the same keys come in all of
/// them, and what comes waits for its own stripe alone.
#[tokio::test(start_paused = true)]
async fn puts_of_different_stripes_go_side_by_side_whatever_keys_come() {
    let gates = [Gate::new(), Gate::new()];
    let answers = gates.clone().map(|gate| Answer::held(&gate));
    let setup = Setup::new(script(answers)).in_flight(2).with(|settings| {
        settings.lane.limits.order = Order::Key;
        settings.lane.limits.is_striped = true;
        settings.lane.batch.max_records = 100;
        settings.lane.at_once = true;
    });
    let keyed = |from: i64| {
        (from..).zip("abcdefgh".chars()).map(|(offset, key)| record(0, offset, &key.to_string(), "v"))
    };
    let mut run = setup.start_with(keyed(0).collect());
    run.pass(1).await;
    let starts = |run: &Run| run.journal.starts().len();
    assert_eq!(starts(&run), 2, "neither stripe waits for the other");
    run.read(keyed(8).collect());
    run.pass(1).await;
    assert_eq!(starts(&run), 2, "each key is in flight");
    gates[0].open();
    run.pass(1).await;
    assert_eq!(starts(&run), 3, "what waited for the first goes although the second is in flight");
    gates[1].open();
    run.finish().await.unwrap();
    let mut puts = run.puts();
    puts.sort();
    let again = |offsets: &[i64]| offsets.iter().map(|offset| offset + 8).collect::<Vec<_>>();
    assert_eq!(puts.len(), 4);
    assert_eq!((again(&puts[0]), again(&puts[1])), (puts[2].clone(), puts[3].clone()));
}

/// Invariant 6: the end of the source hurries what lingers.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_source_waits_for_no_linger() {
    let setup = Setup::new(script([])).with(|settings| settings.lane.batch.linger = Duration::from_secs(100));
    let began = Instant::now();
    let mut run = setup.start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!((began.elapsed(), run.committed()), (Duration::ZERO, Some(1)));
}

/// Latency: nothing waits while the target does, and what comes meanwhile makes one batch.
#[tokio::test(start_paused = true)]
async fn a_batch_goes_at_once_while_nothing_is_in_flight_and_grows_while_something_is() {
    let gate = Gate::new();
    let setup = Setup::new(script([Answer::held(&gate)])).with(|settings| {
        settings.lane.at_once = true;
        settings.lane.batch.linger = Duration::from_millis(200);
    });
    let run = setup.start_with(records(0, 0, &["a"]));
    run.pass(1).await;
    run.read(records(0, 1, &["b", "c"]));
    run.pass(500).await;
    run.read(records(0, 3, &["d"]));
    run.pass(1).await;
    assert_eq!(run.puts(), [[0]], "one put may be in flight");
    gate.open();
    run.pass(1).await;
    assert_eq!(run.puts(), [vec![0], vec![1, 2, 3]]);
    run.read(records(0, 4, &["e"]));
    run.pass(1).await;
    assert_eq!(run.puts().last(), Some(&vec![4]));
}

/// Where another put may be in flight beside the first, its batch grows as well, though not for ever.
#[tokio::test(start_paused = true)]
async fn beside_a_put_in_flight_a_batch_lingers() {
    let gate = Gate::new();
    let setup = Setup::new(script([Answer::held(&gate)])).in_flight(2).with(|settings| {
        settings.lane.at_once = true;
        settings.lane.limits.order = Order::Key;
        settings.lane.batch.linger = Duration::from_millis(200);
    });
    let run = setup.start_with(vec![record(0, 0, "x", "")]);
    run.pass(1).await;
    run.read(vec![record(0, 1, "y", "")]);
    run.pass(150).await;
    run.read(vec![record(0, 2, "z", "")]);
    run.pass(40).await;
    assert_eq!(run.puts(), [[0]]);
    run.pass(20).await;
    assert_eq!(run.puts(), [vec![0], vec![1, 2]]);
}
