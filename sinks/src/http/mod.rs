//! Records as HTTP requests: one per record, or one per batch.
//!
//! *Stored* means answered 2xx, and item by item where the target says so. Scheme, host and port are fixed when the
//! sink is built: only the path, the query and header values may hold record data, each value encoded on its own.

mod body;
mod plan;
mod rules;
mod settings;
mod sink;
mod target;
#[cfg(test)]
mod tests;
mod trace;

pub use settings::HttpSettings;
