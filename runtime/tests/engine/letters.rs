//! Records at fault on their way to the dead letter queue (invariants 1, 2, 6 and 9).

use std::sync::mpsc::TryRecvError;

use serde_json::json;
use sluice_connector_api::{Converter, Failure, Payload, Record, Registry, Timestamp, TimestampType};
use sluice_runtime::engine::letters::tolerance::Threshold;
use sluice_runtime::engine::{NextStart, Window};

use crate::support::{
    Answer, Gate, Run, Setup, naming, once, partition, record, records, refusing, script, size,
};

/// The offsets that the queue says it stored, in that order.
fn lettered(run: &Run) -> Vec<i64> {
    run.letters.stored().iter().map(|letter| letter.origin().offset()).collect()
}

fn header(letter: &Record, name: &str) -> Option<String> {
    let found = letter.headers.iter().find(|header| header.name == name)?;
    Some(String::from_utf8(found.value.as_ref()?.to_vec()).unwrap())
}

/// One header of every letter stored.
fn headers(run: &Run, name: &str) -> Vec<Option<String>> {
    run.letters.stored().iter().map(|letter| header(letter, name)).collect()
}

/// A record with something of everything, and bytes that are no text where `value` allows it.
fn rich(value: &'static [u8]) -> Record {
    let mut record = record(0, 0, "", "");
    record.key = Some(Payload::Bytes(b"\xff\x00".as_slice().into()));
    record.value = Some(Payload::Bytes(value.into()));
    record.timestamp = Some(Timestamp { millis: 1_234, kind: TimestampType::CreateTime });
    record.headers.push("mine", Some(b"\xfe".as_slice().into()));
    record.headers.push("mine", None);
    record
}

/// Invariant 1: that the record was rejected is no reason to commit it; that the queue has it is one.
#[tokio::test(start_paused = true)]
async fn a_rejected_records_offset_waits_until_the_letter_is_stored() {
    for value in ["bad", "foul"] {
        let gate = Gate::new();
        let setup = Setup::new(naming()).letters(once(Answer::held(&gate)));
        let mut run = setup.start_with(records(0, 0, &["a", value, "b"]));
        run.pass(60_000).await;
        assert_eq!((run.letters.puts().len(), run.stored()), (1, vec![0, 2]));
        assert_eq!((run.committed(), run.tally().dead_lettered), (Some(1), 0));
        gate.open();
        run.pass(100).await;
        assert_eq!((run.committed(), run.tally().dead_lettered), (Some(3), 1));
        run.finish().await.unwrap();
        assert_eq!((run.tally().in_flight(), run.budget.used()), (0, 0));
    }
}

/// Invariant 1: a worker that is killed meanwhile has committed nothing, and reads the record again.
#[tokio::test(start_paused = true)]
async fn a_letter_in_flight_when_the_worker_is_killed_is_not_committed() {
    let setup = Setup::new(script([])).letters(once(Answer::held(&Gate::new())));
    let run = setup.start_with(records(0, 0, &["foul", "a"]));
    run.pass(10_000).await;
    let run = run.kill().await;
    assert_eq!((run.letters.puts().len(), run.journal.commits(0)), (1, vec![0]));
}

/// Invariants 1 and 6: a stop cuts the wait for the queue short, and leaves the record for the next start.
#[tokio::test(start_paused = true)]
async fn a_stop_while_the_queue_is_down_abandons_the_record() {
    let setup = Setup::new(script([])).letters(script(std::iter::repeat_with(Answer::down)));
    let mut run = setup.start_with(records(0, 0, &["a", "foul", "b"]));
    run.pass(5_000).await;
    run.stop().await.unwrap();
    let tally = run.tally();
    assert_eq!((run.committed(), tally.delivered, tally.abandoned, tally.dead_lettered), (Some(1), 2, 1, 0));
    assert_eq!(run.budget.used(), 0);
}

