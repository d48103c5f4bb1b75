//! What becomes of tombstones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sluice_connector_api::TombstoneFate;

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
