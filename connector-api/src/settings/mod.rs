//! Types for settings that every plug-in shares.

mod byte_size;
mod duration;
mod secret;

pub use byte_size::ByteSize;
pub use duration::HumanDuration;
pub use secret::Secret;