/// Invariant 6: a stop lets the put of a letter end, and commits it.
#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_the_letter_in_flight() {
    let setup = Setup::new(script([])).letters(once(Answer::late(3_000)));
    let mut run = setup.start_with(records(0, 0, &["foul", "a"]));
    run.pass(1_000).await;
    run.stop().await.unwrap();
    assert_eq!((run.committed(), run.tally().dead_lettered), (Some(2), 1));
}

/// A converter as connectors have it.
fn built(converter: &str) -> Box<dyn Converter> {
    sluice_transforms::register(Registry::new()).converter(converter).unwrap().build(json!({})).unwrap()
}

/// Invariant 2: whoever rejects it, the record ends in one counter, and the queue has it as it was read.
#[tokio::test(start_paused = true)]
async fn a_letter_is_the_record_as_read_whoever_rejects_it() {
    let stages = [
        ("json", b"\xff{".as_slice(), "VALUE_CONVERTER", "converter", None, "0"),
        ("string", b"foul".as_slice(), "TRANSFORMATION", "obey", Some("0"), "0"),
        ("string", b"bad".as_slice(), "TASK_PUT", "scripted", None, "1"),
    ];
    for (converter, value, stage, plugin, index, attempts) in stages {
        let setup = Setup::new(naming()).value(built(converter)).letters(script([]));
        let mut run = setup.start_with(vec![rich(value)]);
        run.finish().await.unwrap();
        let tally = run.tally();
        assert_eq!((tally.read, tally.dead_lettered, tally.skipped, tally.delivered), (1, 1, 0, 0));
        assert_eq!(run.committed(), Some(1));
        let [letter] = &run.letters.stored()[..] else { panic!("one letter") };
        let read = rich(value);
        assert_eq!(
            (&letter.key, &letter.value, letter.timestamp),
            (&read.key, &read.value, read.timestamp),
            "{stage}"
        );
        assert_eq!(
            letter.headers.iter().take(2).collect::<Vec<_>>(),
            read.headers.iter().collect::<Vec<_>>()
        );
        let names = [
            "__connect.errors.stage",
            "__connect.errors.class.name",
            "__sluice.errors.transform.index",
            "__sluice.errors.attempts",
        ];
        let expected = [Some(stage), Some(plugin), index, Some(attempts)];
        assert_eq!(names.map(|name| header(letter, name)), expected.map(|value| value.map(str::to_owned)));
    }
}

/// Invariant 9: what is rejected before it ever reaches the sink, for it is too large, goes there too.
#[tokio::test(start_paused = true)]
async fn a_record_too_large_for_the_sink_goes_to_the_queue() {
    let setup = Setup::new(script([])).with(|settings| settings.lane.limits.max_record_bytes = 4);
    let setup = setup.letters_with(script([]), |limits| limits.max_record_bytes = 1_000_000);
    let mut run = setup.start_with(records(0, 0, &["a", "12345", "b"]));
    run.finish().await.unwrap();
    assert_eq!((run.stored(), lettered(&run), run.committed()), (vec![0, 2], vec![1], Some(3)));
}

/// Invariant 9: an outage of the queue is an outage; nothing is skipped for it.
#[tokio::test(start_paused = true)]
async fn an_outage_of_the_queue_is_waited_for() {
    let setup = Setup::new(script([])).letters(script((0..8).map(|_| Answer::down())));
    let mut run = setup.start_with(records(0, 0, &["foul", "a", "foul"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((lettered(&run), run.letters.puts().len()), (vec![0, 2], 9));
    assert_eq!((tally.dead_lettered, tally.delivered, tally.skipped), (2, 1, 0));
    assert_eq!(run.committed(), Some(3));
}

/// Invariants 1 and 9: an outage that does not pass stops the connector at the record.
#[tokio::test(start_paused = true)]
async fn a_queue_that_stays_down_stops_the_connector_uncommitted() {
    let setup = Setup::new(script([])).letters(script(std::iter::repeat_with(Answer::down)));
    let mut run = setup.start_with(records(0, 0, &["a", "foul", "b"]));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("dead letter queue: retries used up after "), "{failed}");
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.abandoned, tally.skipped), (2, 1, 0));
    assert_eq!(run.committed(), Some(1));
}

