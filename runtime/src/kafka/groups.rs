//! How far a consumer group is, and how it is moved, for whoever is not a member of it.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use sluice_connector_api::{BoxError, TopicPartition};

use crate::kafka::commits::{list, offsets};
use crate::kafka::group_past::is_another;
use crate::kafka::native::group_offsets::delete_group_offsets;
use crate::kafka::native::topics::{TopicFacts, TopicQuestion};
use crate::kafka::patterns::TopicEntry;
use crate::kafka::reset_to::ResetTo;
use crate::kafka::stamp::Stamp;
use crate::meter::position_loss::PositionLoss;
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;

/// How long the brokers may take for one answer.
const WAIT: Duration = Duration::from_secs(15);
/// How long those that have answered everything else may take to say which topics they are: brokers for tests never do.
const FACTS: Duration = Duration::from_secs(3);

/// How far a group is in one partition.
#[derive(Clone, Debug)]
pub struct GroupPosition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset to be read next, if the group has committed one.
    pub committed: Option<i64>,
    /// The first offset that is there.
    pub first: i64,
    /// The offset behind the last record that can be read.
    pub end: i64,
    /// How many offsets behind that end belong to transactions that are open, or came after one.
    pub open_transactions: i64,
    /// Why the committed offset does not mean any more what it meant, if it does not.
    pub lost: Option<PositionLoss>,
}

impl GroupPosition {
    /// Returns how many offsets are still to be read. A position that was lost is taken up at the first one.
    pub fn lag(&self) -> i64 {
        let next = self.committed.filter(|_| self.lost.is_none()).unwrap_or(self.first);
        self.end.saturating_sub(next)
    }
}

/// Says why an offset does not mean any more what it meant.
fn loss(
    committed: Option<i64>,
    stamp: Stamp,
    now: Option<TopicFacts>,
    range: (i64, i64),
) -> Option<PositionLoss> {
    let committed = committed?;
    match range {
        _ if is_another(stamp, now) => Some(PositionLoss::TopicRecreated),
        (first, _) if committed < first => Some(PositionLoss::LogTrimmed),
        (_, end) if committed > end => Some(PositionLoss::LogTruncated),
        _ => None,
    }
}

/// A group, without being a member of it.
pub struct ConsumerGroup {
    name: String,
    topics: Vec<String>,
    entries: Vec<TopicEntry>,
    consumer: BaseConsumer<Identity>,
    /// Another client, which looks behind transactions that are open.
    beyond: BaseConsumer<Identity>,
}

