//! Whoever looks at the records of a connector sees them after each step and as puts, and changes nothing.

use sluice_runtime::tap::{Tap, TapPoint, Tapped, TappedPut, TappedRecord};

use crate::support::{Run, Setup, naming, records, refusing, script};

fn looked_at(setup: Setup) -> (Run, TapPoint) {
    let mut point = TapPoint::default();
    let setup = setup.with(|settings| point = settings.lane.tap.clone());
    (setup.start(), point)
}

async fn seen(tap: &mut Tap) -> (Vec<TappedRecord>, Vec<TappedPut>) {
    let (mut records, mut puts) = (Vec::new(), Vec::new());
    while let Some(tapped) = tap.next().await {
        match &*tapped {
            Tapped::Record(record) => records.push(record.clone()),
            Tapped::Put(put) => puts.push(put.clone()),
        }
    }
    (records, puts)
}

/// The name of a stage, and the values of its records.
type Stage = (String, Vec<String>);

/// What was seen of a record: its value at each stage, and why it was rejected.
fn story(record: &TappedRecord) -> (i64, Vec<Stage>, Option<String>) {
    let value = |record: &sluice_connector_api::Record| record.value_text().unwrap_or_default().to_owned();
    let stages =
        record.stages.iter().map(|stage| (stage.name.clone(), stage.records.iter().map(value).collect()));
    (record.read.origin().offset(), stages.collect(), record.rejected.clone())
}

#[tokio::test(start_paused = true)]
async fn a_record_is_seen_after_each_step_and_so_are_one_that_is_dropped_and_one_at_fault() {
    let (mut run, point) = looked_at(Setup::new(naming()).tolerant());
    let mut tap = point.open().unwrap();
    run.assign([0]);
    run.read(records(0, 0, &["plain", "drop", "foul", "split 3"]));
    run.finish().await.unwrap();
    drop((run, point));
    let (records, puts) = seen(&mut tap).await;
    let stories: Vec<_> = records.iter().map(story).collect();
    let read = |value: &str| ("read".to_owned(), vec![value.to_owned()]);
    assert_eq!(stories.len(), 4, "{stories:?}");
    assert_eq!((stories[0].0, &stories[0].1[0], &stories[0].2), (0, &read("plain"), &None));
    assert!(stories[1].1.last().unwrap().1.is_empty(), "dropped: {:?}", stories[1]);
    assert_eq!(stories[2].1, [read("foul")]);
    assert!(stories[2].2.as_ref().is_some_and(|why| why.contains("it is foul")), "{:?}", stories[2]);
    assert_eq!(stories[3].1.last().unwrap().1.len(), 3);
    let put: usize = puts.iter().map(|put| put.count).sum();
    assert_eq!((put, puts[0].outcome), (4, "stored"));
}

#[tokio::test(start_paused = true)]
async fn a_put_that_fails_is_seen_with_its_reason() {
    let (mut run, point) = looked_at(Setup::new(refusing()).tolerant());
    let mut tap = point.open().unwrap();
    run.assign([0]);
    run.read(records(0, 0, &["bad"]));
    run.finish().await.unwrap();
    drop((run, point));
    let (_, puts) = seen(&mut tap).await;
    assert!(puts.iter().any(|put| put.outcome == "failed" && put.reason.is_some()), "{puts:?}");
}

/// Chunks go to other threads, and who looks and never takes anything is no reason to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_looks_and_takes_nothing_keeps_nobody() {
    let setup = Setup::new(script([])).with(|settings| settings.lane.batch.max_records = 500);
    let (mut run, point) = looked_at(setup);
    let tap = point.open().unwrap();
    run.assign([0]);
    for first in (0..4000).step_by(100) {
        run.read(records(0, first, &["plain"; 100]));
    }
    run.finish().await.unwrap();
    assert_eq!((run.tally().delivered, run.committed()), (4000, Some(4000)));
    let (missed, _) = tap.missed();
    assert!(missed >= 3000, "{missed} of 4000 records passed unseen");
}
