//! Chunks of records on several threads at once, and that nobody can tell (invariants 1, 2, 3 and 6). These tests have
//! real threads and real time, which a transform may sit on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use sluice_connector_api::{Limits, Order, Record};

use crate::support::{Run, Setup, records, refusing, script};

/// More records than are worth transforming where they are.
const CHUNK: usize = 20;

fn chunk_of<'a>(first: i64, values: impl IntoIterator<Item = &'a str>) -> Vec<Record> {
    let rest = std::iter::repeat("plain");
    records(0, first, &values.into_iter().chain(rest).take(CHUNK).collect::<Vec<_>>())
}

/// Large batches, and all records free, so that nothing but the engine holds an order.
fn setup() -> Setup {
    Setup::new(script([])).with(|settings| {
        settings.lane.limits = Limits::default().with_order(Order::Key);
        settings.lane.batch.max_records = 500;
    })
}

/// Waits until something holds, or fails. The thread sleeps, which is the test's own: the runtime's may all be busy.
fn until(what: &str, holds: impl Fn() -> bool) {
    let hung = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < hung, "never: {what}");
        sleep(Duration::from_millis(10));
    }
}

/// Lets the pipeline take in what was sent to it.
fn taken_in(run: &Run, records: u64) {
    until("the records are read", || run.tally().read >= records);
}

/// Without it a slow transform would leave the other cores idle.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_chunks_are_transformed_at_the_same_time() {
    let run = &mut setup().start();
    run.assign([0]);
    run.read(chunk_of(0, ["meet 2"]));
    run.read(chunk_of(20, ["meet 2"]));
    run.finish().await.unwrap();
    assert_eq!((run.tally().delivered, run.committed()), (40, Some(40)));
}

/// The runtime may have a thread for each core but one, or a single one: slow transforms have the cores all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_chain_that_is_slow_has_threads_of_its_own() {
    let mut run = setup().start();
    run.assign([0]);
    run.read(chunk_of(0, ["slow 40"]));
    until("the slow chunk is delivered", || run.tally().delivered == 20);
    run.read(chunk_of(20, ["meet 2"]));
    run.read(chunk_of(40, ["meet 2"]));
    run.finish().await.unwrap();
    assert_eq!((run.tally().delivered, run.committed()), (60, Some(60)));
}

/// Invariant 3: chunks that take less time do not overtake the ones before them, and neither does a single record.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_are_put_in_the_order_read_however_long_each_takes() {
    let mut run = setup().start();
    run.assign([0]);
    for (chunk, slow) in
        (0..12).zip(["slow 40", "plain", "slow 5", "slow 20", "plain", "drop"].iter().cycle())
    {
        run.read(chunk_of(chunk * 100, [*slow]));
        run.read(records(0, chunk * 100 + 50, &["alone"]));
    }
    run.finish().await.unwrap();
    let stored = run.stored();
    assert!(stored.is_sorted(), "{stored:?}");
    assert_eq!((stored.len(), run.tally().filtered, run.committed()), (250, 2, Some(1151)));
}

/// Invariants 1, 2 and 7: what is being transformed when its partition goes is nobody's, also after the partition came
/// back and its records are read anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoke_does_not_wait_for_transforms_and_voids_their_records() {
    let mut run = setup().start();
    run.assign([0, 1]);
    run.read(chunk_of(0, ["wait"]));
    taken_in(&run, 20);
    let ack = run.revoke([0]);
    let offsets =
        tokio::task::spawn_blocking(move || ack.recv_timeout(Duration::from_secs(20))).await.unwrap();
    assert_eq!(offsets, Ok(vec![]), "nothing is done, and the first offset is committed already");
    assert_eq!((run.tally().abandoned, run.budget.used()), (20, 0));
    run.assign([0]);
    run.read(chunk_of(0, ["plain"]));
    run.door.open();
    run.finish().await.unwrap();
    assert_eq!(run.stored(), (0..20).collect::<Vec<_>>(), "once, of the second reading");
    assert_eq!((run.tally().delivered, run.committed(), run.budget.used()), (20, Some(20), 0));
}

/// Invariant 1: behind a rejected record nothing is taken, whatever of it is transformed already.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_behind_a_rejected_record_is_put() {
    let mut run = setup().start();
    run.assign([0]);
    run.read(chunk_of(0, ["slow 50", "plain", "foul"]));
    run.read(chunk_of(20, []));
    run.read(chunk_of(40, ["foul"]));
    let failed = run.ended().await.unwrap_err();
    assert!(
        failed.to_string().starts_with("record t-0-2 was rejected by transform 1 (obey): it is foul"),
        "{failed}"
    );
    assert_eq!((run.stored(), run.committed(), run.budget.used()), (vec![0, 1], Some(2), 0));
    assert_eq!((run.tally().read, run.tally().abandoned), (60, 58));
}

