//! Support for the tests of the whole: servers of the test's own, and the binary to run against them. Every
//! call panics on a failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    reason = "a test support crate fails by panicking"
)]

pub mod any_bytes;
pub mod authority;
pub mod bare_loop;
pub mod bedrock;
pub mod benchmark;
pub mod browser;
pub mod collector;
pub mod connect;
pub mod connect_worker;
pub mod connector;
pub mod environment;
pub mod glue;
pub mod kafka;
pub mod lambda;
pub mod listener;
pub mod matrix;
pub mod memory_group;
pub mod moto;
pub mod object_store;
pub mod open_metrics;
#[allow(clippy::doc_markdown, reason = "OpenSearch is a name, and no code")]
pub mod opensearch;
pub mod pacing;
pub mod plain_http;
pub mod postgres;
pub mod process;
pub mod program;
pub mod proxy;
pub mod python;
pub mod recorder;
pub mod report_page;
pub mod requirement;
pub mod schema_registry;
mod server_process;
pub mod sluice;
pub mod target;

/// Returns the date, for a page that says when it was measured.
pub fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
