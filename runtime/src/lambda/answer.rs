//! What an invocation answers.

use std::fmt;

use serde::Serialize;
use sluice_connector_api::Origin;

use crate::lambda::parts::UNKNOWN;

/// The answer of an invocation that did not fail: the records that are not done, none if all are.
///
/// Its shape is that of "Retry configurations" in AWS's guide to Kafka event source mappings.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    batch_item_failures: Vec<ItemFailure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ItemFailure {
    item_identifier: ItemIdentifier,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct ItemIdentifier {
    partition: String,
    offset: i64,
}

impl Answer {
    /// Lists records that are not done. `None` where one of them cannot be named, as its offset is not known: then all of the
    /// event has to come again.
    pub(super) fn partial(left: &[Origin]) -> Option<Self> {
        let mut failures: Vec<ItemFailure> = Vec::with_capacity(left.len());
        for origin in left {
            if origin.offset() == UNKNOWN {
                return None;
            }
            let partition = origin.topic_partition().to_string();
            let item_identifier = ItemIdentifier { partition, offset: origin.offset() };
            failures.push(ItemFailure { item_identifier });
        }
        Some(Self { batch_item_failures: failures })
    }
}

/// Why an invocation fails.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// Nothing was tried.
    #[error("{0}")]
    NoEvent(String),
    /// Some records are not done.
    #[error("{count} of {of} records are not done ({places}): {reason}")]
    Records {
        /// How many are not done.
        count: usize,
        /// How many there were.
        of: usize,
        /// Which: partitions with their offsets.
        places: String,
        /// Why the first of them is not.
        reason: String,
    },
}

/// Whoever logs an error by its `Debug` shows the text.
impl fmt::Debug for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl NotDone {
    pub(super) fn records(left: &[Origin], of: usize, reason: String) -> Self {
        Self::Records { count: left.len(), of, places: places(left), reason }
    }

    /// Names the kind of failure, for Lambda's `errorType`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoEvent(_) => "Sluice.NoKafkaEvent",
            Self::Records { .. } => "Sluice.NotDone",
        }
    }
}

/// Writes origins, which are in order, as `prices-0: 7, 9-12; prices-1: 3`.
fn places(left: &[Origin]) -> String {
    let of_partition = |same: &[Origin]| {
        let name = same.first().map(|origin| origin.topic_partition().to_string()).unwrap_or_default();
        let runs = same.chunk_by(|one, next| follows(one.offset(), next.offset()));
        format!("{name}: {}", runs.map(run).collect::<Vec<_>>().join(", "))
    };
    let partitions = left.chunk_by(|one, next| one.topic_partition() == next.topic_partition());
    partitions.map(of_partition).collect::<Vec<_>>().join("; ")
}

fn follows(one: i64, next: i64) -> bool {
    if one == UNKNOWN { next == UNKNOWN } else { one.checked_add(1) == Some(next) }
}

fn run(offsets: &[Origin]) -> String {
    match offsets {
        [one, ..] if one.offset() == UNKNOWN => format!("{} of unknown offset", offsets.len()),
        [one] => one.offset().to_string(),
        [first, .., last] => format!("{}-{}", first.offset(), last.offset()),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn origins(places: &[(i32, i64)]) -> Vec<Origin> {
        places.iter().map(|(partition, offset)| Origin::new("a-b", *partition, *offset)).collect()
    }

    #[test]
    fn the_answer_names_each_record_as_the_service_reads_it() {
        assert_eq!(json!(Answer::default()), json!({ "batchItemFailures": [] }));
        let failure = |offset: i64| json!({ "itemIdentifier": { "partition": "a-b-0", "offset": offset } });
        let answer = json!(Answer::partial(&origins(&[(0, 7), (0, 9)])));
        assert_eq!(answer, json!({ "batchItemFailures": [failure(7), failure(9)] }));
        assert_eq!(Answer::partial(&origins(&[(0, -1), (0, 9)])), None, "nothing is named -1");
    }

    #[test]
    fn the_error_names_partitions_and_runs_of_offsets() {
        let left = origins(&[(0, 7), (0, 9), (0, 10), (0, 11), (3, 12)]);
        let error = NotDone::records(&left, 17, "the sink is full".to_owned());
        let text = "5 of 17 records are not done (a-b-0: 7, 9-11; a-b-3: 12): the sink is full";
        assert_eq!((error.to_string().as_str(), format!("{error:?}").as_str()), (text, text));
        let left = origins(&[(0, -1), (0, -1), (0, 0), (0, 1)]);
        let error = NotDone::records(&left, 9, "odd".to_owned()).to_string();
        assert!(error.contains("(a-b-0: 2 of unknown offset, 0-1)"), "{error}");
    }
}
