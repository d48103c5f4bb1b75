//! Providers: what stands behind references to secret stores.
//!
//! | reference | store |
//! |---|---|
//! | `${aws_secret:NAME}`, `${aws_secret:NAME#key}` | AWS Secrets Manager: a secret, or a key of one that is a JSON map |
//! | `${aws_param:NAME}` | AWS Systems Manager: a parameter, decrypted |
//!
//! A name may be an ARN, whose region then counts. Region, credentials and endpoints come from the SDK's usual places; a call
//! is signed and sent without an SDK of the service.

mod parameter;
mod secret;
mod store;

pub use parameter::AwsParameter;
pub use secret::AwsSecret;
use sluice_connector_api::Registry;

/// Adds every provider of this crate.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry.with_provider::<AwsSecret>().with_provider::<AwsParameter>()
}
