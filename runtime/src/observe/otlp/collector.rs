//! Who takes telemetry: one request at a time, and one throttled line of the log where it is not taken.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use reqwest::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Client, Url, redirect};
use tokio::runtime::Handle;

use super::settings::{OtlpSettings, SignalTarget};
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::observe::tls_client::ClientTlsFiles;

/// The most bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// Sends requests to one address, from any thread: they are made on a runtime of their own.
#[derive(Clone, Debug)]
pub(super) struct Collector(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    runtime: Handle,
    headers: HeaderMap,
    timeout: Duration,
    gzip: bool,
    /// Scheme, host and port: a path may be secret.
    origin: String,
    throttle: LogThrottle,
}

/// Makes the client that all kinds of telemetry share.
pub(super) fn client(settings: &OtlpSettings) -> Result<Client, String> {
    let names = [
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    ];
    let files = ClientTlsFiles {
        ca: settings.ca_file.clone(),
        cert: settings.cert_file.clone(),
        key: settings.key_file.clone(),
        names,
    };
    let client = Client::builder()
        .tls_backend_preconfigured(files.config()?)
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT)
        .no_proxy();
    client.build().map_err(|error| error.to_string())
}

impl Collector {
    /// Sends to this target, and says into this throttle where that fails.
    pub(super) fn new(client: Client, runtime: Handle, target: &SignalTarget, throttle: LogThrottle) -> Self {
        let shared = Shared {
            client,
            runtime,
            headers: target.headers.clone(),
            timeout: target.timeout,
            gzip: target.gzip,
            origin: target.url.origin().ascii_serialization(),
            throttle,
        };
        Self(Arc::new(shared))
    }
}

impl Shared {
    /// Sends a body, and returns the status and the beginning of the answer.
    async fn exchange(&self, url: Url, mut headers: HeaderMap, body: Bytes) -> reqwest::Result<(u16, Bytes)> {
        headers.extend(self.headers.clone());
        let body = if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            packed(&body)
        } else {
            body
        };
        let request = self.client.post(url).headers(headers).timeout(self.timeout).body(body);
        let mut answer = request.send().await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > ANSWER {
                break;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((answer.status().as_u16(), bytes.into()))
    }

    /// Says what became of a request, in full or as one of many.
    fn note(&self, sent: &reqwest::Result<(u16, Bytes)>) {
        let why = match sent {
            Ok((200..=299, _)) => {
                if let Some(sum) = self.throttle.passed() {
                    tracing::info!("telemetry gets through to {} again, after it failed {sum}", self.origin);
                }
                return;
            }
            Ok((status, _)) => format!("it answers {status}"),
            Err(error) => innermost(error),
        };
        let origin = &self.origin;
        match self.throttle.note(&why) {
            LogLine::Full => {
                tracing::warn!(
                    "telemetry is not taken by {origin}, and is dropped: {why}; records go on all the same"
                );
            }
            LogLine::Summary(sum) => {
                tracing::warn!("telemetry was not taken by {origin} {sum}, and is dropped: {why}");
            }
            LogLine::Nothing => {}
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let shared = Arc::clone(&self.0);
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())?;
        let sending = async move {
            let sent = shared.exchange(url, parts.headers, body).await;
            shared.note(&sent);
            sent
        };
        let (status, body) = self.0.runtime.spawn(sending).await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}

fn packed(body: &[u8]) -> Bytes {
    let mut packed = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    // Memory takes whatever is written to it.
    let _infallible = packed.write_all(body).is_err();
    packed.finish().unwrap_or_default().into()
}

/// The error that says what went wrong: those above it say where.
fn innermost(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
