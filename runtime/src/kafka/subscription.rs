//! What a member of a group is subscribed to: the topics that are named, and those that match patterns, which are looked for
//! again and again.
//!
//! Patterns are not left to librdkafka: its dialect is another one, and it knows nothing of Kafka's own topics. Each member
//! subscribes to its own list, and the assignor gives a partition only to members whose list has its topic; one that has not
//! noticed a new topic yet is passed over until it has.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use sluice_connector_api::TopicPartition;

use crate::kafka::context::GroupContext;
use crate::kafka::native::topics::TopicQuestion;
use crate::kafka::obstacles::nothing_matches;
use crate::kafka::patterns::TopicEntry;
use crate::kafka::selection::Marks;
use crate::kafka::settings::{AutoOffsetReset, KafkaSettings};
use crate::meter::reading::Obstacle;

/// How long the brokers may take for one answer.
const WAIT: Duration = Duration::from_secs(3);
/// How often topics are looked for while a pattern matches none, or one is missing.
const WANTING: Duration = Duration::from_secs(10);

/// Keeps a member subscribed to what its entries of `topics` mean.
pub(super) struct Subscription {
    entries: Vec<TopicEntry>,
    reset: AutoOffsetReset,
    /// How often topics are looked for; never again where there is none.
    every: Option<Duration>,
    /// When they were found last.
    looked: Option<Instant>,
    subscribed: BTreeSet<String>,
    /// A pattern matches nothing.
    is_wanting: bool,
    marks: Marks,
}

impl Subscription {
    pub(super) fn new(settings: &KafkaSettings) -> Self {
        Self {
            entries: TopicEntry::from_texts(&settings.topics),
            reset: settings.auto_offset_reset,
            every: settings.refresh_interval(),
            looked: None,
            subscribed: BTreeSet::new(),
            is_wanting: false,
            marks: Marks::default(),
        }
    }

    /// Subscribes at once where every topic is named. Patterns wait for the first look.
    pub(super) fn begin(&mut self, consumer: &BaseConsumer<GroupContext>) -> KafkaResult<()> {
        if self.has_patterns() {
            return Ok(());
        }
        self.subscribe(consumer, self.names())
    }

    /// Looks for topics that match, when it is time to, and for those that are missing. Waits for the brokers.
    pub(super) fn look(&mut self, consumer: &BaseConsumer<GroupContext>) {
        if !self.has_patterns() {
            self.look_for_missing(consumer);
            return;
        }
        self.clear_what_is_no_more(consumer);
        if !self.is_due(consumer) {
            return;
        }
        match self.wanted(consumer) {
            Ok(wanted) => {
                let is_first = self.looked.is_none();
                self.looked = Some(Instant::now());
                self.change(consumer, wanted, is_first);
            }
            Err(error) => tracing::debug!("the topics are not known for now: {error}"),
        }
    }

    /// librdkafka looks for a topic that is missing, or may not be seen, as often as for all others, which is every five
    /// minutes. It hears the answer to this.
    fn look_for_missing(&mut self, consumer: &BaseConsumer<GroupContext>) {
        if self.looked.is_some_and(|looked| looked.elapsed() < WANTING) || !self.is_missing_one(consumer) {
            return;
        }
        self.looked = Some(Instant::now());
        if let Err(error) = consumer.fetch_metadata(None, WAIT) {
            tracing::debug!("the topics are not known for now: {error}");
        }
    }

    /// librdkafka may say that a topic is gone when it is not asked for any more.
    fn clear_what_is_no_more(&self, consumer: &BaseConsumer<GroupContext>) {
        let reading = consumer.context().reading();
        if reading.is_clear() {
            return;
        }
        for obstacle in reading.obstacles(Duration::ZERO) {
            let Some(topic) = obstacle.topic else { continue };
            let is_ours =
                self.subscribed.contains(&topic) || self.entries.iter().any(|entry| entry.text() == topic);
            match obstacle.partition {
                _ if is_ours => {}
                None => reading.clear_topic(&topic),
                Some(partition) => reading.clear_partition(&TopicPartition::new(&*topic, partition)),
            }
        }
    }

    fn has_patterns(&self) -> bool {
        self.entries.iter().any(TopicEntry::is_pattern)
    }

    fn names(&self) -> BTreeSet<String> {
        let names = self.entries.iter().filter(|entry| !entry.is_pattern());
        names.map(|entry| entry.text().to_owned()).collect()
    }

    fn is_due(&self, consumer: &BaseConsumer<GroupContext>) -> bool {
        let Some(looked) = self.looked else { return true };
        let elapsed = looked.elapsed();
        if self.every.is_some_and(|every| elapsed >= every) {
            return true;
        }
        elapsed >= WANTING && (self.is_wanting || self.is_missing_one(consumer))
    }

