//! A sink that does with each put what its script says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sluice_connector_api::{
    BatchKey, Confirm, ConfirmLimits, Confirmation, Failure, Hold, Limits, PutError, Record, Sink, StoreReach,
};
use tokio::sync::Semaphore;

use super::hold::{HoldScript, ScriptedHold};
use super::journal::{Entry, Journal};

/// What a scripted sink does with one put.
pub(crate) enum Answer {
    /// Stores all of it.
    Store,
    /// Fails as a whole.
    Fail(Failure),
    /// Stores all but these indices.
    FailAt(Vec<(usize, Failure)>),
    /// Panics.
    Panic,
    /// Takes its time.
    Late(Duration, Box<Answer>),
    /// Waits until the test opens the gate.
    Held(Gate, Box<Answer>),
}

impl Answer {
    pub(crate) fn late(millis: u64) -> Self {
        Self::Late(Duration::from_millis(millis), Box::new(Self::Store))
    }

    pub(crate) fn held(gate: &Gate) -> Self {
        Self::Held(gate.clone(), Box::new(Self::Store))
    }

    pub(crate) fn down() -> Self {
        Self::Fail(Failure::retriable("the target is down"))
    }

    pub(crate) fn down_at(indices: impl IntoIterator<Item = usize>) -> Self {
        Self::FailAt(indices.into_iter().map(|index| (index, Failure::retriable("busy"))).collect())
    }
}

/// Holds puts until it is opened, for ever after too.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    pub(crate) fn open(&self) {
        self.0.close();
    }

    pub(crate) async fn wait(&self) {
        let _opened = self.0.acquire().await.is_err();
    }
}

/// Decides what happens to a put.
pub(crate) type Script = Box<dyn FnMut(&[Record]) -> Answer + Send>;

/// Answers put by put; behind the last answer all is stored.
pub(crate) fn script(answers: impl IntoIterator<Item = Answer, IntoIter: Send + 'static>) -> Script {
    let mut answers = answers.into_iter();
    Box::new(move |_| answers.next().unwrap_or(Answer::Store))
}

/// Answers the first put like this, and stores all others.
pub(crate) fn once(answer: Answer) -> Script {
    script([answer])
}

/// Rejects every batch that has a record with the value `bad` in it, and does not say which.
pub(crate) fn refusing() -> Script {
    let rejected = || Answer::Fail(Failure::rejected("something is bad"));
    Box::new(move |batch| if batch.iter().any(is_bad) { rejected() } else { Answer::Store })
}

/// Rejects just the records with the value `bad`, by index.
pub(crate) fn naming() -> Script {
    Box::new(|batch| {
        let bad = batch.iter().enumerate().filter(|(_, record)| is_bad(record));
        let failures: Vec<_> = bad.map(|(index, _)| (index, Failure::rejected("it is bad"))).collect();
        if failures.is_empty() { Answer::Store } else { Answer::FailAt(failures) }
    })
}

fn is_bad(record: &Record) -> bool {
    record.value_text() == Some("bad")
}

/// What a scripted sink says to one confirmation.
pub(crate) enum Reply {
    /// What became of each record.
    Each(Vec<Confirmation>),
    /// Fails as a whole.
    Fail(Failure),
    /// Panics.
    Panic,
    /// Takes its time.
    Late(Duration, Box<Reply>),
    /// Waits until the test opens the gate.
    Held(Gate, Box<Reply>),
}

impl Reply {
    pub(crate) fn held(gate: &Gate, then: Self) -> Self {
        Self::Held(gate.clone(), Box::new(then))
    }
}

/// Decides what is said to a confirmation.
pub(crate) type ConfirmScript = Box<dyn FnMut(&[Record]) -> Reply + Send>;

/// Says that all records are stored.
pub(crate) fn stored(records: &[Record]) -> Reply {
    Reply::Each(records.iter().map(|_| Confirmation::Stored).collect())
}

/// Says that nothing is known yet.
pub(crate) fn pending(records: &[Record]) -> Reply {
    Reply::Each(records.iter().map(|_| Confirmation::Pending).collect())
}

/// Answers confirmation by confirmation; behind the last answer all is stored.
pub(crate) fn confirmations(
    answers: impl IntoIterator<Item = Reply, IntoIter: Send + 'static>,
) -> ConfirmScript {
    let mut answers = answers.into_iter();
    Box::new(move |records| answers.next().unwrap_or_else(|| stored(records)))
}

/// Does with each put and confirmation what its scripts say, and notes it.
pub(crate) struct ScriptedSink {
    script: Mutex<Script>,
    confirmation: Arc<ScriptedConfirmation>,
    /// Whether a put only accepts records.
    accepts: bool,
    hold: Option<Arc<ScriptedHold>>,
    limits: Limits,
    journal: Journal,
    puts: AtomicUsize,
}

/// Does with each confirmation what its script says, and notes it.
struct ScriptedConfirmation {
    confirmations: Mutex<ConfirmScript>,
    journal: Journal,
}

