//! What becomes of records at fault.
//!
//! Whoever finds a record at fault (the chain, the lane that measures it, the sink) makes a
//! `Rejected` of it, and `Faults` decides by the connector's policy:
//!
//! ```text
//! stop          the connector ends at the record; its offset is not committed        tolerance: none
//! skip          a log line and a count                                               tolerance: all
//! letter        put into the dead letter queue, through a lane of its own;           tolerance: all with a queue
//!               the offset waits for that
//! leave undone  the run goes on, and reports the record, and what comes later of     tolerance: none in AWS Lambda
//!               its ordering key, as not done
//! ```
//!
//! Under `tolerance: all` a `Window` watches the records last done: where too many were at fault, the
//! set-up is, and the connector stops (invariant 9).

pub(crate) mod faults;
pub mod letter;
pub mod queue;
pub(crate) mod rejected;
pub mod tolerance;
mod undone;
pub mod window;
