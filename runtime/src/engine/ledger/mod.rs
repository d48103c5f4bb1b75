//! Which offsets may be committed, and what became of every record.
//!
//! A record is entered into the `Ledger` when it is read, and gets a ticket. Whoever finishes it
//! hands the ticket back with a verdict. The ledger keeps three accounts in step:
//!
//! ```text
//! tracker    per partition the records that are not done: the lowest is the watermark, which may be committed; and those
//!            that the sink has taken and holds, which are counted when they are stored
//! counters   each record in exactly one counter (invariant 2), beside what the meters measure
//! budget     the bytes of records that are not done, which the source took (invariant 7)
//! ```

pub(crate) mod accounts;
pub mod counters;
mod held;
mod marks;
pub mod tracker;
pub(crate) mod withholding;
