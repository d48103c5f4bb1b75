use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use serde_json::{Map, Value, json};
use sluice_connector_api::{
    Failure, FailureKind, Finding, Limits, OrderedBy, PutError, Record, SettingsError, Sink,
};
use tokio::sync::OnceCell;

use super::answer::{Answer, Rules};
use super::auth::Auth;
use super::client::{self, START_BYTES, WHOLE_BYTES};
use super::plan::{Plan, Planner, Request};
use super::settings::{Compression, HttpSettings};

/// Sends the requests of a batch one after the other.
pub(super) struct Http {
    planner: Planner,
    rules: Rules,
    auth: Auth,
    settings: HttpSettings,
    /// Made at the first put, since it reads certificates.
    client: OnceCell<Client>,
}

impl Http {
    pub(super) fn new(settings: HttpSettings) -> Result<Self, SettingsError> {
        let planner = Planner::new(&settings)?;
        let rules = Rules::new(&settings);
        let auth = Auth::new(&settings.auth, planner.target().origin(), settings.request_timeout.get())?;
        if auth.fixed_name().is_some_and(|name| planner.has_header(name)) {
            return Err(SettingsError::at(
                "auth.header.name",
                "`headers` has this header as well; remove one",
            ));
        }
        Ok(Self { planner, rules, auth, settings, client: OnceCell::new() })
    }

    async fn client(&self) -> Result<&Client, Failure> {
        self.client.get_or_try_init(|| client::make(self.settings.travel())).await
    }

    async fn exchange(&self, request: &Request) -> Result<Answer, Failure> {
        let most_bytes = if self.rules.read_items() { WHOLE_BYTES } else { START_BYTES };
        client::exchange(self.client().await?, &self.auth, request, most_bytes).await
    }

    /// Sends one request; tells which of its records were not stored, or why none was.
    async fn send(&self, request: &mut Request) -> Result<Vec<(usize, Failure)>, Failure> {
        if self.settings.compression == Compression::Gzip && request.has_body() {
            client::compress(request)?;
        }
        self.rules.outcome(request, &self.exchange(request).await?)
    }

    /// Asks for the head of the part of the URL that has no tags: it writes nothing, whatever is there.
    async fn look(&self) -> Finding {
        let target = self.planner.target();
        let request = Request {
            indices: Vec::new(),
            method: Method::HEAD,
            url: target.fixed_part(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let outcome = match self.exchange(&request).await {
            Ok(answer) => seen(&answer, self.planner.method()),
            Err(failure) => Err(failure.to_string()),
        };
        Finding { subject: format!("target {}", target.origin()), outcome }
    }

    fn shown(&self, request: &Request) -> Value {
        let mut headers: Map<_, _> = shown_headers(&request.headers);
        if self.settings.compression == Compression::Gzip && request.has_body() {
            headers.insert("content-encoding".to_owned(), "gzip".into());
        }
        headers.extend(self.auth.names().into_iter().map(|name| (name.to_owned(), "[redacted]".into())));
        json!({
            "method": request.method.as_str(),
            "url": request.url.as_str(),
            "headers": headers,
            "body": shown_body(request),
        })
    }
}

#[async_trait]
impl Sink for Http {
    /// One record a request makes one a put, so that puts in flight run side by side and a failure repeats nothing.
    fn limits(&self) -> Limits {
        let limits = Limits {
            max_in_flight: self.settings.max_in_flight,
            ordered_by: OrderedBy::Key,
            ..Limits::default()
        };
        if self.settings.batch.is_some() { limits } else { Limits { max_records: 1, ..limits } }
    }

    /// Sends the requests in order, up to the first that fails for another reason than the data.
    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        let Plan { requests, rejected: mut failures } = self.planner.plan(batch);
        let mut requests = requests.into_iter();
        while let Some(mut request) = requests.next() {
            match self.send(&mut request).await {
                Ok(items) => {
                    let stop = items.iter().any(|(_, failure)| failure.kind() != FailureKind::Rejected);
                    failures.extend(items);
                    if stop {
                        give_up(&mut failures, requests.by_ref());
                    }
                }
                Err(failure) if failure.kind() == FailureKind::Rejected => match &*request.indices {
                    [index] => failures.push((*index, failure)),
                    // The record at fault is not known: the engine narrows the batch down to it.
                    _ => return Err(PutError::Batch(failure)),
                },
                Err(failure) if request.indices.len() == batch.len() => return Err(PutError::Batch(failure)),
                Err(failure) => {
                    failures.extend(request.indices.iter().map(|index| (*index, again(&failure))));
                    give_up(&mut failures, requests.by_ref());
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(PutError::Records(failures)) }
    }

    fn size_of(&self, record: &Record) -> usize {
        self.planner.size_of(record)
    }

    /// Shows the request, or a list of them where the batch makes none or several.
    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        let Plan { requests, rejected } = self.planner.plan(batch);
        if !rejected.is_empty() {
            return Err(PutError::Records(rejected));
        }
        match &*requests {
            [request] => Ok(self.shown(request)),
            requests => Ok(requests.iter().map(|request| self.shown(request)).collect()),
        }
    }

    async fn check(&self) -> Vec<Finding> {
        let client = match self.client().await {
            Ok(client) => client,
            Err(failure) => return vec![Finding::bad("HTTP client", failure.to_string())],
        };
        let mut findings = self.auth.check(client).await;
        if findings.iter().all(|finding| finding.outcome.is_ok()) {
            findings.push(self.look().await);
        }
        findings
    }
}

/// Fails the records of requests that are not sent, since what comes before them has to be put first.
fn give_up(failures: &mut Vec<(usize, Failure)>, requests: impl Iterator<Item = Request>) {
    let Some(first) = failures.iter().rposition(|(_, failure)| failure.kind() != FailureKind::Rejected)
    else {
        return;
    };
    for index in requests.flat_map(|request| request.indices) {
        let failure = failures.get(first).map(|(_, failure)| again(failure));
        failures.extend(failure.map(|failure| (index, failure)));
    }
}

/// Says the same of another record.
fn again(failure: &Failure) -> Failure {
    let reason = failure.to_string();
    let same = match failure.kind() {
        FailureKind::Fatal => Failure::fatal(reason),
        FailureKind::Rejected => Failure::rejected(reason),
        FailureKind::Retriable => Failure::retriable(reason).because(failure.trouble()),
    };
    match failure.wait() {
        Some(wait) => same.retry_after(wait),
        None => same,
    }
}

/// What a HEAD proves: name, network, TLS, and a server that answers. Whether it takes the records, it does not.
fn seen(answer: &Answer, method: &Method) -> Result<String, String> {
    match answer.status {
        401 => Err(format!(
            "answers a HEAD with {}; it does not accept these credentials, change `auth`",
            answer.said()
        )),
        407 => Err(format!("the proxy answers {}; put its credentials into its URL", answer.said())),
        500.. => Err(format!("answers a HEAD with {}; see to the target", answer.said())),
        status => Ok(format!(
            "answers (a HEAD, with {status}); whether it takes a {method} is seen at the first one"
        )),
    }
}

fn shown_headers(headers: &HeaderMap) -> Map<String, Value> {
    let shown = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
    });
    shown.collect()
}

/// JSON as JSON, all else as text.
fn shown_body(request: &Request) -> Value {
    if !request.has_body() {
        return Value::Null;
    }
    serde_json::from_slice(&request.body)
        .unwrap_or_else(|_| String::from_utf8_lossy(&request.body).into_owned().into())
}
