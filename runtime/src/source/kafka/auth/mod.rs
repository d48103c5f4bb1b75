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

pub use self::access::Access;
pub use self::identity::Identity;
pub(super) use self::security::Security;
pub use self::settings::{AuthSettings, TlsSettings};
