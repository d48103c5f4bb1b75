//! A Kafka topic as a dead letter queue.

use std::time::Duration;

use async_trait::async_trait;
use futures::future::join_all;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer};
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{
    BoxError, Failure, Finding, Limits, Order, Payload, PutError, Record, Sink, Trouble,
};
use tokio::sync::Mutex;

use crate::dead_letter::{OnTooLarge, rooms, shortened, untimed};
use crate::kafka::letter_failure::{
    GIVE_WRITE, failure_with, is_of_another_time, is_of_one_record, is_timeout, is_too_large, is_useless,
    way_out,
};
use crate::kafka::letter_topic::{lack_of, make, refusal};
use crate::kafka::reason::code_of;
use crate::kafka::topics::{is_missing, is_there};
use crate::meter::log_throttle::{LogLine, LogThrottle};
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;
use sluice_kafka_client::{TopicRights, rights_of};

/// How long the brokers may take to say whether the topic is there.
const TOPIC_WAIT: Duration = Duration::from_secs(10);
/// How long they may take to say whether it may be written, and then whether it is there at all.
const RIGHTS_WAIT: Duration = Duration::from_secs(8);
/// What is said of one that is missing.
const NOT_YET: &str = "is not there yet; it is created when it is needed";
/// How long the brokers may take to acknowledge records; then the engine tries again.
const DELIVERY_WAIT: &str = "30000";
/// Letters that were made smaller and get a log line of their own before they are summed up.
const FULL_LINES: u32 = 5;

type Client = FutureProducer<Identity>;

/// Appends records to a topic; `Ok` means that all in-sync replicas have them.
pub struct TopicSink {
    name: String,
    access: Access,
    /// Whether the topic is made where it is missing.
    create: bool,
    on_too_large: OnTooLarge,
    throttle: LogThrottle,
    /// Made when it is needed, and anew when it has become useless.
    producer: Mutex<Option<Client>>,
}

impl std::fmt::Debug for TopicSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopicSink").field("name", &self.name).finish_non_exhaustive()
    }
}

impl TopicSink {
    /// Names a topic on the brokers that `access` leads to. Opens nothing yet.
    pub fn new(name: impl Into<String>, mut access: Access) -> Self {
        access
            .config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("message.timeout.ms", DELIVERY_WAIT)
            // What could be read is never too large for this client; the broker has the last word.
            .set("message.max.bytes", "1000000000")
            // A topic that was deleted is given up after so long, and created anew.
            .set("topic.metadata.propagation.max.ms", "5000")
            // The properties are those of the source: a word on each that is a consumer's would be no news.
            .set("log_level", "3");
        // A record that was read unpacked must fit again, but for what the operator says of all clients.
        if ["compression.type", "compression.codec"].iter().all(|name| access.config.get(name).is_none()) {
            access.config.set("compression.type", "zstd");
        }
        Self {
            name: name.into(),
            access,
            create: true,
            on_too_large: OnTooLarge::Stop,
            throttle: LogThrottle::new(FULL_LINES),
            producer: Mutex::default(),
        }
    }

    /// Sets what becomes of a letter that the topic does not take for its size. Default: it is rejected.
    #[must_use]
    pub fn with_on_too_large(mut self, on_too_large: OnTooLarge) -> Self {
        self.on_too_large = on_too_large;
        self
    }

    /// Names a topic that must be there.
    pub fn from_existing(name: impl Into<String>, access: Access) -> Self {
        Self { create: false, ..Self::new(name, access) }
    }

