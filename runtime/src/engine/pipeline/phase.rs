//! What a pipeline is up to.

use sluice_connector_api::Origin;

/// Why a pipeline stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failed {
    /// The reason.
    pub reason: String,
    /// The record that is to blame, where one is.
    pub origin: Option<Origin>,
    /// What another start would do.
    pub next_start: NextStart,
}

/// Whether a connector that failed may start again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStart {
    /// After a wait.
    AfterWait,
    /// After a wait, and then nothing is put beside letters before the queue has taken one: it would be put once more by each
    /// start.
    LettersFirst,
    /// After a wait, where a look at the targets sees what is wrong before anything is put. Where none does, never.
    OnceSeen,
    /// Never: it would end alike, and put what is behind the record once more. Somebody has to mend it first.
    Never,
}

impl From<String> for Failed {
    fn from(reason: String) -> Self {
        Self { reason, origin: None, next_start: NextStart::AfterWait }
    }
}

/// What a pipeline is up to. It only ever goes down the list.
#[derive(Debug, PartialEq)]
pub(super) enum Phase {
    /// Reading, batching, putting.
    Running,
    /// Nothing more is taken; what was read before is still put, then the pipeline ends like this.
    Draining(Result<(), Failed>),
    /// Nothing new is put; what is in flight ends, then the pipeline does.
    Stopping(Result<(), Failed>),
}

impl Phase {
    /// Takes nothing more, but puts what was read before. The first failure counts; that the source has ended is
    /// none.
    pub(super) fn drain(&mut self, result: Result<(), Failed>) {
        if matches!(self, Self::Running | Self::Draining(Ok(()))) {
            *self = Self::Draining(result);
        }
    }

    /// Puts nothing more. A failure that came first is what the connector reports.
    pub(super) fn stop(&mut self, result: Result<(), Failed>) {
        let result = match std::mem::replace(self, Self::Running) {
            Self::Draining(Err(failed)) | Self::Stopping(Err(failed)) => Err(failed),
            _ => result,
        };
        *self = Self::Stopping(result);
    }

    pub(super) fn is_stopping(&self) -> bool {
        matches!(self, Self::Stopping(_))
    }
}
