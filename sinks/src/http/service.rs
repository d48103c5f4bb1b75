//! Signed calls of a service of AWS, for the sinks that need a call or two of one and not its whole SDK.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Url};
use sluice_connector_api::{Failure, Finding, SettingsError, Trouble};
use tokio::sync::OnceCell;

use super::answer::Answer;
use super::auth::Auth;
use super::auth_settings::SigV4Auth;
use super::client::{self, Travel, WHOLE_BYTES};
use super::plan::Request;
use super::settings::TlsSettings;
use super::sigv4::SigV4;

/// Codes of errors that pass by themselves, whatever their status.
const PASSING: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
];

/// A service of AWS, in a region.
pub(crate) struct Service {
    endpoint: Url,
    auth: Auth,
    travel: Travel,
    /// Made at the first call, since it reads certificates.
    client: OnceCell<Client>,
}

/// One call.
pub(crate) struct Call<'a> {
    /// What it is called, such as `SendMessageBatch`.
    pub(crate) operation: &'a str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Finds the code of an error in its answer.
    pub(crate) code: fn(&Answer) -> Option<String>,
    /// Codes of errors that are the record's fault.
    pub(crate) rejecting: &'a [&'a str],
}

impl Service {
    /// Names a service as signatures do. An endpoint on this machine gets placeholders for credentials.
    pub(crate) fn new(
        service: &str,
        region: Option<String>,
        endpoint: Url,
        (timeout, connections): (Duration, usize),
    ) -> Self {
        let settings = SigV4Auth { service: service.to_owned(), region };
        let sigv4 = SigV4::new(&settings, endpoint.origin().ascii_serialization(), timeout);
        let travel = Travel {
            tls: TlsSettings::default(),
            connect_timeout: Duration::from_secs(5).min(timeout),
            request_timeout: timeout,
            keep_alive: Duration::from_secs(20),
            connections,
            proxy_from_environment: false,
        };
        Self { endpoint, auth: Auth::SigV4(Box::new(sigv4)), travel, client: OnceCell::new() }
    }

    /// Returns where the service is.
    pub(crate) fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Sends a call. Any answer but a 2xx is a failure that says what to do.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Answer, Failure> {
        let Call { operation, method, url, headers, body, code, rejecting } = call;
        let headers = header_map(headers)
            .map_err(|name| Failure::rejected(format!("the header `{name}` cannot hold its value")))?;
        let request = Request { indices: Vec::new(), method, url, headers, body };
        let client = self.client.get_or_try_init(|| client::make(self.travel.clone())).await?;
        let answer = client::exchange(client, &self.auth, &request, WHOLE_BYTES).await?;
        if (200..=299).contains(&answer.status) {
            return Ok(answer);
        }
        let code = code(&answer);
        Err(failure(operation, &answer, code.as_deref().unwrap_or_default(), rejecting))
    }

    /// Returns the region, once it is found.
    pub(crate) async fn region(&self) -> Result<String, Failure> {
        match &self.auth {
            Auth::SigV4(sigv4) => sigv4.region().await,
            _ => Ok(String::new()),
        }
    }

    /// Looks for a region and for credentials, and, where they are found, for the subject by a call to it.
    pub(crate) async fn check<T>(
        &self,
        subject: String,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Vec<Finding> {
        let mut findings = match client::make(self.travel.clone()).await {
            Ok(client) => self.auth.check(&client).await,
            Err(failure) => vec![Finding::bad("HTTP client", failure.to_string())],
        };
        if findings.iter().all(|finding| finding.outcome.is_ok()) {
            let outcome = call.await.map(|_| "found".to_owned()).map_err(|failure| failure.to_string());
            findings.push(Finding { subject, outcome });
        }
        findings
    }
}

/// Reads an endpoint or the URL of a queue.
pub(crate) fn parse_url(key: &str, url: &str) -> Result<Url, SettingsError> {
    let parsed =
        Url::parse(url).map_err(|error| SettingsError::at(key, format!("this is no URL: {error}")))?;
    match parsed.host_str() {
        Some(_) => Ok(parsed),
        None => Err(SettingsError::at(key, "the URL names no host")),
    }
}

fn header_map(headers: Vec<(&'static str, String)>) -> Result<HeaderMap, &'static str> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.into_iter().chain(trace()) {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(&value).map_err(|_| name)?);
    }
    Ok(map)
}

/// Hands on the trace of a Lambda invocation, as the SDK does, so that a function cannot call itself for ever.
fn trace() -> Option<(&'static str, String)> {
    std::env::var_os("AWS_LAMBDA_FUNCTION_NAME")?;
    Some(("x-amzn-trace-id", std::env::var("_X_AMZN_TRACE_ID").ok()?))
}

fn failure(operation: &str, answer: &Answer, code: &str, rejecting: &[&str]) -> Failure {
    let said = format!("{operation} was answered {}", answer.said());
    let throttled = ["Throttl", "SlowDown", "TooManyRequests"].iter().any(|word| code.contains(word));
    let failure = match answer.status {
        429 => Failure::throttled(said),
        _ if throttled => Failure::throttled(said),
        _ if rejecting.contains(&code) => return Failure::rejected(said),
        _ if PASSING.contains(&code) => Failure::retriable(said),
        500.. => Failure::retriable(said).because(Trouble::ServerError),
        408 => Failure::retriable(said),
        300..=399 => return Failure::fatal(format!("{said}; set `region` to the one where it is")),
        401 | 403 => return Failure::fatal(format!("{said}; give this right to the credentials")),
        _ => return Failure::fatal(said),
    };
    match answer.wait {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}
