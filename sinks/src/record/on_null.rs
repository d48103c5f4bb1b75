//! What becomes of tombstones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of tombstones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnNull {
    /// They are rejected.
    #[default]
    Reject,
    /// They count as stored, and nothing is sent.
    Ignore,
    /// What they name is deleted in the target.
    Delete,
}
