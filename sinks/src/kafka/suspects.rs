//! What one transaction has found out of records at fault, so that the next need not fail to find it out again. Pure.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use sluice_connector_api::{Failure, Payload, Record, TopicPartition};

/// For how long a topic is taken at its word: it may be changed meanwhile.
const FRESH: Duration = Duration::from_secs(30);

/// Which records a topic refuses, and among which there are more of these.
#[derive(Default)]
pub(super) struct Suspects {
    refused: HashMap<RecordPlace, Refusal>,
    /// Of each partition what is known of a put that was refused without it being known for which of its records.
    doubts: HashMap<TopicPartition, Doubt>,
}

/// What is known of records up to this one.
struct Doubt {
    last: i64,
    /// So many bytes may go together. The largest record that was refused is the likeliest to be at fault, and what is small beside it is
    /// not; where that was refused, too, each goes alone.
    together: usize,
}

/// Where a record was read.
#[derive(PartialEq, Eq, Hash)]
struct RecordPlace {
    partition: TopicPartition,
    offset: i64,
    part: Option<u32>,
}

struct Refusal {
    /// Of the record: another may have its place, in a topic that was made anew.
    content: u64,
    reason: String,
    since: Instant,
}

impl Suspects {
    /// Returns those of a batch that are known to be refused, each with the reason.
    pub(super) fn refused_of(&mut self, batch: &[Record]) -> Vec<(usize, Failure)> {
        self.refused.retain(|_, refusal| refusal.since.elapsed() < FRESH);
        if self.refused.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (index, record) in batch.iter().enumerate() {
            let known = self.refused.get(&place_of(record));
            if let Some(refusal) = known.filter(|refusal| refusal.content == content_of(record)) {
                found.push((index, Failure::rejected(&*refusal.reason)));
            }
        }
        found
    }

    /// Takes note of records of a batch that were refused, each for itself.
    pub(super) fn note_refused(&mut self, batch: &[Record], refused: &[(usize, Failure)]) {
        let since = Instant::now();
        for (index, failure) in refused {
            if let Some(record) = batch.get(*index) {
                let (content, reason) = (content_of(record), failure.to_string());
                self.refused.insert(place_of(record), Refusal { content, reason, since });
            }
        }
    }

    /// Takes note that records of a batch were refused, and nobody knows which.
    pub(super) fn doubt(&mut self, batch: &[Record]) {
        let is_of_each = batch.iter().all(|record| self.doubt_of(record).is_some());
        let largest = batch.iter().map(Record::size).max().unwrap_or(0);
        let together = if is_of_each { 0 } else { largest / 2 };
        for record in batch {
            let origin = record.origin();
            let doubt = self.doubts.entry(origin.topic_partition().clone());
            let doubt = doubt.or_insert(Doubt { last: i64::MIN, together });
            doubt.last = origin.offset().max(doubt.last);
            doubt.together = together.min(doubt.together);
        }
    }

    fn doubt_of(&self, record: &Record) -> Option<&Doubt> {
        let doubt = self.doubts.get(record.origin().topic_partition())?;
        (record.origin().offset() <= doubt.last).then_some(doubt)
    }

    /// Says how many records of a batch go together, request by request: all of them, until they were refused.
    pub(super) fn requests(&self, batch: &[Record]) -> Vec<usize> {
        let mut requests: Vec<usize> = Vec::new();
        let (mut size, mut most) = (0, usize::MAX);
        for record in batch {
            let most_of_it = self.doubt_of(record).map_or(usize::MAX, |doubt| doubt.together);
            let together = size + record.size();
            match requests.last_mut() {
                Some(count) if together <= most.min(most_of_it) => {
                    *count += 1;
                    (size, most) = (together, most.min(most_of_it));
                }
                _ => {
                    requests.push(1);
                    (size, most) = (record.size(), most_of_it);
                }
            }
        }
        requests
    }

    /// Takes note that a partition is stored up to this offset: nobody asks for what is before it.
    pub(super) fn stored_up_to(&mut self, partition: &TopicPartition, offset: i64) {
        if self.doubts.get(partition).is_some_and(|doubt| doubt.last < offset) {
            self.doubts.remove(partition);
        }
        self.refused.retain(|place, _| place.partition != *partition || place.offset >= offset);
    }

    /// Forgets a partition, which begins elsewhere.
    pub(super) fn forget(&mut self, partition: &TopicPartition) {
        self.stored_up_to(partition, i64::MAX);
    }
}

fn place_of(record: &Record) -> RecordPlace {
    let origin = record.origin();
    RecordPlace { partition: origin.topic_partition().clone(), offset: origin.offset(), part: record.part() }
}

fn content_of(record: &Record) -> u64 {
    let mut hasher = DefaultHasher::new();
    for side in [&record.key, &record.value] {
        side.as_ref().map(Payload::to_bytes).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use sluice_plugin_testing::text;

    use super::*;

    #[test]
    fn a_record_that_was_refused_is_known_until_its_partition_is_stored_beyond_it() {
        let mut suspects = Suspects::default();
        let batch = [text(5, "a"), text(6, "bad"), text(7, "c")];
        let partition = batch[0].origin().topic_partition().clone();
        suspects.note_refused(&batch, &[(1, Failure::rejected("too large"))]);
        let indices =
            |found: Vec<(usize, Failure)>| found.iter().map(|(index, _)| *index).collect::<Vec<_>>();
        assert_eq!(indices(suspects.refused_of(&batch)), [1]);
        assert_eq!(indices(suspects.refused_of(&batch[1..])), [0], "wherever it stands");
        assert!(suspects.refused_of(&[text(6, "good")]).is_empty(), "a record of a topic that was made anew");
        suspects.stored_up_to(&partition, 6);
        assert_eq!(suspects.refused_of(&batch).len(), 1);
        suspects.stored_up_to(&partition, 7);
        assert!(suspects.refused_of(&batch).is_empty());
    }

    #[test]
    fn a_put_that_was_refused_goes_in_smaller_requests_to_its_end() {
        let mut suspects = Suspects::default();
        let large = "x".repeat(1000);
        let batch = [text(5, "a"), text(6, "b"), text(7, &large), text(8, "c"), text(9, "d")];
        let partition = batch[0].origin().topic_partition().clone();
        assert_eq!(suspects.requests(&batch), [5]);
        suspects.doubt(&batch);
        assert_eq!(suspects.requests(&batch), [2, 1, 2], "the large one alone");
        let more = [text(9, "d"), text(10, "e"), text(11, "f")];
        suspects.doubt(&batch);
        assert_eq!(suspects.requests(&batch), [1; 5]);
        assert_eq!(suspects.requests(&more), [1, 2], "what comes behind it goes together");
        suspects.stored_up_to(&partition, 9);
        assert_eq!(suspects.requests(&more), [1, 2]);
        suspects.stored_up_to(&partition, 10);
        assert_eq!(suspects.requests(&more), [3]);
        suspects.doubt(&batch);
        suspects.forget(&partition);
        assert_eq!(suspects.requests(&batch), [5]);
        assert_eq!(suspects.requests(&[]), [0; 0]);
    }
}
