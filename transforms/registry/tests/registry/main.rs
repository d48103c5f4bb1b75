//! The converters of schema formats, with registries that are real HTTP servers of this process.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    clippy::string_slice,
    reason = "a test may panic"
)]

mod apicurio;
mod authentication;
mod connect_json;
mod files;
mod hostile;
mod mapping;
mod outages;
mod support;
mod vectors;
mod written;
