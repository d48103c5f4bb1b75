//! What is tried again, when, and for how long (invariants 5 and 9).

use std::time::Duration;

use sluice_connector_api::Failure;
use sluice_runtime::engine::PipelineSettings;
use tokio::time::Instant;

use crate::support::{Answer, Run, Setup, once, records, script};

fn waits(run: &Run) -> Vec<Duration> {
    run.journal.starts().windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// So that hours pass in few steps.
fn seldom_commits(settings: &mut PipelineSettings) {
    settings.commit_interval = Duration::from_secs(1000);
}

/// Invariant 9: retries used up stop the connector, also where rejected records are skipped.
#[tokio::test(start_paused = true)]
async fn an_outage_is_never_held_against_a_record() {
    let setup = Setup::new(script(std::iter::repeat_with(Answer::down))).tolerant();
    let began = Instant::now();
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().starts_with("retries used up after "), "{failed}");
    assert!(failed.to_string().ends_with(": the target is down"), "{failed}");
    assert!(began.elapsed() <= Duration::from_secs(61), "{:?}", began.elapsed());
    assert_eq!((run.committed(), run.tally().skipped, run.tally().abandoned), (Some(0), 0, 2));
}

/// Invariant 9: a single record that meets an outage is no poison either.
#[tokio::test(start_paused = true)]
async fn an_index_that_stays_down_stops_the_connector_and_its_neighbours_are_delivered() {
    let down = std::iter::once(Answer::down_at([1])).chain(std::iter::repeat_with(|| Answer::down_at([0])));
    let setup = Setup::new(script(down))
        .tolerant()
        .with(|settings| settings.lane.limits.order = sluice_connector_api::Order::Key);
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c"]));
    assert!(run.ended().await.is_err());
    assert_eq!((run.tally().delivered, run.tally().skipped, run.committed()), (2, 0, Some(1)));
}

/// Invariant 5: the engine tries again, and waits no longer than a full jitter does.
#[tokio::test(start_paused = true)]
async fn waits_between_tries_stay_within_the_bounds_of_full_jitter() {
    let mut all = Vec::new();
    for _ in 0..20 {
        let setup = Setup::new(script((0..8).map(|_| Answer::down())));
        let mut run = setup.start_with(records(0, 0, &["a"]));
        run.finish().await.unwrap();
        all.push(waits(&run));
        assert_eq!((run.tally().retries, run.tally().delivered), (8, 1));
    }
    for (failures, longest) in [100, 200, 400, 800, 1000, 1000, 1000, 1000].into_iter().enumerate() {
        // The clock counts in milliseconds and rounds up.
        let longest = Duration::from_millis(longest + 1);
        assert!(all.iter().all(|waits| waits[failures] <= longest), "wait {failures}");
        assert!(all.iter().any(|waits| waits[failures] > longest / 2), "wait {failures} uses its range");
        assert!(all.iter().any(|waits| waits[failures] < longest / 2), "wait {failures} uses its range");
    }
}

/// Invariant 5: the wait that the target asked for is the least.
#[tokio::test(start_paused = true)]
async fn the_wait_that_the_target_asks_for_is_respected() {
    let asked = Duration::from_secs(7);
    let mut run = Setup::new(once(Answer::Fail(Failure::throttled("429").retry_after(asked))))
        .start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!(waits(&run), [asked]);
}

/// Invariant 5: of several waits asked for in one answer, the longest.
#[tokio::test(start_paused = true)]
async fn the_longest_wait_of_an_answer_counts() {
    let after = |secs| Failure::throttled("429").retry_after(Duration::from_secs(secs));
    let answer = Answer::FailAt(vec![(0, after(3)), (1, after(9)), (2, Failure::retriable("busy"))]);
    let mut run = Setup::new(once(answer)).start_with(records(0, 0, &["a", "b", "c"]));
    run.finish().await.unwrap();
    assert_eq!(waits(&run), [Duration::from_secs(9)]);
}

/// Invariant 5: a wait that the target asks for is obeyed also where it is longer than a batch is tried: waiting as asked
/// is no failed try. It has a bound of its own.
#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_the_time_for_tries_is_obeyed_up_to_its_own_bound() {
    let hour = Duration::from_hours(1);
    for (asked, waited) in
        [(Duration::from_secs(61), Duration::from_secs(61)), (hour, hour), (hour * 2, hour)]
    {
        let later = || Answer::Fail(Failure::throttled("later").retry_after(asked));
        let setup = Setup::new(script([later(), Answer::down()])).with(seldom_commits);
        let mut run = setup.start_with(records(0, 0, &["a"]));
        run.pass(u64::try_from(waited.as_millis()).unwrap() + 5_000).await;
        run.finish().await.unwrap();
        assert_eq!(waits(&run)[0], waited);
        assert_eq!(run.stored(), [0], "there is time left for the next try");
    }
}

