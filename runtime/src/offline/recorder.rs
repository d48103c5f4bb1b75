//! Stands for a sink that stores nothing, and notes the request of each put.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use sluice_connector_api::{
    BatchKey, Confirm, Failure, FailureKind, Hold, Limits, Origin, PutError, Record, Sink,
};

use crate::connector::load::Connector;
use crate::guard;

/// A put, as the sink would have sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedPut {
    /// Where its records were read.
    pub records: Vec<Origin>,
    /// The request, as the sink shows it.
    pub request: Value,
}

/// Stands for a sink: it takes what that would take, in the same batches, and stores nothing unless it is told to.
pub(crate) struct RecordingSink {
    sink: Arc<dyn Sink>,
    delivers: bool,
    puts: Mutex<Vec<RecordedPut>>,
}

impl RecordingSink {
    /// Puts one in the place of a connector's sink. Where it delivers, the sink gets every put, too.
    pub(crate) fn in_place_of_sink(connector: Connector, delivers: bool) -> (Connector, Arc<Self>) {
        let recorder = Arc::new(Self { sink: Arc::clone(&connector.sink), delivers, puts: Mutex::default() });
        let sink: Arc<dyn Sink> = Arc::<Self>::clone(&recorder);
        (Connector { sink, ..connector }, recorder)
    }

    /// Takes the puts out, in the order made.
    pub(crate) fn take(&self) -> Vec<RecordedPut> {
        std::mem::take(&mut *self.puts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, batch: &[Record], request: Value) {
        let records = batch.iter().map(|record| record.origin().clone()).collect();
        let put = RecordedPut { records, request };
        self.puts.lock().unwrap_or_else(PoisonError::into_inner).push(put);
    }

    /// Asks the sink for its request. Where it rejects some of the records, the request is that of the others.
    fn record(&self, batch: &[Record]) -> Result<(), PutError> {
        let answer = guard::call(|| self.sink.preview(batch));
        let answer = answer.unwrap_or_else(|panicked| Err(Failure::fatal(panicked.to_string()).into()));
        match answer {
            Ok(request) => {
                self.note(batch, request);
                Ok(())
            }
            Err(PutError::Batch(failure)) => Err(PutError::Batch(final_one(failure))),
            Err(PutError::Records(failures)) => {
                let failures: Vec<_> =
                    failures.into_iter().map(|(index, failure)| (index, final_one(failure))).collect();
                Err(PutError::Records(self.record_others(batch, failures)))
            }
        }
    }

    /// Asks for the request of the records that did not fail. Returns all failures, also those that this has shown.
    fn record_others(&self, batch: &[Record], mut failures: Vec<(usize, Failure)>) -> Vec<(usize, Failure)> {
        let (mut indices, mut others) = (Vec::new(), Vec::new());
        for (index, record) in batch.iter().enumerate() {
            if failures.iter().all(|(failed, _)| *failed != index) {
                indices.push(index);
                others.push(record.clone());
            }
        }
        if others.is_empty() || others.len() == batch.len() {
            return failures;
        }
        match self.record(&others) {
            Ok(()) => {}
            Err(PutError::Batch(failure)) => {
                failures.extend(indices.iter().map(|index| (*index, again(&failure))));
            }
            Err(PutError::Records(more)) => {
                for (index, failure) in more {
                    failures.extend(indices.get(index).map(|index| (*index, failure)));
                }
            }
        }
        failures
    }
}

/// A request that cannot be shown now cannot be shown later.
fn final_one(failure: Failure) -> Failure {
    match failure.kind() {
        FailureKind::Retriable => Failure::fatal(failure.to_string()),
        _ => failure,
    }
}

fn again(failure: &Failure) -> Failure {
    match failure.kind() {
        FailureKind::Rejected => {
            Failure::rejected(failure.to_string()).with_detail(failure.detail().unwrap_or_default())
        }
        _ => Failure::fatal(failure.to_string()),
    }
}

#[async_trait]
impl Sink for RecordingSink {
    /// One put after the other, so that two runs show the same; at once, where there is nobody to be spared.
    fn limits(&self) -> Limits {
        let mut limits = self.sink.limits();
        limits.max_in_flight = 1;
        if !self.delivers {
            limits.pace = None;
        }
        limits
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let recorded = self.record(batch);
        if self.delivers { self.sink.put(batch).await } else { recorded }
    }

    fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
        if self.delivers { self.sink.confirmation() } else { None }
    }

    fn hold(&self) -> Option<Arc<dyn Hold>> {
        if self.delivers { self.sink.hold() } else { None }
    }

    fn size_of(&self, record: &Record) -> usize {
        self.sink.size_of(record)
    }

    fn id(&self, record: &Record) -> Option<String> {
        self.sink.id(record)
    }

    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        self.sink.batch_key(record)
    }
}
