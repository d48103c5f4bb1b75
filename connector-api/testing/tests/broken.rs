//! The suite fails where a plug-in breaks its contract.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sluice_connector_api::{
    BatchKey, Confirm, ConfirmLimits, Confirmation, Failure, Limits, Origin, Predicate, PutError, Record,
    Registry, Rejection, SettingsError, Sink, SinkSettings, Transform, Transformed,
};
use sluice_plugin_testing::{
    SinkContract, odd_records, predicate_contract, record, settings_contract, sink_contract, text,
    transform_contract,
};

/// How a sink breaks its contract, if it does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    NoRecords,
    LargeRecord,
    SecondPut,
    WholeBatch,
    AnyText,
    SizeOf,
    AfterDrop,
    OneId,
    NewId,
    NewPreview,
    NewBatchKey,
    NoAnswers,
}

struct Faulty {
    fault: Fault,
    puts: AtomicUsize,
    ids: AtomicUsize,
    under_way: AtomicBool,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self { fault, puts: AtomicUsize::new(0), ids: AtomicUsize::new(0), under_way: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Sink for Faulty {
    fn limits(&self) -> Limits {
        let mut limits =
            Limits::default().with_max_records(if self.fault == Fault::NoRecords { 0 } else { 5 });
        if self.fault == Fault::LargeRecord {
            limits.max_record_bytes = limits.max_batch_bytes + 1;
        }
        limits
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        if self.fault == Fault::AfterDrop {
            if self.under_way.swap(true, Ordering::SeqCst) {
                return Err(Failure::retriable("still under way").into());
            }
            tokio::task::yield_now().await;
            self.under_way.store(false, Ordering::SeqCst);
        }
        let puts = self.puts.fetch_add(1, Ordering::SeqCst);
        let wrong = match self.fault {
            Fault::SecondPut => puts > 2,
            Fault::WholeBatch => batch.len() > 4,
            Fault::AnyText => {
                batch.iter().any(|record| record.value_text().is_some_and(|text| text.contains('\0')))
            }
            _ => false,
        };
        if wrong { Err(Failure::rejected("it is broken").into()) } else { Ok(()) }
    }

    fn size_of(&self, record: &Record) -> usize {
        let factor = if self.fault == Fault::SizeOf { 2 } else { 1 };
        record.size() * factor
    }

    fn id(&self, record: &Record) -> Option<String> {
        match self.fault {
            Fault::OneId => Some("one".to_owned()),
            Fault::NewId => Some(self.ids.fetch_add(1, Ordering::SeqCst).to_string()),
            _ => Some(record.origin().to_string()),
        }
    }

    fn batch_key<'a>(&'a self, _: &'a Record) -> BatchKey<'a> {
        match self.fault {
            Fault::NewBatchKey => self.ids.fetch_add(1, Ordering::SeqCst).to_string().into(),
            _ => BatchKey::Same,
        }
    }

    fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
        match self.fault {
            Fault::NoAnswers => Some(Arc::new(Silence)),
            _ => None,
        }
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        match self.fault {
            Fault::NewPreview => Ok(self.ids.fetch_add(1, Ordering::SeqCst).into()),
            _ => Ok(batch.len().into()),
        }
    }
}

/// Answers for no record.
struct Silence;

#[async_trait]
impl Confirm for Silence {
    fn limits(&self) -> ConfirmLimits {
        ConfirmLimits::new(10, Duration::from_secs(1), Duration::from_secs(2))
    }

