//! A scripted source, a scripted sink and transforms that do as the record says, around a real pipeline.
//!
//! Time is tokio's paused clock: it moves only when every task waits, so a test that waits an hour takes no
//! time and says exactly what happened when.

mod hold;
mod journal;
mod run;
mod schemas;
mod sink;
mod source;
mod transform;

pub(crate) use hold::HoldScript;
pub(crate) use journal::{Entry, Journal};
pub(crate) use run::{Run, Setup};
pub(crate) use schemas::{Fetch, SchemaRegistry};
pub(crate) use sink::{
    Answer, ConfirmScript, Gate, Reply, Script, ScriptedSink, confirmations, naming, once, pending, refusing,
    script, stored,
};
pub(crate) use source::size;

use sluice_connector_api::{Origin, Payload, Record, TopicPartition};

/// The one topic there is.
pub(crate) const TOPIC: &str = "t";

/// Makes a record of the topic; an empty key is none.
pub(crate) fn record(partition: i32, offset: i64, key: &str, value: &str) -> Record {
    let mut record = Record::new(Origin::new(TOPIC, partition, offset));
    record.key = (!key.is_empty()).then(|| Payload::from(key));
    record.value = Some(Payload::from(value));
    record
}

/// Makes records of one partition without keys, from an offset on.
pub(crate) fn records(partition: i32, first: i64, values: &[&str]) -> Vec<Record> {
    (first..).zip(values).map(|(offset, value)| record(partition, offset, "", value)).collect()
}

/// Names a partition of the topic.
pub(crate) fn partition(number: i32) -> TopicPartition {
    TopicPartition::new(TOPIC, number)
}
