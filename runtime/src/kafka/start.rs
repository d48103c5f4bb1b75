//! Where reading begins in partitions that came.
//!
//! The offset that the group has committed, if it is a position in the topic that is there now. Where the group has none,
//! the first offset or the end, which the engine then commits at once: a start that is not pinned by a commit would be
//! chosen anew by whoever comes next. Everything is decided before librdkafka begins to fetch, with the one question that it
//! would ask itself; what is asked beside that (which topic it is) is asked at the same time.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::consumer::{Consumer, ConsumerContext};
use rdkafka::topic_partition_list::Offset;
use sluice_connector_api::{BoxError, TakenOver, TopicPartition};

use crate::kafka::asking::{Asking, WAIT};
use crate::kafka::group_past::{GroupFacts, Stored, is_another, stored_by_sink};
use crate::kafka::native::topics::{TopicFacts, TopicQuestion};
use crate::kafka::settings::AutoOffsetReset;
use crate::kafka::stamp::{Began, Stamp};
use crate::meter::position_loss::{LostPosition, PositionLoss};
use crate::source::Resumed;

/// How much longer than the group's offsets the topics' ids may take. Later they are looked at while records are read.
const BESIDE: Duration = Duration::from_millis(250);
/// So many other topics are asked for what the group has committed.
const OTHER_TOPICS: usize = 500;

/// Where reading begins in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) partition: TopicPartition,
    /// The first offset to be read.
    pub(super) offset: i64,
    /// The leader epoch of the record before, if it is known.
    pub(super) epoch: Option<i32>,
    /// What goes with the commits.
    pub(super) stamp: Stamp,
    /// The group has no offset, so that this one is to be pinned.
    pub(super) is_new: bool,
    /// The group has an offset, and is to note with it when it began with what it reads now.
    pub(super) is_pinned_anew: bool,
    /// What the group has committed, or the sink has stored, is no position any more; with what it was a position in.
    pub(super) lost: Option<(LostPosition, Stamp)>,
    /// So many parts of the first record are stored already.
    pub(super) parts: u32,
}

/// What is known of a topic when a partition of it comes.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// What the brokers say now.
    now: Option<TopicFacts>,
    /// What they said when this member came.
    at_first: AtFirst,
    /// How many partitions there were when the group began, as the commits of the others say.
    of_group: Option<i32>,
    /// The group read other topics before this member came, by the same settings, and none of this one.
    came_since: bool,
}

/// What a topic was when this member came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AtFirst {
    #[default]
    Unknown,
    Missing,
    There(TopicFacts),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    GoOn,
    Earliest,
    Latest,
    Lost,
}

/// Chooses where reading begins.
#[derive(Debug)]
pub(super) struct Starts {
    reset: AutoOffsetReset,
    /// The names and patterns of the settings.
    names: Vec<String>,
    /// When this member came.
    came: Began,
    /// The topics as they were when this member came; none of one that was not there then.
    at_first: Mutex<HashMap<String, Option<TopicFacts>>>,
    /// How far partitions were read that went, and what that was a position in. The brokers forget what a group has
    /// committed with the topic.
    left: Mutex<HashMap<TopicPartition, (i64, Stamp)>>,
}

impl Starts {
    /// `names` are the names and patterns of the settings.
    pub(super) fn new(reset: AutoOffsetReset, names: &[String]) -> Self {
        let (names, came) = (names.to_vec(), Began::now(names));
        Self { reset, names, came, at_first: Mutex::default(), left: Mutex::default() }
    }

