//! Puts batches in flight, in order, until each record has a verdict.
//!
//! ```text
//! push --> batcher --launch--> delivery: pace, put, narrow down, back off --+--> outcome: stored, rejected, not done
//!                                                                           |
//!             where the sink stores later than it answers:                  v
//!                              confirmation: pace, ask, back off <-- unconfirmed: accepted, not known to be stored
//!             where what it stores outlives a batch:
//!                              holding: what is open, its offsets and bytes; pokes the sink when something is due
//! ```
//!
//! A `Lane` is the way to one sink; the dead letter queue has one of its own. It keeps to the sink's
//! limits: so many puts in flight, and no two with records of one ordering key. A `Delivery` sees
//! a batch through: it waits for its turn, puts, and decides by the answer what to put again and what is at fault. Every
//! wait races the interrupt that a stop or a revoke gives (invariant 6); a put that has begun is never cut short.

mod confirmation;
pub mod delivery;
pub mod fault;
pub mod group;
pub(crate) mod holding;
pub(crate) mod in_flight;
mod ordering;
pub mod progress;
pub mod settings;
