//! Sends records to one topic, for the commands.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use sluice_connector_api::{BoxError, Headers};

use crate::kafka::reason::described;
use crate::kafka::topics::{is_missing, is_there};
use crate::kafka::words::without_times;
use sluice_kafka_client::Access;
use sluice_kafka_client::Identity;

/// The most bytes of a record by default, as librdkafka has it (`message.max.bytes`).
const MAX_BYTES: usize = 1_000_000;
/// How long the last records may take to be acknowledged.
const FLUSH: Duration = Duration::from_secs(30);

/// How long the brokers may take to say whether the topic is there.
const ASK: Duration = Duration::from_secs(5);
/// How long it may take until every broker knows a topic.
const SETTLES: Duration = Duration::from_secs(1);
/// Between two questions.
const AGAIN: Duration = Duration::from_millis(200);

/// Sends records to one topic and counts what the brokers acknowledged. Every call blocks.
pub struct RecordProducer {
    producer: BaseProducer<Reports>,
    reports: Arc<Counts>,
    topic: String,
    /// Brokers may create the topic.
    creates_topics: bool,
    max_bytes: usize,
}

impl std::fmt::Debug for RecordProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordProducer").field("topic", &self.topic).finish_non_exhaustive()
    }
}

/// A record to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: &'a Headers,
    /// The partition; else it follows from the key.
    pub partition: Option<i32>,
    /// The timestamp in milliseconds; else it is now.
    pub timestamp: Option<i64>,
}

fn headers(headers: &Headers) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, header| {
        all.insert(rdkafka::message::Header { key: &header.name, value: header.value.as_deref() })
    })
}

#[derive(Debug, Default)]
struct Counts {
    acknowledged: AtomicU64,
    failed: AtomicU64,
    first_failure: OnceLock<String>,
    /// What librdkafka said last of the brokers.
    trouble: Mutex<Option<String>>,
}

struct Reports {
    counts: Arc<Counts>,
    identity: Identity,
}

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.identity.token()
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Comes with each broker's own reason, over and over.
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            return;
        }
        let reason = without_times(reason);
        let mut trouble = self.counts.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if trouble.as_ref() != Some(&reason) {
            tracing::warn!("Kafka: {reason}");
            *trouble = Some(reason);
        }
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.counts.acknowledged.fetch_add(1, Ordering::Relaxed),
            Err((error, _)) => {
                self.counts.first_failure.get_or_init(|| match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                        "the topic takes no record of this size; raise its `max.message.bytes`".to_owned()
                    }
                    _ => described(error),
                });
                self.counts.failed.fetch_add(1, Ordering::Relaxed)
            }
        };
    }
}

impl RecordProducer {
    /// Makes a producer; the brokers are not reached before it is asked for something.
    pub fn new(topic: &str, access: Access, identity: Identity) -> Result<Self, BoxError> {
        let creates_topics = access.creates_topics();
        let mut config = access.config;
        // Every record once and in order, also over a retry; unless the user says otherwise.
        for (name, value) in [("enable.idempotence", "true"), ("message.timeout.ms", "30000")] {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let max_bytes =
            config.get("message.max.bytes").and_then(|bytes| bytes.parse().ok()).unwrap_or(MAX_BYTES);
        let reports = Arc::<Counts>::default();
        let context = Reports { counts: Arc::clone(&reports), identity };
        let producer: BaseProducer<Reports> = config
            .create_with_context(context)
            .map_err(|error| format!("cannot make a Kafka producer: {}", described(&error)))?;
        producer.context().identity.show_to(producer.client())?;
        Ok(Self { producer, reports, topic: topic.to_owned(), creates_topics, max_bytes })
    }

    /// Returns the most bytes that it takes of a record.
    pub fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Fails where the brokers say that there is no such topic, unless `allow.auto.create.topics` is set, with which brokers
    /// create it that do so. Where they say nothing, that is told when the records are sent.
    pub fn look_for_topic(&self) -> Result<(), BoxError> {
        if self.creates_topics || !self.is_surely_missing() {
            return Ok(());
        }
        let missing = is_missing(&self.topic);
        Err(format!(
            "{missing}, or let brokers do so that create topics by themselves: `-X allow.auto.create.topics=true`"
        )
        .into())
    }

    /// Asks whether there is no such topic. One that was created a moment ago is not known to every broker yet.
    fn is_surely_missing(&self) -> bool {
        let end = Instant::now() + SETTLES;
        while let Ok(false) = is_there(self.producer.client(), &self.topic, ASK) {
            if Instant::now() >= end {
                return true;
            }
            std::thread::sleep(AGAIN);
        }
        false
    }

    /// Hands a record over; waits while the producer's queue is full.
    pub fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<(), BoxError> {
        let mut record = BaseRecord::<[u8], [u8], ()>::to(&self.topic);
        record.key = outgoing.key;
        record.payload = outgoing.value;
        record.partition = outgoing.partition;
        record.timestamp = outgoing.timestamp;
        if !outgoing.headers.is_empty() {
            record.headers = Some(headers(outgoing.headers));
        }
        while let Err((error, back)) = self.producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                let reason = match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::MessageSizeTooLarge) => format!(
                        "a record has more than the {} bytes that the producer takes; `-X message.max.bytes=...` lets it take more",
                        self.max_bytes
                    ),
                    _ => described(&error),
                };
                return Err(format!("cannot send to {}: {reason}", self.topic).into());
            }
            record = back;
            self.producer.poll(Duration::from_millis(100));
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Waits, and takes note of what is acknowledged meanwhile.
    pub fn wait_until(&self, due: Instant) {
        let left = || due.saturating_duration_since(Instant::now());
        // Polling knows whole milliseconds only, and would turn in circles for the rest.
        self.producer.poll(Duration::from_millis(u64::try_from(left().as_millis()).unwrap_or(u64::MAX)));
        std::thread::sleep(left());
    }

    /// Waits until every record is acknowledged; returns how many.
    pub fn finish(self) -> Result<u64, BoxError> {
        let flushed = self.producer.flush(FLUSH);
        if let Some(failure) = self.reports.first_failure.get() {
            let failed = self.reports.failed.load(Ordering::Relaxed);
            return Err(format!("{failed} record(s) were not acknowledged: {failure}").into());
        }
        flushed.map_err(|error| {
            let trouble = self.reports.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let reason = trouble.unwrap_or_else(|| described(&error));
            format!("the brokers did not acknowledge within {FLUSH:?}: {reason}")
        })?;
        Ok(self.reports.acknowledged.load(Ordering::Relaxed))
    }
}
