//! How many calls a target takes at once (invariants 5 and 6).

use std::time::Duration;

use sluice_connector_api::{Failure, Order, Pace};
use sluice_runtime::pace::pacer::Pacers;
use tokio::time::Instant;

use crate::support::{Answer, Gate, Script, Setup, once, records, script};

/// Four puts in flight, a record each, of which so many may be calls under way.
fn bounded(script: Script, pacers: &Pacers, max_concurrent: usize) -> Setup {
    let pace = Pace::new("account", 1e6).with_max_concurrent(max_concurrent);
    let pacer = pacers.of(&pace);
    Setup::new(script).in_flight(4).with(|settings| {
        settings.lane.pacer = Some(pacer);
        settings.lane.batch.max_records = 1;
        settings.lane.limits.order = Order::Key;
    })
}

fn late() -> Script {
    script(std::iter::repeat_with(|| Answer::late(1000)))
}

/// Invariant 5: the bound holds over all connectors that draw on the budget, and the least is what counts.
#[tokio::test(start_paused = true)]
async fn calls_under_way_are_bounded_over_all_connectors_of_a_budget() {
    let pacers = Pacers::default();
    let began = Instant::now();
    let mut one = bounded(late(), &pacers, 3).start_with(records(0, 0, &["a"; 4]));
    let mut other = bounded(late(), &pacers, 2).start_with(records(0, 0, &["a"; 4]));
    one.finish().await.unwrap();
    other.finish().await.unwrap();
    let mut starts = [one.journal.starts(), other.journal.starts()].concat();
    starts.sort_unstable();
    let rounds: Vec<_> = starts.iter().map(|start| (*start - began).as_millis() / 1000).collect();
    assert_eq!(rounds, [0, 0, 1, 1, 2, 2, 3, 3]);
}

/// Invariant 10 in small: one that backs off leaves its place to the others.
#[tokio::test(start_paused = true)]
async fn a_backoff_holds_no_place() {
    let pacers = Pacers::default();
    let busy = Answer::Fail(Failure::retriable("down").retry_after(Duration::from_secs(50)));
    let one = bounded(once(busy), &pacers, 1).start_with(records(0, 0, &["a"]));
    one.pass(100).await;
    let mut other = bounded(script([]), &pacers, 1).start_with(records(0, 0, &["b"]));
    let asked = Instant::now();
    other.finish().await.unwrap();
    assert!(asked.elapsed() < Duration::from_millis(100), "{:?}", asked.elapsed());
    one.pass(60_000).await;
    assert_eq!((one.puts().len(), one.stored()), (2, vec![0]));
}

/// Invariant 6: neither a rebalance nor a stop waits for somebody else's call to end.
#[tokio::test(start_paused = true)]
async fn a_wait_for_a_place_is_cut_short() {
    let (pacers, gate) = (Pacers::default(), Gate::new());
    let holder = bounded(once(Answer::held(&gate)), &pacers, 1).start_with(records(0, 0, &["a"]));
    holder.pass(100).await;
    let mut run = bounded(script([]), &pacers, 1).start_with(records(0, 0, &["b"]));
    run.is_cut_short(records(0, 0, &["b"])).await;
    assert_eq!((run.puts().len(), run.committed()), (0, Some(0)));
    gate.open();
}

/// Invariant 5: a wait that was cut short, or a connector that is killed in its call, leaves no place taken.
#[tokio::test(start_paused = true)]
async fn a_connector_that_is_killed_gives_its_place_back() {
    let pacers = Pacers::default();
    let gate = Gate::new();
    let run = bounded(once(Answer::held(&gate)), &pacers, 1).start_with(records(0, 0, &["a"]));
    run.pass(100).await;
    let _run = run.kill().await;
    let mut next = bounded(script([]), &pacers, 1).start_with(records(0, 0, &["a"]));
    next.finish().await.unwrap();
    assert_eq!(next.stored(), [0]);
}
