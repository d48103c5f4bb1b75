//! A registry behind one address or several.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use sluice_connector_api::{Failure, FailureKind, Json, SettingsError};
use sluice_wire::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use sluice_wire::{
    Auth, Connections, HttpAnswer, HttpAuthSettings, HttpClient, HttpRequest, HttpTlsSettings, Method,
    StatusMeaning, Url, WHOLE_BYTES, base_url,
};

/// How the hosts of a registry are reached.
pub(super) struct RegistryAccess<'a> {
    pub(super) urls: &'a [String],
    pub(super) auth: &'a HttpAuthSettings,
    pub(super) tls: &'a HttpTlsSettings,
    /// Further headers; none is a secret.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) request_timeout: Duration,
}

/// The hosts of a registry, of which one is as good as another.
pub(super) struct Hosts {
    urls: Vec<Url>,
    headers: HeaderMap,
    client: HttpClient,
    /// The host that answered last: it is asked first.
    first: AtomicUsize,
}

/// What a registry says about something.
pub(super) enum Answered {
    /// Here it is.
    Found(HttpAnswer),
    /// It is not there: the body of a 404.
    Missing(Value),
}

impl Hosts {
    /// Reads the settings; errors name keys such as `urls[0]`.
    pub(super) fn new(settings: RegistryAccess<'_>) -> Result<Self, SettingsError> {
        let mut urls = Vec::new();
        for (index, url) in settings.urls.iter().enumerate() {
            urls.push(base_url(&format!("urls.{index}"), url)?);
        }
        let Some(first) = urls.first() else {
            return Err(SettingsError::at("urls", "name at least one address"));
        };
        settings.tls.validate()?;
        let auth = Auth::new("auth", settings.auth, first, settings.request_timeout)?;
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("application/vnd.schemaregistry.v1+json, application/json, */*"),
        );
        for (name, value) in settings.headers {
            let value = HeaderValue::from_str(&value)
                .map_err(|_| SettingsError::at("", format!("the header `{name}` cannot hold its value")))?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let mut connections = Connections::new(settings.request_timeout);
        connections.tls = settings.tls.clone();
        Ok(Self { urls, headers, client: HttpClient::new(connections, auth), first: AtomicUsize::new(0) })
    }

    /// Asks for what stands at a path. Where a host does not answer, or fails itself, the next one is asked.
    pub(super) async fn get(&self, path: &[&str]) -> Result<Answered, Failure> {
        self.ask_each(&Method::GET, path, &Bytes::new()).await
    }

    /// Hands a document to a path. It may be asked of several hosts, so that it has to be harmless to do so twice.
    pub(super) async fn post(&self, path: &[&str], document: &Value) -> Result<Answered, Failure> {
        self.ask_each(&Method::POST, path, &document.to_string().into()).await
    }

    async fn ask_each(&self, method: &Method, path: &[&str], body: &Bytes) -> Result<Answered, Failure> {
        let first = self.first.load(Ordering::Relaxed);
        let mut failure = None;
        for turn in 0..self.urls.len() {
            let index = (first + turn) % self.urls.len();
            match self.ask(index, method, path, body).await {
                Err(failed) if failed.kind() == FailureKind::Retriable => failure = Some(failed),
                settled => {
                    self.first.store(index, Ordering::Relaxed);
                    return settled;
                }
            }
        }
        Err(failure.unwrap_or_else(|| Failure::fatal("the registry has no address")))
    }

    async fn ask(
        &self,
        index: usize,
        method: &Method,
        path: &[&str],
        body: &Bytes,
    ) -> Result<Answered, Failure> {
        let url = self.urls.get(index).and_then(|url| below(url, path));
        let url = url.ok_or_else(|| Failure::fatal("the address of the registry holds no path"))?;
        let mut request = HttpRequest::new(method.clone(), url);
        request.headers = self.headers.clone();
        if *method == Method::POST {
            let kind = HeaderValue::from_static("application/vnd.schemaregistry.v1+json");
            request.headers.insert(CONTENT_TYPE, kind);
            request.body = body.clone();
        }
        let answer = self.client.exchange(&request, WHOLE_BYTES).await?;
        judge(&request.subject(), answer)
    }
}

/// Adds to the path of an address.
fn below(base: &Url, path: &[&str]) -> Option<Url> {
    let mut url = base.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend(path);
    Some(url)
}

fn judge(subject: &str, answer: HttpAnswer) -> Result<Answered, Failure> {
    let status = answer.status;
    let failed = |meaning: StatusMeaning, why: &str| {
        let reason = format!("{subject} was answered {status}{why}");
        Err(meaning.failure(status, reason, answer.wait).with_detail(answer.words()))
    };
    match status {
        200 if answer.is_whole => Ok(Answered::Found(answer)),
        // It broke off, or is longer than any schema.
        200 => failed(StatusMeaning::Retriable, ", and not in full"),
        404 => match Json::from_slice(&answer.body).map(Json::into_value) {
            Ok(body) if body.is_object() => Ok(Answered::Missing(body)),
            _ => failed(StatusMeaning::Fatal, NOT_A_REGISTRY),
        },
        // Only who registers a schema is told so.
        409 | 422 => {
            let reason = format!("the registry refuses the schema ({status}): {}", answer.words());
            Err(Failure::fatal(reason))
        }
        401 | 403 | 407 => failed(StatusMeaning::Fatal, "; set `auth`, or give it the right to read schemas"),
        _ => match StatusMeaning::from_status(status) {
            StatusMeaning::Retriable => failed(StatusMeaning::Retriable, ""),
            _ => failed(StatusMeaning::Fatal, NOT_A_REGISTRY),
        },
    }
}

/// The way out where something answers that is none.
pub(super) const NOT_A_REGISTRY: &str = ", which is not as a schema registry answers; check `urls`";
