//! Why a record makes no document: a reason that may be logged, and what the record holds instead, which may not.

use sluice_connector_api::Failure;
use sluice_template::Unprintable;

/// Why a value does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UnfitValue {
    reason: String,
    /// The value, where there is one to show.
    found: String,
}

impl UnfitValue {
    /// Takes a reason, and the value that is kept apart from it.
    pub(super) fn new(reason: impl Into<String>, found: &str) -> Self {
        Self { reason: reason.into(), found: found.to_owned() }
    }

    /// Makes the failure of the record; `context` says what cannot be made, and ends in a colon and a blank, or is empty.
    pub(super) fn rejected(self, context: &str) -> Failure {
        Failure::rejected(format!("{context}{}", self.reason)).with_detail(self.found)
    }
}

impl From<&str> for UnfitValue {
    fn from(reason: &str) -> Self {
        Self::new(reason, "")
    }
}

impl From<String> for UnfitValue {
    fn from(reason: String) -> Self {
        Self::new(reason, "")
    }
}

impl From<Unprintable> for UnfitValue {
    fn from(reason: Unprintable) -> Self {
        Self::new(reason.to_string(), "")
    }
}
