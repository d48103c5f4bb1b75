//! The loop over a source, a chain and a sink.
//!
//! ```text
//! source --records--> ledger: ticket --> transforming: the chain, on all cores --> lane: batches, puts --> sink
//!    ^                   ^                    | at fault           dropped |            | verdicts
//!    |                   |                    v                            v            v
//!    +--commits, bytes---+<------------- faults (skip, letter, ...) <---- ledger: done <+
//! ```
//!
//! A `Pipeline` is one task of a connector and owns all of its state; nothing in it is shared but counts, pace and
//! budget. Its event loop waits for one event at a time and deals with it before it waits again, so that no two parts of
//! it ever change the state at once. What is read and not done is with its `Delivering`. It goes through the phases
//! running, draining and stopping, and never back. A revoke waits for what is in flight, within a bound.

mod delivering;
mod event_loop;
mod parts_stored;
pub mod phase;
mod rejecting;
mod repeats;
pub mod report;
mod revoke;
mod schemas;
pub mod settings;
mod settling;
mod tapping;
mod threads;
mod transforming;

pub use event_loop::Pipeline;
