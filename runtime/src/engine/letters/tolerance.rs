//! What a record at fault does, and how many are too many.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A share of records at fault, such as 25 of the last 30.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// So many rejected records stop the connector.
    #[schemars(range(min = 1))]
    pub rejected: usize,
    /// Among so many last records.
    #[schemars(range(min = 1, max = 100_000))]
    pub of_last: usize,
}

/// How many records at fault are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(transform = map_first)]
pub enum ThresholdSetting {
    /// No number is.
    Off,
    /// So many of the last records.
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

/// Lets the schema begin with the map, so that what is wrong within is said of its key.
fn map_first(schema: &mut Schema) {
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.reverse();
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
