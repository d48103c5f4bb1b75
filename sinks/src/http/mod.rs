//! Records as HTTP requests: one a record, or one a batch.
//!
//! *Stored* means answered 2xx, and item by item where the target says so. Scheme, host and port are fixed when the
//! sink is built: only the path, the query and header values may hold record data, each value encoded on its own.

mod answer;
mod auth;
mod auth_settings;
mod body;
mod client;
mod kept;
mod oauth2;
mod plan;
mod service;
mod settings;
mod sigv4;
mod sink;
mod target;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use answer::Answer;
pub(crate) use body::gzip;
pub(crate) use service::{Call, Service, parse_url};
pub use settings::HttpSettings;
