//! Who a client is to the brokers: the context that hands librdkafka its tokens.

use std::error::Error;
use std::fmt;

use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::consumer::ConsumerContext;
use sluice_connector_api::BoxError;

use crate::set_token::set_token;
use crate::tokens::Tokens;

/// What a client shows the brokers beside its properties: a token, where they ask for one. The token is kept fresh for
/// as long as this or a clone of it is there.
///
/// It is the context of a client, or a part of it.
#[derive(Clone, Default)]
pub struct Identity(Option<Tokens>);

impl Identity {
    pub(crate) fn from_tokens(tokens: Tokens) -> Self {
        Self(Some(tokens))
    }

    /// Says whether a client can authenticate. One that is polled before has to wait for 10 s: librdkafka asks for a
    /// token at once, and when there is none not again for so long.
    pub fn is_ready(&self) -> bool {
        self.0.as_ref().is_none_or(Tokens::are_there)
    }

    /// Returns the newest token, for [`ClientContext::generate_oauth_token`]. It never waits.
    pub fn token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let tokens = self.0.as_ref().ok_or("OAUTHBEARER is had by `auth: { msk_iam: ... }` only")?;
        tokens.newest()
    }

    /// Hands the token to a client now, which need not be polled for it then.
    pub fn show_to<C: ClientContext>(&self, client: &Client<C>) -> Result<(), BoxError> {
        let Some(tokens) = &self.0 else { return Ok(()) };
        let token = tokens.newest().map_err(|error| error.to_string())?;
        set_token(client, &token)
    }
}

impl ClientContext for Identity {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.token()
    }
}

impl ConsumerContext for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("has_tokens", &self.0.is_some()).finish()
    }
}
