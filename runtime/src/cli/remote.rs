//! A running worker, reached through its REST API.

use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, StatusCode};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use crate::cli::context::Context;
use crate::cli::exit::Exit;

/// How long a worker may take for an answer.
const WAIT: Duration = Duration::from_secs(30);

/// Which worker.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// Where the worker listens; what it needs as a token is read from `SLUICE_REST_TOKEN`
    #[arg(long, env = "SLUICE_URL", value_name = "URL", default_value = "http://127.0.0.1:8083")]
    url: String,
}

/// What a worker answered.
pub(crate) struct RemoteAnswer {
    /// The body; null where there is none.
    pub(crate) body: Value,
    /// How long what was asked for counts, where the answer says it.
    pub(crate) kept: Option<String>,
}

impl Remote {
    /// Asks a worker. What it refuses is an error with its reason.
    pub(crate) async fn ask(
        &self,
        context: &Context,
        method: Method,
        path: &str,
    ) -> Result<RemoteAnswer, Exit> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let unreachable = |error: &dyn std::fmt::Display| {
            Exit::Environment(format!(
                "cannot reach a worker at {}: {error}; does `sluice run` listen there? name it with --url",
                self.url
            ))
        };
        let mut request = client().map_err(|error| unreachable(&error))?.request(method, url).timeout(WAIT);
        if let Some(token) = &context.settings().rest_token {
            request = request.bearer_auth(token.reveal());
        }
        let answer = request.send().await.map_err(|error| unreachable(&innermost(&error)))?;
        let status = answer.status();
        let kept = answer.headers().get("sluice-state-kept").and_then(|kept| kept.to_str().ok());
        let kept = kept.map(str::to_owned);
        let bytes = answer.bytes().await.map_err(|error| unreachable(&innermost(&error)))?;
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        if status.is_success() {
            return Ok(RemoteAnswer { body, kept });
        }
        let reason = body.get("message").and_then(Value::as_str).unwrap_or_default();
        Err(match status {
            StatusCode::UNAUTHORIZED => {
                Exit::Environment(format!("the worker at {} needs a token: set SLUICE_REST_TOKEN", self.url))
            }
            _ if reason.is_empty() => {
                Exit::Environment(format!("what listens at {} is no worker: {status}", self.url))
            }
            _ => Exit::Running(reason.to_owned()),
        })
    }
}

/// The path of a connector, or of what is below it.
pub(crate) fn path_of(name: &str, below: &str) -> String {
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("/connectors/{name}{below}")
}

/// Without a proxy: a worker is most often on this machine.
fn client() -> Result<Client, Box<dyn std::error::Error>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let tls = ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?)
}

/// The error that says what went wrong: those above it say where.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
