//! Which records make the next batch.
//!
//! ```text
//! lane --push--> Batcher --insert--> RecordQueue per ordering key (or per batch key, for records that nothing orders)
//!                   |
//!                   +--take--> the batch key with the oldest record that is due --fill--> Batch --> lane
//!                   +<-release / give_back-- lane, once the records have a verdict
//! ```
//!
//! A record comes as an `Item`: the record, and what the engine knows of it. It waits in the queue of its
//! ordering key. While records of a queue are in flight the queue stands still, which is how order holds (invariant 3);
//! all other queues are *ready*, and the batcher keeps account of how much they have for a batch. A batch goes when it
//! is full, when its oldest record has lingered long enough, or when the lane says so. Nothing here knows a clock, a sink or a source.

pub mod batcher;
pub mod item;
mod queue;
