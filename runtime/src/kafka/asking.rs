//! The questions to the brokers that have to be answered before reading begins.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use sluice_connector_api::{BoxError, TopicPartition};

use crate::kafka::commits::list;
use crate::kafka::group_past::Stored;
use crate::kafka::leaderless::leaderless;
use crate::kafka::native::epochs::leader_epoch;
use crate::kafka::stamp::{Stamp, parts_in};
use crate::meter::reading::Reading;

/// How long the brokers may take for one answer.
pub(super) const WAIT: Duration = Duration::from_secs(3);
/// How long the brokers are asked again and again.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two questions.
const AGAIN: Duration = Duration::from_millis(100);
/// So many partitions are named at most.
const NAMED: usize = 3;

/// Asks brokers that may have to be asked again, for a minute at most.
pub(super) struct Asking<'a, C: ConsumerContext> {
    pub(super) consumer: &'a BaseConsumer<C>,
    /// Whether nobody waits for the answer any more.
    pub(super) is_over: &'a dyn Fn() -> bool,
    /// Is told what keeps the source from beginning.
    pub(super) reading: &'a Reading,
}

impl<C: ConsumerContext> Asking<'_, C> {
    fn until_answered<T>(
        &self,
        what: &str,
        partitions: &[TopicPartition],
        ask: impl Fn() -> KafkaResult<T>,
    ) -> Result<T, BoxError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let error = match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if (self.is_over)() {
                return Err(format!("the brokers do not say {what}: {error}").into());
            }
            let reason = format!("the brokers do not say {what}: {error}{}", self.without_leader(partitions));
            if Instant::now() >= deadline {
                return Err(reason.into());
            }
            tracing::debug!("{reason}, yet");
            self.reading.note_in_general(reason);
            std::thread::sleep(AGAIN);
        }
    }

    /// Names the partitions that have no leader, without which there is no answer.
    fn without_leader(&self, partitions: &[TopicPartition]) -> String {
        let found = leaderless(self.consumer, partitions);
        let names: Vec<_> = found.iter().take(NAMED).map(ToString::to_string).collect();
        match found.len() {
            0 => String::new(),
            count if count > NAMED => {
                format!(
                    "; {count} partitions have no leader, such as {}: their brokers are away",
                    names.join(", ")
                )
            }
            _ => format!("; no leader has {}: the brokers that keep it are away", names.join(", ")),
        }
    }

    /// Returns what the group has committed.
    pub(super) fn stored(
        &self,
        partitions: &[TopicPartition],
    ) -> Result<HashMap<TopicPartition, Stored>, BoxError> {
        // The group's coordinator answers, whoever leads the partitions.
        self.until_answered("what the group has committed", &[], || self.stored_once(partitions))
    }

    fn stored_once(&self, partitions: &[TopicPartition]) -> KafkaResult<HashMap<TopicPartition, Stored>> {
        let asked = list(partitions.iter().map(|partition| (partition.clone(), Offset::Invalid)))?;
        let answer = self.consumer.committed_offsets(asked, WAIT)?;
        let mut stored = HashMap::new();
        for element in answer.elements() {
            element.error()?;
            let partition = TopicPartition::new(element.topic(), element.partition());
            let offset = if let Offset::Offset(offset) = element.offset() { Some(offset) } else { None };
            let epoch = leader_epoch(&answer, &partition);
            let (stamp, parts) = (Stamp::from_text(element.metadata()), parts_in(element.metadata()));
            stored.insert(partition, Stored { offset, epoch, stamp, parts });
        }
        Ok(stored)
    }

    /// Returns what the group has committed for partitions, beside what is known already; nothing where the brokers do not say.
    pub(super) fn of_group(
        &self,
        asked: &[TopicPartition],
        known: &HashMap<TopicPartition, Stored>,
    ) -> HashMap<TopicPartition, Stored> {
        let mut commits = self.stored_once(asked).unwrap_or_default();
        commits.extend(known.iter().map(|(partition, stored)| (partition.clone(), *stored)));
        commits
    }

    /// Returns the first offsets or the ends of partitions.
    pub(super) fn ends(
        &self,
        wanted: &[(TopicPartition, Offset)],
    ) -> Result<HashMap<TopicPartition, i64>, BoxError> {
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let partitions: Vec<_> = wanted.iter().map(|(partition, _)| partition.clone()).collect();
        self.until_answered("where the partitions begin and end", &partitions, || self.ends_once(wanted))
    }

    fn ends_once(&self, wanted: &[(TopicPartition, Offset)]) -> KafkaResult<HashMap<TopicPartition, i64>> {
        let answer: TopicPartitionList =
            self.consumer.offsets_for_times(list(wanted.iter().cloned())?, WAIT)?;
        let mut ends = HashMap::new();
        for element in answer.elements() {
            element.error()?;
            if let Offset::Offset(offset) = element.offset() {
                ends.insert(TopicPartition::new(element.topic(), element.partition()), offset);
            }
        }
        Ok(ends)
    }
}
