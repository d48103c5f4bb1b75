//! What the outside can see of a worker: metrics, health and status over HTTP, the log, and what a collector is sent.

#[cfg(test)]
mod captured;
mod connections;
pub mod history;
pub(crate) mod lasting;
pub mod levels;
pub(crate) mod log_fields;
pub(crate) mod logs;
pub mod metrics;
pub(crate) mod otlp;
mod page;
mod peers;
mod percentiles;
mod progress;
mod rows;
pub mod server;
mod table;
pub(crate) mod terminal_lines;
pub mod tls;
pub(crate) mod tls_client;

pub use page::metrics_page;