impl std::fmt::Debug for ConsumerGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumerGroup").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ConsumerGroup {
    /// Makes a client that asks about a group. `topics` are names and patterns; none stands for all that the group has an
    /// offset for.
    pub async fn open(access: &Access, name: String, topics: Vec<String>) -> Result<Self, BoxError> {
        let mut access = access.clone();
        access.set("isolation.level", "read_committed");
        let consumer = access.consumer(&name).await?;
        access.set("isolation.level", "read_uncommitted");
        let beyond = access.consumer(&name).await?;
        let entries = TopicEntry::from_texts(&topics);
        Ok(Self { name, topics, entries, consumer, beyond })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the names of the groups that the brokers know, this one among them if it is there, sorted. Brokers for tests list
    /// none.
    pub async fn known(self) -> Result<Vec<String>, BoxError> {
        self.ask(|group| {
            let list = match group.consumer.fetch_group_list(None, WAIT) {
                Err(KafkaError::GroupListFetch(RDKafkaErrorCode::UnsupportedFeature)) => {
                    return Ok(Vec::new());
                }
                list => list?,
            };
            let mut names: Vec<_> = list.groups().iter().map(|known| known.name().to_owned()).collect();
            names.sort();
            Ok(names)
        })
        .await
    }

    /// Returns how far the group is, by topic and partition.
    pub async fn positions(self) -> Result<Vec<GroupPosition>, BoxError> {
        self.ask(Self::ask_positions).await
    }

    /// Returns every offset that the group has committed, by topic and partition, whatever topics it was opened with.
    pub(crate) async fn committed(self) -> Result<Vec<(TopicPartition, i64)>, BoxError> {
        self.ask(Self::ask_committed).await
    }

    /// Moves a group that nobody is a member of, or one partition of it. Returns where each partition was and where it goes;
    /// with `dry_run` it goes nowhere.
    pub async fn reset(
        self,
        to: ResetTo,
        partition: Option<i32>,
        dry_run: bool,
    ) -> Result<Vec<(GroupPosition, i64)>, BoxError> {
        self.ask(move |group| group.ask_reset(to, partition, dry_run)).await
    }

    /// Sets the offsets of a group that nobody is a member of, partition by partition; none takes it back, so that the partition
    /// is read as if it had never been.
    pub async fn set(self, offsets: Vec<(TopicPartition, Option<i64>)>) -> Result<(), BoxError> {
        self.ask(move |group| group.ask_set(&offsets)).await
    }

    /// Asks the brokers, off the async threads.
    async fn ask<T: Send + 'static>(
        self,
        question: impl FnOnce(&Self) -> Result<T, BoxError> + Send + 'static,
    ) -> Result<T, BoxError> {
        tokio::task::spawn_blocking(move || question(&self)).await?
    }

    fn ask_committed(&self) -> Result<Vec<(TopicPartition, i64)>, BoxError> {
        let metadata = self.consumer.fetch_metadata(None, WAIT)?;
        let mut list = TopicPartitionList::new();
        for topic in metadata.topics() {
            for partition in topic.partitions() {
                list.add_partition(topic.name(), partition.id());
            }
        }
        // librdkafka takes a question about no partition for a mistake.
        if list.count() == 0 {
            return Ok(Vec::new());
        }
        let mut committed = offsets(&coordinated(|| self.consumer.committed_offsets(list.clone(), WAIT))?);
        committed.sort_by(|(one, _), (other, _)| {
            (&one.topic, one.partition).cmp(&(&other.topic, other.partition))
        });
        Ok(committed)
    }

    fn ask_positions(&self) -> Result<Vec<GroupPosition>, BoxError> {
        let mut list = TopicPartitionList::new();
        let metadata = self.consumer.fetch_metadata(None, WAIT)?;
        for topic in metadata.topics().iter().filter(|topic| self.is_meant(topic.name())) {
            for partition in topic.partitions() {
                list.add_partition(topic.name(), partition.id());
            }
        }
        if list.count() == 0 {
            return Err(format!("there is no topic {}, or it may not be seen", self.topics.join(", ")).into());
        }
        let committed = coordinated(|| self.consumer.committed_offsets(list.clone(), WAIT))?;
        let mut wanted = Vec::new();
        for element in committed.elements() {
            element.error()?;
            let committed = if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None };
            if committed.is_some() || !self.topics.is_empty() {
                let partition = TopicPartition::new(element.topic(), element.partition());
                wanted.push((partition, committed, Stamp::from_text(element.metadata())));
            }
        }
        // librdkafka takes a question about no partition for a mistake.
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let partitions: Vec<_> = wanted.iter().map(|(partition, ..)| partition.clone()).collect();
        let firsts = ends(&self.consumer, &partitions, Offset::Beginning)?;
        let readable = ends(&self.consumer, &partitions, Offset::End)?;
        let written = ends(&self.beyond, &partitions, Offset::End)?;
        let topics: BTreeSet<&str> = partitions.iter().map(|partition| &*partition.topic).collect();
        let question =
            TopicQuestion::new(self.consumer.client(), &topics.into_iter().collect::<Vec<_>>(), FACTS);
        // Brokers without ids say nothing, and those that do not answer now do not keep the rest from being shown.
        let facts = question.and_then(|question| question.wait(FACTS).ok()).unwrap_or_default();
        let mut positions = Vec::new();
        for (partition, committed, stamp) in wanted {
            let at = |ends: &HashMap<TopicPartition, i64>| ends.get(&partition).copied();
            let (Some(first), Some(end)) = (at(&firsts), at(&readable)) else {
                return Err(format!("the brokers do not say where {partition} begins and ends").into());
            };
            let now = facts.get(&*partition.topic).copied().flatten();
            positions.push(GroupPosition {
                topic: partition.topic.to_string(),
                partition: partition.partition,
                committed,
                first,
                end,
                open_transactions: (at(&written).unwrap_or(end) - end).max(0),
                lost: loss(committed, stamp, now, (first, end)),
            });
        }
        positions.sort_by(|one, other| (&one.topic, one.partition).cmp(&(&other.topic, other.partition)));
        Ok(positions)
    }

    fn is_meant(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.means(name))
            || (self.topics.is_empty() && !name.starts_with("__"))
    }

    fn ask_reset(
        &self,
        to: ResetTo,
        partition: Option<i32>,
        dry_run: bool,
    ) -> Result<Vec<(GroupPosition, i64)>, BoxError> {
        self.must_be_empty()?;
        let mut positions = self.ask_positions()?;
        positions.retain(|position| partition.is_none_or(|partition| position.partition == partition));
        if positions.is_empty() {
            return Err(format!("group {} has no such partition", self.name).into());
        }
        let mut moves = Vec::new();
        for position in positions {
            let target = self.target(&position, to)?;
            moves.push((position, target));
        }
        if !dry_run {
            let mut list = TopicPartitionList::new();
            for (position, offset) in &moves {
                list.add_partition_offset(&position.topic, position.partition, Offset::Offset(*offset))?;
            }
            self.commit(&list)?;
        }
        Ok(moves)
    }

    /// Commits offsets, and names those that were not taken: others may be.
    fn commit(&self, list: &TopicPartitionList) -> Result<(), BoxError> {
        let refused = coordinated(|| self.consumer.commit(list, CommitMode::Sync)).err();
        if let Some(error) = refused.filter(|error| !is_of_partitions(error)) {
            return Err(self.not_moved(error));
        }
        let now = offsets(&coordinated(|| self.consumer.committed_offsets(list.clone(), WAIT))?);
        let now: HashMap<_, _> = now.into_iter().collect();
        let mut left = Vec::new();
        for (partition, offset) in offsets(list) {
            if now.get(&partition) != Some(&offset) {
                left.push(partition.to_string());
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        let left = left.join(", ");
        Err(format!("the brokers did not take an offset of {left}: is it there, and may it be read?").into())
    }

    fn not_moved(&self, error: KafkaError) -> BoxError {
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::UnknownMemberId) {
            return error.into();
        }
        let text =
            "has members yet, or its brokers take no offsets from outside of it, as those of `sluice demo`";
        format!("group {} is not moved: it {text}", self.name).into()
    }

    /// Refuses while somebody reads: he would commit his own offsets over the new ones. Says whether the brokers tell of members:
    /// those for tests do not. Others refuse the commit of a stranger while there are some.
    fn must_be_empty(&self) -> Result<bool, BoxError> {
        let groups = match coordinated(|| self.consumer.fetch_group_list(Some(&self.name), WAIT)) {
            Err(KafkaError::GroupListFetch(RDKafkaErrorCode::UnsupportedFeature)) => return Ok(false),
            groups => groups?,
        };
        let members: usize = groups.groups().iter().map(|group| group.members().len()).sum();
        match members {
            0 => Ok(true),
            _ => Err(format!("group {} has {members} active member(s); stop them first", self.name).into()),
        }
    }

    fn ask_set(&self, offsets: &[(TopicPartition, Option<i64>)]) -> Result<(), BoxError> {
        let tells_members = self.must_be_empty()?;
        let (mut set, mut taken_back) = (TopicPartitionList::new(), TopicPartitionList::new());
        for (partition, offset) in offsets {
            match offset {
                Some(offset) => {
                    let offset = Offset::Offset(*offset);
                    set.add_partition_offset(&partition.topic, partition.partition, offset)?;
                }
                None => {
                    taken_back.add_partition(&partition.topic, partition.partition);
                }
            }
        }
        // librdkafka ends the process where it asks brokers for that which cannot do it.
        if taken_back.count() > 0 && !tells_members {
            return Err("the brokers, as those of `sluice demo`, take no offsets back".into());
        }
        if set.count() > 0 {
            self.commit(&set)?;
        }
        if taken_back.count() > 0 {
            let client = self.consumer.client();
            coordinated(|| delete_group_offsets(client, &self.name, &taken_back, WAIT))?;
        }
        Ok(())
    }

    fn target(&self, position: &GroupPosition, to: ResetTo) -> Result<i64, BoxError> {
        let GroupPosition { topic, partition, first, end, .. } = position;
        match to {
            ResetTo::Earliest => Ok(*first),
            ResetTo::Latest => Ok(*end),
            ResetTo::Offset(offset) if (*first..=*end).contains(&offset) => Ok(offset),
            ResetTo::Offset(offset) => {
                Err(format!("{topic}-{partition} has no offset {offset}; it holds {first} to {end}").into())
            }
            ResetTo::Time(time) => Ok(self.at(position, time)?.unwrap_or(*end)),
        }
    }

    /// Finds the first record that is not older.
    fn at(&self, position: &GroupPosition, time: i64) -> KafkaResult<Option<i64>> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&position.topic, position.partition, Offset::Offset(time))?;
        let found = self.consumer.offsets_for_times(list, WAIT)?;
        let offset = found.elements().first().map(TopicPartitionListElem::offset);
        Ok(if let Some(Offset::Offset(offset)) = offset { Some(offset) } else { None })
    }
}

