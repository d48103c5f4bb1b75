//! OAuth 2.0 client credentials: tokens that are fetched, kept, and fetched again.

use std::fmt::Write;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::utf8_percent_encode;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Url};
use serde_json::Value;
use sluice_connector_api::{Blanks, Failure, Json, SettingsError};

use super::settings::{CredentialsIn, OAuth2Auth};
use crate::answer::HttpAnswer;
use crate::cached::{Cached, Fetched};
use crate::exchange::{WHOLE_BYTES, exchange};
use crate::status::StatusMeaning;
use crate::url::{UNRESERVED, http_url};

/// Fetches tokens with the client credentials grant.
pub(crate) struct OAuth2 {
    /// Where the settings stand, such as `auth.oauth2`.
    key: String,
    settings: OAuth2Auth,
    url: Url,
    token: Cached<HeaderValue>,
}

impl OAuth2 {
    /// Reads the settings that stand as `oauth2` under `key`.
    pub(crate) fn new(key: &str, settings: &OAuth2Auth) -> Result<Self, SettingsError> {
        let key = format!("{key}.oauth2");
        let url = http_url(&format!("{key}.token_url"), &settings.token_url)?;
        if let Some(name) = settings.params.keys().find(|name| OURS.contains(&name.as_str())) {
            let reason = "this field is set from the other settings; remove it";
            return Err(SettingsError::at(format!("{key}.params.{name}"), reason));
        }
        Ok(Self { key, settings: settings.clone(), url, token: Cached::new() })
    }

    /// Returns the header `authorization` with a token that should be good.
    pub(crate) async fn header(&self, http: &Client) -> Result<HeaderValue, Failure> {
        self.token.get(self.fetch(http)).await
    }

    /// Drops a token that the target refused.
    pub(crate) async fn refused(&self, header: &HeaderValue) {
        self.token.drop_if(header).await;
    }

    pub(crate) fn secret(&self) -> &str {
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
        let secrets = Blanks::new([encode(self.secret()), self.secret().to_owned(), basic]);
        let answer = exchange(&subject, request, WHOLE_BYTES, secrets).await?;
        self.read(&subject, &answer)
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

    fn read(&self, subject: &str, answer: &HttpAnswer) -> Result<Fetched<HeaderValue>, Failure> {
        let key = &self.key;
        match StatusMeaning::from_status(answer.status) {
            StatusMeaning::Stored => token(answer).ok_or_else(|| {
                // What was sent may hold a token, so that nothing of it is shown.
                Failure::retriable(format!(
                    "{subject} answered {} without a token; check `{key}.token_url`",
                    answer.status
                ))
            }),
            StatusMeaning::Retriable => Err(waiting(subject, answer)),
            StatusMeaning::Rejected | StatusMeaning::Fatal => Err(Failure::fatal(format!(
                "{subject} refuses the client: it answered {}; check `token_url`, `client_id`, `client_secret` and \
                 `scope` under `{key}`",
                answer.said()
            ))),
        }
    }

    /// Id and secret are form-encoded before they are joined (RFC 6749, 2.3.1).
    fn basic(&self) -> String {
        BASE64.encode(format!("{}:{}", encode(&self.settings.client_id), encode(self.secret())))
    }
}

const OURS: [&str; 4] = ["client_id", "client_secret", "grant_type", "scope"];

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// An outage of the token endpoint says nothing about the pace of the target.
fn waiting(subject: &str, answer: &HttpAnswer) -> Failure {
    let failure = Failure::retriable(format!("{subject} answered {}", answer.said()));
    match answer.wait {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

fn token(answer: &HttpAnswer) -> Option<Fetched<HeaderValue>> {
    let json = Json::from_slice(&answer.body).ok()?.into_value();
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
