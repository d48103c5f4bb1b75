//! Types for settings that every plug-in shares.

mod address;
mod blanks;
mod byte_size;
mod choice;
mod duration;
mod error;
mod secret;

pub use address::{HostFault, check_host, check_http_address};
pub use blanks::Blanks;
pub use byte_size::ByteSize;
pub use choice::one_of_its_keys;
pub use duration::HumanDuration;
pub use error::SettingsError;
pub use secret::Secret;