    /// Says whether librdkafka cannot find a topic that it is subscribed to.
    fn is_missing_one(&self, consumer: &BaseConsumer<GroupContext>) -> bool {
        let reading = consumer.context().reading();
        if reading.is_clear() {
            return false;
        }
        let is_ours = |topic: &String| self.subscribed.contains(topic);
        let obstacles = reading.obstacles(Duration::ZERO);
        let mut topics = obstacles.iter().filter(|obstacle| obstacle.partition.is_none());
        topics.any(|obstacle| obstacle.topic.as_ref().is_some_and(is_ours))
    }

    /// Returns what to be subscribed to now. Takes note of patterns that match nothing.
    fn wanted(&mut self, consumer: &BaseConsumer<GroupContext>) -> KafkaResult<BTreeSet<String>> {
        let metadata = consumer.fetch_metadata(None, WAIT)?;
        let selected = self.marks.select(consumer.client(), &metadata, &self.entries, WAIT);
        let mut wanted = self.names();
        self.is_wanting = false;
        let reading = consumer.context().reading();
        for (entry, topics) in self.entries.iter().zip(selected) {
            if !entry.is_pattern() {
                continue;
            }
            if topics.is_empty() {
                self.is_wanting = true;
                let reason = nothing_matches(entry.text());
                reading.note(Obstacle {
                    reason,
                    topic: Some(entry.text().to_owned()),
                    ..Obstacle::default()
                });
            } else {
                reading.clear_topic(entry.text());
            }
            wanted.extend(topics);
        }
        wanted.extend(self.there_after_all(consumer, &wanted));
        Ok(wanted)
    }

    /// Returns topics that were not listed and are not gone: a broker that begins, or a topic that is between two leaders.
    fn there_after_all(
        &self,
        consumer: &BaseConsumer<GroupContext>,
        wanted: &BTreeSet<String>,
    ) -> BTreeSet<String> {
        let unlisted: Vec<&str> = self.subscribed.difference(wanted).map(String::as_str).collect();
        if unlisted.is_empty() {
            return BTreeSet::new();
        }
        let answer =
            TopicQuestion::new(consumer.client(), &unlisted, WAIT).map(|question| question.wait(WAIT));
        match answer {
            Some(Ok(facts)) => {
                facts.into_iter().filter(|(_, facts)| facts.is_some()).map(|(name, _)| name).collect()
            }
            _ => unlisted.into_iter().map(str::to_owned).collect(),
        }
    }

    fn change(&mut self, consumer: &BaseConsumer<GroupContext>, wanted: BTreeSet<String>, is_first: bool) {
        let came: Vec<&str> = wanted.difference(&self.subscribed).map(String::as_str).collect();
        let went: Vec<&str> = self.subscribed.difference(&wanted).map(String::as_str).collect();
        if came.is_empty() && went.is_empty() {
            return;
        }
        let context = consumer.context();
        if is_first {
            tracing::info!(topics = ?came, "topics that match");
            self.note_first(consumer, &came);
        } else {
            // Whatever the start: all of their records came, or will come, after this member began.
            context.starts.note_missing(came.iter().chain(&went).copied());
            if !came.is_empty() {
                tracing::info!(topics = ?came, "topics that match now");
            }
            if !went.is_empty() {
                tracing::info!(topics = ?went, "topics that match no more, or cannot be seen");
            }
        }
        if let Err(error) = self.subscribe(consumer, wanted) {
            tracing::warn!("cannot subscribe to the topics, tried again: {error}");
            self.looked = None;
        }
    }

    /// Takes note of what the topics are when this member begins, where that matters for where it begins in them.
    fn note_first(&self, consumer: &BaseConsumer<GroupContext>, topics: &[&str]) {
        if self.reset != AutoOffsetReset::Latest || topics.is_empty() {
            return;
        }
        let answer = TopicQuestion::new(consumer.client(), topics, WAIT).map(|question| question.wait(WAIT));
        if let Some(Ok(facts)) = answer {
            consumer.context().starts.note_first(topics, &facts);
        }
    }

    fn subscribe(
        &mut self,
        consumer: &BaseConsumer<GroupContext>,
        topics: BTreeSet<String>,
    ) -> KafkaResult<()> {
        let list: Vec<&str> = topics.iter().map(String::as_str).collect();
        // librdkafka takes a subscription to nothing for a mistake.
        if list.is_empty() {
            consumer.unsubscribe();
        } else {
            consumer.subscribe(&list)?;
        }
        self.subscribed = topics;
        Ok(())
    }
}
