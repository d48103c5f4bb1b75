//! Where what is rejected is noted, and no more than that: it stands for a dead letter queue.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sluice_connector_api::{Limits, Origin, PutError, Record, Sink};

use crate::config::settings::ErrorSettings;
use crate::connector::load::Connector;
use crate::engine::letters::tolerance::{ThresholdSetting, Tolerance};

/// A record that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RejectedRecord {
    /// Where it was read.
    pub(crate) origin: Origin,
    /// Why it was rejected.
    pub(crate) reason: String,
    /// What was found in it; empty where nothing was.
    pub(crate) detail: String,
    /// Whether the sink rejected it, or did not get it since it is too large.
    pub(crate) by_sink: bool,
}

impl RejectedRecord {
    /// Returns the reason with the detail.
    pub(super) fn in_full(&self) -> String {
        let Self { reason, detail, .. } = self;
        if detail.is_empty() { reason.clone() } else { format!("{reason}: {detail}") }
    }
}

/// The records that were rejected.
#[derive(Debug, Default)]
pub(crate) struct Rejections(Mutex<Vec<RejectedRecord>>);

impl Rejections {
    /// Tolerates every rejected record of a connector, and notes it here.
    pub(super) fn of(connector: &Connector) -> (Connector, Arc<Self>) {
        let rejections = Arc::<Self>::default();
        let errors = ErrorSettings {
            tolerance: Tolerance::All,
            threshold: ThresholdSetting::Off,
            ..connector.errors.clone()
        };
        let dead_letters: Arc<dyn Sink> = Arc::<Self>::clone(&rejections);
        (Connector { errors, dead_letters: Some(dead_letters), ..connector.clone() }, rejections)
    }

    /// Notes what would go to the dead letter queue of a connector, if it has one, instead of sending it there.
    pub(crate) fn in_place_of_letters(connector: Connector) -> (Connector, Arc<Self>) {
        let rejections = Arc::<Self>::default();
        let noted: Arc<dyn Sink> = Arc::<Self>::clone(&rejections);
        let dead_letters = connector.dead_letters.as_ref().map(|_| noted);
        (Connector { dead_letters, ..connector }, rejections)
    }

    /// Takes them out.
    pub(crate) fn take(&self) -> Vec<RejectedRecord> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Sink for Rejections {
    fn limits(&self) -> Limits {
        Limits::default().with_max_record_bytes(usize::MAX)
    }

    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let mut rejected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for letter in batch {
            rejected.push(RejectedRecord {
                origin: letter.origin().clone(),
                reason: header(letter, "__connect.errors.exception.message"),
                detail: header(letter, "__sluice.errors.detail"),
                by_sink: header(letter, "__connect.errors.stage") == "TASK_PUT",
            });
        }
        Ok(())
    }
}

fn header(letter: &Record, name: &str) -> String {
    let header = letter.headers.last(name);
    let value = header.and_then(|header| header.value.as_deref()).unwrap_or_default();
    String::from_utf8_lossy(value).into_owned()
}
