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

mod condition;
mod error;
mod parser;
#[cfg(test)]
mod tests;
mod words;

pub use condition::Filter;
pub use error::FilterError;
