//! Sinks: which class of Kafka Connect is which sink here.

mod absent;
mod aws;
mod file;
mod http;
mod jdbc;
mod mirror;
mod replicator;
mod search;
mod section;

use sluice_connector_api::Registry;

use self::section::{SinkEntry, SinkSection};
use super::options::Options;

/// The sinks that have a counterpart.
const SINKS: &[&[SinkEntry]] =
    &[http::SINKS, jdbc::SINKS, aws::SINKS, file::SINKS, search::SINKS, mirror::SINKS, replicator::SINKS];

/// Converts the sink of a class, or says why it has no counterpart.
pub(super) fn sink(
    class: &str,
    registry: &Registry,
    options: &mut Options,
) -> Result<(&'static str, SinkSection), String> {
    let entry = SINKS.iter().copied().flatten().find(|entry| entry.class == class);
    match entry.filter(|entry| registry.sink(entry.name).is_ok()) {
        Some(entry) => Ok((entry.name, (entry.convert)(options)?)),
        None => Err(absent::reason(class)),
    }
}
