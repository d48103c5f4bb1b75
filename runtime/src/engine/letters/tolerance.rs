//! What a record at fault does, and how many are too many.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A share of records at fault, such as 25 of the last 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// So many rejected records stop the connector.
    #[schemars(range(min = 1))]
    pub rejected: usize,
    /// Among so many records last done.
    #[schemars(range(min = 1, max = 100_000))]
    pub of_last: usize,
}

/// How many records at fault are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdSetting {
    /// No number is.
    Off,
    /// So many of the records last done.
    #[serde(untagged)]
    At(Threshold),
}

impl ThresholdSetting {
    /// Returns the threshold; nothing where no number of records at fault is too many.
    pub fn get(self) -> Option<Threshold> {
        match self {
            Self::Off => None,
            Self::At(threshold) => Some(threshold),
        }
    }
}

impl Default for ThresholdSetting {
    fn default() -> Self {
        Self::At(Threshold { rejected: 50, of_last: 100 })
    }
}

/// What a record at fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tolerance {
    /// Stops the connector at it; nothing is lost.
    None,
    /// Is skipped, logged and counted.
    All,
}

/// What a pipeline keeps to with records at fault.
#[derive(Clone, Copy, Debug)]
pub struct FaultSettings {
    /// What a record at fault does.
    pub tolerance: Tolerance,
    /// How many records at fault are too many.
    pub threshold: Option<Threshold>,
}
