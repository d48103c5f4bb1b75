//! The thread that commits, and that asks how far the group is behind. Both wait for the brokers, which the thread that
//! polls must not.

use std::sync::Weak;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use sluice_connector_api::TopicPartition;

use crate::kafka::commits::{Commits, list, offsets};
use crate::kafka::context::GroupContext;
use crate::meter::source_meter::SourceMeter;
use crate::source::Offsets;

/// How often the brokers are asked for the ends of partitions.
const EVERY: Duration = Duration::from_secs(10);
/// How soon after partitions came.
const SOON: Duration = Duration::from_secs(1);
/// How long the brokers may take to say them.
const WAIT: Duration = Duration::from_secs(3);

/// Commits what is given, and keeps the meter up to date, for as long as the poller has the consumer. Blocks.
pub(super) fn serve(consumer: &Weak<BaseConsumer<GroupContext>>, commits: &Commits, meter: &SourceMeter) {
    let (mut known, mut looked) = (Vec::new(), Instant::now());
    loop {
        commits.wait(SOON);
        let Some(consumer) = consumer.upgrade() else { return };
        consumer.context().commit(&consumer, Vec::new());
        let assigned = meter.assigned();
        if !assigned.is_empty() && (assigned != known || looked.elapsed() >= EVERY) {
            (known, looked) = (assigned, Instant::now());
            look_at_lag(&consumer, meter);
        }
    }
}

/// Asks for the ends of the partitions. What a consumer has fetched says nothing about one that is paused, and a sink
/// that stalls is when the lag matters.
fn look_at_lag(consumer: &BaseConsumer<GroupContext>, meter: &SourceMeter) {
    let all = |partitions: Vec<TopicPartition>| {
        list(partitions.into_iter().map(|partition| (partition, Offset::End)))
    };
    let unknown = meter.without_commit();
    if !unknown.is_empty() {
        let committed = all(unknown).and_then(|list| consumer.committed_offsets(list, WAIT));
        note(committed, |committed| meter.known(committed));
    }
    // A question for the offset of a time, and the time is that of the end.
    let ends = all(meter.assigned()).and_then(|list| consumer.offsets_for_times(list, WAIT));
    note(ends, |ends| meter.ends(ends));
}

fn note(answer: KafkaResult<TopicPartitionList>, take: impl FnOnce(&Offsets)) {
    match answer {
        Ok(answer) => take(&offsets(&answer)),
        Err(error) => tracing::debug!("the lag is not known for now: {error}"),
    }
}
