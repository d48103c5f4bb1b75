//! What the account may use: the quotas as settings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Operation;

/// What an account may use. [`Default`] has no limits; they can be changed while the emulator runs.
///
/// As JSON: `{"rates": [{"operations": ["ingest", "delete"], "calls_per_second": 0.5, "burst": 1}],
/// "max_concurrent": 10, "concurrent_until": "answered", "latency": "200ms"}`; what is left out is not limited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Calls a second. A call needs a token of each bucket that its operation draws on; one that gets none is
    /// answered with 429 `ThrottlingException` and uses up none.
    pub rates: Vec<Rate>,
    /// How many calls of ingest and delete there may be at a time. One more is answered with 400
    /// `ValidationException`, as the service does. AWS: 10.
    pub max_concurrent: Option<usize>,
    /// Until when a call counts as being there. AWS does not say. Default: until it is answered.
    pub concurrent_until: ConcurrentUntil,
    /// How long a call takes that is not throttled. Default: none.
    #[serde(with = "crate::duration")]
    pub latency: Duration,
}

/// A token bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// What draws on it: several operations share it. Empty: everything.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// How many tokens come in a second, evenly.
    pub calls_per_second: f64,
    /// How many tokens it holds, and begins with; at least 1. Default: 1.
    #[serde(default = "one")]
    pub burst: f64,
}

/// Until when a call of ingest or delete counts as concurrent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConcurrentUntil {
    /// Until its answer is sent.
    #[default]
    Answered,
    /// Until its documents are indexed or deleted.
    Indexed,
}

fn one() -> f64 {
    1.0
}

impl RateLimits {
    /// Returns the quotas of an account with a `VECTOR` knowledge base: 5 calls per second of each document operation,
    /// 20 of Retrieve, 10 calls at a time (AWS General Reference, Amazon Bedrock quotas).
    pub fn documented() -> Self {
        let documents = [Operation::Ingest, Operation::Delete, Operation::Get, Operation::List];
        let mut rates: Vec<Rate> = documents.into_iter().map(|operation| Rate::of(operation, 5.0)).collect();
        rates.push(Rate::of(Operation::Retrieve, 20.0));
        Self { rates, max_concurrent: Some(10), ..Self::default() }
    }

    /// Returns one budget of calls per second that ingest and delete share, without a burst.
    pub fn writes(calls_per_second: f64) -> Self {
        let operations = vec![Operation::Ingest, Operation::Delete];
        Self { rates: vec![Rate { operations, calls_per_second, burst: 1.0 }], ..Self::default() }
    }

    /// Reads limits from JSON, or from the words `none` and `documented`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let limits = match text.trim() {
            "none" => Self::default(),
            "documented" => Self::documented(),
            json => {
                serde_json::from_str(json).map_err(|error| format!("the limits are not valid: {error}"))?
            }
        };
        limits.check()?;
        Ok(limits)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let odd = |rate: &&Rate| !(rate.calls_per_second >= 0.0 && rate.burst >= 1.0);
        match self.rates.iter().find(odd) {
            Some(rate) => {
                Err(format!("a rate needs a `burst` of 1 or more and no negative number: {rate:?}"))
            }
            None => Ok(()),
        }
    }
}

impl Rate {
    fn of(operation: Operation, calls_per_second: f64) -> Self {
        Self { operations: vec![operation], calls_per_second, burst: calls_per_second }
    }

    pub(crate) fn covers(&self, operation: Operation) -> bool {
        self.operations.is_empty() || self.operations.contains(&operation)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_from_json_and_from_words() {
        let json = r#"{"rates": [{"operations": ["ingest", "DeleteKnowledgeBaseDocuments"], "calls_per_second": 0.5}]}"#;
        assert_eq!(RateLimits::parse(json).unwrap(), RateLimits::writes(0.5));
        assert_eq!(RateLimits::parse("none\n").unwrap(), RateLimits::default());
        assert_eq!(RateLimits::parse("documented").unwrap().max_concurrent, Some(10));
        assert_eq!(
            RateLimits::parse(r#"{"latency": "1s 500ms"}"#).unwrap().latency,
            Duration::from_millis(1500)
        );
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        for wrong in [
            r#"{"rates": [{"calls_per_second": -1}]}"#,
            r#"{"rates": [{"calls_per_second": 1, "burst": 0.5}]}"#,
            r#"{"rates": [{"operations": ["write"], "calls_per_second": 1}]}"#,
            r#"{"max_concurent": 10}"#,
            r#"{"latency": 5}"#,
            "documentd",
        ] {
            assert!(RateLimits::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let limits = RateLimits { latency: Duration::from_millis(70), ..RateLimits::documented() };
        assert_eq!(RateLimits::parse(&serde_json::to_string(&limits).unwrap()).unwrap(), limits);
    }
}
