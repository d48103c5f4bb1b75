//! Partitions of which something could not be read. librdkafka takes what went wrong for a record, and goes on behind it; it
//! is told where reading stands, and asks for that again after a rest, for as long as it takes.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use sluice_connector_api::TopicPartition;

use crate::kafka::commits::list;
use crate::kafka::context::GroupContext;

/// How long such a partition is left alone. A batch that is damaged comes as a whole each time.
const REST: Duration = Duration::from_secs(1);
/// How long librdkafka may take to stand where it is told.
const SEEK: Duration = Duration::from_secs(5);

/// Partitions that rest, and until when.
#[derive(Debug, Default)]
pub(super) struct Faulty {
    until: HashMap<TopicPartition, Instant>,
}

impl Faulty {
    /// Has a partition stand where reading stands, and rest. An error says that librdkafka does not hear, so that what comes
    /// next would pass over what could not be read. A partition that is somebody else's by now has no place to stand at.
    pub(super) fn hold(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        partition: &TopicPartition,
    ) -> KafkaResult<()> {
        let Some((Some(next), _)) = consumer.context().positions.get(partition) else { return Ok(()) };
        let TopicPartition { topic, partition: number } = partition;
        match consumer.seek(topic, *number, Offset::Offset(next), SEEK) {
            Ok(()) => {}
            // Nothing is fetched, and it begins anew when something is.
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::State) => {
                tracing::debug!("{partition} is not fetched: {error}");
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        // Behind the seek: a pause keeps where to go on.
        match only(partition).and_then(|list| consumer.pause(&list)) {
            Ok(()) => drop(self.until.insert(partition.clone(), Instant::now() + REST)),
            Err(error) => tracing::debug!("{partition} does not rest: {error}"),
        }
        Ok(())
    }

    /// Has partitions go on whose rest is over. Not while all are paused: they go on with the others.
    pub(super) fn let_go(&mut self, consumer: &BaseConsumer<GroupContext>, all_paused: bool) {
        if self.until.is_empty() || all_paused {
            return;
        }
        let now = Instant::now();
        let due = self.until.iter().filter(|(_, until)| **until <= now);
        for partition in due.map(|(partition, _)| partition.clone()).collect::<Vec<_>>() {
            let resumed = only(&partition).and_then(|list| consumer.resume(&list));
            if let Err(error) = resumed {
                tracing::debug!("{partition} is somebody else's: {error}");
            }
            self.until.remove(&partition);
        }
    }
}

fn only(partition: &TopicPartition) -> KafkaResult<TopicPartitionList> {
    list(std::iter::once((partition.clone(), Offset::Invalid)))
}
