//! Rules: what becomes of certain documents, in every call until the rules change.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::DocumentStatus;
use crate::document::NewDocument;

/// What becomes of certain documents when they are ingested. The first rule that fits counts.
///
/// As JSON: `{"documents": {"text_contains": "poison"}, "outcome": {"refused": "cannot be parsed"}}`, or
/// `{"documents": "all", "outcome": {"settles": {"status": "FAILED", "reason": "no rights", "after": "2s"}}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which documents.
    pub documents: DocumentSelector,
    /// What becomes of them.
    pub outcome: DocumentOutcome,
}

/// Which documents a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentSelector {
    /// All.
    All,
    /// The one with this id.
    Id(String),
    /// Those with this in their text.
    TextContains(String),
}

/// What becomes of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DocumentOutcome {
    /// The whole call is refused with 400 `ValidationException` and this text; nothing of it is applied.
    Refused(String),
    /// The document is accepted, and ends otherwise than as `INDEXED`.
    Settles {
        /// The status that it ends in.
        status: DocumentStatus,
        /// The `statusReason` from then on; none where it is empty.
        #[serde(default)]
        reason: String,
        /// How long that takes. Default: the indexing delay.
        #[serde(default, with = "crate::duration::optional")]
        after: Option<Duration>,
    },
}

impl Rule {
    pub(crate) fn fits(&self, document: &NewDocument) -> bool {
        match &self.documents {
            DocumentSelector::All => true,
            DocumentSelector::Id(id) => document.id == *id,
            DocumentSelector::TextContains(part) => document.text.contains(part),
        }
    }
}
