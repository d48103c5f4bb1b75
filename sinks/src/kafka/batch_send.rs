//! Sending a batch within a transaction, of which nothing is to be stored where a record of it is at fault.

use rdkafka::error::KafkaError;
use rdkafka::producer::future_producer::DeliveryFuture;
use sluice_connector_api::{Failure, FailureKind, PutError, Record};

use super::client::SinkProducer;
use super::verdict;
use super::writer::{SentRecord, TopicWriter};

/// Why a batch is not to be stored.
pub(super) enum BatchRefused {
    /// Records that are at fault each for itself, or what is wrong with the batch.
    Known(PutError),
    /// Some request was refused that held several records: whichever of them it is for.
    OneOfSeveral,
}

/// What was handed to the producer.
struct Handed<'a> {
    index: usize,
    topic: &'a str,
    delivery: DeliveryFuture,
    /// It has a request of its own.
    is_alone: bool,
}

/// What became of records.
#[derive(Default)]
struct Failures {
    all: Vec<(usize, Failure)>,
    /// Some were refused with a request of several, for its size or another reason that it may have from any of them.
    is_any_of_several: bool,
    /// Some were refused with a request of several, as a record of which something is wrong.
    is_invalid_among_several: bool,
    /// The brokers said which of these it was.
    is_told_apart: bool,
}

/// Makes what is sent of a batch, or says which of its records can never be sent.
pub(super) fn sent_of<'a>(
    writer: &'a TopicWriter,
    batch: &[Record],
) -> Result<Vec<SentRecord<'a>>, PutError> {
    let (mut sent, mut failures) = (Vec::with_capacity(batch.len()), Vec::new());
    for (index, record) in batch.iter().enumerate() {
        match writer.sent(record) {
            Ok(record) => sent.push(record),
            Err(failure) => failures.push((index, failure)),
        }
    }
    if failures.is_empty() { Ok(sent) } else { Err(verdict_of(failures)) }
}

/// Sends a batch, so many records in each of these requests, and waits until all of it is acknowledged.
pub(super) async fn send(
    writer: &TopicWriter,
    producer: &SinkProducer,
    sent: &[SentRecord<'_>],
    requests: &[usize],
) -> Result<(), BatchRefused> {
    let (mut waiting, mut failures) = (Vec::new(), Failures::default());
    let mut records = sent.iter().enumerate();
    for count in requests {
        for (index, record) in records.by_ref().take(*count) {
            let is_alone = *count == 1;
            match producer.send_result(record.to_future_record()) {
                Ok(delivery) => waiting.push(Handed { index, topic: &record.topic, delivery, is_alone }),
                Err((error, _)) => failures.note(writer, producer, index, &record.topic, &error),
            }
        }
        // A request ends where nothing more is handed over.
        failures.await_all(writer, producer, &mut waiting).await;
        if !failures.all.is_empty() {
            // The transaction takes nothing more.
            break;
        }
    }
    if failures.all.is_empty() {
        return Ok(());
    }
    let has_fatal = failures.all.iter().any(|(_, failure)| is_fatal(failure));
    if !has_fatal && failures.is_of_any() {
        return Err(BatchRefused::OneOfSeveral);
    }
    Err(BatchRefused::Known(verdict_of(failures.all)))
}

impl Failures {
    /// Says whether it is unknown which record of a request was refused.
    fn is_of_any(&self) -> bool {
        self.is_any_of_several || (self.is_invalid_among_several && !self.is_told_apart)
    }

    /// Waits until all that was handed over is acknowledged or refused.
    async fn await_all(
        &mut self,
        writer: &TopicWriter,
        producer: &SinkProducer,
        waiting: &mut Vec<Handed<'_>>,
    ) {
        for Handed { index, topic, delivery, is_alone } in waiting.drain(..) {
            match delivery.await {
                Ok(Ok(_)) => {}
                Ok(Err((error, _))) => {
                    self.is_any_of_several |= !is_alone && verdict::is_too_large(&error);
                    self.is_invalid_among_several |= !is_alone && verdict::is_invalid(&error);
                    self.is_told_apart |= verdict::is_of_another(&error);
                    self.note(writer, producer, index, topic, &error);
                }
                Err(_) => self.all.push((index, Failure::retriable("the producer was closed"))),
            }
        }
    }

    fn note(
        &mut self,
        writer: &TopicWriter,
        producer: &SinkProducer,
        index: usize,
        topic: &str,
        error: &KafkaError,
    ) {
        let last = producer.last_words();
        self.all.push((index, verdict::failure(topic, error, writer.topic.is_of_data(), last)));
    }
}

fn is_fatal(failure: &Failure) -> bool {
    failure.kind() == FailureKind::Fatal
}

/// Says why a batch is not to be stored: the records at fault, or, where these are not known, the batch.
fn verdict_of(mut failures: Vec<(usize, Failure)>) -> PutError {
    if let Some(index) = failures.iter().position(|(_, failure)| is_fatal(failure)) {
        return PutError::Batch(failures.swap_remove(index).1);
    }
    let is_rejected = |(_, failure): &(usize, Failure)| failure.kind() == FailureKind::Rejected;
    if failures.iter().any(is_rejected) {
        failures.retain(is_rejected);
        return PutError::Records(failures);
    }
    // What was purged with others is not what was at fault.
    PutError::Batch(failures.swap_remove(0).1)
}