impl ScriptedSink {
    pub(crate) fn new(script: Script, limits: Limits, journal: Journal) -> Self {
        let confirmation = Arc::new(ScriptedConfirmation {
            confirmations: Mutex::new(confirmations([])),
            journal: journal.clone(),
        });
        let (script, puts) = (Mutex::new(script), AtomicUsize::new(0));
        Self { script, confirmation, accepts: false, hold: None, limits, journal, puts }
    }

    /// Answers confirmations like this.
    pub(crate) fn answering(self, confirmations: ConfirmScript) -> Self {
        let (confirmations, journal) = (Mutex::new(confirmations), self.journal.clone());
        Self { confirmation: Arc::new(ScriptedConfirmation { confirmations, journal }), ..self }
    }

    /// Holds what is put like this.
    pub(crate) fn holding(self, hold: Option<HoldScript>, reaches: &Arc<Mutex<Vec<StoreReach>>>) -> Self {
        let hold =
            hold.map(|hold| Arc::new(ScriptedHold::new(hold, Arc::clone(reaches), self.journal.clone())));
        Self { hold, ..self }
    }

    /// Says whether a put only accepts records.
    pub(crate) fn accepting(self, accepts: bool) -> Self {
        Self { accepts, ..self }
    }
}

#[async_trait]
impl Sink for ScriptedSink {
    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let put = self.puts.fetch_add(1, Ordering::Relaxed);
        self.journal.note(Entry::Began(put, batch.to_vec()));
        let mut answer = (self.script.lock().unwrap())(batch);
        let result = loop {
            match answer {
                Answer::Store => break Ok(()),
                Answer::Fail(failure) => break Err(PutError::Batch(failure)),
                Answer::FailAt(failures) => break Err(PutError::Records(failures)),
                Answer::Panic => panic!("the script says so"),
                Answer::Late(wait, then) => {
                    tokio::time::sleep(wait).await;
                    answer = *then;
                }
                Answer::Held(gate, then) => {
                    gate.wait().await;
                    answer = *then;
                }
            }
        };
        let taken = kept(batch, &result);
        if let Some(hold) = &self.hold {
            self.journal.note(Entry::Accepted(put, taken.clone()));
            hold.take(&taken);
        } else if self.accepts {
            self.journal.note(Entry::Accepted(put, taken));
        } else {
            self.journal.note(Entry::Ended(put, taken));
        }
        result
    }

    fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
        if self.accepts { Some(self.confirmation.clone()) } else { None }
    }

    fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.hold.clone().map(|hold| hold as Arc<dyn Hold>)
    }

    fn size_of(&self, record: &Record) -> usize {
        panic_if_told(record, "size_of");
        record.size()
    }

    fn id(&self, record: &Record) -> Option<String> {
        panic_if_told(record, "id");
        record.key.as_ref().map(|key| key.to_display().into_owned())
    }

    /// Keeps deletes and writes apart.
    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        panic_if_told(record, "batch_key");
        if record.value_text() == Some("delete") { "delete".into() } else { BatchKey::Same }
    }
}

#[async_trait]
impl Confirm for ScriptedConfirmation {
    fn limits(&self) -> ConfirmLimits {
        ConfirmLimits::new(10, Duration::from_millis(100), Duration::from_secs(1))
    }

    async fn confirm(&self, batch: &[Record]) -> Result<Vec<Confirmation>, Failure> {
        self.journal.note(Entry::Asked(batch.to_vec()));
        let mut reply = (self.confirmations.lock().unwrap())(batch);
        loop {
            match reply {
                Reply::Each(each) => {
                    let (mut stored, mut failed) = (Vec::new(), Vec::new());
                    for (record, said) in batch.iter().cloned().zip(&each) {
                        match said {
                            Confirmation::Stored => stored.push(record),
                            Confirmation::Failed(_) => failed.push(record),
                            Confirmation::Pending => {}
                        }
                    }
                    self.journal.note(Entry::Answered { stored, failed });
                    return Ok(each);
                }
                Reply::Fail(failure) => return Err(failure),
                Reply::Panic => panic!("the script says so"),
                Reply::Late(wait, then) => {
                    tokio::time::sleep(wait).await;
                    reply = *then;
                }
                Reply::Held(gate, then) => {
                    gate.wait().await;
                    reply = *then;
                }
            }
        }
    }
}

/// Panics where the record's value says so, such as `upset id`.
fn panic_if_told(record: &Record, method: &str) {
    let told = record.value_text().and_then(|value| value.strip_prefix("upset "));
    assert!(told != Some(method), "the record says so");
}

fn kept(batch: &[Record], result: &Result<(), PutError>) -> Vec<Record> {
    let failed = |index: usize| match result {
        Ok(()) => false,
        Err(PutError::Batch(_)) => true,
        Err(PutError::Records(failures)) => failures.iter().any(|(failed, _)| *failed == index),
    };
    let kept = batch.iter().enumerate().filter(|(index, _)| !failed(*index));
    kept.map(|(_, record)| record.clone()).collect()
}
