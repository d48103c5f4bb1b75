//! Faults: what goes wrong, scripted call by call.

use std::time::Duration;

use crate::DocumentStatus;

/// What goes wrong with one call. Scripted with [`crate::Emulator::script`].
///
/// All but [`Fault::DropAfterApplying`] and [`Fault::Documents`] strike before the request is
/// checked, as a throttle does at AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with an error of the service; nothing is applied.
    Error {
        /// The HTTP status, for example 429.
        status: u16,
        /// The error code, for example `ThrottlingException`.
        code: String,
        /// The text of the error.
        message: String,
        /// How long the client is asked to wait: sent in `x-amz-retry-after` in milliseconds,
        /// which AWS SDKs read, and in `retry-after` in whole seconds, rounded up.
        retry_after: Option<Duration>,
    },
    /// Answers with a status and a body that is not JSON, as a load balancer does; nothing is
    /// applied.
    Raw {
        /// The HTTP status.
        status: u16,
        /// The body, sent as `text/html`.
        body: String,
    },
    /// Closes the connection without an answer; nothing is applied.
    DropBeforeApplying,
    /// Applies the request, then closes the connection without an answer.
    DropAfterApplying,
    /// Waits, then proceeds as if nothing were wrong, even if the client has given up by then.
    /// A stop cuts the wait short.
    Delay(Duration),
    /// Accepts the call, but gives these documents another status than they would have: the only
    /// partial failure the service has. Of use for [`crate::Operation::Ingest`] and
    /// [`crate::Operation::Delete`]; documents that the call does not name are passed over.
    Documents(Vec<DocumentFault>),
}

impl Fault {
    /// Returns the error the service sends above 5 requests a second: 429, retried at once by SDKs.
    pub fn throttled() -> Self {
        Self::error(429, "ThrottlingException", "Rate exceeded")
    }

    /// Returns the error for more than 10 concurrent requests. It comes as a 400, and yet the same
    /// request succeeds later; the wording is the service's, as two public code bases report it.
    pub fn too_many_concurrent() -> Self {
        let message = "Your account's sum of concurrent IngestKnowledgeBaseDocuments and \
                       DeleteKnowledgeBaseDocuments requests can't exceed (10)";
        Self::error(400, "ValidationException", message)
    }

    /// Returns an error of the service without a wish to be retried at a certain time.
    pub fn error(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Error { status, code: code.into(), message: message.into(), retry_after: None }
    }

    /// Returns a fault of a single document.
    pub fn document(
        document: impl Into<DocumentRef>,
        status: DocumentStatus,
        reason: impl Into<String>,
    ) -> Self {
        Self::Documents(vec![DocumentFault { document: document.into(), status, reason: reason.into() }])
    }
}

/// The status that one document of a call is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFault {
    /// The document.
    pub document: DocumentRef,
    /// Its status from then on, until the next request that names it.
    pub status: DocumentStatus,
    /// The `statusReason`.
    pub reason: String,
}

impl DocumentFault {
    pub(crate) fn is_for(&self, index: usize, id: &str) -> bool {
        match &self.document {
            DocumentRef::Index(wanted) => *wanted == index,
            DocumentRef::Id(wanted) => wanted == id,
        }
    }
}

/// Names a document of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentRef {
    /// By its place in the request, from 0.
    Index(usize),
    /// By its id.
    Id(String),
}

impl From<usize> for DocumentRef {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for DocumentRef {
    fn from(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}