    /// Returns how its clients are made.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    async fn producer(&self) -> Result<Client, Failure> {
        let mut place = self.producer.lock().await;
        if let Some(producer) = &*place {
            return Ok(producer.clone());
        }
        Ok(place.insert(self.open().await?).clone())
    }

    /// Gives the producer up, so that the next put looks for the topic again.
    async fn close(&self) {
        let producer = self.producer.lock().await.take();
        // It waits for threads of its own.
        let _closing = tokio::task::spawn_blocking(move || drop(producer));
    }

    /// Makes the producer, and the topic where it is missing, with the broker's default replication.
    async fn open(&self) -> Result<Client, Failure> {
        let identity = self.access.identity().await.map_err(|error| self.no_identity(&error))?;
        let producer: Client = self.client(identity.clone())?;
        match (self.exists(producer.clone()).await?, self.create) {
            (true, _) => {}
            (false, true) => {
                let made = make(&self.name, &self.access, identity).await;
                made.map_err(|error| self.no_identity(&error))?.map_err(|error| self.unmade(&error))?;
            }
            (false, false) => {
                return Err(Failure::fatal(is_missing(&self.name)));
            }
        }
        Ok(producer)
    }

    fn client<C: FromClientConfigAndContext<Identity>>(&self, identity: Identity) -> Result<C, Failure> {
        let made = self.access.config.create_with_context(identity);
        made.map_err(|error| Failure::fatal(format!("cannot make a Kafka client: {error}")))
    }

    fn no_identity(&self, error: &BoxError) -> Failure {
        Failure::retriable(format!("topic `{}`: {error}", self.name))
    }

    async fn exists(&self, producer: Client) -> Result<bool, Failure> {
        let name = self.name.clone();
        let asked = tokio::task::spawn_blocking(move || is_there(producer.client(), &name, TOPIC_WAIT));
        let answer = asked.await.map_err(|error| Failure::retriable(error.to_string()))?;
        answer.map_err(|error| self.failure(&error))
    }

    /// Says what the topic lacks where it acknowledges nothing, which the client does not tell.
    async fn lack(&self, producer: Client) -> Option<String> {
        let name = self.name.clone();
        let asked = tokio::task::spawn_blocking(move || lack_of(producer.client(), &name));
        asked.await.ok().flatten()
    }

    /// Asks for the topic and the right to write it.
    async fn rights(&self) -> Result<TopicRights, Failure> {
        let identity = self.access.identity().await.map_err(|error| self.no_identity(&error))?;
        let (client, name): (Client, _) = (self.client(identity)?, self.name.clone());
        let asked = tokio::task::spawn_blocking(move || rights_of(client.client(), &name, RIGHTS_WAIT));
        let answer = asked.await.map_err(|error| Failure::retriable(error.to_string()))?;
        answer.map_err(|error| self.failure(&error))
    }

    async fn of_rights(&self, rights: TopicRights, subject: String) -> Finding {
        match rights {
            TopicRights::Seen { may_write: Some(true), .. } => {
                Finding::good(subject, "is there, and may be written")
            }
            TopicRights::Seen { may_write: None, .. } => {
                Finding::good(subject, "is there; these brokers do not tell whether it may be written")
            }
            TopicRights::Seen { may_write: Some(false), .. } | TopicRights::Hidden => {
                Finding::wrong(subject, format!("may not be written; {GIVE_WRITE}"))
            }
            // Brokers that are slow to tell rights list no topic that is missing, or may not be seen.
            TopicRights::Missing | TopicRights::Unlisted => match refusal(&self.name, &self.access).await {
                Some(error) => Finding::wrong(subject, self.unmade(&error).to_string()),
                None => Finding::good(subject, NOT_YET),
            },
        }
    }

    /// Sends as much of a letter as the topic takes, where that is wanted.
    async fn send_part(&self, producer: &Client, letter: &Record) -> Result<(), KafkaError> {
        let mut outcome = Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge));
        for room in rooms(letter, self.on_too_large) {
            let Some(part) = shortened(letter, room, self.on_too_large) else { break };
            outcome = self.send(producer, &part).await;
            if !outcome.as_ref().is_err_and(is_too_large) {
                break;
            }
        }
        if outcome.is_ok() {
            self.log_part(letter);
        }
        outcome
    }

    fn log_part(&self, letter: &Record) {
        let origin = letter.origin();
        let (topic, partition, offset) = (origin.topic(), origin.partition(), origin.offset());
        let (size, how) = (letter.size(), self.on_too_large.name());
        let reason = format!(
            "dead letters are too large for the topic `{}` and hold part of their records",
            self.name
        );
        match self.throttle.note(&reason) {
            LogLine::Full => tracing::warn!(topic, partition, offset, size, how, "{reason}"),
            LogLine::Summary(sum) => tracing::warn!(topic, partition, offset, size, how, "{reason}: {sum}"),
            LogLine::Nothing => tracing::debug!(topic, partition, offset, size, how, "{reason}"),
        }
    }

    async fn send(&self, producer: &Client, record: &Record) -> Result<(), KafkaError> {
        let key = record.key.as_ref().map(Payload::to_bytes);
        let value = record.value.as_ref().map(Payload::to_bytes);
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for header in &record.headers {
            headers = headers.insert(Header { key: &header.name, value: header.value.as_deref() });
        }
        let mut out = FutureRecord::<[u8], [u8]>::to(&self.name).headers(headers);
        out.key = key.as_deref();
        out.payload = value.as_deref();
        out.timestamp = record.timestamp.map(|timestamp| timestamp.millis);
        // A full queue is waited for; its end is that of the put.
        let sent = producer.send(out, Duration::from_secs(30)).await;
        sent.map(drop).map_err(|(error, _)| error)
    }

    /// Sends a letter as its topic takes it, where that does not take it as it is.
    async fn send_otherwise(
        &self,
        producer: &Client,
        letter: &Record,
        mut outcome: Result<(), KafkaError>,
    ) -> Result<(), KafkaError> {
        if outcome.as_ref().is_err_and(is_too_large) {
            outcome = self.send_part(producer, letter).await;
        }
        // A record that is sent back is to have its own time.
        if !self.create || !outcome.as_ref().is_err_and(is_of_another_time) {
            return outcome;
        }
        let Some(untimed) = untimed(letter) else { return outcome };
        let mut outcome = self.send(producer, &untimed).await;
        if outcome.as_ref().is_err_and(is_too_large) {
            outcome = self.send_part(producer, &untimed).await;
        }
        outcome
    }

    /// Makes the failure of a record.
    fn record_failure(&self, record: &Record, error: &KafkaError) -> Failure {
        if let Some(way_out) = way_out(error) {
            let Self { name, .. } = self;
            return Failure::rejected(format!("topic `{name}` does not take a record: {error}; {way_out}"));
        }
        if !is_too_large(error) {
            return self.failure(error);
        }
        let way_out = if self.create { ", or set `errors.dead_letter_queue.on_too_large`" } else { "" };
        Failure::rejected(format!(
            "topic `{}` does not take a record of {} bytes; raise its `max.message.bytes`{way_out}",
            self.name,
            record.size()
        ))
    }

    /// Makes the failure of making the topic.
    fn unmade(&self, error: &KafkaError) -> Failure {
        use RDKafkaErrorCode::{ClusterAuthorizationFailed, TopicAuthorizationFailed};
        let Self { name, .. } = self;
        match code_of(error) {
            Some(TopicAuthorizationFailed | ClusterAuthorizationFailed) => Failure::fatal(format!(
                "topic `{name}` is not there, or may not be seen, and may not be created; create it with \
                 `sluice topics create {name}`, or give the right `Create` on it, and {GIVE_WRITE}"
            )),
            _ => self.failure(error),
        }
    }

    fn failure(&self, error: &KafkaError) -> Failure {
        failure_with(&self.name, error)
    }
}

