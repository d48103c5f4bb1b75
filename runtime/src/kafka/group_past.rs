//! What the commits of a group tell of its past: which topics it read, when it began with them, and whether a position is one in
//! the topic that is there now.

use std::collections::{BTreeSet, HashMap};

use sluice_connector_api::{StoredPosition, TakenOver, TopicPartition};

use crate::kafka::native::topics::TopicFacts;
use crate::kafka::stamp::{Began, Stamp};

/// How far the clocks of two members may differ, in seconds, and how long a group may take to note where it begins.
const CLOCKS: i64 = 10;

/// What the group has committed for a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) offset: Option<i64>,
    pub(super) epoch: Option<i32>,
    pub(super) stamp: Stamp,
    /// So many parts of the record there are stored already.
    pub(super) parts: u32,
}

impl Stored {
    /// Takes what the sink has stored for what the group has committed.
    pub(super) fn from_sink(position: &StoredPosition) -> Self {
        let StoredPosition { offset, parts, mark } = position;
        Self { offset: Some(*offset), epoch: None, stamp: Stamp::from_text(mark), parts: *parts }
    }
}

/// Takes what a sink says of a partition for what the group has committed, if it says something.
pub(super) fn stored_by_sink(partition: &TopicPartition, taken: &[TakenOver], committed: Stored) -> Stored {
    let taken = taken.iter().find(|taken| taken.partition == *partition);
    let Some(position) = taken.and_then(|taken| taken.position.as_ref()) else { return committed };
    if committed.offset != Some(position.offset) {
        let committed = committed.offset;
        tracing::info!(%partition, committed, "reading begins at {position}, where the sink has stored it");
        return Stored::from_sink(position);
    }
    Stored { epoch: committed.epoch, ..Stored::from_sink(position) }
}

/// Says whether a position is one in another topic than the one that has this name now.
pub(super) fn is_another(stamp: Stamp, now: Option<TopicFacts>) -> bool {
    match (stamp.id, now.and_then(|facts| facts.id)) {
        (Some(before), Some(now)) => before != now,
        _ => false,
    }
}

/// What the commits of a group tell of its past.
#[derive(Debug, Default)]
pub(super) struct GroupFacts {
    /// By topic how many partitions it had when the group began with it. What is not known is left out.
    pub(super) partitions: HashMap<String, i32>,
    /// The topics of which something is committed.
    pub(super) read: BTreeSet<String>,
    /// By the settings of this member, the group began before it came.
    pub(super) began_before: bool,
}

impl GroupFacts {
    pub(super) fn new(
        commits: &HashMap<TopicPartition, Stored>,
        facts: &HashMap<String, Option<TopicFacts>>,
        came: Began,
    ) -> Self {
        let mut group = Self::default();
        for (partition, stored) in commits.iter().filter(|(_, stored)| stored.offset.is_some()) {
            group.read.insert(partition.topic.to_string());
            let now = facts.get(&*partition.topic).copied().flatten();
            if let Some(count) = stored.stamp.partitions.filter(|_| !is_another(stored.stamp, now)) {
                let least = group.partitions.entry(partition.topic.to_string()).or_insert(count);
                *least = count.min(*least);
            }
            let began = stored.stamp.began.filter(|began| began.topics == came.topics);
            group.began_before |= began.is_some_and(|began| began.at.saturating_add(CLOCKS) < came.at);
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group that reads several topics tells by the commits of the others that one came since.
    #[test]
    fn a_topic_without_a_commit_came_since_where_the_group_read_others_by_the_same_settings_before() {
        let came = Began { topics: 5, at: 1000 };
        let began_before = |topics, at| {
            let stamp = Stamp { began: Some(Began { topics, at }), ..Stamp::default() };
            let commits = HashMap::from([
                (TopicPartition::new("other", 0), Stored { offset: Some(1), stamp, ..Stored::default() }),
                (TopicPartition::new("new", 0), Stored::default()),
            ]);
            let facts = GroupFacts::new(&commits, &HashMap::new(), came);
            assert_eq!(facts.read, BTreeSet::from(["other".to_owned()]));
            facts.began_before
        };
        assert!(began_before(5, 900));
        assert!(!began_before(6, 900), "by other settings");
        assert!(
            !began_before(5, 995) && !began_before(5, 2000),
            "others that begin together with this member"
        );
        assert!(!GroupFacts::new(&HashMap::new(), &HashMap::new(), came).began_before, "it begins now");
    }
}