/// Invariant 5: a target that asks for longer and longer waits does not keep a connector from failing at last: of each
/// wait as much counts as would have been waited without it.
#[tokio::test(start_paused = true)]
async fn a_target_that_never_takes_anything_fails_the_connector_whatever_it_asks_for() {
    let later = || Answer::Fail(Failure::throttled("later").retry_after(Duration::from_secs(10)));
    let setup = Setup::new(script(std::iter::repeat_with(later)));
    let mut run = setup.start_with(records(0, 0, &["a"]));
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().starts_with("retries used up after "), "{failed}");
    // A minute of backoffs of up to a second.
    assert!((60..70).contains(&run.puts().len()), "{}", run.puts().len());
    assert!(waits(&run).iter().all(|wait| *wait == Duration::from_secs(10)));
    assert_eq!(run.committed(), Some(0));
}

/// Invariants 5 and 6: a wait that no clock can hold is no reason to panic, and ends with the connector.
#[tokio::test(start_paused = true)]
async fn a_wait_without_end_ends_with_the_connector() {
    let setup = Setup::new(once(Answer::Fail(Failure::throttled("later").retry_after(Duration::MAX))));
    let setup =
        setup.with(seldom_commits).with(|settings| settings.lane.retry.retry_after_max = Duration::MAX);
    let mut run = setup.start_with(records(0, 0, &["a"]));
    run.pass(100_000_000).await;
    run.stop().await.unwrap();
    assert_eq!((run.puts().len(), run.committed()), (1, Some(0)));
}

/// Invariant 5: a time-out or a linger that no clock can hold is one that never passes.
#[tokio::test(start_paused = true)]
async fn settings_without_end_are_no_reason_to_panic() {
    let setup = Setup::new(once(Answer::down())).with(|settings| {
        settings.lane.retry.timeout = Duration::MAX;
        settings.lane.batch.linger = Duration::MAX;
    });
    let mut run = setup.start_with(records(0, 0, &["a"]));
    run.pass(100_000).await;
    assert!(run.puts().is_empty());
    run.finish().await.unwrap();
    assert_eq!(run.stored(), [0]);
}

/// Invariant 5: what is stored is not put again, and a batch that gets on starts no new count.
#[tokio::test(start_paused = true)]
async fn only_what_failed_is_put_again() {
    let setup = Setup::new(script([Answer::down_at([1, 3]), Answer::down_at([1])]))
        .with(|settings| settings.lane.limits.order = sluice_connector_api::Order::Key);
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c", "d"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1, 2, 3], vec![1, 3], vec![3]]);
    assert_eq!((run.tally().delivered, run.tally().retries), (4, 2));
}

/// Invariant 3 with 5: while a batch waits for its next try, nothing of its partition passes it.
#[tokio::test(start_paused = true)]
async fn nothing_of_its_partition_passes_a_batch_that_backs_off() {
    let setup = Setup::new(script((0..5).map(|_| Answer::down()))).in_flight(4);
    let mut run = setup.start_with(records(0, 0, &["a"]));
    run.pass(20).await;
    run.read(records(0, 1, &["b"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [[0], [0], [0], [0], [0], [0], [1]]);
}

/// Invariants 5 and 6: a rebalance of another partition cuts the wait of a batch that stays short, and gives the batch
/// no more time.
#[tokio::test(start_paused = true)]
async fn rebalances_do_not_start_the_clock_of_a_batch_that_stays_anew() {
    let setup = Setup::new(script(std::iter::repeat_with(Answer::down)));
    let began = Instant::now();
    let mut run = setup.start();
    run.assign([0]);
    run.read(records(0, 0, &["a"]));
    while !run.has_ended() && began.elapsed() < Duration::from_mins(5) {
        run.assign([1]);
        run.pass(5000).await;
        let _ack = run.revoke([1]);
        run.pass(5000).await;
    }
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().starts_with("retries used up after "), "{failed}");
    assert!(began.elapsed() <= Duration::from_secs(71), "{:?}", began.elapsed());
}
