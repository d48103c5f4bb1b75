//! What is wrong with a field: words that may be logged, and beside them what the record holds, which may not.

use sluice_connector_api::Rejection;

/// Why a field cannot be taken, without its name.
#[derive(Debug)]
pub(crate) struct FieldFault {
    reason: String,
    found: String,
}

impl FieldFault {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), found: String::new() }
    }

    /// Keeps what was found instead.
    pub(crate) fn with_found(mut self, found: impl Into<String>) -> Self {
        self.found = found.into();
        self
    }

    /// Rejects the record for this field.
    pub(crate) fn of_field(self, path: &str) -> Rejection {
        self.of(&format!("field `{path}`"))
    }

    /// Rejects the record; `subject` is what does not fit.
    pub(crate) fn of(self, subject: &str) -> Rejection {
        Rejection::new(format!("{subject} {}", self.reason)).with_detail(self.found)
    }
}
