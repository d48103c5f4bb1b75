//! What authenticates requests.

mod authenticator;
mod oauth2;
mod settings;
mod sigv4;

pub use authenticator::Auth;
pub use settings::{
    BasicAuth, BearerAuth, CredentialsIn, HeaderAuth, HttpAuthSettings, OAuth2Auth, SigV4Auth,
};
pub(crate) use sigv4::SigV4;
pub use sigv4::signature;
