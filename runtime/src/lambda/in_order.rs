//! Brings the records of a partition into the order of their offsets, by which they are named as not done. An event that was put
//! together by somebody else may hold them in another, or hold one twice.

use sluice_connector_api::{Rejection, TopicPartition};

use crate::lambda::parts::{Readable, UNKNOWN};
use crate::transform::chain::{Stage, StageError};

/// Sorts records by their offsets. One that comes twice stays once; of two that differ and say the same offset the later one is
/// rejected.
pub(super) fn in_order(partition: &TopicPartition, mut records: Vec<Readable>) -> Vec<Readable> {
    records.sort_by_key(|(record, _)| record.origin().offset());
    let before = records.len();
    let mut kept: Vec<Readable> = Vec::with_capacity(before);
    // Where the first record of an offset is.
    let mut first = 0;
    for (record, error) in records {
        let offset = record.origin().offset();
        match kept.get(first).filter(|(one, _)| offset != UNKNOWN && one.origin().offset() == offset) {
            None => {
                first = kept.len();
                kept.push((record, error));
            }
            Some((same, fault)) if *same == record && *fault == error => {}
            Some(_) => kept.push((record, Some(error.unwrap_or_else(another)))),
        }
    }
    let repeated = before - kept.len();
    if repeated > 0 {
        tracing::warn!(%partition, repeated, "the event holds records more than once; each is delivered once");
    }
    kept
}

fn another() -> StageError {
    let reason = "the event holds another record of the same offset before it";
    StageError { stage: Stage::ValueConverter, rejection: Rejection::new(reason) }
}
