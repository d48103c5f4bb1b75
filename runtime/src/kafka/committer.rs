//! The thread that commits, and that asks how far the group is behind and whether the topics are still those that were
//! read. All of that waits for the brokers, which the thread that polls must not.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use sluice_connector_api::TopicPartition;

use crate::kafka::commits::{Commits, list, offsets};
use crate::kafka::context::GroupContext;
use crate::kafka::correction::{Corrected, Correction};
use crate::kafka::group_past::is_another;
use crate::kafka::leaderless::Leaderless;
use crate::kafka::native::epochs::{fetched_range, leader_epoch};
use crate::kafka::native::topics::{TopicFacts, TopicQuestion};
use crate::kafka::obstacles::missing;
use crate::kafka::settings::{AutoOffsetReset, KafkaSettings};
use crate::kafka::stalls::Stalls;
use crate::kafka::stamp::{Stamp, TopicId};
use crate::kafka::start::fresh_stamp;
use crate::kafka::subscription::Subscription;
use crate::kafka::tail::Onlooker;
use crate::meter::position_loss::PositionLoss;
use crate::meter::source_meter::SourceMeter;
use crate::source::Offsets;

/// How often the brokers are asked.
const EVERY: Duration = Duration::from_secs(10);
/// How soon after partitions came, or after an error that a topic is gone.
const SOON: Duration = Duration::from_secs(1);
/// How long the brokers may take to answer.
const WAIT: Duration = Duration::from_secs(3);

/// The ends of partitions, and the epochs of the leaders that wrote their last records.
#[derive(Default)]
struct Ends {
    offsets: HashMap<TopicPartition, i64>,
    epochs: HashMap<TopicPartition, i32>,
}

/// Commits what is given, and keeps an eye on the brokers, for as long as the poller has the consumer.
pub(super) struct Committer {
    consumer: Weak<BaseConsumer<GroupContext>>,
    commits: Arc<Commits>,
    meter: Arc<SourceMeter>,
    /// Topics that are named, of which it matters whether they are there before any partition comes.
    first: Vec<String>,
    known: Vec<TopicPartition>,
    looked: Instant,
    /// How far the partitions were read at the last look.
    read_to: HashMap<TopicPartition, i64>,
    stalls: Stalls,
    leaderless: Leaderless,
    /// How far those were read that did not stand at their end then.
    stood: HashMap<TopicPartition, i64>,
    /// From where to which end it was looked for records.
    behind: HashMap<TopicPartition, (i64, i64)>,
    subscription: Subscription,
    onlooker: Onlooker,
}

impl Committer {
    pub(super) fn new(
        consumer: &Arc<BaseConsumer<GroupContext>>,
        commits: &Arc<Commits>,
        meter: &Arc<SourceMeter>,
        settings: &KafkaSettings,
        subscription: Subscription,
        onlooker: Onlooker,
    ) -> Self {
        // A group that begins at the first record has no use for it.
        let is_wanted = |topic: &&String| {
            settings.auto_offset_reset == AutoOffsetReset::Latest && !topic.starts_with('^')
        };
        Self {
            consumer: Arc::downgrade(consumer),
            commits: Arc::clone(commits),
            meter: Arc::clone(meter),
            first: settings.topics.iter().filter(is_wanted).cloned().collect(),
            known: Vec::new(),
            looked: Instant::now(),
            read_to: HashMap::new(),
            stalls: Stalls::default(),
            leaderless: Leaderless::default(),
            stood: HashMap::new(),
            behind: HashMap::new(),
            subscription,
            onlooker,
        }
    }

    /// Blocks until the consumer is gone.
    pub(super) fn run(&mut self) {
        loop {
            {
                let Some(consumer) = self.consumer.upgrade() else { return };
                self.look_first(&consumer);
                self.subscription.look(&consumer);
            }
            self.commits.wait(SOON);
            let Some(consumer) = self.consumer.upgrade() else { return };
            consumer.context().commit(&consumer, Vec::new());
            self.look(&consumer);
        }
    }

