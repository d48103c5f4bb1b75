//! What every plug-in on AWS shares.

mod beside;
mod client;
mod credentials;
mod region;
mod settings;

pub use beside::{AwsSinkSettings, OnAws};
pub use credentials::{credentials_error, credentials_failure};
pub use settings::{AwsSettings, endpoint_in_environment};
