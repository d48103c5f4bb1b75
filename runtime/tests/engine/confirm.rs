//! Records that a put accepts and the target stores later (invariants 1, 3, 5, 6, 7 and 9).

use std::time::Duration;

use sluice_connector_api::{Confirmation, Failure, Order, Pace, Record};
use sluice_runtime::pace::pacer::Pacers;
use tokio::time::Instant;

use crate::support::{
    Answer, ConfirmScript, Gate, Reply, Run, Setup, confirmations, naming, once, partition, pending, record,
    records, script, size, stored,
};

/// A sink that orders by key and accepts everything.
fn accepting(confirmations: ConfirmScript) -> Setup {
    let by_key = |settings: &mut sluice_runtime::engine::PipelineSettings| {
        settings.lane.limits.order = Order::Key;
    };
    Setup::new(script([])).with(by_key).confirm(confirmations)
}

/// Says for ever that nothing is known.
fn never() -> ConfirmScript {
    Box::new(pending)
}

fn lost() -> Confirmation {
    Confirmation::Failed(Failure::retriable("not indexed"))
}

/// Partition 0 from offset 0, by key.
fn keyed(keys: &[&str]) -> Vec<Record> {
    (0..).zip(keys).map(|(offset, key)| record(0, offset, key, "a")).collect()
}

/// When each confirmation was asked, in milliseconds from `began`.
fn asked_at(run: &Run, began: Instant) -> Vec<u128> {
    run.journal.confirmations().iter().map(|(at, _)| (*at - began).as_millis()).collect()
}

/// Invariants 1 and 7: that a put accepted a record is no reason to commit it, nor to give its bytes back.
#[tokio::test(start_paused = true)]
async fn an_accepted_record_is_done_when_it_is_seen_to_be_stored() {
    let gate = Gate::new();
    let first = Reply::held(&gate, Reply::Each(vec![Confirmation::Stored, Confirmation::Stored]));
    let run = accepting(confirmations([first])).start_with(records(0, 0, &["a", "b"]));
    run.pass(60_000).await;
    assert_eq!((run.puts(), run.committed(), run.tally().delivered), (vec![vec![0, 1]], Some(0), 0));
    assert_eq!(run.budget.used(), size(&records(0, 0, &["a", "b"])));
    gate.open();
    run.pass(100).await;
    assert_eq!((run.committed(), run.tally().delivered, run.budget.used()), (Some(2), 2, 0));
}

/// Invariant 5: not before the interval, nor in between.
#[tokio::test(start_paused = true)]
async fn a_pending_record_is_asked_for_again_after_each_interval() {
    let began = Instant::now();
    let answers = || Reply::Each(vec![Confirmation::Pending, Confirmation::Stored]);
    let setup = accepting(confirmations([answers(), Reply::Each(vec![Confirmation::Pending])]));
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    run.finish().await.unwrap();
    assert_eq!(run.asked(), [vec![0, 1], vec![0], vec![0]]);
    assert_eq!(asked_at(&run, began), [100, 200, 300]);
    assert_eq!((run.stored(), run.committed(), run.puts().len()), (vec![1, 0], Some(2), 1));
}

/// Invariant 5: a confirmation gathers what is due, over the puts it came by, and no more than the sink takes.
#[tokio::test(start_paused = true)]
async fn a_confirmation_gathers_the_records_of_several_puts() {
    let setup = accepting(confirmations([])).with(|settings| {
        settings.lane.batch.max_records = 2;
        settings.lane.confirm.as_mut().unwrap().max_records = 3;
    });
    let mut run = setup.start_with(records(0, 0, &["a"; 7]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1], vec![2, 3], vec![4, 5], vec![6]]);
    assert_eq!(run.asked().iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 1]);
    assert_eq!(run.stored(), [0, 1, 2, 3, 4, 5, 6]);
}

