//! Support for the tests of the whole: servers of the test's own to run a worker against.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test support crate fails by panicking"
)]

pub mod kafka;
