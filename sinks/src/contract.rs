//! What every sink must do, as tests; and the records that the tests put.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::future::Future;
use std::task::Poll;

use serde_json::Value;
use sluice_connector_api::{Failure, FailureKind, Origin, Payload, PutError, Record, Registry, Sink};

/// Builds a sink as the binary does.
pub(crate) fn built(name: &str, settings: Value) -> Box<dyn Sink> {
    crate::register(Registry::new()).sink(name).unwrap().build(settings).unwrap()
}

pub(crate) fn tombstone(offset: i64) -> Record {
    Record::new(Origin::new("prices", 0, offset))
}

pub(crate) fn with_value(offset: i64, value: Payload) -> Record {
    let mut record = tombstone(offset);
    record.value = Some(value);
    record
}

pub(crate) fn text(offset: i64, value: &str) -> Record {
    with_value(offset, Payload::from(value))
}

/// The failure of a batch as a whole.
pub(crate) fn of_batch(outcome: Result<(), PutError>) -> Failure {
    match outcome {
        Err(PutError::Batch(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

/// The failures of single records: index, kind and reason.
pub(crate) fn of_records(outcome: Result<(), PutError>) -> Vec<(usize, FailureKind, String)> {
    match outcome {
        Err(PutError::Records(failures)) => failures
            .into_iter()
            .map(|(index, failure)| (index, failure.kind(), failure.to_string()))
            .collect(),
        other => panic!("{other:?}"),
    }
}

/// Polls once and drops, as the engine does when it stops.
pub(crate) async fn poll_once(future: impl Future) {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
}

/// Holds a sink to the contract of [`Sink`] with records that it must be able to store.
pub(crate) async fn holds(sink: &dyn Sink) {
    let limits = sink.limits();
    assert!(limits.max_records >= 1 && limits.max_in_flight >= 1);
    assert!(limits.max_record_bytes >= 1 && limits.max_record_bytes <= limits.max_batch_bytes);

    stores_batches_of_every_size(sink).await;
    stores_the_same_batch_twice(sink).await;
    stores_any_text(sink).await;
    stores_the_largest_record(sink).await;
    survives_a_dropped_put(sink).await;
    ids_are_stable(sink);
    previews_are_stable(sink);
}

fn batch(size: usize) -> Vec<Record> {
    (0..).take(size).map(|offset| text(offset, &format!("At 12:00 the price was {offset}."))).collect()
}

async fn stores_batches_of_every_size(sink: &dyn Sink) {
    sink.put(&batch(1)).await.unwrap();
    sink.put(&batch(sink.limits().max_records)).await.unwrap();
}

async fn stores_the_same_batch_twice(sink: &dyn Sink) {
    let batch = batch(3);
    sink.put(&batch).await.unwrap();
    sink.put(&batch).await.unwrap();
}

async fn stores_any_text(sink: &dyn Sink) {
    for value in ["zażółć gęślą jaźń", "🦀 \u{10ffff}", "\"quoted\"\\ \u{0}\u{1f}\r\n\t", "\u{feff}\u{2028}"]
    {
        sink.put(&[text(0, value)]).await.unwrap();
    }
}

async fn stores_the_largest_record(sink: &dyn Sink) {
    let overhead = sink.size_of(&text(0, "x")) - 1;
    let record = text(0, &"x".repeat(sink.limits().max_record_bytes.min(5 * 1024 * 1024) - overhead));
    assert!(sink.size_of(&record) <= sink.limits().max_record_bytes);
    sink.put(&[record]).await.unwrap();
}

async fn survives_a_dropped_put(sink: &dyn Sink) {
    let batch = batch(2);
    poll_once(sink.put(&batch)).await;
    sink.put(&batch).await.unwrap();
}

fn ids_are_stable(sink: &dyn Sink) {
    let batch = batch(2);
    assert_eq!(sink.id(&batch[0]), sink.id(&batch[0].clone()));
    if let Some(id) = sink.id(&batch[0]) {
        assert_ne!(Some(id), sink.id(&batch[1]));
    }
}

fn previews_are_stable(sink: &dyn Sink) {
    let batch = batch(2);
    assert_eq!(sink.preview(&batch).unwrap(), sink.preview(&batch).unwrap());
}
