//! The engine on other sources than a consumer group: sample records, and a dead letter queue.

pub mod preview;
pub mod replay;
