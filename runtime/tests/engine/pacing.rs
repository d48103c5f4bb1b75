//! The pace that a sink asks for (invariants 5 and 6).

use std::time::Duration;

use sluice_connector_api::Pace;
use sluice_runtime::pace::pacer::Pacers;

use crate::support::{Setup, records, script};

/// One call in two seconds, and a record per batch.
fn paced(pacers: &Pacers) -> Setup {
    let pacer = pacers.of(&Pace::new("account", 0.5));
    Setup::new(script([])).with(|settings| {
        settings.lane.pacer = Some(pacer);
        settings.lane.batch.max_records = 1;
    })
}

/// Invariant 5: the engine keeps to the pace, over all connectors that share it.
#[tokio::test(start_paused = true)]
async fn puts_keep_to_the_pace_that_connectors_share() {
    let pacers = Pacers::default();
    let mut one = paced(&pacers).start_with(records(0, 0, &["a", "b", "c"]));
    let mut other = paced(&pacers).start_with(records(0, 0, &["a", "b", "c"]));
    one.finish().await.unwrap();
    other.finish().await.unwrap();
    let mut starts = [one.journal.starts(), other.journal.starts()].concat();
    starts.sort_unstable();
    let waits: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.iter().all(|wait| *wait >= Duration::from_millis(1999)), "{waits:?}");
    assert_eq!((one.committed(), other.committed()), (Some(3), Some(3)));
}

/// Invariant 6: neither a stop nor a rebalance waits for a turn.
#[tokio::test(start_paused = true)]
async fn a_wait_for_a_turn_is_cut_short() {
    let mut run = paced(&Pacers::default()).start_with(records(0, 0, &["a", "b", "c", "d"]));
    run.is_cut_short(records(0, 1, &["b", "c"])).await;
    assert_eq!((run.stored(), run.committed(), run.budget.used()), (vec![0], Some(1), 0));
}
