//! What an HTTP status says about the records of a request.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Failure, FailureKind, Trouble};

/// What a status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatusMeaning {
    /// The records are stored.
    Stored,
    /// It may pass: the request is tried again.
    Retriable,
    /// The data is at fault.
    Rejected,
    /// The set-up is at fault: the connector stops.
    Fatal,
}

impl StatusMeaning {
    /// Returns what a status usually means: 2xx is stored; 408, 425, 429 and 5xx may pass; 401, 403, 407, redirects, and what
    /// speaks of the request's form rather than of its content (405, 406, 411, 421, 426), are for whoever set it up; any
    /// other 4xx is about the data.
    ///
    /// ```
    /// use sluice_wire::StatusMeaning;
    ///
    /// assert_eq!(StatusMeaning::from_status(503), StatusMeaning::Retriable);
    /// assert_eq!(StatusMeaning::from_status(403), StatusMeaning::Fatal);
    /// ```
    pub fn from_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Stored,
            408 | 425 | 429 | 500.. => Self::Retriable,
            // A proxy's 407 is a matter of rights as well. The others are the method, the form of the answer, a length that is
            // missing, the host and the protocol (RFC 9110, 15.5): no record has any of them.
            401 | 403 | 407 | 405 | 406 | 411 | 421 | 426 => Self::Fatal,
            400..=499 => Self::Rejected,
            _ => Self::Fatal,
        }
    }

    /// Makes the failure of a status that has this meaning. Where it may pass, it keeps the wait that the target asked
    /// for; [`StatusMeaning::Stored`] counts as such here, since a success that cannot be read is none.
    pub fn failure(self, status: u16, reason: String, wait: Option<Duration>) -> Failure {
        let failure = match self {
            Self::Stored | Self::Retriable => Failure::retriable(reason).because(trouble(status)),
            Self::Rejected => Failure::rejected(reason),
            Self::Fatal => Failure::fatal(reason),
        };
        match wait {
            Some(wait) if failure.kind() == FailureKind::Retriable => failure.retry_after(wait),
            _ => failure,
        }
    }
}

fn trouble(status: u16) -> Trouble {
    match status {
        429 => Trouble::Throttled,
        408 | 504 => Trouble::TimedOut,
        500.. => Trouble::ServerError,
        _ => Trouble::Other,
    }
}
