//! How many calls a target takes.

mod learner;
pub mod pacer;
mod permits;
