//! Every command as a user meets it: what it prints, and how it ends. No test here needs a real Kafka.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod by_schema;
mod check;
mod connect;
mod convert;
mod dead_configurations;
mod dead_files;
mod dead_letters;
mod demo;
mod documented;
mod first_look;
mod help;
mod invocation;
mod log;
mod mistakes;
mod new;
mod output;
mod preview;
mod secrets;
mod settings;
mod suites;
mod unreachable;
