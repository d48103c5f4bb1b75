//! The sink `postgres` against a real PostgreSQL: what it stores, what it refuses, and what it does when things go wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and says what it saw"
)]

mod changes;
mod contract;
mod daemon;
mod debezium;
mod growth;
mod rows;
mod support;
mod tls;
mod troubles;
mod unusual;
mod vectors;