#[async_trait]
impl Sink for TopicSink {
    fn limits(&self) -> Limits {
        Limits::default()
            .with_max_records(1000)
            .with_max_batch_bytes(16 * 1024 * 1024)
            .with_max_record_bytes(usize::MAX)
            .with_order(Order::Partition)
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let producer = self.producer().await?;
        // All are handed over in order before the first is waited for; idempotence keeps that order.
        let mut sent = join_all(batch.iter().map(|record| self.send(&producer, record))).await;
        // The client sends several in one request, which may be too large where each of them is not, or is refused for one of them.
        if batch.len() > 1 {
            for (outcome, record) in sent.iter_mut().zip(batch) {
                if outcome.as_ref().is_err_and(is_of_one_record) {
                    *outcome = self.send(&producer, record).await;
                }
            }
        }
        let mut settled = Vec::with_capacity(sent.len());
        for (outcome, record) in sent.into_iter().zip(batch) {
            settled.push(self.send_otherwise(&producer, record, outcome).await);
        }
        let sent = settled;
        let lack = if sent.iter().any(|outcome| outcome.as_ref().is_err_and(is_timeout)) {
            self.lack(producer).await
        } else {
            None
        };
        if sent.iter().any(|outcome| outcome.as_ref().is_err_and(is_useless)) {
            self.close().await;
        }
        let outcomes = sent.into_iter().zip(batch);
        PutError::from_each(outcomes.map(|(outcome, record)| {
            outcome.map_err(|error| match &lack {
                Some(lack) if is_timeout(&error) => {
                    Failure::retriable(format!("topic `{}` {lack}", self.name)).because(Trouble::TimedOut)
                }
                _ => self.record_failure(record, &error),
            })
        }))
    }

    async fn check(&self) -> Vec<Finding> {
        let subject = format!("dead letter topic {}", self.name);
        vec![match self.rights().await {
            Ok(rights) => self.of_rights(rights, subject).await,
            Err(failure) => Finding::from_failure(subject, &failure),
        }]
    }
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::FailureKind;

    use super::*;

    /// Otherwise the same letter would be sent again and again, for ever.
    #[test]
    fn a_record_that_its_topic_never_takes_is_rejected_with_the_way_out() {
        use RDKafkaErrorCode::{InvalidRecord, InvalidTimestamp};
        let sink = TopicSink::new("letters", Access::from_servers("b:9092"));
        let record = Record::new(sluice_connector_api::Origin::new("t", 0, 7));
        for (code, way_out) in
            [(InvalidRecord, "`cleanup.policy`"), (InvalidTimestamp, "`message.timestamp.after.max.ms`")]
        {
            let failure = sink.record_failure(&record, &KafkaError::MessageProduction(code));
            assert_eq!(failure.kind(), FailureKind::Rejected);
            assert!(failure.to_string().contains(way_out), "{failure}");
        }
    }
}
