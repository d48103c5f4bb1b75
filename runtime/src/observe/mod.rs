//! What the outside can see of a worker: metrics, health and status, over HTTP.

#[cfg(test)]
mod captured;
mod connections;
pub mod history;
pub(crate) mod lasting;
pub mod levels;
pub(crate) mod log_fields;
pub(crate) mod logs;
pub mod metrics;
mod page;
mod percentiles;
mod progress;
mod rows;
pub mod server;
mod table;
pub(crate) mod terminal_lines;
pub mod tls;

pub use page::metrics_page;
