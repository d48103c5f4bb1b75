//! The errors the service answers with.

use serde_json::{Value, json};

use crate::Operation;
use crate::json::with;
use crate::shape::Violation;

/// An error as the service would send it: HTTP status, code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// What a `ValidationException` lists beside its message.
    pub(crate) violations: Vec<Violation>,
}

impl ServiceError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), violations: Vec::new() }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationException", message)
    }

    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let message = format!("{what} with id {id} does not exist");
        Self::new(404, "ResourceNotFoundException", message)
    }

    pub(crate) fn throttled() -> Self {
        Self::new(429, "ThrottlingException", "Rate exceeded")
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::new(404, "UnknownOperationException", "Unknown Operation")
    }

    /// Words violations of the model the way AWS services do.
    pub(crate) fn violations(violations: Vec<Violation>) -> Self {
        let count = violations.len();
        let plural = if count == 1 { "" } else { "s" };
        let list: Vec<String> = violations.iter().map(ToString::to_string).collect();
        let list = list.join("; ");
        Self { violations, ..Self::validation(format!("{count} validation error{plural} detected: {list}")) }
    }

    /// Returns it without what the service of `operation` does not tell: `bedrock-agent-runtime` lists no fields.
    pub(crate) fn told_by(mut self, operation: Operation) -> Self {
        if operation == Operation::Retrieve {
            self.violations.clear();
        }
        self
    }

    pub(crate) fn body(&self) -> Value {
        let fields: Vec<Value> = self.violations.iter().map(Violation::to_json).collect();
        let fields = Some(fields).filter(|fields| !fields.is_empty());
        with(json!({ "message": self.message }), "fieldList", fields)
    }
}