    /// Takes note of the topics as they are before any partition comes.
    fn look_first(&mut self, consumer: &BaseConsumer<GroupContext>) {
        if self.first.is_empty() {
            return;
        }
        let topics: Vec<&str> = self.first.iter().map(String::as_str).collect();
        if let Some(facts) = ask_topics(consumer, &topics) {
            consumer.context().starts.note_first(&topics, &facts);
            self.first.clear();
        }
    }

    fn look(&mut self, consumer: &BaseConsumer<GroupContext>) {
        let assigned = self.meter.assigned();
        let is_due = self.looked.elapsed() >= EVERY || consumer.context().take_hurry();
        if assigned.is_empty() || (assigned == self.known && !is_due) {
            return;
        }
        self.looked = Instant::now();
        let ends = self.look_at_lag(consumer, &assigned);
        look_at_topics(consumer, &ends.epochs);
        self.look_at_reading(consumer, &assigned, &ends.offsets);
        self.look_at_ends(consumer, &ends.offsets);
        self.known = assigned;
    }

    /// Brokers that say the ends of all partitions can be reached, and what keeps the records of one of them from coming may
    /// stand all the same: a batch that is too large, say. So it counts whether they came, unless none are asked for.
    fn look_at_reading(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        assigned: &[TopicPartition],
        ends: &HashMap<TopicPartition, i64>,
    ) {
        let positions = &consumer.context().positions;
        // What has no leader is named by itself.
        let is_known =
            |partition: &TopicPartition| ends.contains_key(partition) || self.leaderless.has(partition);
        let mut is_read = assigned.iter().all(is_known);
        let before = std::mem::take(&mut self.read_to);
        self.stalls.keep(assigned);
        for (partition, next, _) in positions.held() {
            let Some(next) = next else { continue };
            let is_at_end = ends.get(&partition).is_none_or(|end| next >= *end);
            let has_moved = before.get(&partition).is_some_and(|before| *before != next);
            let goes_on = is_at_end || has_moved || !positions.is_reading();
            if goes_on {
                self.stalls.go_on(&self.meter.reading, &partition);
            } else {
                self.stalls.stand(&self.meter.reading, &partition, next, positions.is_quiet());
            }
            is_read &= goes_on;
            self.read_to.insert(partition, next);
        }
        if is_read && !consumer.context().is_denied() {
            self.meter.reading.clear_source();
        }
    }

    /// Looks for partitions that do not stand at their end, and of which nothing came since the last look.
    fn look_at_ends(&mut self, consumer: &BaseConsumer<GroupContext>, ends: &HashMap<TopicPartition, i64>) {
        let context = consumer.context();
        let (is_reading, is_quiet) = (context.positions.is_reading(), context.positions.is_quiet());
        let stood = std::mem::take(&mut self.stood);
        let mut before_end = Vec::new();
        for (partition, next, _) in context.positions.held() {
            let (Some(next), true) = (next, is_reading) else { continue };
            let (first, log_end) = fetched_range(consumer.client(), &partition).unwrap_or((next, next));
            let end = ends.get(&partition).copied().unwrap_or(next);
            if first <= next && next <= log_end && next == end {
                continue;
            }
            self.stood.insert(partition.clone(), next);
            if stood.get(&partition) != Some(&next) {
                context.hurry();
            } else if first > next && is_quiet {
                let what = Corrected::Lost { from: next, why: PositionLoss::LogTrimmed };
                context.correct(Correction { partition, to: first, what });
            } else if next > log_end && is_quiet {
                let what = Corrected::Lost { from: next, why: PositionLoss::LogTruncated };
                context.correct(Correction { partition, to: first, what });
            } else if next < end && self.behind.get(&partition) != Some(&(next, end)) {
                // Once for each end: what is found there does not change.
                self.behind.insert(partition.clone(), (next, end));
                before_end.push((partition, next));
            }
        }
        before_end.sort();
        self.look_behind(consumer, before_end, ends);
    }