/// Invariant 2: a tolerated record is counted once, and its neighbours are stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tolerated_records_of_several_chunks_are_skipped_and_sent_to_the_queue() {
    let mut run = setup().letters(script([])).start();
    run.assign([0]);
    for chunk in 0..5 {
        run.read(chunk_of(chunk * 20, ["slow 5", "foul", "split 3", "split 0"]));
    }
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.filtered, tally.dead_lettered, tally.abandoned), (90, 5, 5, 0));
    let letters = run.letters.stored();
    assert!(
        letters.iter().all(|letter| letter.value_text() == Some("foul")),
        "as they were read: {letters:?}"
    );
    assert_eq!((letters.len(), run.committed(), run.budget.used()), (5, Some(100), 0));
}

/// Invariant 6: a stop does not wait for transforms; their records are read again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_does_not_wait_for_transforms() {
    let mut run = setup().start();
    run.assign([0]);
    run.read(chunk_of(0, ["wait"]));
    run.read(chunk_of(20, []));
    taken_in(&run, 40);
    run.stop().await.unwrap();
    assert_eq!((run.stored(), run.committed(), run.tally().abandoned), (vec![], Some(0), 40));
    assert_eq!(run.budget.used(), 0);
    run.door.open();
}

/// Invariant 9: a transform that panics, here or on another thread, rejects its record; the connector stops at it as at
/// any other, and says where and what.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transform_that_panics_rejects_its_record_with_its_words() {
    let (mut one, mut many) = (setup().start(), setup().start());
    one.assign([0]);
    one.read(records(0, 0, &["panic"]));
    many.assign([0]);
    many.read(chunk_of(0, []));
    many.read(chunk_of(20, ["plain", "panic"]));
    for (run, offset) in [(&mut one, 0), (&mut many, 21)] {
        let failed = run.ended().await.unwrap_err();
        let reason = failed.to_string();
        let begin = format!("record t-0-{offset} was rejected by transform 1 (obey): panicked at ");
        assert!(reason.starts_with(&begin) && reason.contains(": the record says so; to go on"), "{reason}");
        assert_eq!(failed.origin.map(|origin| origin.offset()), Some(offset));
        assert_eq!(run.committed(), Some(offset));
    }
    assert_eq!((one.tally().delivered, many.tally().delivered), (0, 21));
}

/// Invariants 2 and 9: where records at fault are tolerated it is one of these, and its neighbours are delivered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_costs_one_record_where_records_at_fault_are_tolerated() {
    let mut run = setup().letters(script([])).start();
    run.assign([0]);
    run.read(chunk_of(0, ["panic", "plain", "panic"]));
    run.read(records(0, 20, &["panic"]));
    run.finish().await.unwrap();
    let tally = run.tally();
    assert_eq!((tally.delivered, tally.dead_lettered, run.committed()), (18, 3, Some(21)));
    let stage = "__connect.errors.stage";
    for letter in run.letters.stored() {
        let header = letter.headers.last(stage).and_then(|header| header.value.clone());
        assert_eq!(header.as_deref(), Some(b"TRANSFORMATION".as_slice()));
    }
}

/// Invariant 6: a source that goes faster than the transforms is not asked for more than a few chunks.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_source_waits_while_the_cores_are_busy() {
    let mut run = setup().start();
    run.assign([0]);
    for chunk in 0..100 {
        run.read(chunk_of(chunk * 20, ["wait"]));
    }
    taken_in(&run, 20);
    sleep(Duration::from_millis(100));
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    assert!(run.tally().read <= 2 * cores * 20, "{:?}", run.tally());
    run.door.open();
    run.finish().await.unwrap();
    assert_eq!((run.tally().delivered, run.committed()), (2000, Some(2000)));
}

/// Invariant 9: the sink's verdict on a record of one chunk stops what is transformed behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_record_that_the_sink_rejects_stops_the_chunks_behind_it() {
    let mut run = Setup::new(refusing()).start();
    run.assign([0]);
    run.read(records(0, 0, &["a", "bad"]));
    run.read(chunk_of(20, ["wait"]));
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().starts_with("record t-0-1 was rejected by sink"), "{failed}");
    assert_eq!((run.stored(), run.committed(), run.budget.used()), (vec![0], Some(1), 0));
    run.door.open();
}

/// Invariant 10: a transform that takes long does not keep the threads from another connector.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_transform_leaves_the_threads_to_others() {
    let (mut slow, other) = (setup().start(), setup().start());
    slow.assign([0]);
    slow.read(records(0, 0, &["slow 2"; 400]));
    taken_in(&slow, 400);
    other.assign([0]);
    other.read(records(0, 0, &["plain"]));
    until("the other delivers", || other.tally().delivered == 1);
    assert_eq!(slow.tally().delivered, 0, "it is still at its chunk");
    slow.finish().await.unwrap();
}
