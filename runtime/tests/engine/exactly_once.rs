//! Records that are stored together with how far their partitions are: each once, whatever happens in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sluice_connector_api::{
    ExactlyOnce, Failure, PutError, PutProgress, Record, StoredPosition, TakenOver, TopicPartition,
};
use sluice_plugin_testing::MemoryTable;
use sluice_runtime::source::Resumed;

use crate::support::{Answer, Gate, Run, Setup, once, partition, records, script};

/// Longer than a test looks.
const LONG: Duration = Duration::from_secs(50);

/// Assigns partitions that the table hands over, and returns where each of them is read from.
async fn assign(run: &Run, table: &dyn ExactlyOnce, numbers: &[i32]) -> Vec<i64> {
    let partitions: Vec<TopicPartition> = numbers.iter().map(|number| partition(*number)).collect();
    let (mut resumed, mut begins) = (Vec::new(), Vec::new());
    for taken in table.take_over(&partitions).await.unwrap() {
        let (first, parts) =
            taken.position.as_ref().map_or((0, 0), |position| (position.offset, position.parts));
        begins.push(first);
        resumed.push(Resumed { taken, first, parts });
    }
    run.assign(numbers.iter().copied());
    run.take_over(resumed);
    begins
}

async fn start(table: &MemoryTable) -> Run {
    let run = Setup::new(script([])).exactly_once(table.clone()).start();
    assign(&run, table, &[0]).await;
    run
}

fn offsets(table: &MemoryTable) -> Vec<i64> {
    table.records().iter().map(|record| record.origin().offset()).collect()
}

fn parts(table: &MemoryTable) -> Vec<(i64, Option<u32>)> {
    table.records().iter().map(|record| (record.origin().offset(), record.part())).collect()
}

fn stored(table: &MemoryTable) -> Option<(i64, u32)> {
    table.position_of(&partition(0)).map(|position| (position.offset, position.parts))
}

#[tokio::test(start_paused = true)]
async fn positions_are_stored_with_the_batches_and_the_groups_offsets_follow() {
    let table = MemoryTable::new();
    let mut run = start(&table).await;
    run.set_mark("topic 7");
    run.read(records(0, 0, &["v"; 25]));
    run.pass(100).await;
    assert_eq!((offsets(&table), run.committed()), ((0..25).collect(), Some(25)));
    assert_eq!(table.position_of(&partition(0)), Some(StoredPosition::new(25, 0, "topic 7")));
    run.finish().await.unwrap();
    assert_eq!((run.puts().len(), run.tally().delivered), (0, 25), "nothing is put beside it");
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_answer_was_lost_is_stored_once() {
    let table = MemoryTable::new();
    let mut run = start(&table).await;
    table.lose_answers(2);
    run.read(records(0, 0, &["v"; 25]));
    run.finish().await.unwrap();
    assert_eq!((offsets(&table), run.tally().delivered), ((0..25).collect(), 25));
}

/// Its records come back to the batcher, and go in another batch that the target has a part of.
#[tokio::test(start_paused = true)]
async fn a_batch_whose_answer_was_lost_and_that_is_cut_otherwise_is_not_stored_twice() {
    let table = MemoryTable::new();
    let setup = Setup::new(script([])).with(|settings| {
        (settings.lane.retry.backoff.base, settings.lane.retry.backoff.cap) = (LONG, LONG);
    });
    let mut run = setup.exactly_once(table.clone()).start();
    assign(&run, &table, &[0, 1]).await;
    table.lose_answers(1);
    run.read(records(0, 0, &["v"; 3]));
    run.pass(20).await;
    run.read(records(0, 3, &["v"; 3]));
    let gone = run.revoke([1]);
    run.pass(2).await;
    assert!(gone.try_recv().is_ok(), "the wait is cut short");
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().contains("out of step"), "{failed}");
    assert_eq!(offsets(&table), [0, 1, 2], "the next start knows better");
    assert_eq!(stored(&table), Some((3, 0)));
}

