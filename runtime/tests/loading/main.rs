//! What a connector file may say, and what is said about a mistake in it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

mod batches;
mod converters;
mod errors;
mod forms;
mod functions;
mod mistakes;
mod panics;
mod plug_ins;
