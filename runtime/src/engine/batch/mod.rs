//! Which records make the next batch.

pub mod batcher;
mod fill;
pub mod item;
mod line;