    /// Takes note of how far a partition was read that goes.
    pub(super) fn note_left(&self, partition: &TopicPartition, next: i64, stamp: Stamp) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.insert(partition.clone(), (next, stamp));
    }

    /// Returns the position in a topic that was made again, where this member has read the one before.
    fn left_in_another(&self, partition: &TopicPartition, now: Option<TopicFacts>) -> Option<Stored> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, stamp) = left.get(partition).copied()?;
        is_another(stamp, now).then_some(Stored { offset: Some(next), epoch: None, stamp, parts: 0 })
    }

    /// Takes note of what the brokers say of topics before any partition came.
    pub(super) fn note_first(&self, topics: &[&str], facts: &HashMap<String, Option<TopicFacts>>) {
        let mut at_first = self.at_first.lock().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            if let Some(found) = facts.get(*topic) {
                at_first.entry((*topic).to_owned()).or_insert(*found);
            }
        }
    }

    /// Takes note of topics that were not there a moment ago, or are gone: whatever is read of them comes after this member.
    pub(super) fn note_missing<'a>(&self, topics: impl Iterator<Item = &'a str>) {
        let mut at_first = self.at_first.lock().unwrap_or_else(PoisonError::into_inner);
        at_first.extend(topics.map(|topic| (topic.to_owned(), None)));
    }

    /// Finds where reading begins in partitions that came. Where a sink has taken them over, what it says counts.
    pub(super) fn find<C: ConsumerContext>(
        &self,
        asking: &Asking<'_, C>,
        partitions: &[TopicPartition],
        taken: &[TakenOver],
    ) -> Result<Vec<Start>, BoxError> {
        let topics: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        let question = TopicQuestion::new(asking.consumer.client(), &topics, WAIT);
        let stored = asking.stored(partitions)?;
        // To begin at the end of a topic that was made while nobody looked would pass over its first records.
        let is_new =
            |partition: &TopicPartition| stored.get(partition).is_none_or(|one| one.offset.is_none());
        let is_careful = self.reset == AutoOffsetReset::Latest && partitions.iter().any(is_new);
        // Nor is a position that somebody else keeps looked at again while records are read.
        let wait = if is_careful || !taken.is_empty() { WAIT } else { BESIDE };
        let answer = question.map(|question| question.wait(wait));
        let facts = answer.and_then(Result::ok).unwrap_or_default();
        let of_group = if is_careful {
            GroupFacts::new(
                &asking.of_group(&self.asked_of_group(&topics, &facts), &stored),
                &facts,
                self.came,
            )
        } else {
            GroupFacts::default()
        };
        let mut starts = Vec::new();
        for partition in partitions {
            let known = Known {
                now: facts.get(&*partition.topic).copied().flatten(),
                at_first: self.at_first(&partition.topic),
                of_group: of_group.partitions.get(&*partition.topic).copied(),
                came_since: of_group.began_before && !of_group.read.contains(&*partition.topic),
            };
            let mut stored = stored.get(partition).copied().unwrap_or_default();
            if stored.offset.is_none() {
                stored = self.left_in_another(partition, known.now).unwrap_or(stored);
            }
            stored = stored_by_sink(partition, taken, stored);
            starts.push((
                partition.clone(),
                stored,
                known,
                choose(self.reset, partition.partition, stored, known),
            ));
        }
        let ends = asking.ends(&wanted(&starts))?;
        let mut chosen = Vec::with_capacity(starts.len());
        for (partition, of_start, known, choice) in starts {
            let committed = stored.get(&partition).and_then(|stored| stored.offset);
            let start = self.start_in(partition, of_start, known, choice, &ends);
            // The group's offset is a hint, which is to be the right one.
            let is_new = start.is_new || committed != Some(start.offset);
            chosen.push(Start { is_new, ..start });
        }
        Ok(chosen)
    }

    /// The partitions whose commits may tell when the group began: all of the topics of which partitions came, and the first
    /// one of others that are read.
    fn asked_of_group(
        &self,
        topics: &[&str],
        facts: &HashMap<String, Option<TopicFacts>>,
    ) -> Vec<TopicPartition> {
        let mut asked = Vec::new();
        for topic in topics {
            let count = facts.get(*topic).copied().flatten().map_or(0, |facts| facts.partitions);
            asked.extend((0..count).map(|number| TopicPartition::new(*topic, number)));
        }
        let at_first = self.at_first.lock().unwrap_or_else(PoisonError::into_inner);
        let others =
            at_first.iter().filter(|(name, facts)| facts.is_some() && !topics.contains(&name.as_str()));
        asked.extend(others.take(OTHER_TOPICS).map(|(name, _)| TopicPartition::new(name.as_str(), 0)));
        asked
    }

    /// Notes with a start when the group began with what it reads now.
    fn start_in(
        &self,
        partition: TopicPartition,
        stored: Stored,
        known: Known,
        choice: Choice,
        ends: &HashMap<TopicPartition, i64>,
    ) -> Start {
        let mut start = start(partition, stored, known, choice, ends);
        let began = stored.stamp.began.filter(|began| !start.is_new && began.topics == self.came.topics);
        start.stamp.began = began.or_else(|| Some(Began::now(&self.names)));
        start.is_pinned_anew = self.reset == AutoOffsetReset::Latest && !start.is_new && began.is_none();
        start
    }

    fn at_first(&self, topic: &str) -> AtFirst {
        match self.at_first.lock().unwrap_or_else(PoisonError::into_inner).get(topic) {
            None => AtFirst::Unknown,
            Some(None) => AtFirst::Missing,
            Some(Some(facts)) => AtFirst::There(*facts),
        }
    }
}

