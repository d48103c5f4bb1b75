//! The engine: it transforms, batches, delivers and tracks records, and it alone waits and retries.
//!
//! [`Pipeline`] is one loop over a source, a chain and a sink. The parts that decide are pure and have the time
//! as an argument: [`tracker`] says which offsets may be committed, [`batcher`] which records make the next
//! batch. [`delivery`] puts one batch until each of its records has a verdict.

pub mod backoff;
mod batch;
pub mod batcher;
mod confirm;
pub mod counters;
pub mod delivery;
pub mod item;
mod lane;
mod learner;
mod line;
pub mod measure;
pub mod pacer;
mod phase;
pub mod pipeline;
mod places;
pub mod put_meter;
mod question;
mod rejection;
mod report;
pub mod settings;
pub mod tracker;
mod transforming;
pub mod tries;

pub use counters::{Counters, Tally};
pub use phase::Failed;
pub use pipeline::Pipeline;
pub use rejection::{Letters, Window};
pub use report::Report;
pub use settings::PipelineSettings;