/// Invariant 1: what is behind a letter is put once, however often the connector starts before the queue takes it.
#[tokio::test(start_paused = true)]
async fn behind_a_letter_that_the_queue_did_not_take_nothing_is_put_before_it_does() {
    let setup = || Setup::new(script([])).letters_first();
    let down = script(std::iter::repeat_with(Answer::down));
    let mut run = setup().letters(down).start_with(records(0, 0, &["foul", "a", "b"]));
    let failed = run.ended().await.unwrap_err();
    assert_eq!((failed.next_start, run.stored()), (NextStart::LettersFirst, vec![]));
    assert_eq!((run.committed(), run.tally().abandoned), (Some(0), 3));
    let back = script((0..4).map(|_| Answer::down()));
    let mut run = setup().letters(back).start_with(records(0, 0, &["foul", "a", "foul", "b"]));
    run.finish().await.unwrap();
    assert_eq!((lettered(&run), run.stored(), run.committed()), (vec![0, 2], vec![1, 3], Some(4)));
}

/// Once the queue took one, the sink waits for letters no more than ever.
#[tokio::test(start_paused = true)]
async fn once_the_queue_takes_letters_again_nothing_waits_for_them() {
    let gate = Gate::new();
    let setup = Setup::new(script([])).letters_first().letters(script([Answer::Store, Answer::held(&gate)]));
    let mut run = setup.start_with(records(0, 0, &["foul", "a"]));
    run.pass(1_000).await;
    run.read(records(0, 2, &["foul", "b"]));
    run.pass(1_000).await;
    assert_eq!((run.stored(), run.committed()), (vec![1, 3], Some(2)));
    gate.open();
    run.finish().await.unwrap();
    assert_eq!(run.committed(), Some(4));
}

/// Invariants 1 and 9: no right to write to the queue is nothing that passes.
#[tokio::test(start_paused = true)]
async fn a_queue_that_may_not_be_written_stops_the_connector_at_once() {
    let setup = Setup::new(script([])).letters(once(Answer::Fail(Failure::fatal("no rights"))));
    let mut run = setup.start_with(records(0, 0, &["foul", "a"]));
    assert_eq!(run.ended().await.unwrap_err().to_string(), "dead letter queue: no rights");
    assert_eq!((run.committed(), run.letters.puts().len()), (Some(0), 1));
}

/// Invariants 1 and 2: what not even the queue takes is not dropped; the connector stops at it.
#[tokio::test(start_paused = true)]
async fn a_letter_that_the_queue_rejects_stops_the_connector_at_its_record() {
    let refuse = || Box::new(|_: &[Record]| Answer::Fail(Failure::rejected("too odd")));
    for end in [false, true] {
        let mut run = Setup::new(naming()).letters(refuse()).start_with(records(0, 0, &["a", "bad", "b"]));
        let ended = if end { run.finish().await } else { run.ended().await };
        let failed = ended.unwrap_err().to_string();
        assert_eq!(failed, "the dead letter queue does not take record t-0-1: too odd");
        let tally = run.tally();
        assert_eq!((tally.delivered, tally.dead_lettered, tally.skipped, tally.abandoned), (2, 0, 0, 1));
        assert_eq!(run.committed(), Some(1));
    }
}

/// Invariant 9: of several letters that are put together, only the one that the queue does not take is held back.
#[tokio::test(start_paused = true)]
async fn the_neighbours_of_a_letter_that_the_queue_rejects_are_stored() {
    let queue = |letters: &[Record]| {
        let odd = letters.iter().any(|letter| letter.origin().offset() == 1);
        if odd { Answer::Fail(Failure::rejected("too odd")) } else { Answer::Store }
    };
    let mut run =
        Setup::new(script([])).letters(Box::new(queue)).start_with(records(0, 0, &["foul", "foul", "foul"]));
    assert!(run.ended().await.is_err());
    assert_eq!((lettered(&run), run.committed(), run.tally().dead_lettered), (vec![0, 2], Some(1), 2));
}

