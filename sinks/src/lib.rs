//! Sluice's sinks.
//!
//! | name | stores records | a put again |
//! |---|---|---|
//! | `bedrock_kb` | as documents of an Amazon Bedrock knowledge base | overwrites |
//! | `http` | as HTTP requests | sends again |
//! | `file` | as lines at the end of a file | appends again |
//! | `stdout` | as lines on standard output | writes again |
//! | `blackhole` | nowhere | - |
//!
//! A sink is a settings struct, which is its factory, and a type. To add one, copy `blackhole.rs`, and add its
//! `mod` line and its line in [`register`].

mod aws;
mod bedrock_kb;
mod blackhole;
#[cfg(test)]
mod contract;
mod file;
mod http;
mod lines;
mod stdout;

pub use bedrock_kb::{BedrockKbSettings, KnowledgeBase, Passage};
pub use blackhole::BlackholeSettings;
pub use file::FileSettings;
pub use http::HttpSettings;
pub use lines::LineFormat;
pub use stdout::StdoutSettings;

use sluice_connector_api::Registry;

/// Adds every sink of this crate to a registry.
///
/// ```
/// use sluice_connector_api::Registry;
///
/// let registry = sluice_sinks::register(Registry::new());
/// assert!(registry.sink("bedrock_kb").is_ok());
/// ```
pub fn register(registry: Registry) -> Registry {
    registry
        .with_sink::<BedrockKbSettings>()
        .with_sink::<BlackholeSettings>()
        .with_sink::<FileSettings>()
        .with_sink::<HttpSettings>()
        .with_sink::<StdoutSettings>()
}
