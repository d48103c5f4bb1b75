//! How far the partitions were read.
//!
//! The offsets of a partition go back where its topic was made anew, or where its end was lost with a broker. librdkafka
//! does not note that where it hands over many records at once: after a pause it would go on where it was before, and pass
//! over what lies between. So it has to be told.

use foldhash::HashMap;
use sluice_connector_api::{Record, TopicPartition};

/// By partition the offset behind the last record that was taken.
#[derive(Debug, Default)]
pub(super) struct Positions(HashMap<TopicPartition, i64>);

impl Positions {
    /// Forgets partitions that are read from elsewhere on.
    pub(super) fn forget(&mut self, partitions: &[TopicPartition]) {
        for partition in partitions {
            self.0.remove(partition);
        }
    }

    /// Takes note of records, in the order taken. Returns where to go on in partitions whose offsets went back, and forgets
    /// these.
    pub(super) fn follow(&mut self, records: &[Record]) -> Vec<(TopicPartition, i64)> {
        let partition = |record: &Record| record.origin().topic_partition().clone();
        let offset = |record: &Record| record.origin().offset();
        let mut back = Vec::new();
        let runs =
            records.chunk_by(|one, other| one.origin().topic_partition() == other.origin().topic_partition());
        for run in runs {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let next = self.0.entry(partition(first)).or_insert(i64::MIN);
            let goes_on =
                *next <= offset(first) && run.is_sorted_by(|one, other| offset(one) < offset(other));
            *next = offset(last) + 1;
            if !goes_on {
                back.push(partition(first));
            }
        }
        back.into_iter().filter_map(|partition| self.0.remove_entry(&partition)).collect()
    }
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::Origin;

    use super::*;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("t", number)
    }

    fn follow(positions: &mut Positions, origins: &[(i32, i64)]) -> Vec<(TopicPartition, i64)> {
        let record = |(partition, offset): &(i32, i64)| Record::new(Origin::new("t", *partition, *offset));
        positions.follow(&origins.iter().map(record).collect::<Vec<_>>())
    }

    #[test]
    fn a_partition_whose_offsets_go_back_goes_on_behind_its_last_record() {
        let mut positions = Positions::default();
        assert_eq!(follow(&mut positions, &[(0, 7), (0, 8), (1, 3), (0, 12)]), []);
        assert_eq!(follow(&mut positions, &[(0, 13), (1, 0), (1, 1), (0, 14)]), [(partition(1), 2)]);
        assert_eq!(follow(&mut positions, &[(1, 2), (0, 15)]), []);
        assert_eq!(follow(&mut positions, &[(0, 16), (0, 2), (1, 3), (0, 3)]), [(partition(0), 4)]);
    }

    #[test]
    fn a_partition_that_is_assigned_anew_may_begin_anywhere() {
        let mut positions = Positions::default();
        follow(&mut positions, &[(0, 7), (1, 7)]);
        positions.forget(&[partition(0)]);
        assert_eq!(follow(&mut positions, &[(0, 2), (1, 8)]), []);
    }
}