/// Invariants 1 and 2: a letter larger than the queue's limit is not put, and its record is not dropped.
#[tokio::test(start_paused = true)]
async fn a_letter_too_large_for_the_queue_stops_the_connector_at_its_record() {
    let setup = Setup::new(script([])).letters_with(script([]), |limits| limits.max_record_bytes = 3);
    let mut run = setup.start_with(records(0, 0, &["a", "foul", "b"]));
    let failed = run.ended().await.unwrap_err().to_string();
    let expected = "the dead letter queue does not take record t-0-1: the record takes ";
    assert!(failed.starts_with(expected), "{failed}");
    assert_eq!((run.stored(), run.committed(), run.letters.puts().len()), (vec![0], Some(1), 0));
}

/// Invariant 9: the queue has the record at fault, the sink all others, each once.
#[tokio::test(start_paused = true)]
async fn neighbours_of_a_dead_lettered_record_are_delivered() {
    for (script_, attempts) in [(naming(), ["1", "1"]), (refusing(), ["4", "4"])] {
        let setup = Setup::new(script_).letters(script([]));
        let mut run = setup.start_with(records(0, 0, &["a", "bad", "b", "c", "d", "e", "f", "bad"]));
        run.finish().await.unwrap();
        assert_eq!((run.stored(), lettered(&run)), (vec![0, 2, 3, 4, 5, 6], vec![1, 7]));
        assert_eq!(run.committed(), Some(8));
        let attempts = attempts.map(|count| Some(count.to_owned()));
        assert_eq!(headers(&run, "__sluice.errors.attempts"), attempts);
    }
}

/// Invariant 9: tries that met an outage are puts too.
#[tokio::test(start_paused = true)]
async fn the_attempts_of_a_letter_count_every_put_of_its_record() {
    let answers = [Answer::down(), Answer::down(), Answer::Fail(Failure::rejected("bad"))];
    let mut run = Setup::new(script(answers)).letters(script([])).start_with(records(0, 0, &["a"]));
    run.finish().await.unwrap();
    assert_eq!(headers(&run, "__sluice.errors.attempts"), [Some("3".to_owned())]);
}

/// Invariant 1: the letter is put by whoever has the partition next; nothing past it is committed here.
#[tokio::test(start_paused = true)]
async fn a_revoke_while_a_letter_is_in_flight_commits_nothing_past_it() {
    let gate = Gate::new();
    let setup = Setup::new(script([])).letters(once(Answer::held(&gate)));
    let mut run = setup.start_with(records(0, 0, &["a", "foul", "b"]));
    run.pass(1_000).await;
    let ack = run.revoke([0]);
    run.pass(1_000).await;
    assert_eq!(ack.try_recv(), Err(TryRecvError::Empty), "a letter in flight may end, within a bound");
    run.pass(5_000).await;
    // Up to the letter it was committed before.
    assert_eq!((ack.try_recv(), run.committed()), (Ok(vec![]), Some(1)));
    gate.open();
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((run.committed(), tally.dead_lettered, tally.abandoned), (Some(1), 0, 1));
    assert_eq!(run.budget.used(), 0);
}

/// Invariant 1: one that ends in time is committed before the partition goes.
#[tokio::test(start_paused = true)]
async fn a_letter_that_is_stored_while_a_revoke_waits_is_committed() {
    let setup = Setup::new(script([])).letters(once(Answer::late(3_000)));
    let run = setup.start_with(records(0, 0, &["foul"]));
    run.pass(1_000).await;
    let ack = run.revoke([0]);
    run.pass(3_000).await;
    assert_eq!(ack.try_recv(), Ok(vec![(partition(0), 1)]));
}

/// Invariant 1: a letter that waits for its batch when the partition goes is not put.
#[tokio::test(start_paused = true)]
async fn a_letter_that_waits_when_its_partition_goes_is_left_to_its_next_owner() {
    let mut run = Setup::new(script([])).letters(script([])).start_with(records(0, 0, &["foul"]));
    run.pass(10).await;
    let ack = run.revoke([0]);
    run.pass(10).await;
    assert_eq!(ack.try_recv(), Ok(vec![]));
    run.finish().await.unwrap();
    assert_eq!((run.letters.puts().len(), run.committed(), run.tally().abandoned), (0, Some(0), 1));
}

