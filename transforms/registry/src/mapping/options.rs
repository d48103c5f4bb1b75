//! The choices that the mapping leaves to an operator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How decimals are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DecimalStyle {
    /// As a number that keeps its scale: `44.50`.
    #[default]
    Number,
    /// As a string of the same digits: `"44.50"`.
    String,
}

/// How dates, times of day and timestamps are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimeStyle {
    /// As the number that stands in the record: days, milliseconds, microseconds or nanoseconds.
    #[default]
    Epoch,
    /// As text by RFC 3339: `2026-01-31`, `12:30:00.5`, `2026-01-31T12:30:00.5Z`.
    Rfc3339,
}
