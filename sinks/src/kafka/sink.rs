//! Puts records at least once: each is stored when the brokers have acknowledged it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{Producer, PurgeConfig};
use rdkafka::types::RDKafkaErrorCode;
use serde_json::{Value, json};
use sluice_connector_api::{
    ExactlyOnce, Failure, Finding, FormNeed, Json, Limits, Order, PutError, ReadingTask, Record, Repetition,
    SettingsError, Sink, SinkSettings, SourceTopics, TombstoneFate,
};
use tokio::sync::{Mutex, RwLock};
use tokio::time::timeout;

use super::check::check;
use super::client::{SinkProducer, check_properties, gapless_config, producer, producer_config};
use super::settings::KafkaSinkSettings;
use super::transactions::KafkaTransactions;
use super::verdict;
use super::writer::{TopicWriter, share_brokers};
use crate::record::lines::LineFormat;

/// Records of a batch: each put waits for the brokers once.
const MAX_RECORDS: usize = 5_000;

/// Bytes of a batch, and so of a record; the topic has the last word on what is too large.
const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;

impl SinkSettings for KafkaSinkSettings {
    const NAME: &'static str = "kafka";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        self.validate()?;
        check_properties(&self)?;
        Ok(Box::new(KafkaSink {
            writer: Arc::new(TopicWriter::new(self)?),
            producer: Mutex::default(),
            single: Mutex::default(),
            requests: RwLock::default(),
        }))
    }
}

/// How long a record is waited for before it is looked whether its producer still sends.
const LOOK: Duration = Duration::from_millis(20);

/// Puts records into topics.
struct KafkaSink {
    writer: Arc<TopicWriter>,
    /// Made when it is needed, and anew when it has become useless. Once a request is refused it sends nothing more: what comes behind
    /// that request would overtake it.
    producer: Mutex<Option<SinkProducer>>,
    /// Sends one record after the other, and goes on behind one that is refused.
    single: Mutex<Option<SinkProducer>>,
    /// Puts share requests, and who is alone has this for writing: then a request that is refused is that of its record.
    requests: RwLock<()>,
}

/// A record that was handed to the producer, or was not.
enum Handed {
    Waiting(DeliveryFuture),
    Refused(KafkaError),
    Unfit(Failure),
}

/// Why a record was not stored.
enum NotSent {
    Refused(KafkaError),
    Unfit(Failure),
}

/// What became of a record.
type Outcome = Result<(), NotSent>;

/// A record of a put on its way.
struct Sending<'a> {
    record: &'a Record,
    /// None while it is to be sent.
    outcome: Option<Outcome>,
    /// It had a request of its own, and what became of that is its own fault.
    was_alone: bool,
}

impl<'a> Sending<'a> {
    fn new(record: &'a Record) -> Self {
        Self { record, outcome: None, was_alone: false }
    }

    fn refused(&self) -> Option<&KafkaError> {
        match &self.outcome {
            Some(Err(NotSent::Refused(error))) => Some(error),
            _ => None,
        }
    }

    fn is_due_alone(&self) -> bool {
        !self.was_alone && self.refused().is_some_and(verdict::is_of_a_request)
    }

    /// Says whether it may be stored when it is put again: nothing that comes behind it may be stored before.
    fn is_put_off(&self) -> bool {
        let is_final = |error| verdict::is_of_a_request(error) || self.is_left_behind();
        self.refused().is_some_and(|error| !is_final(error))
    }

    /// Says whether it was not stored because its producer had stopped at the request of another, if that had.
    fn is_left_behind(&self) -> bool {
        !self.was_alone && self.refused().is_some_and(verdict::is_left_behind)
    }
}

impl KafkaSink {
    async fn producer(&self) -> Result<SinkProducer, Failure> {
        self.producer_at(&self.producer, &gapless_config(&self.writer.settings)).await
    }

    async fn producer_at(
        &self,
        place: &Mutex<Option<SinkProducer>>,
        config: &ClientConfig,
    ) -> Result<SinkProducer, Failure> {
        let mut place = place.lock().await;
        if let Some(producer) = place.as_ref().filter(|producer| !producer.has_stopped_at_gap()) {
            return Ok(producer.clone());
        }
        let identity = self.writer.identity().await?;
        let made = producer(config, &identity)?;
        if let Some(stopped) = place.replace(made.clone()) {
            retire(stopped);
        }
        Ok(made)
    }

