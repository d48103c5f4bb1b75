//! What the engine promises (docs/architecture.md), against a source and a sink that want to see a record
//! lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod batch_keys;
mod batching;
mod budget;
mod commits;
mod concurrency;
mod confirm;
mod exactly_once;
mod exhaustive;
mod failures;
mod functions;
mod holding;
mod letters;
mod newest_wins;
mod order;
mod pacing;
mod poison;
mod random;
mod rebalance;
mod repeats;
mod retries;
mod schemas;
mod stops;
mod tap;
mod tracing;
mod transforming;
mod witness;
mod world;
