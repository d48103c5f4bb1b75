//! Regular expressions that have to fit a whole text.

use regex::Regex;
use sluice_connector_api::SettingsError;

/// A regular expression that fits whole texts.
#[derive(Debug)]
pub(crate) struct WholeRegex {
    whole: Regex,
    part: Regex,
}

impl WholeRegex {
    /// Compiles an expression; `key` is the setting that holds it.
    pub(crate) fn new(key: &str, pattern: &str) -> Result<Self, SettingsError> {
        // The pattern is compiled alone first: `a)|(b` would be valid only between our brackets.
        let part = compile(key, pattern)?;
        let whole = compile(key, &format!("^(?:{pattern})$"))?;
        Ok(Self { whole, part })
    }

    /// Says whether the whole text fits.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// Returns the expression as it was written, which fits parts of texts.
    pub(crate) fn part(&self) -> &Regex {
        &self.part
    }
}

/// Compiles an expression that fits parts of texts; `key` is the setting that holds it.
pub(crate) fn compile(key: &str, pattern: &str) -> Result<Regex, SettingsError> {
    Regex::new(pattern).map_err(|error| SettingsError::at(key, reason(&error)))
}

/// Keeps the last line of a regex error; the lines before draw the pattern.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    format!("invalid regular expression: {}", last.trim_start_matches("error: "))
}
