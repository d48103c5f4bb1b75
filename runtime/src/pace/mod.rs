//! How many calls a target takes.
//!
//! A call that is paced waits for a permit, of which there are as many as calls may be under way, and then, at the front of
//! the queue of calls, for its moment: `pacer`. The rate is learned from what is throttled and what is taken: `learner`.

mod learner;
pub mod pacer;
