//! What the outside can see of a worker: metrics, health and status, over HTTP.

pub mod metrics;
pub mod server;
