//! Puts batches in flight, in order, until each record has a verdict.

pub(crate) mod confirm;
pub mod delivery;
mod question;
pub(crate) mod run;
pub mod settings;
