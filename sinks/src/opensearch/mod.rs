//! Records as documents of an OpenSearch or Elasticsearch cluster, by its `_bulk` API.
//!
//! *Stored* means answered so for each document. `index` and `identity` say what a record's document is called, `action`
//! what the record does to it, `plan` makes one request of a batch, `verdict` reads the answer item by item, `cluster`
//! sends, `check` looks, and `sink` puts them together.

mod action;
mod check;
mod cluster;
mod identity;
mod index;
mod plan;
mod rights;
mod settings;
mod sink;
mod stream_time;
#[cfg(test)]
mod tests;
mod verdict;

pub use settings::OpensearchSettings;
