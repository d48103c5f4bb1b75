//! The thread that polls.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use foldhash::HashMap;
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

use super::KafkaSettings;
use super::context::{GroupContext, is_refusal};
use super::record::record_of;
use crate::repeats::{Repeats, Say};
use crate::source::Event;
use crate::source::budget::Budget;

/// The longest sleep while something is waited for that wakes nobody.
const POLL: Duration = Duration::from_millis(50);
/// The longest sleep in a poll while nothing comes; commands wait no longer than this.
const IDLE: Duration = Duration::from_millis(250);
/// Records handed over at once.
const CHUNK_RECORDS: usize = 500;
/// Bytes handed over at once, so that the budget is looked at in between.
const CHUNK_BYTES: usize = 1024 * 1024;

/// What the pipeline asks of the poller.
pub(super) enum Command {
    /// Commits what waits, leaves the group, and ends.
    Close(oneshot::Sender<()>),
}

/// The state of the thread that polls.
pub(super) struct Poller {
    consumer: Arc<BaseConsumer<GroupContext>>,
    commands: Receiver<Command>,
    budget: Budget,
    paused: bool,
    /// One name per topic, shared by its records of a chunk. Not of all chunks: threads that count the same thing wait for
    /// each other.
    topics: HashMap<String, Arc<str>>,
    /// What was said of errors.
    repeats: Repeats,
    /// Who is asked for what, for the log.
    servers: String,
    subscribed: Vec<String>,
}

impl Poller {
    pub(super) fn new(
        consumer: Arc<BaseConsumer<GroupContext>>,
        commands: Receiver<Command>,
        budget: Budget,
        settings: &KafkaSettings,
    ) -> Self {
        Self {
            consumer,
            commands,
            budget,
            paused: false,
            topics: HashMap::default(),
            repeats: Repeats::new(1),
            servers: settings.bootstrap_servers.clone(),
            subscribed: settings.topics.clone(),
        }
    }

    pub(super) fn subscribe(&self) -> KafkaResult<()> {
        let topics: Vec<_> = self.subscribed.iter().map(String::as_str).collect();
        self.consumer.subscribe(&topics)
    }

    /// Polls until told to close. Invariant 7: it goes on polling, with the partitions paused, while the budget
    /// is used up.
    pub(super) fn run(mut self) {
        let closed = loop {
            match self.commands.try_recv() {
                Ok(Command::Close(closed)) => {
                    self.consumer.context().commit(&self.consumer, Vec::new());
                    break Some(closed);
                }
                Err(TryRecvError::Disconnected) => break None,
                Err(TryRecvError::Empty) => {
                    self.keep_to_budget();
                    self.poll();
                }
            }
        };
        self.consumer.context().close();
        // Dropping the consumer leaves the group, so that others take over at once.
        drop(self.consumer);
        if let Some(closed) = closed {
            let _nobody_waits = closed.send(()).is_err();
        }
    }

    fn keep_to_budget(&mut self) {
        // Partitions that came while reading was paused are not paused yet.
        let came = self.consumer.context().take_assigned();
        if (!self.paused || came) && self.budget.is_used_up() {
            self.paused = self.for_assignment("pause", Consumer::pause);
        } else if self.paused && self.budget.has_room() {
            self.paused = !self.for_assignment("resume", Consumer::resume);
        }
    }

    fn for_assignment(
        &self,
        what: &str,
        act: impl FnOnce(&BaseConsumer<GroupContext>, &rdkafka::TopicPartitionList) -> KafkaResult<()>,
    ) -> bool {
        let result = self.consumer.assignment().and_then(|list| act(&self.consumer, &list));
        match &result {
            Ok(()) => tracing::debug!(bytes = self.budget.used(), "{what} reading"),
            Err(error) => tracing::warn!("cannot {what} reading, tried again: {error}"),
        }
        result.is_ok()
    }

    /// Takes what is there and hands it over.
    fn poll(&mut self) {
        let consumer = Arc::clone(&self.consumer);
        if !consumer.context().may_be_polled() {
            std::thread::sleep(POLL);
            return;
        }
        consumer.context().outlet.wait_for_room(POLL);
        self.topics.clear();
        let (mut count, mut bytes) = (0, 0);
        let mut wait = if self.paused { POLL } else { IDLE };
        while count < CHUNK_RECORDS && bytes < CHUNK_BYTES {
            match consumer.poll(wait) {
                Some(Ok(message)) => {
                    let record = record_of(&message, self.topic(message.topic()));
                    count += 1;
                    bytes += record.size();
                    consumer.context().outlet.keep(record);
                }
                Some(Err(error)) => self.on_error(&error),
                None => break,
            }
            wait = Duration::ZERO;
        }
        let passed = if consumer.context().outlet.hand_over() { self.repeats.passed() } else { None };
        if let Some(sum) = passed {
            tracing::info!("records come from Kafka again, after errors {sum}");
        }
    }

    fn on_error(&mut self, error: &KafkaError) {
        if is_final(error) {
            self.consumer.context().outlet.send(Event::Failed(error.to_string().into()));
            return;
        }
        let text = self.describe(error);
        match self.repeats.note(&text) {
            Say::Whole => tracing::warn!("Kafka at {}: {text}; tried again until it passes", self.servers),
            Say::Sum(sum) => tracing::warn!("Kafka at {}: {sum}: {text}; tried again", self.servers),
            Say::Nothing => {}
        }
    }

    fn describe(&self, error: &KafkaError) -> String {
        match error.rdkafka_error_code() {
            // librdkafka does not say which.
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                format!("not every topic of {} exists or may be seen", self.subscribed.join(", "))
            }
            // The code says no more than that they did.
            Some(code) if is_refusal(error) => {
                self.consumer.context().refusal().unwrap_or_else(|| code.to_string())
            }
            Some(code) => code.to_string(),
            None => error.to_string(),
        }
    }

    fn topic(&mut self, name: &str) -> Arc<str> {
        if let Some(topic) = self.topics.get(name) {
            return Arc::clone(topic);
        }
        let topic: Arc<str> = name.into();
        self.topics.insert(name.to_owned(), Arc::clone(&topic));
        topic
    }
}

/// Says whether trying again is useless: a right is missing, or librdkafka gave the client up.
fn is_final(error: &KafkaError) -> bool {
    match error {
        KafkaError::MessageConsumptionFatal(_) => true,
        KafkaError::MessageConsumption(code) => matches!(
            code,
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        ),
        _ => false,
    }
}
