//! The loop over a source, a chain and a sink.

pub mod phase;
mod reading;
pub mod report;
mod reporting;
mod revoke;
pub mod run;
mod transforming;