/// Says whether an error is about some of the partitions alone.
fn is_of_partitions(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{TopicAuthorizationFailed, UnknownTopicOrPartition};
    let code = error.rdkafka_error_code();
    code.is_some_and(|code| [TopicAuthorizationFailed, UnknownTopicOrPartition].contains(&code))
}

/// Returns where partitions begin, or where they end for this client.
fn ends(
    consumer: &BaseConsumer<Identity>,
    partitions: &[TopicPartition],
    end: Offset,
) -> KafkaResult<HashMap<TopicPartition, i64>> {
    let asked = list(partitions.iter().map(|partition| (partition.clone(), end)))?;
    let answer = consumer.offsets_for_times(asked, WAIT)?;
    Ok(offsets(&answer).into_iter().collect())
}

/// Asks again while the group's coordinator moves or loads, which passes.
fn coordinated<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    use RDKafkaErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    let deadline = Instant::now() + WAIT;
    loop {
        let answer = ask();
        let code = answer.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        let passing = [CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator];
        if Instant::now() > deadline || code.is_none_or(|code| !passing.contains(&code)) {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_of_a_position_that_was_lost_is_all_that_is_there() {
        let lag = |committed, range: (i64, i64)| {
            let lost = loss(committed, Stamp::default(), None, range);
            let position = GroupPosition {
                topic: "t".to_owned(),
                partition: 0,
                committed,
                first: range.0,
                end: range.1,
                open_transactions: 0,
                lost,
            };
            (position.lag(), lost)
        };
        assert_eq!(lag(Some(7), (5, 10)), (3, None));
        assert_eq!(lag(None, (5, 10)), (5, None));
        assert_eq!(lag(Some(2), (5, 10)), (5, Some(PositionLoss::LogTrimmed)));
        assert_eq!(lag(Some(40), (5, 10)), (5, Some(PositionLoss::LogTruncated)));
    }
}
