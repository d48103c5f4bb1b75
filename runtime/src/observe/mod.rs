//! What the outside can see of a worker: metrics, health and status, over HTTP.

mod connections;
pub mod levels;
pub(crate) mod log_fields;
pub(crate) mod logs;
pub mod metrics;
mod page;
mod rows;
pub mod server;
mod table;

pub use page::metrics_page;