/// Accepted records take no place among the puts in flight, but later ones of their key wait (invariant 3).
#[tokio::test(start_paused = true)]
async fn an_accepted_record_holds_its_key_and_no_place() {
    let gate = Gate::new();
    let setup = accepting(confirmations([Reply::held(&gate, Reply::Each(vec![Confirmation::Stored]))]));
    let run = setup.start_with(keyed(&["x"]));
    run.pass(50).await;
    run.read(vec![record(0, 1, "x", "b"), record(0, 2, "y", "b")]);
    run.pass(10_000).await;
    assert_eq!(run.puts(), [[0], [2]]);
    gate.open();
    run.pass(1000).await;
    assert_eq!(run.puts(), [[0], [2], [1]]);
    assert_eq!(run.committed(), Some(3));
}

/// Invariant 9: a record at fault is tolerated or not, like one that the put rejected.
#[tokio::test(start_paused = true)]
async fn a_record_that_turns_out_at_fault_is_rejected() {
    let answer = || {
        let bad = Confirmation::Failed(Failure::rejected("no text in it"));
        confirmations([Reply::Each(vec![Confirmation::Stored, bad, Confirmation::Stored])])
    };
    let values = ["a", "b", "c"];
    let mut run = accepting(answer()).start_with(records(0, 0, &values));
    assert_eq!(
        run.ended().await.unwrap_err().to_string(),
        "record t-0-1 was rejected by sink: no text in it; to go on without such records set `errors.tolerance: all`, and \
         `errors.dead_letter_queue` to keep them"
    );
    assert_eq!((run.committed(), run.tally().delivered, run.tally().abandoned), (Some(1), 2, 1));
    let mut run = accepting(answer()).letters(script([])).start_with(records(0, 0, &values));
    run.finish().await.unwrap();
    assert_eq!((run.committed(), run.tally().delivered, run.tally().dead_lettered), (Some(3), 2, 1));
    assert_eq!(run.puts().len(), 1);
}