    fn look_behind(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        before_end: Offsets,
        ends: &HashMap<TopicPartition, i64>,
    ) {
        if before_end.is_empty() {
            return;
        }
        match self.onlooker.passed(&before_end, ends) {
            Ok(passed) => {
                let from: HashMap<_, _> = before_end.into_iter().collect();
                for (partition, to) in passed {
                    let from = from.get(&partition).copied().unwrap_or(to);
                    let what = Corrected::Passed { from };
                    consumer.context().correct(Correction { partition, to, what });
                }
            }
            Err(error) => {
                self.behind.clear();
                tracing::debug!("what lies behind the last records is not known for now: {error}");
            }
        }
    }

    /// Asks for the ends of the partitions. What a consumer has fetched says nothing about one that is paused, and a sink
    /// that stalls is when the lag matters.
    fn look_at_lag(&mut self, consumer: &BaseConsumer<GroupContext>, assigned: &[TopicPartition]) -> Ends {
        let unknown = self.meter.without_commit();
        if !unknown.is_empty() {
            let committed =
                ends_of(&unknown, Offset::End).and_then(|list| consumer.committed_offsets(list, WAIT));
            note(committed, |committed| self.meter.known(&offsets(committed)));
        }
        // A question for the offset of a time, and the time is that of the end.
        let ends = ends_of(assigned, Offset::End).and_then(|list| consumer.offsets_for_times(list, WAIT));
        let is_answered = ends.is_ok();
        if let Err(error) = &ends {
            let reason = format!("the brokers of its partitions do not answer: {error}");
            self.meter.reading.note_in_general(reason);
        }
        let mut found = Ends::default();
        note(ends, |list| {
            let ends = offsets(list);
            self.meter.ends(&ends);
            for (partition, end) in ends {
                found.epochs.extend(leader_epoch(list, &partition).map(|epoch| (partition.clone(), epoch)));
                found.offsets.insert(partition, end);
            }
        });
        let has_end = |partition: &TopicPartition| found.offsets.contains_key(partition);
        let silent: Vec<_> = assigned.iter().filter(|partition| !has_end(partition)).cloned().collect();
        if is_answered && !silent.is_empty() {
            let known = (&self.meter.reading, &consumer.context().positions);
            self.leaderless.look(consumer, &silent, known);
        }
        self.leaderless.keep(&self.meter.reading, assigned, has_end);
        let mut log_ends = Vec::new();
        for partition in assigned {
            if let Some((_, end)) = fetched_range(consumer.client(), partition) {
                log_ends.push((partition.clone(), end));
            }
        }
        self.meter.log_ends(&log_ends);
        found
    }
}

/// Looks whether the topics are still those that the offsets are positions in.
fn look_at_topics(consumer: &BaseConsumer<GroupContext>, epochs: &HashMap<TopicPartition, i32>) {
    let context = consumer.context();
    let held = context.positions.held();
    let topics: BTreeSet<&str> = held.iter().map(|(partition, ..)| &*partition.topic).collect();
    let topics: Vec<&str> = topics.into_iter().collect();
    let facts = ask_topics(consumer, &topics).unwrap_or_default();
    look_for_missing(consumer, &topics, &facts);
    let mut recreated = Vec::new();
    for (partition, next, stamp) in &held {
        let now = facts.get(&*partition.topic).copied().flatten();
        let read = next.and_then(|next| context.positions.epoch_before(partition, next));
        if is_recreated(*stamp, now, read, epochs.get(partition).copied()) {
            let fresh = Stamp { began: stamp.began, ..fresh_stamp(now) };
            recreated.push((partition.clone(), stamp.id, fresh));
        } else if let Some((id, now)) = now.and_then(|now| Some((now.id?, now))) {
            let partitions = stamp.partitions.or(Some(now.partitions));
            context.positions.learn(partition, Stamp { id: Some(id), partitions, ..*stamp });
            context.learn(partition, id);
        }
    }
    if !recreated.is_empty() {
        restart(consumer, &recreated);
    }
}