/// Invariant 1: a position says that everything before it is done.
#[tokio::test(start_paused = true)]
async fn nothing_is_put_behind_a_record_at_fault_before_its_letter_is_there() {
    for (value, table) in [
        ("bad", MemoryTable::new()),
        ("bad", MemoryTable::new().naming_records()),
        ("foul", MemoryTable::new()),
    ] {
        let gate = Gate::new();
        let setup = Setup::new(script([])).letters(once(Answer::held(&gate)));
        let mut run = setup.exactly_once(table.clone()).start();
        assign(&run, &table, &[0]).await;
        run.read(records(0, 0, &["a", "b", value, "c", "d"]));
        run.pass(60_000).await;
        let before = offsets(&table);
        assert!(before.iter().all(|offset| *offset < 2), "{value}: {before:?}");
        assert!(stored(&table).is_none_or(|(offset, _)| offset <= 2), "{value}: {:?}", stored(&table));
        gate.open();
        run.pass(100).await;
        assert_eq!((offsets(&table), stored(&table)), (vec![0, 1, 3, 4], Some((5, 0))), "{value}");
        run.finish().await.unwrap();
        assert_eq!((run.tally().delivered, run.tally().dead_lettered), (4, 1), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_at_fault_stops_the_connector_with_its_position_before_it() {
    let table = MemoryTable::new();
    let mut run = start(&table).await;
    run.read(records(0, 0, &["a", "b", "bad", "c"]));
    run.ended().await.unwrap_err();
    assert_eq!((offsets(&table), stored(&table), run.committed()), (vec![0, 1], Some((2, 0)), Some(2)));
}

/// What stands behind it would be taken for done with it.
#[tokio::test(start_paused = true)]
async fn a_letter_that_is_refused_stops_the_connector_with_its_position_before_the_record() {
    for value in ["bad", "foul"] {
        let table = MemoryTable::new();
        let queue = once(Answer::Fail(Failure::rejected("too large")));
        let mut run = Setup::new(script([])).letters(queue).exactly_once(table.clone()).start();
        assign(&run, &table, &[0]).await;
        run.read(records(0, 0, &["a", "b", value, "c"]));
        run.ended().await.unwrap_err();
        assert_eq!((offsets(&table), stored(&table)), (vec![0, 1], Some((2, 0))), "{value}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_partition_with_a_record_at_fault_stands_before_it() {
    let table = MemoryTable::new();
    let mut run = Setup::new(script([])).in_flight(2).exactly_once(table.clone()).start();
    assign(&run, &table, &[0, 1]).await;
    let mut all = records(0, 0, &["a", "bad", "c"]);
    all.extend(records(1, 0, &["a", "b", "bad", "c"]));
    run.read(all);
    run.ended().await.unwrap_err();
    let position = |number| table.position_of(&partition(number)).map_or(0, |position| position.offset);
    assert!(position(0) <= 1 && position(1) <= 2, "{} and {}", position(0), position(1));
    assert!(table.records().iter().all(|record| record.value_text() != Some("c")));
}

#[tokio::test(start_paused = true)]
async fn a_restart_between_the_parts_of_a_record_goes_on_with_the_next_part() {
    let table = MemoryTable::new();
    let run = start(&table).await;
    let values = ["a", "split 25", "b"];
    run.read(records(0, 0, &values));
    // The second batch of ten is the last that is stored.
    while stored(&table).is_none_or(|(_, parts)| parts < 19) {
        run.pass(0).await;
        tokio::task::yield_now().await;
    }
    run.kill().await;
    let (offset, parts_stored) = stored(&table).unwrap();
    assert!((offset, parts_stored) == (1, 19) || (offset, parts_stored) == (3, 0), "{offset} {parts_stored}");
    let mut run = Setup::new(script([])).exactly_once(table.clone()).start();
    assert_eq!(assign(&run, &table, &[0]).await, [offset]);
    run.read(records(0, 0, &values).split_off(usize::try_from(offset).unwrap()));
    run.finish().await.unwrap();
    let mut expected = vec![(0, None)];
    expected.extend((0..25).map(|part| (1, Some(part))));
    expected.push((2, None));
    assert_eq!(parts(&table), expected);
    assert_eq!(run.tally().in_flight(), 0);
}

/// A topic of which everything is filtered has no batch to go with its position.
#[tokio::test(start_paused = true)]
async fn positions_move_where_everything_is_filtered() {
    let table = MemoryTable::new();
    let mut run = start(&table).await;
    run.read(records(0, 0, &["a", "drop", "drop", "drop"]));
    run.pass(200).await;
    assert_eq!((offsets(&table), stored(&table)), (vec![0], Some((4, 0))));
    run.read(records(0, 4, &["b"]));
    run.finish().await.unwrap();
    assert_eq!((offsets(&table), stored(&table)), (vec![0, 4], Some((5, 0))));
    assert_eq!((run.tally().delivered, run.tally().filtered), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn the_offsets_of_a_topic_that_was_made_anew_have_a_mark_of_their_own() {
    let table = MemoryTable::new();
    let mut run = start(&table).await;
    run.set_mark("old");
    run.read(records(0, 500, &["v"; 3]));
    run.pass(5).await;
    run.set_mark("new");
    run.restart(0, 0);
    run.pass(100).await;
    assert_eq!(table.position_of(&partition(0)), Some(StoredPosition::new(503, 0, "old")));
    run.read(records(0, 0, &["w"]));
    run.finish().await.unwrap();
    assert_eq!(offsets(&table), [500, 501, 502, 0]);
    assert_eq!(table.position_of(&partition(0)), Some(StoredPosition::new(1, 0, "new")));
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_stores_nothing_and_fails() {
    let table = MemoryTable::new();
    let mut before = start(&table).await;
    before.read(records(0, 0, &["a", "b"]));
    before.pass(100).await;
    let mut after = Setup::new(script([])).exactly_once(table.clone()).start();
    assert_eq!(assign(&after, &table, &[0]).await, [2]);
    before.read(records(0, 2, &["c"]));
    let failed = before.ended().await.unwrap_err();
    assert!(failed.to_string().contains("somebody else's"), "{failed}");
    after.read(records(0, 2, &["c", "d"]));
    after.finish().await.unwrap();
    assert_eq!(offsets(&table), [0, 1, 2, 3]);
}

/// A table whose puts wait at a gate.
struct Slow(MemoryTable, Gate, Arc<AtomicBool>);

#[async_trait]
impl ExactlyOnce for Slow {
    fn how(&self) -> String {
        self.0.how()
    }

    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        self.0.take_over(partitions).await
    }

    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError> {
        if !self.2.swap(true, Ordering::SeqCst) {
            self.1.wait().await;
        }
        ExactlyOnce::put(&self.0, batch, progress).await
    }
}

/// The other partitions of its batch are the connector's, and are put again.
#[tokio::test(start_paused = true)]
async fn a_put_that_is_fenced_off_after_a_revoke_does_not_stop_the_connector() {
    let (table, gate) = (MemoryTable::new(), Gate::new());
    let slow = Slow(table.clone(), gate.clone(), Arc::default());
    let mut run = Setup::new(script([])).exactly_once(slow).start();
    assign(&run, &table, &[0, 1]).await;
    let mut both = records(0, 0, &["a"]);
    both.extend(records(1, 0, &["b"]));
    run.read(both);
    run.pass(100).await;
    let gone = run.revoke([1]);
    run.pass(6000).await;
    assert_eq!(gone.try_recv(), Ok(vec![]), "a revoke waits for no put that hangs");
    let mut next = Setup::new(script([])).exactly_once(table.clone()).start();
    assert_eq!(assign(&next, &table, &[1]).await, [0]);
    next.read(records(1, 0, &["b"]));
    next.finish().await.unwrap();
    gate.open();
    run.finish().await.unwrap();
    let stored: Vec<_> = table.records().iter().map(|record| record.origin().to_string()).collect();
    assert_eq!(stored, ["t-1-0", "t-0-0"]);
    assert_eq!((run.tally().delivered, run.tally().abandoned), (1, 1));
}

/// Both would begin at the same position, and the second one of them would be out of step.
#[tokio::test(start_paused = true)]
async fn nothing_is_put_beside_a_put_that_moves_positions_alone() {
    let (table, gate) = (MemoryTable::new(), Gate::new());
    let slow = Slow(table.clone(), gate.clone(), Arc::default());
    let mut run = Setup::new(script([])).in_flight(3).exactly_once(slow).start();
    assign(&run, &table, &[0]).await;
    run.read(records(0, 0, &["drop"]));
    run.pass(200).await;
    run.read(records(0, 1, &["a"]));
    run.pass(200).await;
    gate.open();
    run.finish().await.unwrap();
    assert_eq!((offsets(&table), stored(&table)), (vec![1], Some((2, 0))));
}

#[tokio::test(start_paused = true)]
async fn where_the_positions_are_the_groups_offsets_nobody_else_commits_any() {
    let table = MemoryTable::new().keeping_group_offsets();
    let mut run = start(&table).await;
    run.read(records(0, 0, &["a", "b", "drop"]));
    run.pass(200).await;
    let gone = run.revoke([0]);
    run.pass(2).await;
    assert_eq!(gone.try_recv(), Ok(vec![]));
    run.finish().await.unwrap();
    assert_eq!((offsets(&table), stored(&table)), (vec![0, 1], Some((3, 0))));
    assert_eq!(run.journal.commits(0), Vec::<i64>::new());
    let told: Vec<i64> = run.journal.committed_elsewhere().into_iter().map(|(_, offset)| offset).collect();
    assert_eq!(told.last(), Some(&3), "the lag is told by it: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_nobody_took_over_is_not_put() {
    let table = MemoryTable::new();
    let mut run = Setup::new(script([])).exactly_once(table.clone()).start_with(records(0, 0, &["a"]));
    let failed = run.ended().await.unwrap_err();
    assert!(failed.to_string().contains("t-0 was not taken over"), "{failed}");
    assert_eq!(offsets(&table), Vec::<i64>::new());
}

/// Killed again and again at any moment, with answers that get lost, records at fault and records that become several.
#[tokio::test(start_paused = true)]
async fn whenever_it_is_killed_each_record_is_stored_once_and_in_order() {
    let values: Vec<String> = (0..400)
        .map(|number| match number % 13 {
            3 => "drop".to_owned(),
            7 => format!("split {}", 2 + number % 16),
            11 => "bad".to_owned(),
            _ => "v".to_owned(),
        })
        .collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let mut expected = Vec::new();
    for (offset, value) in (0_i64..).zip(&values) {
        match value.split_once(' ') {
            Some((_, count)) => {
                expected.extend((0..count.parse::<u32>().unwrap()).map(|part| (offset, Some(part))));
            }
            None if *value == "v" => expected.push((offset, None)),
            None => {}
        }
    }
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (table, mut kills) = (MemoryTable::new(), 0);
        let table = if seed % 2 == 0 { table } else { table.naming_records() };
        loop {
            let setup = Setup::new(script([])).tolerant().in_flight(random.usize(1..4));
            let run = setup.exactly_once(table.clone()).start();
            let begin = assign(&run, &table, &[0]).await[0];
            let rest = records(0, 0, &values).split_off(usize::try_from(begin).unwrap());
            if kills < 12 {
                run.read(rest);
                table.lose_answers(random.usize(0..3));
                for _ in 0..random.usize(0..200) {
                    tokio::task::yield_now().await;
                }
                run.pass(random.u64(0..3) * random.u64(0..200)).await;
                run.kill().await;
                kills += 1;
                continue;
            }
            let mut run = run;
            run.read(rest);
            run.finish().await.unwrap();
            break;
        }
        assert_eq!(parts(&table), expected, "seed {seed}");
    }
}
