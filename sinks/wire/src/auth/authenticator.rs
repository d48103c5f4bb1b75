//! Adds to a request what authenticates it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};
use sluice_connector_api::{Blanks, Failure, Finding, SettingsError};

use super::oauth2::OAuth2;
use super::settings::{BasicAuth, HeaderAuth, HttpAuthSettings};
use super::sigv4::SigV4;
use crate::request::HttpRequest;

/// What authenticates requests. It has no `Debug`, and whatever it adds to a request is marked as sensitive.
#[allow(missing_debug_implementations, reason = "it holds secrets")]
pub struct Auth(Way);

enum Way {
    None,
    Fixed { name: HeaderName, value: HeaderValue, secrets: Vec<String> },
    OAuth2(Box<OAuth2>),
    SigV4(Arc<SigV4>),
}

impl Auth {
    /// Reads the settings that stand under `key`, such as `auth`, which errors name.
    ///
    /// A `target` on this machine gets placeholders where AWS credentials are asked for and not found. `timeout` is
    /// that of one fetch of credentials.
    pub fn new(
        key: &str,
        settings: &HttpAuthSettings,
        target: &Url,
        timeout: Duration,
    ) -> Result<Self, SettingsError> {
        let way = match settings {
            HttpAuthSettings::None => Way::None,
            HttpAuthSettings::Basic(basic) => Way::basic(key, basic)?,
            HttpAuthSettings::Bearer(bearer) => {
                let token = bearer.token.reveal();
                let value = format!("Bearer {token}");
                Way::fixed(format!("{key}.bearer.token"), AUTHORIZATION, &value, token)?
            }
            HttpAuthSettings::Header(header) => Way::header(key, header)?,
            HttpAuthSettings::Oauth2(oauth2) => Way::OAuth2(Box::new(OAuth2::new(key, oauth2)?)),
            HttpAuthSettings::Sigv4(sigv4) => Way::SigV4(Arc::new(SigV4::new(sigv4, target, timeout))),
        };
        Ok(Self(way))
    }

    /// Signs every request for a service of AWS.
    pub(crate) fn from_sigv4(sigv4: Arc<SigV4>) -> Self {
        Self(Way::SigV4(sigv4))
    }

    /// Returns the headers to add to a request, which is complete but for them.
    pub(crate) async fn headers(&self, http: &Client, request: &HttpRequest) -> Result<HeaderMap, Failure> {
        match &self.0 {
            Way::None => Ok(HeaderMap::new()),
            Way::Fixed { name, value, .. } => Ok([(name.clone(), value.clone())].into_iter().collect()),
            Way::OAuth2(oauth2) => Ok([(AUTHORIZATION, oauth2.header(http).await?)].into_iter().collect()),
            Way::SigV4(sigv4) => sigv4.headers(request).await,
        }
    }

    /// Says after a 401 whether the request is worth another try, with a new token.
    pub(crate) async fn renews(&self, refused: &HeaderMap) -> bool {
        match (&self.0, refused.get(AUTHORIZATION)) {
            (Way::OAuth2(oauth2), Some(header)) => {
                oauth2.refused(header).await;
                true
            }
            _ => false,
        }
    }

    /// Collects what a target could echo of a request: what was added to it, and what that was made of.
    pub(crate) fn secrets(&self, added: &HeaderMap) -> Blanks {
        let added =
            added.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
        let parts = added.flat_map(|value| [Some(value), value.split_once(' ').map(|(_, secret)| secret)]);
        let settings: Vec<&str> = match &self.0 {
            Way::None | Way::SigV4(_) => Vec::new(),
            Way::Fixed { secrets, .. } => secrets.iter().map(String::as_str).collect(),
            Way::OAuth2(oauth2) => vec![oauth2.secret()],
        };
        Blanks::new(parts.flatten().chain(settings).map(str::to_owned))
    }

    /// Names the headers that it adds, for a preview.
    pub fn names(&self) -> Vec<&str> {
        match &self.0 {
            Way::None => Vec::new(),
            Way::Fixed { name, .. } => vec![name.as_str()],
            Way::OAuth2(_) => vec![AUTHORIZATION.as_str()],
            Way::SigV4(_) => vec![AUTHORIZATION.as_str(), "x-amz-content-sha256", "x-amz-date"],
        }
    }

    /// Returns the name of the one header that settings may set as well, and must not.
    pub fn fixed_name(&self) -> Option<&HeaderName> {
        match &self.0 {
            Way::Fixed { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Looks for a token or credentials.
    pub(crate) async fn check(&self, http: &Client) -> Vec<Finding> {
        match &self.0 {
            Way::None | Way::Fixed { .. } => Vec::new(),
            Way::OAuth2(oauth2) => vec![match oauth2.header(http).await {
                Ok(_) => Finding::good("OAuth2 token", "fetched"),
                Err(failure) => Finding::from_failure("OAuth2 token", &failure),
            }],
            Way::SigV4(sigv4) => sigv4.check().await,
        }
    }
}

impl Way {
    fn basic(key: &str, basic: &BasicAuth) -> Result<Self, SettingsError> {
        if basic.username.contains(':') {
            let reason = "a user has no colon: the password begins after the first one";
            return Err(SettingsError::at(format!("{key}.basic.username"), reason));
        }
        let password = basic.password.reveal();
        let value = format!("Basic {}", BASE64.encode(format!("{}:{password}", basic.username)));
        Self::fixed(format!("{key}.basic.password"), AUTHORIZATION, &value, password)
    }

    fn header(key: &str, header: &HeaderAuth) -> Result<Self, SettingsError> {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| SettingsError::at(format!("{key}.header.name"), "this is not a header name"))?;
        Self::fixed(format!("{key}.header.value"), name, header.value.reveal(), header.value.reveal())
    }

    fn fixed(key: String, name: HeaderName, value: &str, secret: &str) -> Result<Self, SettingsError> {
        // Nothing but a stray line break gets here, from a file that ends with one.
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            SettingsError::at(key, "the secret has characters that no header can hold, such as a line break")
        })?;
        value.set_sensitive(true);
        Ok(Self::Fixed { name, value, secrets: vec![secret.to_owned()] })
    }
}