/// Notes which of the topics that are read are gone. librdkafka says so once it looks for all topics, which is rare while it reads
/// others, and hears the answer to this.
fn look_for_missing(
    consumer: &BaseConsumer<GroupContext>,
    topics: &[&str],
    facts: &HashMap<String, Option<TopicFacts>>,
) {
    let reading = consumer.context().reading();
    let mut is_missing_one = false;
    for topic in topics {
        match facts.get(*topic) {
            Some(None) => {
                is_missing_one = true;
                reading.note(missing(topic));
            }
            Some(Some(_)) => reading.clear_topic(topic),
            None => {}
        }
    }
    if is_missing_one && let Err(error) = consumer.fetch_metadata(None, WAIT) {
        tracing::debug!("the topics are not known for now: {error}");
    }
}

/// Says whether a topic was made again since a partition of it was read. Brokers without ids have epochs of leaders at best,
/// which grow for as long as a topic is the same: `read` is that of the last record read, `last` that of the end.
fn is_recreated(stamp: Stamp, now: Option<TopicFacts>, read: Option<i32>, last: Option<i32>) -> bool {
    if stamp.id.is_some() && now.is_some_and(|now| now.id.is_some()) {
        return is_another(stamp, now);
    }
    read.zip(last).is_some_and(|(read, last)| last < read)
}

/// Has the partitions of topics that were made again read from where their logs begin.
fn restart(consumer: &BaseConsumer<GroupContext>, recreated: &[(TopicPartition, Option<TopicId>, Stamp)]) {
    let partitions: Vec<_> = recreated.iter().map(|(partition, ..)| partition.clone()).collect();
    let beginnings =
        ends_of(&partitions, Offset::Beginning).and_then(|list| consumer.offsets_for_times(list, WAIT));
    note(beginnings, |beginnings| {
        let beginnings: HashMap<_, _> = offsets(beginnings).into_iter().collect();
        for (partition, before, stamp) in recreated {
            if let Some(to) = beginnings.get(partition) {
                let what = Corrected::Recreated { before: *before, stamp: *stamp };
                consumer.context().correct(Correction { partition: partition.clone(), to: *to, what });
            }
        }
    });
}

fn ask_topics(
    consumer: &BaseConsumer<GroupContext>,
    topics: &[&str],
) -> Option<HashMap<String, Option<TopicFacts>>> {
    let answer = TopicQuestion::new(consumer.client(), topics, WAIT)?.wait(WAIT);
    answer.inspect_err(|error| tracing::debug!("the topics are not known for now: {error}")).ok()
}

fn ends_of(partitions: &[TopicPartition], end: Offset) -> KafkaResult<TopicPartitionList> {
    list(partitions.iter().map(|partition| (partition.clone(), end)))
}

fn note(answer: KafkaResult<TopicPartitionList>, take: impl FnOnce(&TopicPartitionList)) {
    match answer {
        Ok(answer) => take(&answer),
        Err(error) => tracing::debug!("the lag is not known for now: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_was_made_again_where_its_id_is_another_or_without_ids_where_its_epochs_began_anew() {
        let stamp = |id| Stamp { id: TopicId::from_halves(0, id), ..Stamp::default() };
        let facts =
            |id| Some(TopicFacts { id: TopicId::from_halves(0, id), partitions: 1, is_internal: false });
        assert!(is_recreated(stamp(7), facts(8), Some(3), Some(3)));
        assert!(!is_recreated(stamp(7), facts(7), Some(3), Some(1)), "the id has the last word");
        for now in [facts(0), None] {
            assert!(is_recreated(stamp(0), now, Some(3), Some(1)));
            assert!(!is_recreated(stamp(0), now, Some(3), Some(3)));
            assert!(
                !is_recreated(stamp(0), now, None, Some(1)) && !is_recreated(stamp(0), now, Some(3), None)
            );
        }
    }
}
