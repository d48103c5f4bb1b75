//! Records at fault (invariants 2, 4 and 9).

use sluice_connector_api::Failure;

use crate::support::{Answer, Gate, Setup, naming, once, record, records, refusing, script};

/// Invariants 1 and 9: the record at fault is read again after the restart; that its neighbours behind it are
/// stored commits nothing past it.
#[tokio::test(start_paused = true)]
async fn stops_without_committing_past_a_rejected_record() {
    for script in [naming(), refusing()] {
        let mut run = Setup::new(script).start_with(records(0, 0, &["a", "b", "bad", "c"]));
        let failed = run.ended().await.unwrap_err();
        assert_eq!(failed.to_string().split(':').next(), Some("record t-0-2 was rejected by sink"));
        assert_eq!(run.committed(), Some(2));
        assert_eq!((run.tally().delivered, run.tally().abandoned), (3, 1));
    }
}

/// Invariant 1: that the source has ended is no reason to call a rejected record a success.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_rejected_after_the_source_ended_is_a_failure() {
    let mut run = Setup::new(naming()).start_with(records(0, 0, &["a", "bad", "b"]));
    assert!(run.finish().await.is_err());
    assert_eq!((run.committed(), run.tally().abandoned), (Some(1), 1));
}

/// Invariant 9: the number of puts grows with the logarithm of the batch.
#[tokio::test(start_paused = true)]
async fn a_rejected_batch_is_narrowed_until_the_bad_record_stands_alone() {
    for place in [0, 1, 300, 511] {
        let mut values = vec!["fine"; 512];
        values[place] = "bad";
        let setup = Setup::new(refusing()).tolerant().with(|settings| settings.lane.batch.max_records = 512);
        let mut run = setup.start_with(records(0, 0, &values));
        run.finish().await.unwrap();
        assert!(run.puts().len() <= 1 + 2 * 9, "{} puts", run.puts().len());
        assert!(run.puts().contains(&vec![i64::try_from(place).unwrap()]));
        assert_eq!((run.tally().delivered, run.tally().skipped, run.tally().retries), (511, 1, 0));
    }
}

/// Invariant 9: and each of them once, in order.
#[tokio::test(start_paused = true)]
async fn neighbours_of_a_rejected_record_are_delivered() {
    for script in [naming(), refusing()] {
        let mut run = Setup::new(script).tolerant().start_with(records(0, 0, &["a", "bad", "b", "bad", "c"]));
        run.finish().await.unwrap();
        assert_eq!((run.stored(), run.committed()), (vec![0, 2, 4], Some(5)));
    }
}

/// Invariant 9: half of a rejected batch may meet an outage; it is tried again, and before the other half.
#[tokio::test(start_paused = true)]
async fn a_narrowed_batch_that_meets_an_outage_is_tried_again() {
    let answers = [Answer::Fail(Failure::rejected("too odd")), Answer::down(), Answer::down()];
    let mut run = Setup::new(script(answers)).start_with(records(0, 0, &["a", "b", "c", "d"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1, 2, 3], vec![0, 1], vec![0, 1], vec![0, 1], vec![2, 3]]);
}

/// Invariants 1 and 9: a record rejected before the sink stops the connector, not those before it.
#[tokio::test(start_paused = true)]
async fn records_before_a_bad_one_are_delivered_before_the_connector_stops() {
    let setup = Setup::new(script([Answer::down()]))
        .with(|settings| settings.lane.batch.linger = std::time::Duration::from_mins(10));
    let mut run = setup.start_with(records(0, 0, &["a", "b", "foul", "c"]));
    let failed = run.ended().await.unwrap_err();
    let said = "record t-0-2 was rejected by transform 1 (obey): it is foul; to go on without such records set \
                `errors.tolerance: all`, and `errors.dead_letter_queue` to keep them";
    assert_eq!(failed.to_string(), said);
    assert_eq!((run.stored(), run.committed()), (vec![0, 1], Some(2)));
    assert_eq!(run.tally().abandoned, 2, "the record at fault and the one behind it");
}

