//! How a client of the brokers authenticates: what an operator writes (`settings`), which properties of librdkafka
//! follow from it (`security`), and, for Amazon MSK, tokens (`msk_iam`) that are fresh whenever they are asked for
//! (`tokens`).

mod access;
mod ffi;
mod identity;
mod msk_iam;
mod security;
mod settings;
mod tokens;

pub use crate::kafka::auth::access::Access;
pub use crate::kafka::auth::identity::Identity;
pub(super) use crate::kafka::auth::security::Security;
pub use crate::kafka::auth::settings::{AuthSettings, TlsSettings};