/// Invariants 2 and 9: what it would have superseded is put after all, and confirmed.
#[tokio::test(start_paused = true)]
async fn what_a_record_that_turns_out_at_fault_would_have_superseded_is_put_after_all() {
    let bad = Confirmation::Failed(Failure::rejected("too long"));
    let setup = accepting(confirmations([Reply::Each(vec![bad])])).tolerant().with(|settings| {
        settings.lane.limits.order = Order::Id { newest_wins: true };
    });
    let mut run = setup.start_with(keyed(&["x", "x", "x"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((run.puts(), run.stored()), (vec![vec![2], vec![1]], vec![1]));
    assert_eq!((tally.delivered, tally.superseded, tally.skipped, run.committed()), (1, 1, 1, Some(3)));
}

/// Invariants 3 and 5: it is put again after a backoff, before what came later of its key.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_not_stored_is_put_again() {
    let mut run = accepting(confirmations([Reply::Each(vec![lost()])])).start_with(keyed(&["x"]));
    run.pass(50).await;
    run.read(vec![record(0, 1, "x", "b"), record(0, 2, "y", "b")]);
    run.finish().await.unwrap();
    let of_x: Vec<_> = run.puts().concat().into_iter().filter(|offset| *offset < 2).collect();
    assert_eq!((of_x, run.tally().retries), (vec![0, 0, 1], 1));
    assert_eq!((run.committed(), run.tally().delivered), (Some(3), 3));
}

/// Invariant 3: what is stored behind it would be overwritten, so it is put again, too.
#[tokio::test(start_paused = true)]
async fn a_record_that_was_not_stored_is_put_again_with_its_successors() {
    let answer = Reply::Each(vec![Confirmation::Stored, lost(), Confirmation::Stored, Confirmation::Stored]);
    let mut run = accepting(confirmations([answer])).start_with(keyed(&["x", "x", "x", "y"]));
    run.finish().await.unwrap();
    assert_eq!(run.puts(), [vec![0, 1, 2, 3], vec![1, 2]]);
    assert_eq!((run.committed(), run.tally().delivered, run.tally().retries), (Some(4), 4, 1));
}

/// Invariant 3: nor does a later record count as stored while an earlier one of its key may be put again.
#[tokio::test(start_paused = true)]
async fn a_stored_record_behind_a_pending_one_of_its_key_waits_for_it() {
    let first = Reply::Each(vec![Confirmation::Pending, Confirmation::Stored]);
    let second = Reply::Each(vec![lost(), Confirmation::Stored]);
    let mut run = accepting(confirmations([first, second])).start_with(keyed(&["x", "x"]));
    run.finish().await.unwrap();
    assert_eq!(run.asked(), [[0, 1], [0, 1], [0, 1]]);
    assert_eq!(run.puts(), [[0, 1], [0, 1]]);
}

/// Invariant 9: a record that stays pending is put again after its time-out.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_pending_for_too_long_is_put_again() {
    let began = Instant::now();
    let answers = (0..11).map(|_| Reply::Each(vec![Confirmation::Pending]));
    let mut run = accepting(confirmations(answers)).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    let starts: Vec<_> = run.journal.starts().iter().map(|start| (*start - began).as_millis()).collect();
    assert_eq!(starts.len(), 2);
    assert!((1100..=1250).contains(&starts[1]), "{starts:?}");
    assert_eq!((run.tally().retries, run.committed()), (1, Some(1)));
}

/// Invariant 9: an outage stops the connector in the end, and is held against no record.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_never_stored_stops_the_connector() {
    let answers: ConfirmScript = Box::new(|records| Reply::Each(records.iter().map(|_| lost()).collect()));
    let mut run = accepting(answers).tolerant().start_with(records(0, 0, &["a"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("retries used up after ") && failed.ends_with(": not indexed"), "{failed}");
    assert!(run.puts().len() > 30, "{}", run.puts().len());
    assert_eq!((run.committed(), run.tally().skipped, run.budget.used()), (Some(0), 0, 0));
}

/// Invariants 1 and 9: rights and ids are set-up, in an answer and in the confirmation.
#[tokio::test(start_paused = true)]
async fn a_fatal_failure_stops_and_keeps_the_offsets() {
    let fatal = || Failure::fatal("no rights");
    let in_answer = Reply::Each(vec![Confirmation::Stored, Confirmation::Failed(fatal())]);
    for (reply, committed) in [(in_answer, Some(1)), (Reply::Fail(fatal()), Some(0))] {
        let mut run = accepting(confirmations([reply])).tolerant().start_with(records(0, 0, &["a", "b"]));
        assert!(run.ended().await.unwrap_err().to_string().ends_with("no rights"));
        assert_eq!((run.committed(), run.budget.used(), run.puts().len()), (committed, 0, 1));
    }
}

/// Invariant 9: an answer that fits no confirmation is the sink's fault, and no record is done by it.
#[tokio::test(start_paused = true)]
async fn an_answer_for_too_few_or_too_many_records_stops_the_connector() {
    for answers in [1, 3] {
        let reply = Reply::Each((0..answers).map(|_| Confirmation::Stored).collect());
        let mut run = accepting(confirmations([reply])).start_with(records(0, 0, &["a", "b"]));
        let failed = run.ended().await.unwrap_err().to_string();
        assert!(failed.contains(&format!("of 2 records and answered for {answers}")), "{failed}");
        assert_eq!((run.committed(), run.tally().abandoned), (Some(0), 2));
    }
}

/// Invariant 5: that the confirmation failed says nothing of the records, which are not put again.
#[tokio::test(start_paused = true)]
async fn a_confirmation_that_fails_is_asked_again() {
    let began = Instant::now();
    let asked = Duration::from_secs(7);
    let busy = Reply::Fail(Failure::throttled("429").retry_after(asked));
    let mut run = accepting(confirmations([busy])).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!(asked_at(&run, began), [100, 7100]);
    assert_eq!((run.puts().len(), run.committed(), run.tally().retries), (1, Some(1), 0));
    let down: ConfirmScript = Box::new(|_| Reply::Fail(Failure::retriable("down")));
    let mut run = accepting(down).start_with(records(0, 0, &["a"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.contains("retries used up after "), "{failed}");
    assert_eq!((run.puts().len(), run.committed()), (1, Some(0)));
}

/// Invariant 5: confirmations have a pace of their own.
#[tokio::test(start_paused = true)]
async fn confirmations_keep_to_their_pace() {
    let pace = Pace::new("confirmations", 0.5);
    let setup = accepting(confirmations([])).with(|settings| {
        settings.lane.confirm_pacer = Some(Pacers::default().of(&pace));
        settings.lane.confirm.as_mut().unwrap().max_records = 1;
        settings.lane.limits.max_in_flight = 4;
    });
    let mut run = setup.start_with(records(0, 0, &["a", "b", "c"]));
    run.finish().await.unwrap();
    let starts: Vec<_> = run.journal.confirmations().iter().map(|(at, _)| *at).collect();
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(1999)), "{starts:?}");
}

/// Invariant 6: a stop asks nothing more; what is in flight ends, and what it says is committed.
#[tokio::test(start_paused = true)]
async fn a_stop_lets_the_confirmation_in_flight_end_and_asks_no_other() {
    let both = Reply::Each(vec![Confirmation::Stored, Confirmation::Pending]);
    let setup = accepting(confirmations([Reply::Late(Duration::from_secs(3), Box::new(both))]));
    let mut run = setup.start_with(records(0, 0, &["a", "b"]));
    run.pass(200).await;
    run.stop().await.unwrap();
    assert_eq!((run.asked().len(), run.committed()), (1, Some(1)));
    assert_eq!((run.tally().delivered, run.tally().abandoned, run.budget.used()), (1, 1, 0));
}

/// Invariant 6: neither for a record that is pending, nor for one that waits to be put again.
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_accepted_records() {
    let busy = || Confirmation::Failed(Failure::retriable("busy").retry_after(Duration::from_secs(50)));
    for reply in [Reply::Each(vec![Confirmation::Pending]), Reply::Each(vec![busy()])] {
        let mut run = accepting(confirmations([reply])).start_with(records(0, 0, &["a"]));
        run.pass(150).await;
        let asked = Instant::now();
        run.stop().await.unwrap();
        assert!(asked.elapsed() < Duration::from_millis(5), "{:?}", asked.elapsed());
        assert_eq!((run.committed(), run.tally().abandoned, run.budget.used()), (Some(0), 1, 0));
    }
}

/// Invariant 6: nor does a rebalance wait for a confirmation's backoff.
#[tokio::test(start_paused = true)]
async fn a_rebalance_does_not_wait_for_accepted_records() {
    let busy = || Failure::throttled("429").retry_after(Duration::from_secs(50));
    for reply in [Reply::Each(vec![Confirmation::Pending]), Reply::Fail(busy())] {
        let run = accepting(confirmations([reply])).start_with(records(0, 3, &["a"]));
        run.pass(150).await;
        let ack = run.revoke([0]);
        run.pass(2).await;
        assert_eq!(ack.try_recv(), Ok(vec![]));
        run.pass(60_000).await;
        assert_eq!((run.puts().len(), run.asked().len()), (1, 1), "it is somebody else's");
        assert_eq!((run.tally().abandoned, run.budget.used()), (1, 0));
    }
}

/// Invariants 1 and 6: a confirmation in flight may end and be committed, within 5s.
#[tokio::test(start_paused = true)]
async fn a_rebalance_waits_for_the_confirmation_in_flight() {
    let late = Reply::Late(Duration::from_secs(3), Box::new(Reply::Each(vec![Confirmation::Stored])));
    let run = accepting(confirmations([late])).start_with(records(0, 0, &["a"]));
    run.pass(200).await;
    let ack = run.revoke([0]);
    run.pass(2000).await;
    assert!(ack.try_recv().is_err());
    run.pass(1000).await;
    assert_eq!(ack.try_recv(), Ok(vec![(partition(0), 1)]));
}

/// Invariants 1 and 3: an answer that comes after the partition was lost commits nothing and puts nothing again.
#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_after_the_partition_was_lost_changes_nothing() {
    for said in [Confirmation::Stored, Confirmation::Pending, lost()] {
        let gate = Gate::new();
        let setup = accepting(confirmations([Reply::held(&gate, Reply::Each(vec![said]))]));
        let mut run = setup.start_with(keyed(&["x"]));
        run.pass(200).await;
        let _ack = run.lose([0]);
        run.assign([0]);
        run.read(keyed(&["x"]));
        run.pass(100).await;
        gate.open();
        run.finish().await.unwrap();
        assert_eq!(run.puts(), [[0], [0]], "once for each reading");
        assert_eq!((run.committed(), run.tally().delivered, run.tally().abandoned), (Some(1), 1, 1));
        assert_eq!(run.budget.used(), 0);
    }
}

/// Invariants 1 and 2: an older one is put after all where the newer one goes with its partition.
#[tokio::test(start_paused = true)]
async fn an_older_record_is_put_after_all_where_the_accepted_one_goes() {
    let mut first = true;
    let setup =
        accepting(Box::new(
            move |records| {
                if std::mem::take(&mut first) { pending(records) } else { stored(records) }
            },
        ));
    let setup = setup.with(|settings| {
        settings.lane.limits.order = Order::Id { newest_wins: true };
    });
    let mut run = setup.start();
    run.assign([0, 1]);
    run.read(vec![record(0, 0, "x", "1"), record(1, 7, "x", "2")]);
    run.pass(150).await;
    let _ack = run.lose([1]);
    run.finish().await.unwrap();
    assert_eq!((run.puts(), run.stored()), (vec![vec![7], vec![0]], vec![0]));
    assert_eq!((run.tally().delivered, run.tally().abandoned, run.committed()), (1, 1, Some(1)));
}

/// Invariant 6: the end of the source waits until all is stored.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_source_waits_for_accepted_records() {
    let answers = (0..5).map(|_| Reply::Each(vec![Confirmation::Pending]));
    let mut run = accepting(confirmations(answers)).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!((run.asked().len(), run.committed()), (6, Some(1)));
}

