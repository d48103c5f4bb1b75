//! Texts of somebody else's, as failures show them: on one line.

use std::error::Error;

/// Tells what is below an error, outermost first: the errors of SDKs and clients say little beyond their kind.
///
/// ```
/// use sluice_connector_api::Failure;
///
/// let error = Failure::retriable("no answer").caused_by("connection\nreset");
/// assert_eq!(sluice_wire::causes(&error), "connection reset");
/// ```
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let below = std::iter::successors(error.source(), |error| (*error).source());
    one_line(&below.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

/// Puts a text on one line, as logs and answers show it.
///
/// ```
/// assert_eq!(sluice_wire::one_line(" slow\n  down "), "slow down");
/// ```
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