/// Invariant 10: whether the queue takes a letter of a partition that went meanwhile is for its owner to see.
#[tokio::test(start_paused = true)]
async fn a_letter_that_is_rejected_after_its_partition_went_stops_nothing() {
    let gate = Gate::new();
    let rejected = Answer::Held(gate.clone(), Box::new(Answer::Fail(Failure::rejected("too odd"))));
    let mut run = Setup::new(script([])).letters(once(rejected)).start();
    run.assign([0, 1]);
    run.read(records(0, 0, &["foul"]));
    run.pass(1_000).await;
    let _ack = run.lose([0]);
    run.pass(10).await;
    gate.open();
    run.pass(10).await;
    run.read(records(1, 10, &["a"]));
    run.finish().await.unwrap();
    assert_eq!(run.stored(), [10]);
}

/// Invariants 1 and 2: each part is a letter of its own; the record is done, and counted, with the last.
#[tokio::test(start_paused = true)]
async fn a_record_of_which_two_parts_are_rejected_is_done_with_the_second_letter() {
    let gate = Gate::new();
    let parts = vec![(0, Failure::rejected("first")), (2, Failure::rejected("third"))];
    let queue = script([Answer::Store, Answer::held(&gate)]);
    let setup = Setup::new(once(Answer::FailAt(parts))).letters_with(queue, |limits| limits.max_records = 1);
    let mut run = setup.start_with(records(0, 0, &["split 3"]));
    run.pass(10_000).await;
    assert_eq!((run.letters.puts().len(), run.committed()), (2, Some(0)));
    gate.open();
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.read, tally.dead_lettered, tally.delivered), (1, 1, 0));
    assert_eq!((run.committed(), lettered(&run)), (Some(1), vec![0, 0]));
    let reasons = ["first", "third"].map(|reason| Some(reason.to_owned()));
    assert_eq!(headers(&run, "__connect.errors.exception.message"), reasons);
    let letters = run.letters.stored();
    assert!(letters.iter().all(|letter| letter.value_text() == Some("split 3")));
}

/// When everything goes bad the connector stops, and does not move a topic into the queue.
#[tokio::test(start_paused = true)]
async fn a_record_too_many_at_fault_stops_the_connector_at_it() {
    let values = ["a", "a", "a", "a", "a"].into_iter().chain(std::iter::repeat_n("foul", 40));
    let input = || records(0, 0, &values.clone().collect::<Vec<_>>());
    let settings = |setup: Setup| {
        setup.with(|settings| {
            settings.faults.threshold = Some(Threshold { rejected: 25, of_last: 30 });
            settings.lane.batch.linger = std::time::Duration::ZERO;
        })
    };
    let reason = "25 of the last 30 records were rejected, which `errors.threshold` does not allow: record t-0-29 \
                  was rejected by transform 1 (obey): it is foul";
    let mut run = settings(Setup::new(script([]))).letters(script([])).start_with(input());
    assert_eq!(run.ended().await.unwrap_err().to_string(), reason);
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.dead_lettered, tally.skipped, tally.abandoned), (5, 24, 0, 16));
    assert_eq!(run.committed(), Some(29));

    let mut run = settings(Setup::new(script([])).tolerant()).start_with(input());
    assert_eq!(run.ended().await.unwrap_err().to_string(), reason);
    assert_eq!((run.tally().skipped, run.tally().dead_lettered, run.committed()), (24, 0, Some(29)));
}

