//! A condition as `Retrieve` takes it, read from a text.

use std::str::FromStr;

use aws_sdk_bedrockagentruntime::types::RetrievalFilter;

use super::error::FilterError;
use super::parser;
use super::words::words;

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
pub struct Filter(pub(crate) RetrievalFilter);

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        parser::parse(words(text)?).map(Self)
    }
}
