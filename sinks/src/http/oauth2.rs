use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::utf8_percent_encode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Url};
use serde_json::Value;
use sluice_connector_api::{Failure, SettingsError};

use super::answer::Answer;
use super::auth_settings::{CredentialsIn, OAuth2Auth};
use super::client;
use super::kept::{Fetched, Kept};
use super::target::{VALUE, base};

/// Fetches tokens with the client credentials grant.
pub(super) struct OAuth2 {
    settings: OAuth2Auth,
    url: Url,
    token: Kept<HeaderValue>,
}

impl OAuth2 {
    pub(super) fn new(settings: &OAuth2Auth) -> Result<Self, SettingsError> {
        let url = base("auth.oauth2.token_url", &settings.token_url)?;
        if let Some(name) = settings.params.keys().find(|name| OURS.contains(&name.as_str())) {
            let reason = "this field is set from the other settings; remove it";
            return Err(SettingsError::at(format!("auth.oauth2.params.{name}"), reason));
        }
        Ok(Self { settings: settings.clone(), url, token: Kept::new() })
    }

    /// Returns the header `authorization` with a token that should be good.
    pub(super) async fn header(&self, http: &Client) -> Result<HeaderValue, Failure> {
        self.token.get(self.fetch(http)).await
    }

    /// Drops a token that the target refused.
    pub(super) async fn refused(&self, header: &HeaderValue) {
        self.token.drop_if(header).await;
    }

    pub(super) fn secret(&self) -> &str {
        self.settings.client_secret.reveal()
    }

    async fn fetch(&self, http: &Client) -> Result<Fetched<HeaderValue>, Failure> {
        let subject = format!("the token endpoint {}", self.url.origin().ascii_serialization());
        let request = http
            .request(Method::POST, self.url.clone())
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(self.form());
        let basic = self.basic();
        let request = match self.settings.credentials_in {
            CredentialsIn::Header => request.header(AUTHORIZATION, format!("Basic {basic}")),
            CredentialsIn::Body => request,
        };
        let secrets = vec![encode(self.secret()), self.secret().to_owned(), basic];
        let answer = client::answer(&subject, request, client::WHOLE_BYTES, secrets).await?;
        read(&subject, &answer)
    }

    fn form(&self) -> String {
        let OAuth2Auth { client_id, scope, params, credentials_in, .. } = &self.settings;
        let mut form = "grant_type=client_credentials".to_owned();
        let mut add = |name: &str, value: &str| {
            // Writing to a string does not fail.
            write!(form, "&{}={}", encode(name), encode(value)).unwrap_or_default();
        };
        if let Some(scope) = scope {
            add("scope", scope);
        }
        if *credentials_in == CredentialsIn::Body {
            add("client_id", client_id);
            add("client_secret", self.secret());
        }
        for (name, value) in params {
            add(name, value);
        }
        form
    }

    /// Id and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
    fn basic(&self) -> String {
        BASE64.encode(format!("{}:{}", encode(&self.settings.client_id), encode(self.secret())))
    }
}

const OURS: [&str; 4] = ["client_id", "client_secret", "grant_type", "scope"];

fn encode(text: &str) -> String {
    utf8_percent_encode(text, VALUE).to_string()
}

fn read(subject: &str, answer: &Answer) -> Result<Fetched<HeaderValue>, Failure> {
    match answer.status {
        200..=299 => token(answer).ok_or_else(|| {
            // What was sent may hold a token, so that nothing of it is shown.
            Failure::retriable(format!(
                "{subject} answered {} without a token; check `auth.oauth2.token_url`",
                answer.status
            ))
        }),
        408 | 425 | 429 | 500.. => Err(waiting(subject, answer)),
        _ => Err(Failure::fatal(format!(
            "{subject} refuses the client: it answered {}; check `token_url`, `client_id`, `client_secret` and `scope` \
             under `auth.oauth2`",
            answer.said()
        ))),
    }
}

fn waiting(subject: &str, answer: &Answer) -> Failure {
    let failure = Failure::retriable(format!("{subject} answered {}", answer.said()));
    match answer.wait {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

fn token(answer: &Answer) -> Option<Fetched<HeaderValue>> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    let token = json.get("access_token")?.as_str().filter(|token| !token.is_empty())?;
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(Fetched::new(header, json.get("expires_in").and_then(seconds)))
}

/// Some endpoints write the number as text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(digits) => digits.parse().ok()?,
        other => other.as_f64()?,
    };
    Duration::try_from_secs_f64(seconds).ok()
}