/// Each restart would let as many records into the queue again, until the whole topic is there.
#[tokio::test(start_paused = true)]
async fn after_a_restart_the_next_record_at_fault_is_one_too_many_at_once() {
    let threshold = Threshold { rejected: 3, of_last: 5 };
    let window = Window::new(Some(threshold));
    let settings =
        |setup: Setup| setup.with(|settings| settings.faults.threshold = Some(threshold)).window(&window);
    for (first, lettered) in [(0, 2), (2, 0), (2, 0)] {
        let setup = settings(Setup::new(script([])).letters(script([])));
        let mut run = setup.start_with(records(0, first, &["foul"; 10]));
        let failed = run.ended().await.unwrap_err().to_string();
        assert!(failed.contains("which `errors.threshold` does not allow: record t-0-2 "), "{failed}");
        assert_eq!(run.tally().dead_lettered, lettered, "from {first}");
    }
}

/// As many in all, but never so many among the last.
#[tokio::test(start_paused = true)]
async fn records_at_fault_that_are_far_between_stop_nothing() {
    let values: Vec<_> = (0..300).map(|n| if n % 2 == 0 { "foul" } else { "drop" }).collect();
    let setup = Setup::new(script([])).letters(script([]));
    let setup =
        setup.with(|settings| settings.faults.threshold = Some(Threshold { rejected: 25, of_last: 30 }));
    let mut run = setup.start_with(records(0, 0, &values));
    run.finish().await.unwrap();
    assert_eq!((run.tally().dead_lettered, run.tally().filtered, run.committed()), (150, 150, Some(300)));
}

/// Invariant 2: without a queue a tolerated record is skipped, as ever.
#[tokio::test(start_paused = true)]
async fn without_a_queue_a_tolerated_record_is_skipped() {
    let mut run = Setup::new(naming()).tolerant().start_with(records(0, 0, &["foul", "bad", "a"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.skipped, tally.dead_lettered, tally.delivered), (2, 0, 1));
    assert_eq!((run.letters.puts().len(), run.committed()), (0, Some(3)));
}

/// Invariant 7: a queue that hangs holds the bytes of its letters, so that reading pauses in time.
#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_record_are_held_until_its_letter_is_stored() {
    let gate = Gate::new();
    let setup = Setup::new(script([])).letters(once(Answer::held(&gate)));
    let input = records(0, 0, &["foul", "foul"]);
    let bytes = size(&input);
    let run = setup.start_with(input);
    run.pass(10_000).await;
    assert_eq!(run.budget.used(), bytes);
    gate.open();
    run.pass(100).await;
    assert_eq!(run.budget.used(), 0);
}

/// The default threshold.
const DEFAULT: Threshold = Threshold { rejected: 50, of_last: 100 };

/// Invariant 9: what is rejected from the first record on is the set-up's fault, whoever rejects it. The connector stops,
/// says why, and commits nothing of it; nor does it after a restart.
#[tokio::test(start_paused = true)]
async fn a_connector_that_never_stored_anything_stops_at_its_twentieth_rejection_and_commits_nothing() {
    for value in ["foul", "bad"] {
        for with_queue in [true, false] {
            let window = Window::new(Some(DEFAULT));
            for (lettered, stopped_at) in [(19, 19), (0, 0)] {
                let setup = Setup::new(refusing());
                let setup = if with_queue { setup.letters(script([])) } else { setup.tolerant() };
                let mut run = setup.window(&window).start_with(records(0, 0, &[value; 60]));
                let failed = run.ended().await.unwrap_err();
                let reason = failed.to_string();
                let begin = "the first 20 records were all rejected, and nothing was ever stored";
                assert!(reason.starts_with(begin), "{reason}");
                assert!(reason.contains(&format!(": record t-0-{stopped_at} was rejected by ")), "{reason}");
                assert_eq!(failed.origin.map(|origin| origin.offset()), Some(stopped_at));
                assert_eq!(run.committed(), Some(0), "{value}, with a queue: {with_queue}");
                let tally = run.tally();
                assert_eq!(tally.skipped + tally.dead_lettered, lettered);
            }
        }
    }
}

