//! Builds a sink as a program does, for the tests.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use sluice_connector_api::{Registry, Sink};

/// Builds a sink by its name.
pub(crate) fn built(name: &str, settings: Value) -> Box<dyn Sink> {
    crate::register(Registry::new()).sink(name).unwrap().build(settings).unwrap()
}
