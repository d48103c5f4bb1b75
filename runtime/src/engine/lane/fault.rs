//! Why a record is at fault: what may be shown everywhere, and what only whoever asks for the record may see.

use std::fmt;

use sluice_connector_api::{Failure, Rejection};

/// Why a record is at fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFault {
    /// Why, without content of the record: it is logged, listed and served.
    pub reason: String,
    /// What the target said, or what was found in the record. It goes into the dead letter alone (invariant 8).
    pub detail: Option<String>,
}

impl RecordFault {
    /// Makes a fault without a detail.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), detail: None }
    }
}

impl From<&Failure> for RecordFault {
    fn from(failure: &Failure) -> Self {
        Self { reason: failure.to_string(), detail: failure.detail().map(str::to_owned) }
    }
}

impl From<&Rejection> for RecordFault {
    fn from(rejection: &Rejection) -> Self {
        Self { reason: rejection.to_string(), detail: rejection.detail().map(str::to_owned) }
    }
}

impl fmt::Display for RecordFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}