/// Invariant 9: a target that stored a record is set up; from then on only the share of records at fault counts.
#[tokio::test(start_paused = true)]
async fn bad_records_behind_a_good_one_are_tolerated_up_to_the_threshold() {
    let values = |bad: usize| ["a"].into_iter().chain(std::iter::repeat_n("bad", bad)).collect::<Vec<_>>();
    let setup = || Setup::new(naming()).tolerant().with(|settings| settings.faults.threshold = Some(DEFAULT));
    let mut run = setup().start_with(records(0, 0, &values(49)));
    run.finish().await.unwrap();
    assert_eq!((run.tally().skipped, run.committed()), (49, Some(50)));
    let mut run = setup().start_with(records(0, 0, &values(60)));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("50 of the last 51 records were rejected"), "{failed}");
    assert_eq!(run.tally().skipped, 49);
}

/// The chain is done with a backlog long before the sink is: a share of records at fault is one of all that came through it.
#[tokio::test(start_paused = true)]
async fn of_a_backlog_the_share_of_records_at_fault_counts_however_slow_the_sink_is() {
    let values: Vec<_> = (0..900).map(|number| if number % 10 == 7 { "foul" } else { "a" }).collect();
    let setup = Setup::new(once(Answer::late(60_000))).tolerant();
    let mut run =
        setup.with(|settings| settings.faults.threshold = Some(DEFAULT)).start_with(records(0, 0, &values));
    run.finish().await.unwrap();
    assert_eq!((run.tally().skipped, run.tally().delivered, run.committed()), (90, 810, Some(900)));
}

/// Records that wait for their put are no proof that nothing can be stored.
#[tokio::test(start_paused = true)]
async fn bad_records_behind_one_that_is_still_on_its_way_are_tolerated() {
    let values: Vec<_> = ["a"].into_iter().chain(std::iter::repeat_n("foul", 30)).collect();
    let setup = Setup::new(once(Answer::late(1_000))).tolerant();
    let mut run =
        setup.with(|settings| settings.faults.threshold = Some(DEFAULT)).start_with(records(0, 0, &values));
    run.finish().await.unwrap();
    assert_eq!((run.tally().skipped, run.committed()), (30, Some(31)));
}

/// Invariant 9: records that a transform drops say nothing of the sink.
#[tokio::test(start_paused = true)]
async fn a_sink_that_rejects_all_that_reach_it_stops_the_connector_though_most_are_filtered() {
    let values: Vec<_> = (0..400).map(|n| if n % 10 == 0 { "bad" } else { "drop" }).collect();
    let setup = Setup::new(naming()).tolerant();
    let mut run =
        setup.with(|settings| settings.faults.threshold = Some(DEFAULT)).start_with(records(0, 0, &values));
    let failed = run.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("the first 20 records were all rejected"), "{failed}");
    assert_eq!(run.committed(), Some(0));
}

/// With `threshold: off` the operator has taken it on.
#[tokio::test(start_paused = true)]
async fn without_a_threshold_any_number_is_tolerated_from_the_first_record_on() {
    let mut run = Setup::new(naming()).tolerant().start_with(records(0, 0, &["bad"; 300]));
    run.finish().await.unwrap();
    assert_eq!((run.tally().skipped, run.committed()), (300, Some(300)));
}

/// Invariant 9: tasks whose records are too few to tell a wrong set-up tell it together, and what each skipped is read again.
#[tokio::test(start_paused = true)]
async fn what_tasks_skip_before_anything_is_stored_counts_together_and_none_commits_it() {
    let window = Window::new(Some(DEFAULT));
    let task = || Setup::new(refusing()).tolerant().window(&window).start_with(records(0, 0, &["bad"; 12]));
    let mut few = task();
    few.pass(30).await;
    assert_eq!((few.tally().skipped, few.committed()), (12, Some(0)), "not time yet for a commit");
    let mut other = task();
    let failed = other.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("the first 20 records were all rejected"), "{failed}");
    let failed = few.ended().await.unwrap_err().to_string();
    assert!(failed.starts_with("another task found that the set-up is at fault"), "{failed}");
    assert_eq!((few.committed(), other.committed()), (Some(0), Some(0)), "the starts alone");
    let mut again = task();
    assert!(again.ended().await.unwrap_err().to_string().starts_with("the first 20 records"));
    assert_eq!(again.committed(), Some(0));
}
