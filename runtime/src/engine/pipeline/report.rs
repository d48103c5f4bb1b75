//! What a run did and left, for a source that is told record by record.

use foldhash::HashMap;
use sluice_connector_api::TopicPartition;

use crate::engine::ledger::tracker::ReadSoFar;
use crate::engine::pipeline::phase::Failed;

/// How a run ended, and which of its records are done.
#[derive(Debug)]
pub struct RunReport {
    /// How it ended.
    pub result: Result<(), Failed>,
    /// The first record that was rejected and not tolerated, and why.
    pub rejected: Option<String>,
    pub(super) read: HashMap<TopicPartition, ReadSoFar>,
}

impl RunReport {
    /// Says whether a record is done: stored, dead-lettered, or dropped on purpose. One that was never read is not.
    pub fn is_done(&self, partition: &TopicPartition, offset: i64) -> bool {
        let Some(read) = self.read.get(partition) else { return false };
        read.next.is_some_and(|next| offset < next) && !read.pending.contains(&offset)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_was_never_read_is_not_done() {
        let partition = TopicPartition::new("t", 0);
        let read = ReadSoFar { next: Some(5), pending: HashSet::from([3]) };
        let report = RunReport {
            result: Ok(()),
            rejected: None,
            read: [(partition.clone(), read)].into_iter().collect(),
        };
        let done: Vec<_> = (1..8).filter(|offset| report.is_done(&partition, *offset)).collect();
        assert_eq!(done, [1, 2, 4]);
        assert!(!report.is_done(&TopicPartition::new("t", 1), 1));
    }
}
