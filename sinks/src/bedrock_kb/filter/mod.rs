//! Conditions on metadata, as a person writes them: `ticker = OOOO and price_usd > 40`.
//!
//! ```text
//! either     = both ("or" both)*
//! both       = condition ("and" condition)*
//! condition  = "(" either ")" | key comparison
//! comparison = ("=" | "!=") value | ("<" | "<=" | ">" | ">=") number
//!            | ["not"] "in" "(" value ("," value)* ")"
//!            | ("starts with" | "contains" | "list contains") text
//! ```
//!
//! A key or a text that is no plain word stands in quotes, `'` or `"`; a backslash in them takes the next character as
//! it is. Plain words that are numbers, `true` or `false` are no text. Keywords may be in capitals.

mod parser;
mod words;

use std::fmt;
use std::str::FromStr;

use aws_sdk_bedrockagentruntime::types::RetrievalFilter;

/// A condition on the metadata of passages.
///
/// ```
/// use sluice_sinks::Filter;
///
/// assert!("ticker in (OOOO, ZVZZT) and price_usd > 40".parse::<Filter>().is_ok());
/// let wrong = "ticker = ".parse::<Filter>().unwrap_err();
/// assert_eq!(wrong.to_string(), "column 10: expected a value, found the end");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(pub(super) RetrievalFilter);

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parser::parse(words::words(text)?).map(Self)
    }
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What.
    pub reason: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests;
