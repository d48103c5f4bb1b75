//! Why settings are wrong, and where.

use std::fmt;

/// Why settings that fit their schema are still wrong, and where.
///
/// ```
/// use sluice_connector_api::SettingsError;
///
/// let error = SettingsError::at("text", "unclosed tag").in_text(1, 14);
/// assert_eq!(error.to_string(), "text: unclosed tag");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    path: String,
    reason: String,
    position: Option<(usize, usize)>,
}

impl SettingsError {
    /// Makes an error about the settings as a whole.
    pub fn new(reason: impl Into<String>) -> Self {
        Self::at("", reason)
    }

    /// Makes an error about one key; keys within keys are separated by dots, list items are numbers from 0.
    pub fn at(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), reason: reason.into(), position: None }
    }

    /// Adds the place inside the key's text: line and column, both from 1.
    #[must_use]
    pub fn in_text(mut self, line: usize, column: usize) -> Self {
        self.position = Some((line, column));
        self
    }

    /// Returns the key, empty for the settings as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what is wrong, without the key.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns line and column inside the key's text, both from 1.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.position
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{path}: {}", self.reason),
        }
    }
}

impl std::error::Error for SettingsError {}
