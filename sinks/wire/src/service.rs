//! Signed calls of a service of AWS, for the sinks that need a call or two of one and not its whole SDK.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use sluice_connector_api::{Failure, Finding, Trouble};

use crate::answer::HttpAnswer;
use crate::auth::{Auth, SigV4, SigV4Auth};
use crate::client::{Connections, HttpClient};
use crate::exchange::WHOLE_BYTES;
use crate::request::HttpRequest;

/// Codes of errors that pass by themselves, whatever their status.
const PASSING: [&str; 7] = [
    // Of two writers of one name; the guide to conditional requests of Amazon S3 says to try again.
    "ConditionalRequestConflict",
    "ExpiredToken",
    "ExpiredTokenException",
    "OperationAborted",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "RequestTimeout",
];

/// How long a record waits for others where each call counts: AWS limits calls by their number, and is paid for each.
pub const CALL_LINGER: Duration = Duration::from_millis(200);

/// Codes that speak of the credentials, and of no right: nothing can be done with these.
const WRONG_CREDENTIALS: [&str; 7] = [
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// A service of AWS, in a region. It has no `Debug`, since it holds credentials.
#[allow(missing_debug_implementations, reason = "it holds credentials")]
pub struct AwsService {
    endpoint: Url,
    sigv4: Arc<SigV4>,
    client: HttpClient,
}

/// One call.
#[derive(Debug)]
pub struct AwsCall<'a> {
    /// What it is called, such as `SendMessageBatch`.
    pub operation: &'a str,
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// Its headers, by names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Bytes,
    /// Finds the code of an error in its answer.
    pub code: fn(&HttpAnswer) -> Option<String>,
    /// Codes of errors that are the record's fault.
    pub rejecting: &'a [&'a str],
}

impl AwsService {
    /// Names a service as signatures do, such as `sqs`. An endpoint on this machine gets placeholders for credentials.
    /// `max_idle` is how many idle connections are kept.
    pub fn new(
        service: &str,
        region: Option<String>,
        endpoint: Url,
        timeout: Duration,
        max_idle: usize,
    ) -> Self {
        let settings = SigV4Auth { service: service.to_owned(), region };
        let sigv4 = Arc::new(SigV4::new(&settings, &endpoint, timeout));
        let mut connections = Connections::new(timeout);
        connections.max_idle = max_idle;
        let client = HttpClient::new(connections, Auth::from_sigv4(Arc::clone(&sigv4)));
        Self { endpoint, sigv4, client }
    }

    /// Returns where the service is.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Returns the region, once it is found.
    pub async fn region(&self) -> Result<String, Failure> {
        self.sigv4.region().await
    }

    /// Sends a call. Any answer but a 2xx is a failure that says what to do.
    pub async fn call(&self, call: AwsCall<'_>) -> Result<HttpAnswer, Failure> {
        self.call_or(call, &[]).await
    }

    /// Does what [`AwsService::call`] does, and takes answers of these statuses for what they are, too.
    pub async fn call_or(&self, call: AwsCall<'_>, statuses: &[u16]) -> Result<HttpAnswer, Failure> {
        let AwsCall { operation, method, url, headers, body, code, rejecting } = call;
        let headers = header_map(headers)
            .map_err(|name| Failure::rejected(format!("the header `{name}` cannot hold its value")))?;
        let request = HttpRequest { method, url, headers, body };
        let answer = self.client.exchange(&request, WHOLE_BYTES).await?;
        if answer.is_success() || statuses.contains(&answer.status) {
            return Ok(answer);
        }
        let code = code(&answer);
        let failure = failure(operation, &answer, code.as_deref().unwrap_or_default(), rejecting);
        // The words may quote the record.
        Err(failure.with_detail(answer.words()))
    }

    /// Looks for a region and for credentials, and, where they are found, for the subject by a call to it.
    pub async fn check<T>(
        &self,
        subject: String,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Vec<Finding> {
        let mut findings = self.client.check().await;
        if findings.iter().all(|finding| finding.as_result().is_ok()) {
            findings.push(match call.await {
                Ok(_) => Finding::good(subject, "found"),
                Err(failure) => Finding::from_failure(subject, &failure),
            });
        }
        findings
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

/// Shows a code of AWS after the status, such as `AccessDenied`, if it is one and not somebody's text.
pub fn shown_code(code: &str) -> String {
    const LONGEST: usize = 64;
    let is_code = code.len() <= LONGEST
        && code.starts_with(|first: char| first.is_ascii_uppercase())
        && code.chars().all(|char| char.is_ascii_alphabetic() || char == '.');
    if is_code { format!(" {code}") } else { String::new() }
}

fn failure(operation: &str, answer: &HttpAnswer, code: &str, rejecting: &[&str]) -> Failure {
    let said = format!("{operation} was answered {}{}", answer.status, shown_code(code));
    let throttled = ["Throttl", "SlowDown", "TooManyRequests"].iter().any(|word| code.contains(word));
    let failure = match answer.status {
        429 => Failure::throttled(said),
        _ if throttled => Failure::throttled(said),
        _ if rejecting.contains(&code) => return Failure::rejected(said),
        _ if code == "RequestTimeTooSkewed" => Failure::retriable(format!(
            "{said}; set the clock of this machine, which is more than 15 minutes off"
        )),
        _ if PASSING.contains(&code) => Failure::retriable(said),
        500.. => Failure::retriable(said).because(Trouble::ServerError),
        408 => Failure::retriable(said),
        300..=399 => return Failure::fatal(format!("{said}; set `region` to the one where it is")),
        400 if code == "AuthorizationHeaderMalformed" => {
            return Failure::fatal(format!("{said}; set `region` to the one where it is"));
        }
        400 | 401 | 403 if WRONG_CREDENTIALS.contains(&code) => {
            return Failure::fatal(format!("{said}; the credentials are not valid"));
        }
        401 | 403 => return Failure::forbidden(format!("{said}; give this right to the credentials")),
        _ => return Failure::fatal(said),
    };
    match answer.wait {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}