/// Invariant 2: a record that is tolerated is counted, and its offset is committed.
#[tokio::test(start_paused = true)]
async fn a_tolerated_record_is_skipped_and_counted() {
    let mut run = Setup::new(script([])).tolerant().start_with(records(0, 0, &["foul", "a", "foul"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.read, tally.delivered, tally.skipped, tally.filtered), (3, 1, 2, 0));
    assert_eq!(run.committed(), Some(3));
}

/// Invariant 9: a record that is too large is at fault by itself; the sink need not see it.
#[tokio::test(start_paused = true)]
async fn a_record_over_the_sinks_limit_is_rejected_without_a_put() {
    let setup = || Setup::new(script([])).with(|settings| settings.lane.limits.max_record_bytes = 4);
    let input = || records(0, 0, &["1234", "12345", "1"]);
    let mut run = setup().tolerant().start_with(input());
    run.finish().await.unwrap();
    assert_eq!((run.puts(), run.tally().skipped), (vec![vec![0, 2]], 1));

    let mut run = setup().start_with(input());
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().contains("5 bytes"), "{failed}");
    assert_eq!((run.stored(), run.committed()), (vec![0], Some(1)));
}

/// Invariant 4: a record with a forged origin would commit somebody else's offset.
#[tokio::test(start_paused = true)]
async fn a_transform_cannot_change_the_origin() {
    let mut run = Setup::new(script([])).start_with(records(0, 0, &["a", "forge"]));
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().contains("changed the record's origin"), "{failed}");
    assert_eq!((run.stored(), run.committed()), (vec![0], Some(1)));
}

/// Invariant 1: a sink that names a record it was not given does not know what it stored.
#[tokio::test(start_paused = true)]
async fn an_index_outside_the_batch_stops_the_connector_and_commits_nothing() {
    let mut run = Setup::new(once(Answer::down_at([7]))).tolerant().start_with(records(0, 0, &["a", "b"]));
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().contains("record 7, which was not in the batch"), "{failed}");
    assert_eq!((run.committed(), run.tally().abandoned), (Some(0), 2));
}

/// Invariants 1 and 9: where a sink names an index twice, the record is not given up for what may pass.
#[tokio::test(start_paused = true)]
async fn a_record_named_as_rejected_and_as_retriable_is_tried_again() {
    for (first, second) in [
        (Failure::rejected("bad"), Failure::retriable("busy")),
        (Failure::retriable("busy"), Failure::rejected("bad")),
    ] {
        let answer = Answer::FailAt(vec![(0, first), (0, second)]);
        let mut run = Setup::new(once(answer)).tolerant().start_with(records(0, 0, &["a"]));
        run.finish().await.unwrap();
        assert_eq!((run.tally().delivered, run.tally().skipped), (1, 0));
    }
}

/// Invariant 1: a rejection and a fatal failure in one answer: the connector stops and neither is committed.
#[tokio::test(start_paused = true)]
async fn a_fatal_failure_beside_a_rejection_stops_before_both() {
    let failures = vec![(1, Failure::rejected("bad")), (2, Failure::fatal("no rights"))];
    let setup = Setup::new(once(Answer::FailAt(failures))).tolerant();
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c", "d"]));
    assert_eq!(run.ended().await.unwrap_err().to_string(), "no rights");
    assert_eq!((run.committed(), run.puts().len()), (Some(2), 1));
}

/// Invariant 6: what is left of a narrowing when the connector stops is left for the next start.
#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_narrowing_at_the_put_in_flight() {
    let gate = Gate::new();
    let rejected = || Box::new(Answer::Fail(Failure::rejected("bad")));
    let answers = [Answer::Held(gate.clone(), rejected()), Answer::Fail(Failure::rejected("bad"))];
    let mut run = Setup::new(script(answers)).tolerant().start_with(records(0, 0, &["a", "b", "c", "d"]));
    run.pass(100).await;
    run.stop.cancel();
    run.pass(100).await;
    gate.open();
    run.ended().await.unwrap();
    assert_eq!((run.puts().len(), run.committed(), run.tally().abandoned), (1, Some(0), 4));
}

/// Invariant 3: of the records of one key, the one at fault is skipped and the next is stored behind the one
/// before.
#[tokio::test(start_paused = true)]
async fn a_rejected_record_does_not_change_the_order_of_its_key() {
    let batch: Vec<_> =
        (0..7).map(|offset| record(0, offset, "x", if offset == 3 { "bad" } else { "-" })).collect();
    let mut run = Setup::new(refusing()).tolerant().start_with(batch);
    run.finish().await.unwrap();
    assert_eq!(run.stored(), [0, 1, 2, 4, 5, 6]);
}
