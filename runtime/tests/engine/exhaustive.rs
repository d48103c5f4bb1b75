//! Every way in which a handful of events can follow each other: the races of puts, commits and rebalances.
//!
//! This takes the place of a model of threads (loom, shuttle). All that decides is in one task, which takes one event
//! at a time; the poller's thread shares with it only channels, a lock around the offsets that wait to be committed,
//! and counters. So what can race is the order of events, and that is what is tried here, on the real pipeline.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sluice_connector_api::Order;

use crate::world::{Case, Kind, Mood, Op, World};

/// Events after the first ones.
const DEPTH: usize = 4;

/// What may happen next where partition 0 is ours, or is not.
fn choices(ours: bool) -> Vec<Op> {
    let mut choices = vec![Op::Read(1, 1), Op::Pass(60), Op::RefuseCommit(0)];
    if ours {
        choices.extend([Op::Read(0, 1), Op::Read(0, 2), Op::TakeAway(0, false), Op::TakeAway(0, true)]);
    } else {
        choices.push(Op::Assign(0));
    }
    choices
}

/// All sequences of so many events.
fn sequences(depth: usize, ours: bool) -> Vec<Vec<Op>> {
    if depth == 0 {
        return vec![Vec::new()];
    }
    let then = |op: Op| {
        let ours = match op {
            Op::TakeAway(..) => false,
            Op::Assign(_) => true,
            _ => ours,
        };
        sequences(depth - 1, ours).into_iter().map(move |rest| [vec![op], rest].concat())
    };
    choices(ours).into_iter().flat_map(then).collect()
}

/// Two partitions are ours and the first records of one are read; of its four, the second is dropped and the third
/// becomes two.
fn case(moods: &[Mood], ops: Vec<Op>) -> Case {
    let log = [(Kind::Plain, 1), (Kind::Dropped, 1), (Kind::Split(2), 2), (Kind::Plain, 1)];
    let log = log.map(|(kind, key)| (kind, key, 1)).to_vec();
    let first = vec![Op::Assign(0), Op::Assign(1), Op::Read(0, 1), Op::Pass(11)];
    Case {
        ordered_by: Order::Key,
        max_in_flight: 2,
        max_records: 2,
        tolerant: false,
        newest_wins: false,
        at_once: false,
        striped: false,
        doubts: None,
        logs: vec![log, vec![(Kind::Plain, 1, 1)], Vec::new()],
        moods: moods.to_vec(),
        ops: [first, ops].concat(),
    }
}

fn live(case: Case) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(World::live(case));
}

/// Invariants 1, 2, 3, 6 and 7, as [`World`] and its witness check them at every step.
#[test]
fn no_order_of_puts_commits_and_rebalances_breaks_an_invariant() {
    let scripts: [&[Mood]; 3] = [
        &[Mood::Good],
        &[Mood::Slow(50), Mood::Slow(70), Mood::DownAt(1)],
        &[Mood::Down, Mood::Slow(50), Mood::Good],
    ];
    let all = sequences(DEPTH, true);
    assert!(all.len() > 1000, "{}", all.len());
    for moods in scripts {
        for ops in &all {
            let case = case(moods, ops.clone());
            let lived = catch_unwind(AssertUnwindSafe(|| live(case.clone())));
            assert!(lived.is_ok(), "{case:?}");
        }
    }
}
