//! The byte budget (invariant 7).

use sluice_connector_api::Failure;

use crate::support::{Answer, Gate, Setup, naming, once, records, script, size};

/// Invariant 7: what is not given back is missing until the process ends.
#[tokio::test(start_paused = true)]
async fn the_budget_is_given_back_by_every_way_a_record_can_end() {
    let values = ["delivered", "drop", "foul", "split 3", "bad", "split 0", "too large by far"];
    let setup = Setup::new(naming()).tolerant().with(|settings| settings.lane.limits.max_record_bytes = 10);
    let mut run = setup.start_with(records(0, 0, &values));
    assert!(run.budget.used() > 0);
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.filtered, tally.skipped), (2, 2, 3));
    assert_eq!(run.budget.used(), 0);
}

/// Invariant 7: also the ways of a connector that does not end well.
#[tokio::test(start_paused = true)]
async fn the_budget_is_given_back_by_a_connector_that_fails() {
    let answers = || {
        [
            Answer::Fail(Failure::fatal("no rights")),
            Answer::FailAt(vec![(0, Failure::rejected("bad"))]),
            Answer::Fail(Failure::retriable("down").retry_after(std::time::Duration::MAX)),
        ]
    };
    for answer in answers() {
        let mut run = Setup::new(once(answer)).start_with(records(0, 0, &["a", "b", "foul", "c"]));
        assert!(run.ended().await.is_err());
        assert_eq!(run.budget.used(), 0);
        assert_eq!(run.tally().read, 4);
    }
}

/// Invariant 7: a stalled sink fills the budget, which is what stops the reading.
#[tokio::test(start_paused = true)]
async fn records_stay_in_the_budget_until_they_are_done() {
    let gate = Gate::new();
    let mut run = Setup::new(once(Answer::held(&gate))).start_with(records(0, 0, &["12345", "123"]));
    run.pass(100_000).await;
    run.read(records(0, 2, &["12"]));
    run.pass(100_000).await;
    assert_eq!(run.budget.used(), size(&records(0, 0, &["12345", "123", "12"])));
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.budget.used(), 0);
}

/// Invariant 7: a million empty records take no less memory than a million small ones.
#[test]
fn a_record_without_a_byte_takes_room_all_the_same() {
    assert!(size(&records(0, 0, &[""])) > 500);
}

/// Invariant 7: a batch that backs off holds its bytes; a revoke gives them back, a late put not once more.
#[tokio::test(start_paused = true)]
async fn a_revoke_gives_the_bytes_of_its_records_back_once() {
    let gate = Gate::new();
    let mut run = Setup::new(script([Answer::held(&gate)])).start_with(records(0, 0, &["12345", "drop"]));
    run.pass(100).await;
    assert_eq!(run.budget.used(), size(&records(0, 0, &["12345"])));
    let _ack = run.lose([0]);
    run.pass(2).await;
    assert_eq!(run.budget.used(), 0);
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.budget.used(), 0);
}
