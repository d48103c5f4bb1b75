//! Faults: what goes wrong, scripted call by call.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::DocumentStatus;
use crate::error::ServiceError;

/// What goes wrong with one call. Scripted with [`crate::Emulator::script`] or over the control endpoint.
///
/// All but those that apply the request strike before it is checked, as a throttle does at AWS.
///
/// As JSON: `{"error": {"status": 500, "code": "InternalServerException", "message": "", "retry_after": "2s"}}`,
/// `{"raw": {"status": 502, "body": "<html>"}}`, `{"delay": "5s"}`, `"hang"` and so on. The control endpoint also
/// takes the names `throttled`, `throttled_without_code`, `too_many_concurrent`, `quota_exceeded`, `internal_error`,
/// `bad_gateway`, `access_denied` and `expired_token` for the functions below.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Answers with an error of the service; nothing is applied.
    Error {
        /// The HTTP status, for example 429.
        status: u16,
        /// The error code, for example `ThrottlingException`.
        code: String,
        /// The text of the error.
        #[serde(default)]
        message: String,
        /// How long the client is asked to wait: sent in `x-amz-retry-after` in milliseconds,
        /// which AWS SDKs read, and in `retry-after` in whole seconds, rounded up.
        #[serde(default, with = "crate::duration::optional")]
        retry_after: Option<Duration>,
    },
    /// Answers with a status and a body that is not JSON, as a load balancer does; nothing is
    /// applied.
    Raw {
        /// The HTTP status.
        status: u16,
        /// The body, sent as `text/html`.
        #[serde(default)]
        body: String,
    },
    /// Resets the connection without an answer; nothing is applied.
    DropBeforeApplying,
    /// Applies the request, then resets the connection without an answer.
    DropAfterApplying,
    /// Waits, then proceeds as if nothing were wrong, even if the client has given up by then.
    /// A stop cuts the wait short.
    Delay(#[serde(with = "crate::duration")] Duration),
    /// Applies the request at once, then waits before it answers. A stop cuts the wait short.
    DelayAnswer(#[serde(with = "crate::duration")] Duration),
    /// Never answers; nothing is applied. Ends when the client gives up.
    Hang,
    /// Applies the request, then answers with the status of success and half of the JSON.
    Garbled,
    /// Accepts the call, but gives these documents another status than they would have: the only
    /// partial failure the service has. Of use for [`crate::Operation::Ingest`] and
    /// [`crate::Operation::Delete`]; documents that the call does not name are passed over.
    Documents(Vec<DocumentFault>),
}

impl Fault {
    /// Returns the error the service sends above 5 requests per second: 429, retried at once by SDKs.
    pub fn throttled() -> Self {
        Self::from(ServiceError::throttled())
    }

    /// Returns a 429 that no SDK takes for a throttle, because it has no code: as a proxy on the way sends it.
    pub fn throttled_without_code() -> Self {
        Self::Raw { status: 429, body: "Too Many Requests".to_owned() }
    }

    /// Returns the error for more than 10 concurrent requests. It comes as a 400, and yet the same
    /// request succeeds later; the wording is the service's, as two public code bases report it.
    pub fn too_many_concurrent() -> Self {
        Self::error(400, "ValidationException", Self::too_many_concurrent_text(10))
    }

    pub(crate) fn too_many_concurrent_text(max: usize) -> String {
        format!(
            "Your account's sum of concurrent IngestKnowledgeBaseDocuments and \
             DeleteKnowledgeBaseDocuments requests can't exceed ({max})"
        )
    }

    /// Returns the error for a quota that is used up: 402, which SDKs do not retry.
    pub fn quota_exceeded() -> Self {
        let message = "The number of requests exceeds the service quota. Resubmit your request later.";
        Self::error(402, "ServiceQuotaExceededException", message)
    }

    /// Returns the error for a failure of the service: 500, retried by SDKs.
    pub fn internal_error() -> Self {
        Self::error(500, "InternalServerException", "An internal server error occurred. Retry your request.")
    }

    /// Returns the answer of a load balancer that cannot reach the service: 502 and HTML.
    pub fn bad_gateway() -> Self {
        Self::Raw { status: 502, body: "<html><h1>502 Bad Gateway</h1></html>".to_owned() }
    }

    /// Returns the error for a right that is missing.
    pub fn access_denied() -> Self {
        let message = "User is not authorized to perform this action on the resource";
        Self::error(403, "AccessDeniedException", message)
    }

    /// Returns the error for credentials whose time is over.
    pub fn expired_token() -> Self {
        let message = "The security token included in the request is expired";
        Self::error(403, "ExpiredTokenException", message)
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

impl From<ServiceError> for Fault {
    fn from(error: ServiceError) -> Self {
        Self::error(error.status, error.code, error.message)
    }
}

/// Reads a fault that is spelled out or named.
pub(crate) fn read(value: Value) -> serde_json::Result<Fault> {
    match value.as_str() {
        Some("throttled") => Ok(Fault::throttled()),
        Some("throttled_without_code") => Ok(Fault::throttled_without_code()),
        Some("too_many_concurrent") => Ok(Fault::too_many_concurrent()),
        Some("quota_exceeded") => Ok(Fault::quota_exceeded()),
        Some("internal_error") => Ok(Fault::internal_error()),
        Some("bad_gateway") => Ok(Fault::bad_gateway()),
        Some("access_denied") => Ok(Fault::access_denied()),
        Some("expired_token") => Ok(Fault::expired_token()),
        _ => serde_json::from_value(value),
    }
}

/// The status that one document of a call is given, at once and for good: [`crate::Rule`] lets a document take its
/// time, and holds for more than one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DocumentFault {
    /// The document.
    pub document: DocumentRef,
    /// Its status from then on, until the next request that names it.
    pub status: DocumentStatus,
    /// The `statusReason`.
    #[serde(default)]
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

/// Names a document of a call. In JSON a number or a string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
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
