use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use sluice_connector_api::{Failure, Finding, SettingsError};

use super::auth_settings::{AuthSettings, BasicAuth, HeaderAuth};
use super::oauth2::OAuth2;
use super::plan::Request;
use super::sigv4::SigV4;

/// What authenticates requests. It has no `Debug`, and whatever it adds to a request is marked as sensitive.
pub(super) enum Auth {
    None,
    Fixed { name: HeaderName, value: HeaderValue, secrets: Vec<String> },
    OAuth2(Box<OAuth2>),
    SigV4(Box<SigV4>),
}

impl Auth {
    pub(super) fn new(
        settings: &AuthSettings,
        origin: String,
        timeout: Duration,
    ) -> Result<Self, SettingsError> {
        match settings {
            AuthSettings::None => Ok(Self::None),
            AuthSettings::Basic(basic) => Self::basic(basic),
            AuthSettings::Bearer(bearer) => {
                let token = bearer.token.reveal();
                Self::fixed("auth.bearer.token", AUTHORIZATION, &format!("Bearer {token}"), token)
            }
            AuthSettings::Header(header) => Self::header(header),
            AuthSettings::Oauth2(oauth2) => Ok(Self::OAuth2(Box::new(OAuth2::new(oauth2)?))),
            AuthSettings::Sigv4(sigv4) => Ok(Self::SigV4(Box::new(SigV4::new(sigv4, origin, timeout)))),
        }
    }

    fn basic(basic: &BasicAuth) -> Result<Self, SettingsError> {
        if basic.username.contains(':') {
            let reason = "a user has no colon: the password begins after the first one";
            return Err(SettingsError::at("auth.basic.username", reason));
        }
        let password = basic.password.reveal();
        let value = format!("Basic {}", BASE64.encode(format!("{}:{password}", basic.username)));
        Self::fixed("auth.basic.password", AUTHORIZATION, &value, password)
    }

    fn header(header: &HeaderAuth) -> Result<Self, SettingsError> {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| SettingsError::at("auth.header.name", "this is no name of a header"))?;
        Self::fixed("auth.header.value", name, header.value.reveal(), header.value.reveal())
    }

    fn fixed(key: &str, name: HeaderName, value: &str, secret: &str) -> Result<Self, SettingsError> {
        // Nothing but a stray line break gets here, from a file that ends with one.
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            SettingsError::at(key, "the secret has characters that no header can hold, such as a line break")
        })?;
        value.set_sensitive(true);
        Ok(Self::Fixed { name, value, secrets: vec![secret.to_owned()] })
    }

    /// Returns the headers to add to a request, which is complete but for them.
    pub(super) async fn headers(&self, http: &Client, request: &Request) -> Result<HeaderMap, Failure> {
        match self {
            Self::None => Ok(HeaderMap::new()),
            Self::Fixed { name, value, .. } => Ok([(name.clone(), value.clone())].into_iter().collect()),
            Self::OAuth2(oauth2) => Ok([(AUTHORIZATION, oauth2.header(http).await?)].into_iter().collect()),
            Self::SigV4(sigv4) => sigv4.headers(request).await,
        }
    }

    /// Says after a 401 whether the request is worth another try, with a new token.
    pub(super) async fn renews(&self, refused: &HeaderMap) -> bool {
        match (self, refused.get(AUTHORIZATION)) {
            (Self::OAuth2(oauth2), Some(header)) => {
                oauth2.refused(header).await;
                true
            }
            _ => false,
        }
    }

    /// Collects what a target could echo of a request: what was added to it, and what that was made of.
    pub(super) fn secrets(&self, added: &HeaderMap) -> Vec<String> {
        let added =
            added.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
        let parts = added.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, secret)| secret)]);
        let settings: Vec<&str> = match self {
            Self::None | Self::SigV4(_) => Vec::new(),
            Self::Fixed { secrets, .. } => secrets.iter().map(String::as_str).collect(),
            Self::OAuth2(oauth2) => vec![oauth2.secret()],
        };
        let secrets = parts.flatten().chain(settings).filter(|secret| !secret.is_empty());
        secrets.map(str::to_owned).collect()
    }

    /// Names the headers that it adds, for a preview.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::Fixed { name, .. } => vec![name.as_str()],
            Self::OAuth2(_) => vec![AUTHORIZATION.as_str()],
            Self::SigV4(_) => vec![AUTHORIZATION.as_str(), "x-amz-content-sha256", "x-amz-date"],
        }
    }

    /// Returns the name of the one header that settings may set as well, and must not.
    pub(super) fn fixed_name(&self) -> Option<&HeaderName> {
        match self {
            Self::Fixed { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Looks for a token or credentials.
    pub(super) async fn check(&self, http: &Client) -> Vec<Finding> {
        match self {
            Self::None | Self::Fixed { .. } => Vec::new(),
            Self::OAuth2(oauth2) => vec![match oauth2.header(http).await {
                Ok(_) => Finding::good("OAuth2 token", "fetched"),
                Err(failure) => Finding::bad("OAuth2 token", failure.to_string()),
            }],
            Self::SigV4(sigv4) => sigv4.check().await,
        }
    }
}
