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
        let made = place.replace(producer(config, &identity)?);
        // It waits for threads of its own.
        let _closing = tokio::task::spawn_blocking(move || drop(made));
        place.clone().ok_or_else(|| Failure::retriable("the producer is gone"))
    }

    /// Gives the producers up, so that the next put asks for its topics again.
    async fn close(&self) {
        let producers = (self.producer.lock().await.take(), self.single.lock().await.take());
        let _closing = tokio::task::spawn_blocking(move || drop(producers));
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
    async fn send(&self, batch: &[Record]) -> Result<Vec<Result<(), NotSent>>, Failure> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut left: Vec<usize> = (0..batch.len()).collect();
        loop {
            let producer = self.producer().await?;
            let sent = self.send_with(&producer, left.iter().filter_map(|index| batch.get(*index))).await;
            if outcomes.is_empty() {
                outcomes = sent;
            } else {
                left.iter().zip(sent).for_each(|(index, outcome)| outcomes[*index] = outcome);
            }
            if left.iter().any(|index| is_of_a_request(&outcomes[*index])) {
                self.send_alone(batch, &left, &mut outcomes).await?;
            }
            left.retain(|index| is_left_behind(&outcomes[*index], &producer));
            if left.is_empty() {
                return Ok(outcomes);
            }
        }
    }

    async fn send_with<'a>(
        &self,
        producer: &SinkProducer,
        records: impl Iterator<Item = &'a Record>,
    ) -> Vec<Result<(), NotSent>> {
        let _shared = self.requests.read().await;
        let mut outcomes = Vec::new();
        for handed in self.hand_over(producer, records) {
            outcomes.push(delivered(producer, handed).await);
        }
        outcomes
    }

    /// Sends records alone that were refused with a request of several, be they of other puts: for its size, or for one of them.
    async fn send_alone(
        &self,
        batch: &[Record],
        of: &[usize],
        outcomes: &mut [Result<(), NotSent>],
    ) -> Result<(), Failure> {
        let _alone = self.requests.write().await;
        let single = self.producer_at(&self.single, &producer_config(&self.writer.settings)).await?;
        for index in
            of.iter().filter(|index| is_of_a_request(&outcomes[**index])).copied().collect::<Vec<_>>()
        {
            for handed in self.hand_over(&single, batch.get(index).into_iter()) {
                outcomes[index] = delivered(&single, handed).await;
            }
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

async fn delivered(producer: &SinkProducer, handed: Handed) -> Result<(), NotSent> {
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

/// Says whether a record was not stored because its producer stopped at the request of another.
fn is_left_behind(outcome: &Result<(), NotSent>, producer: &SinkProducer) -> bool {
    matches!(outcome, Err(NotSent::Refused(error)) if !verdict::is_of_a_request(error))
        && producer.has_stopped_at_gap()
}

fn is_of_a_request(outcome: &Result<(), NotSent>) -> bool {
    matches!(outcome, Err(NotSent::Refused(error)) if verdict::is_of_a_request(error))
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
        let useless = |outcome: &Result<(), NotSent>| matches!(outcome, Err(NotSent::Refused(error)) if verdict::is_useless(error));
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