/// Invariant 9: what a put rejects is not asked for.
#[tokio::test(start_paused = true)]
async fn only_what_the_put_accepted_is_asked_for() {
    let answers = [Answer::down_at([1])];
    let setup = Setup::new(script(answers)).with(|settings| settings.lane.limits.order = Order::Key);
    let mut run = setup.confirm(confirmations([])).start_with(records(0, 0, &["a", "b"]));
    run.finish().await.unwrap();
    assert_eq!((run.puts(), run.asked()), (vec![vec![0, 1], vec![1]], vec![vec![0, 1]]));
    let mut run = Setup::new(naming()).tolerant().confirm(never()).start_with(records(0, 0, &["bad"]));
    run.finish().await.unwrap();
    assert!(run.asked().is_empty());
    let mut run =
        Setup::new(once(Answer::down())).confirm(confirmations([])).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!((run.puts().len(), run.asked().len()), (2, 1));
}

/// Invariants 1 and 9: a sink that panics when it is asked what became of records is asked again, and then the connector
/// says what it said. Nothing is committed, and nothing is put again.
#[tokio::test(start_paused = true)]
async fn a_confirmation_that_panics_is_tried_again_until_the_time_is_up() {
    let mut run = accepting(confirmations([Reply::Panic])).start_with(keyed(&["x"]));
    run.finish().await.unwrap();
    assert_eq!((run.asked().len(), run.committed()), (2, Some(1)));

    let mut run = accepting(Box::new(|_| Reply::Panic)).tolerant().start_with(keyed(&["x"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(
        failed.starts_with("it is not known what became of accepted records: retries used up"),
        "{failed}"
    );
    assert!(failed.ends_with(": the script says so"), "{failed}");
    assert_eq!((run.puts().len(), run.tally().skipped, run.committed()), (1, 0, Some(0)));
}
