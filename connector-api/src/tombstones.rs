//! What becomes of tombstones, and who makes them of records that are none.

use crate::SettingsError;

/// What a sink does with a tombstone, a record without a value.
///
/// ```
/// use sluice_connector_api::TombstoneFate;
///
/// let fate = TombstoneFate::rejected("set `on_null: delete`");
/// assert_eq!(fate.why_nothing_is_deleted(), Some("rejects tombstones; set `on_null: delete`".to_owned()));
/// assert_eq!(TombstoneFate::Deletes.why_nothing_is_deleted(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TombstoneFate {
    /// The sink does not say.
    #[default]
    Unknown,
    /// What it names is deleted, or the deletion is handed on: in a topic, or a line that says so.
    Deletes,
    /// Nothing is deleted: what the sink does instead, such as `rejects tombstones`, and the way out, such as
    /// ``set `on_null: delete` ``.
    DeletesNothing {
        /// What the sink does instead; it begins with a verb.
        instead: String,
        /// What to do about it.
        way_out: String,
    },
}

impl TombstoneFate {
    /// Says that tombstones are rejected, and the way out.
    pub fn rejected(way_out: impl Into<String>) -> Self {
        Self::DeletesNothing { instead: "rejects tombstones".to_owned(), way_out: way_out.into() }
    }

    /// Says that tombstones count as stored without a trace, and the way out.
    pub fn ignored(way_out: impl Into<String>) -> Self {
        Self::DeletesNothing {
            instead: "lets tombstones pass without a trace".to_owned(),
            way_out: way_out.into(),
        }
    }

    /// Returns what the sink does in place of a delete, and the way out; none where it deletes, or does not say.
    pub fn why_nothing_is_deleted(&self) -> Option<String> {
        match self {
            Self::Unknown | Self::Deletes => None,
            Self::DeletesNothing { instead, way_out } => Some(format!("{instead}; {way_out}")),
        }
    }
}

/// That a transform makes tombstones of records that are none, so that a sink deletes what they name.
///
/// ```
/// use sluice_connector_api::{MadeTombstones, SettingsError};
///
/// let why = SettingsError::at("on_delete", "makes tombstones of deletes");
/// assert_eq!(MadeTombstones::new(why, "set `on_delete: drop`").way_out, "set `on_delete: drop`");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MadeTombstones {
    /// The key that asks for them, and what they are for, such as `makes tombstones of deletes`. The text goes on with "but
    /// the sink rejects tombstones".
    pub why: SettingsError,
    /// How to have none.
    pub way_out: String,
}

impl MadeTombstones {
    /// States that tombstones come out.
    pub fn new(why: SettingsError, way_out: impl Into<String>) -> Self {
        Self { why, way_out: way_out.into() }
    }
}
