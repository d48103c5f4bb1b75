//! The statuses of a document.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a document, as the service names it.
///
/// The list is `DocumentStatus` of `bedrock-agent` 2023-06-05 (botocore 1.44.5). By itself the
/// emulator uses `Starting`, `InProgress`, `Indexed`, `Deleting` and `NotFound`; the others can be
/// scripted with [`crate::Fault::Documents`] and [`crate::Rule`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DocumentStatus {
    /// `INDEXED`: stored and retrievable.
    Indexed,
    /// `PARTIALLY_INDEXED`: some of its chunks failed.
    PartiallyIndexed,
    /// `PENDING`: accepted, not begun.
    Pending,
    /// `FAILED`: not indexed; the reason says why.
    Failed,
    /// `METADATA_PARTIALLY_INDEXED`: some of its metadata failed.
    MetadataPartiallyIndexed,
    /// `METADATA_UPDATE_FAILED`: its new metadata failed.
    MetadataUpdateFailed,
    /// `IGNORED`: skipped; the reason says why.
    Ignored,
    /// `NOT_FOUND`: never stored, or deleted.
    NotFound,
    /// `STARTING`: accepted a moment ago.
    Starting,
    /// `IN_PROGRESS`: being indexed.
    InProgress,
    /// `DELETING`: its deletion was accepted.
    Deleting,
    /// `DELETE_IN_PROGRESS`: being deleted.
    DeleteInProgress,
}

impl DocumentStatus {
    /// Returns the name used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Indexed => "INDEXED",
            Self::PartiallyIndexed => "PARTIALLY_INDEXED",
            Self::Pending => "PENDING",
            Self::Failed => "FAILED",
            Self::MetadataPartiallyIndexed => "METADATA_PARTIALLY_INDEXED",
            Self::MetadataUpdateFailed => "METADATA_UPDATE_FAILED",
            Self::Ignored => "IGNORED",
            Self::NotFound => "NOT_FOUND",
            Self::Starting => "STARTING",
            Self::InProgress => "IN_PROGRESS",
            Self::Deleting => "DELETING",
            Self::DeleteInProgress => "DELETE_IN_PROGRESS",
        }
    }
}

impl fmt::Display for DocumentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