    /// Gives the producers up, so that the next put asks for its topics again.
    async fn close(&self) {
        retire((self.producer.lock().await.take(), self.single.lock().await.take()));
    }

    /// Hands records over in order. Once one finds no room, none behind it is handed over.
    fn hand_over<'a>(
        &self,
        producer: &SinkProducer,
        records: impl Iterator<Item = &'a Record>,
    ) -> Vec<Handed> {
        let mut full = None;
        let mut handed = Vec::new();
        for record in records {
            handed.push(match (&full, self.writer.sent(record)) {
                (Some(error), _) => Handed::Refused(KafkaError::clone(error)),
                (None, Err(failure)) => Handed::Unfit(failure),
                (None, Ok(sent)) => match producer.send_result(sent.to_future_record()) {
                    Ok(delivery) => Handed::Waiting(delivery),
                    Err((error, _)) => {
                        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
                            full = Some(error.clone());
                        }
                        Handed::Refused(error)
                    }
                },
            });
        }
        handed
    }

    /// Sends records, and says of each what became of it. Those are sent again at once that were left behind where the request of
    /// another was refused, be it of another put.
    async fn send(&self, batch: &[Record]) -> Result<Vec<Outcome>, Failure> {
        let mut all: Vec<Sending<'_>> = batch.iter().map(Sending::new).collect();
        while all.iter().any(|sending| sending.outcome.is_none()) {
            let producer = self.producer().await?;
            self.send_with(&producer, &mut all).await;
            if all.iter().any(Sending::is_due_alone) {
                self.send_alone(&mut all).await?;
            }
            if producer.has_stopped_at_gap() && !all.iter().any(Sending::is_put_off) {
                all.iter_mut()
                    .filter(|sending| sending.is_left_behind())
                    .for_each(|left| left.outcome = None);
            }
        }
        Ok(all.into_iter().filter_map(|sending| sending.outcome).collect())
    }

    /// Sends those together of which nothing is known.
    async fn send_with(&self, producer: &SinkProducer, all: &mut [Sending<'_>]) {
        let _shared = self.requests.read().await;
        let mut due: Vec<_> = all.iter_mut().filter(|sending| sending.outcome.is_none()).collect();
        let handed = self.hand_over(producer, due.iter().map(|sending| sending.record));
        for (sending, handed) in due.iter_mut().zip(handed) {
            sending.outcome = Some(delivered(producer, handed).await);
        }
    }

    /// Sends records alone that were refused with a request of several, be they of other puts: for its size, or for one of them.
    async fn send_alone(&self, all: &mut [Sending<'_>]) -> Result<(), Failure> {
        let _alone = self.requests.write().await;
        let single = self.producer_at(&self.single, &producer_config(&self.writer.settings)).await?;
        let mut is_put_off = false;
        for sending in all.iter_mut().filter(|sending| sending.is_due_alone()) {
            sending.was_alone = true;
            if is_put_off {
                let behind = Failure::retriable("it waits for a record before it that is not stored yet");
                sending.outcome = Some(Err(NotSent::Unfit(behind)));
                continue;
            }
            for handed in self.hand_over(&single, std::iter::once(sending.record)) {
                sending.outcome = Some(delivered(&single, handed).await);
            }
            is_put_off = sending.is_put_off();
        }
        Ok(())
    }

    fn failure(&self, last: Option<String>, record: &Record, not_sent: NotSent) -> Failure {
        match not_sent {
            NotSent::Unfit(failure) => failure,
            NotSent::Refused(error) => {
                let topic = self.writer.topic.name(record).unwrap_or_default();
                verdict::failure(&topic, &error, self.writer.topic.is_of_data(), last)
            }
        }
    }
}

/// Drops producers elsewhere: each waits for threads of its own.
fn retire(producers: impl Send + 'static) {
    let _closing = tokio::task::spawn_blocking(move || drop(producers));
}

async fn delivered(producer: &SinkProducer, handed: Handed) -> Outcome {
    let mut delivery = match handed {
        Handed::Unfit(failure) => return Err(NotSent::Unfit(failure)),
        Handed::Refused(error) => return Err(NotSent::Refused(error)),
        Handed::Waiting(delivery) => delivery,
    };
    let told = loop {
        if let Ok(told) = timeout(LOOK, &mut delivery).await {
            break told;
        }
        if producer.has_stopped_at_gap() {
            // It would keep what it does not send any more until its time is up.
            producer.purge(PurgeConfig::default().queue().non_blocking());
        }
    };
    match told {
        Ok(Ok(_)) => Ok(()),
        Ok(Err((error, _))) => Err(NotSent::Refused(error)),
        Err(_) => Err(NotSent::Unfit(Failure::retriable(
            "the producer was closed before the record was acknowledged",
        ))),
    }
}

#[async_trait]
impl Sink for KafkaSink {
    fn limits(&self) -> Limits {
        Limits::default()
            .with_max_records(MAX_RECORDS)
            .with_max_in_flight(self.writer.settings.max_in_flight)
            .with_order(Order::KeyOrPartition)
            .with_stripes()
            .with_max_batch_bytes(MAX_BATCH_BYTES)
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let producer = self.producer().await?;
        self.writer.know_cluster(&producer, batch).await?;
        let outcomes = self.send(batch).await?;
        let useless =
            |outcome: &Outcome| matches!(outcome, Err(NotSent::Refused(error)) if verdict::is_useless(error));
        if outcomes.iter().any(useless) {
            self.close().await;
        }
        let last = producer.last_words();
        let outcomes = outcomes.into_iter().zip(batch);
        PutError::from_each(outcomes.map(|(outcome, record)| {
            outcome.map_err(|not_sent| self.failure(last.clone(), record, not_sent))
        }))
    }

    fn meets(&self, source: Arc<dyn SourceTopics>) -> Result<(), SettingsError> {
        self.writer.meets(source)
    }

    fn exactly_once(&self, task: &ReadingTask) -> Result<Arc<dyn ExactlyOnce>, String> {
        let settings = &self.writer.settings;
        let Some(id) = &settings.transactional_id else {
            return Err("set `transactional_id`, and each process has its own".to_owned());
        };
        if !share_brokers(&settings.bootstrap_servers, &task.bootstrap_servers) {
            let reason = "a transaction is of one cluster, and records are written to other brokers than they are read from; \
                          name those of the source where they are the same";
            return Err(reason.to_owned());
        }
        Ok(Arc::new(KafkaTransactions::new(
            Arc::clone(&self.writer),
            format!("{id}-{}", task.task),
            &task.group,
        )))
    }

    fn on_tombstone(&self) -> TombstoneFate {
        TombstoneFate::Deletes
    }

    fn repetition(&self) -> Repetition {
        Repetition::stores_again("each record is written once more")
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.writer.topic.needs()
    }

    /// Shows each record with the topic that it goes to.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let mut shown = Vec::new();
        let outcomes = batch.iter().map(|record| self.show(record).map(|value| shown.push(value)));
        PutError::from_each(outcomes)?;
        Ok(Value::Array(shown))
    }

    fn warnings(&self) -> Vec<SettingsError> {
        let found = self.writer.settings.port_warning();
        found.map(|text| SettingsError::at("bootstrap_servers", text)).into_iter().collect()
    }

    async fn check(&self) -> Vec<Finding> {
        check(&self.writer).await
    }
}

impl KafkaSink {
    fn show(&self, record: &Record) -> Result<Value, Failure> {
        let topic = self.writer.sent(record)?.topic.into_owned();
        let line = LineFormat::JsonLines.line(record)?;
        let whole = Json::parse(line.into()).map(Json::into_value);
        let whole =
            whole.map_err(|error| Failure::rejected(format!("the record cannot be shown: {error}")))?;
        let part = |name: &str| whole.get(name).cloned().unwrap_or_default();
        Ok(json!({
            "topic": topic,
            "key": part("key"),
            "value": part("value"),
            "headers": part("headers"),
            "timestamp": part("timestamp"),
        }))
    }
}