/// Says of each partition how much of its first record is stored already.
pub(super) fn resumed(taken: Vec<TakenOver>, starts: &[Start]) -> Vec<Resumed> {
    let mut resumed = Vec::with_capacity(taken.len());
    for taken in taken {
        let start = starts.iter().find(|start| start.partition == taken.partition);
        resumed.push(Resumed {
            taken,
            first: start.map_or(0, |start| start.offset),
            parts: start.map_or(0, |start| start.parts),
        });
    }
    resumed
}

/// Chooses where to begin in the partition of this number.
fn choose(reset: AutoOffsetReset, partition: i32, stored: Stored, known: Known) -> Choice {
    if stored.offset.is_some() {
        return if is_another(stored.stamp, known.now) { Choice::Lost } else { Choice::GoOn };
    }
    let was_added = match known.at_first {
        AtFirst::Unknown => false,
        AtFirst::Missing => true,
        AtFirst::There(first) => {
            let stamp = Stamp { id: first.id, ..Stamp::default() };
            is_another(stamp, known.now) || partition >= first.partitions
        }
    };
    let was_added = was_added || known.came_since || known.of_group.is_some_and(|count| partition >= count);
    match reset {
        AutoOffsetReset::Latest if !was_added => Choice::Latest,
        // All of its records came after the group began to read the topic.
        AutoOffsetReset::Latest | AutoOffsetReset::Earliest => Choice::Earliest,
    }
}

/// Returns the partitions in which reading begins at the first offset or the end, and which of these.
fn wanted(starts: &[(TopicPartition, Stored, Known, Choice)]) -> Vec<(TopicPartition, Offset)> {
    let mut wanted = Vec::new();
    for (partition, _, _, choice) in starts {
        match choice {
            Choice::GoOn => {}
            Choice::Earliest | Choice::Lost => wanted.push((partition.clone(), Offset::Beginning)),
            Choice::Latest => wanted.push((partition.clone(), Offset::End)),
        }
    }
    wanted
}

/// Returns what goes with the commits of a partition that is begun with now.
pub(super) fn fresh_stamp(now: Option<TopicFacts>) -> Stamp {
    let id = now.and_then(|facts| facts.id);
    Stamp { id, partitions: now.map(|facts| facts.partitions), began: None }
}

fn start(
    partition: TopicPartition,
    stored: Stored,
    known: Known,
    choice: Choice,
    ends: &HashMap<TopicPartition, i64>,
) -> Start {
    let fresh = fresh_stamp(known.now);
    let end = ends.get(&partition).copied();
    match (choice, stored.offset) {
        (Choice::GoOn, Some(offset)) => {
            let Stamp { id, partitions, .. } = stored.stamp;
            let stamp =
                Stamp { id: id.or(fresh.id), partitions: partitions.or(fresh.partitions), ..stored.stamp };
            let Stored { epoch, parts, .. } = stored;
            Start { epoch, parts, is_new: false, ..new_start(partition, offset, stamp, None) }
        }
        (Choice::Lost, Some(from)) => {
            let to = end.unwrap_or(0);
            let lost = LostPosition { from, to, why: PositionLoss::TopicRecreated };
            new_start(partition, to, fresh, Some((lost, stored.stamp)))
        }
        _ => {
            let offset = end.unwrap_or(0);
            new_start(partition, offset, fresh, None)
        }
    }
}

