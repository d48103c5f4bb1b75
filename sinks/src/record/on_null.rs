//! What becomes of tombstones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::{Failure, TombstoneFate};

/// What becomes of tombstones: the same in every sink that asks. Neither a rejected nor an ignored one is anything that the target
/// hears of. (A sink whose target has a place for a tombstone, such as a topic or a line of JSON, writes it, and does not ask.)
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

impl OnNull {
    /// Says the same in the words of the contract.
    pub(crate) fn fate(self) -> TombstoneFate {
        match self {
            Self::Reject => TombstoneFate::rejected(DELETE),
            Self::Ignore => TombstoneFate::ignored(DELETE),
            Self::Delete => TombstoneFate::Deletes,
        }
    }
}

/// The way out.
const DELETE: &str = "set `on_null: delete` there, with ids that are made of the key";

/// Rejects a tombstone that would have to be something which needs a value, such as a `document to write`.
pub(crate) fn rejected_tombstone(what: &str) -> Failure {
    Failure::rejected(format!(
        "a tombstone has no {what}; set `on_null` to `ignore` or `delete`, or drop tombstones with a transform"
    ))
}
