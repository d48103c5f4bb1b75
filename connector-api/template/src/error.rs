//! Why a template cannot be built, and why it prints nothing for a record.

use std::fmt;

use sluice_connector_api::{Rejection, SettingsError};

/// Why a template prints nothing for a record. The record is at fault, and the reason names the tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprintable {
    reason: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Absent,
    Unreadable,
    Unfit,
}

impl Unprintable {
    /// There is a value, but it cannot be printed.
    pub(crate) fn unfit(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Unfit }
    }

    /// There is no value: it is missing or null.
    pub(crate) fn absent(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Absent }
    }

    /// There are bytes that are no text.
    pub(crate) fn unreadable(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Unreadable }
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        self.kind == Kind::Unreadable
    }

    /// Adds where it was found.
    pub(crate) fn at(mut self, place: &str) -> Self {
        self.reason.push_str(place);
        self
    }

    /// Says whether the value of a tag is missing or null, as opposed to one that has no text.
    pub fn is_absent(&self) -> bool {
        self.kind == Kind::Absent
    }
}

impl fmt::Display for Unprintable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Unprintable {}

impl From<Unprintable> for Rejection {
    fn from(unprintable: Unprintable) -> Self {
        Self::new(unprintable.reason)
    }
}

/// What is wrong with the text of a template, and where: line and column, both from 1.
#[derive(Debug)]
pub(crate) struct TextFault {
    pub(crate) reason: String,
    pub(crate) position: Option<(usize, usize)>,
}

impl TextFault {
    pub(crate) fn new(reason: impl Into<String>, position: (usize, usize)) -> Self {
        Self { reason: reason.into(), position: Some(position) }
    }

    /// Makes it an error of the setting that holds the text.
    pub(crate) fn under(self, key: &str) -> SettingsError {
        let error = SettingsError::at(key, self.reason);
        match self.position {
            Some((line, column)) => error.in_text(line, column),
            None => error,
        }
    }
}