fn new_start(
    partition: TopicPartition,
    offset: i64,
    stamp: Stamp,
    lost: Option<(LostPosition, Stamp)>,
) -> Start {
    Start { partition, offset, epoch: None, stamp, is_new: true, is_pinned_anew: false, lost, parts: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::stamp::TopicId;

    fn facts(id: i64, partitions: i32) -> TopicFacts {
        TopicFacts { id: TopicId::from_halves(0, id), partitions, is_internal: false }
    }

    fn stored(offset: i64, id: i64) -> Stored {
        let stamp = Stamp { id: TopicId::from_halves(0, id), ..Stamp::default() };
        Stored { offset: Some(offset), epoch: None, stamp, parts: 0 }
    }

    fn choose_by(reset: AutoOffsetReset, partition: i32, stored: Stored, known: Known) -> Choice {
        choose(reset, partition, stored, known)
    }

    #[test]
    fn a_commit_is_trusted_unless_it_is_of_another_topic() {
        for reset in [AutoOffsetReset::Earliest, AutoOffsetReset::Latest] {
            let at = |id| Known { now: Some(facts(id, 1)), ..Known::default() };
            assert_eq!(choose_by(reset, 0, stored(15, 7), at(7)), Choice::GoOn);
            assert_eq!(choose_by(reset, 0, stored(15, 7), at(8)), Choice::Lost);
            assert_eq!(choose_by(reset, 0, stored(15, 0), at(8)), Choice::GoOn, "a commit without an id");
            assert_eq!(choose_by(reset, 0, stored(15, 7), at(0)), Choice::GoOn, "brokers without ids");
            assert_eq!(choose_by(reset, 0, stored(15, 7), Known::default()), Choice::GoOn, "no answer");
        }
    }

    #[test]
    fn latest_is_the_end_of_what_was_there_when_the_group_began_and_no_later_end() {
        let latest =
            |partition, known| choose_by(AutoOffsetReset::Latest, partition, Stored::default(), known);
        let now = Some(facts(7, 3));
        assert_eq!(latest(2, Known { now, ..Known::default() }), Choice::Latest);
        let same = Known { now, at_first: AtFirst::There(facts(7, 3)), of_group: Some(3), came_since: false };
        assert_eq!(latest(2, same), Choice::Latest);
        let fewer = Known { at_first: AtFirst::There(facts(7, 2)), ..same };
        assert_eq!((latest(1, fewer), latest(2, fewer)), (Choice::Latest, Choice::Earliest));
        let of_group = Known { of_group: Some(2), ..same };
        assert_eq!((latest(1, of_group), latest(2, of_group)), (Choice::Latest, Choice::Earliest));
        assert_eq!(latest(0, Known { at_first: AtFirst::Missing, ..same }), Choice::Earliest, "made since");
        assert_eq!(
            latest(0, Known { at_first: AtFirst::There(facts(6, 3)), ..same }),
            Choice::Earliest,
            "anew"
        );
        assert_eq!(latest(0, Known { came_since: true, ..same }), Choice::Earliest, "since the last run");
    }

    #[test]
    fn a_commit_keeps_when_the_group_began_until_it_reads_by_other_settings() {
        let (names, partition) = (["a".to_owned()], TopicPartition::new("t", 0));
        let old = Began { at: 7, ..Began::now(&names) };
        let start = |reset, began| {
            let starts = Starts::new(reset, &names);
            let stored = Stored { stamp: Stamp { began, ..Stamp::default() }, ..stored(15, 0) };
            starts.start_in(partition.clone(), stored, Known::default(), Choice::GoOn, &HashMap::new())
        };
        let kept = start(AutoOffsetReset::Latest, Some(old));
        assert_eq!((kept.stamp.began, kept.is_pinned_anew), (Some(old), false));
        for began in [None, Some(Began { topics: 1, at: 7 })] {
            let anew = start(AutoOffsetReset::Latest, began);
            assert!(anew.is_pinned_anew && anew.stamp.began.is_some_and(|began| began.at > 7));
            assert!(!start(AutoOffsetReset::Earliest, began).is_pinned_anew, "there it does not matter");
        }
    }

    #[test]
    fn a_position_in_a_topic_that_the_brokers_forgot_is_remembered_when_the_topic_is_there_again() {
        let (starts, partition) = (Starts::new(AutoOffsetReset::Earliest, &[]), TopicPartition::new("t", 0));
        let before = stored(15, 7);
        starts.note_left(&partition, 15, before.stamp);
        assert_eq!(starts.left_in_another(&partition, Some(facts(8, 1))), Some(before));
        assert_eq!(starts.left_in_another(&partition, Some(facts(7, 1))), None, "it is the same");
        assert_eq!(starts.left_in_another(&partition, None), None);
    }

    #[test]
    fn a_lost_position_is_taken_up_where_the_new_log_begins() {
        let partition = TopicPartition::new("t", 0);
        let known = Known { now: Some(facts(8, 2)), ..Known::default() };
        let ends = HashMap::from([(partition.clone(), 3)]);
        let start = start(partition, stored(15, 7), known, Choice::Lost, &ends);
        assert_eq!((start.offset, start.is_new), (3, true));
        assert_eq!(start.stamp, Stamp { id: TopicId::from_halves(0, 8), partitions: Some(2), began: None });
        let lost = LostPosition { from: 15, to: 3, why: PositionLoss::TopicRecreated };
        assert_eq!(start.lost, Some((lost, stored(15, 7).stamp)));
    }

    #[test]
    fn a_commit_keeps_what_it_says_of_the_groups_beginning_and_learns_the_id() {
        let partition = TopicPartition::new("t", 0);
        let known = Known { now: Some(facts(8, 5)), ..Known::default() };
        let stored = Stored { stamp: Stamp { partitions: Some(2), ..Stamp::default() }, ..stored(15, 0) };
        let start = start(partition, stored, known, Choice::GoOn, &HashMap::new());
        assert_eq!((start.offset, start.is_new), (15, false));
        assert_eq!(start.stamp, Stamp { id: TopicId::from_halves(0, 8), partitions: Some(2), began: None });
    }
}
