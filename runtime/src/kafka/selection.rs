//! Which of the topics that the brokers have are meant by entries of `topics`.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::metadata::Metadata;

use crate::kafka::native::topics::TopicQuestion;
use crate::kafka::patterns::TopicEntry;

/// What the names of all topics begin with that brokers are known to keep for themselves.
const SUSPICIOUS: char = '_';

/// Which topics the brokers keep for themselves, as they say; the names of all that are known begin with `_`, and only for
/// such they are asked.
#[derive(Debug, Default)]
pub(super) struct Marks(BTreeMap<String, bool>);

impl Marks {
    /// Returns for each entry the topics that are there, may be seen, and are meant. A topic whose name begins with `_` is
    /// meant by no pattern before the brokers have said, within `timeout`, that it is none of theirs.
    pub(super) fn select<C: ClientContext>(
        &mut self,
        client: &Client<C>,
        metadata: &Metadata,
        entries: &[TopicEntry],
        timeout: Duration,
    ) -> Vec<Vec<String>> {
        let there = metadata.topics().iter().filter(|topic| topic.error().is_none());
        let there: Vec<&str> = there.map(rdkafka::metadata::MetadataTopic::name).collect();
        self.ask(client, &there, entries, timeout);
        let meant = |entry: &TopicEntry, topic: &str| {
            entry.means(topic) && !(entry.is_pattern() && self.may_be_internal(topic))
        };
        let of_entry = |entry| {
            there.iter().filter(|topic| meant(entry, topic)).map(|topic| (*topic).to_owned()).collect()
        };
        entries.iter().map(of_entry).collect()
    }

    fn ask<C: ClientContext>(
        &mut self,
        client: &Client<C>,
        there: &[&str],
        entries: &[TopicEntry],
        timeout: Duration,
    ) {
        let is_asked_for = |topic: &str| {
            topic.starts_with(SUSPICIOUS)
                && !self.0.contains_key(topic)
                && entries.iter().any(|entry| entry.is_pattern() && entry.means(topic))
        };
        let unknown: Vec<&str> = there.iter().copied().filter(|topic| is_asked_for(topic)).collect();
        if unknown.is_empty() {
            return;
        }
        let answer = TopicQuestion::new(client, &unknown, timeout).map(|question| question.wait(timeout));
        for (topic, facts) in answer.and_then(Result::ok).unwrap_or_default() {
            if let Some(facts) = facts {
                self.0.insert(topic, facts.is_internal);
            }
        }
    }

    fn may_be_internal(&self, topic: &str) -> bool {
        topic.starts_with(SUSPICIOUS) && self.0.get(topic) != Some(&false)
    }
}