    async fn confirm(&self, _: &[Record]) -> Result<Vec<Confirmation>, Failure> {
        Ok(Vec::new())
    }
}

/// Says what the suite says of a sink, if it says anything.
async fn verdict(fault: Fault) -> Option<String> {
    let held = tokio::spawn(async move { sink_contract(&Faulty::new(fault)).await }).await;
    let panic = held.err()?.into_panic();
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

#[tokio::test]
async fn each_way_to_break_the_contract_of_a_sink_is_found_and_named() {
    assert_eq!(verdict(Fault::None).await, None);
    for (fault, said) in [
        (Fault::NoRecords, "`max_records`"),
        (Fault::LargeRecord, "must fit into a batch"),
        (Fault::SecondPut, "the same batch, put again,"),
        (Fault::WholeBatch, "a batch of `max_records`"),
        (Fault::AnyText, "the text"),
        (Fault::SizeOf, "`size_of`"),
        (Fault::AfterDrop, "whose first put was dropped"),
        (Fault::OneId, "two records have two ids"),
        (Fault::NewId, "a record has one id"),
        (Fault::NewPreview, "a batch has one preview"),
        (Fault::NewBatchKey, "a record has one batch key"),
        (Fault::NoAnswers, "an answer for each record"),
    ] {
        let found = verdict(fault).await.unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(found.contains(said), "{fault:?}: {found}");
    }
}

#[tokio::test]
async fn a_sink_may_be_held_to_its_contract_with_records_of_ones_own() {
    struct Keyed;

    #[async_trait]
    impl Sink for Keyed {
        fn limits(&self) -> Limits {
            Limits::default()
        }

        async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
            PutError::from_each(
                batch
                    .iter()
                    .map(|record| record.key.as_ref().map(|_| ()).ok_or_else(|| Failure::rejected("no key"))),
            )
        }
    }

    let keyed = |offset| record(offset).key("k").value(json!(offset)).build();
    SinkContract::new(&Keyed).records(keyed).holds().await;
    let texts = tokio::spawn(async { SinkContract::new(&Keyed).holds().await }).await;
    assert!(texts.unwrap_err().is_panic(), "texts have no key");
}

/// A transform or predicate that breaks its contract in the way its number says.
struct Impure(u8, AtomicUsize);

impl Transform for Impure {
    fn apply(&self, mut record: Record) -> Result<Transformed, Rejection> {
        match self.0 {
            1 => record.value = Some(self.1.fetch_add(1, Ordering::SeqCst).to_string().as_str().into()),
            2 => record = Record::new(Origin::new("elsewhere", 0, 0)),
            3 if record.value_text().is_some() => return Err(Rejection::new("text")),
            _ => {}
        }
        Ok(record.into())
    }
}

impl Predicate for Impure {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        match self.0 {
            1 => Ok(self.1.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)),
            3 if record.value_text().is_some() => Err(Rejection::new("text")),
            _ => Ok(true),
        }
    }
}

fn panics(test: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    std::panic::catch_unwind(test).is_err()
}

#[test]
fn each_way_to_break_the_contract_of_a_transform_is_found() {
    let good = [text(0, "a")];
    for (fault, broken) in [(0, false), (1, true), (2, true), (3, true)] {
        let held = || transform_contract(&Impure(fault, AtomicUsize::new(0)), &[text(0, "a")]);
        assert_eq!(panics(held), broken, "{fault}");
    }
    for (fault, broken) in [(0, false), (1, true), (3, true)] {
        let held = || predicate_contract(&Impure(fault, AtomicUsize::new(0)), &[text(0, "a")]);
        assert_eq!(panics(held), broken, "{fault}");
    }
    assert!(!odd_records().contains(&good[0]));
}

/// Takes what it does not know.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Lax {
    /// A key.
    key: String,
}

/// Says nothing of its key.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Silent {
    key: String,
}

/// Is as it should be.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Good {
    /// A key.
    key: String,
}

fn flawless() -> Box<dyn Sink> {
    Box::new(Faulty::new(Fault::None))
}

impl SinkSettings for Lax {
    const NAME: &'static str = "lax";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(flawless())
    }
}

impl SinkSettings for Silent {
    const NAME: &'static str = "silent";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(flawless())
    }
}

impl SinkSettings for Good {
    const NAME: &'static str = "good";

    fn build(self) -> Result<Box<dyn Sink>, SettingsError> {
        Ok(flawless())
    }
}

#[test]
fn settings_that_are_lax_or_silent_are_found() {
    for (name, broken) in [("lax", true), ("silent", true), ("good", false)] {
        let held = || {
            let registry = Registry::new().with_sink::<Lax>().with_sink::<Silent>().with_sink::<Good>();
            settings_contract(registry.sink(name).unwrap(), &json!({ "key": "a" }));
        };
        assert_eq!(panics(held), broken, "{name}");
    }
    let registry = Registry::new().with_sink::<Good>();
    assert!(
        panics(move || settings_contract(registry.sink("good").unwrap(), &json!({}))),
        "it does not build"
    );
}
