//! A running worker, reached through its REST API.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;
use sluice_connector_api::Json;

use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::observe::tls_client::ClientTlsFiles;

/// How long a worker may take for an answer.
const WAIT: Duration = Duration::from_secs(30);
/// The most bytes of one event of a stream.
const LARGEST_EVENT: usize = 64 * 1024 * 1024;

/// What is said of a worker that takes a connection and does not answer.
const LATE: &str = "it does not answer in time";

/// Which worker.
#[derive(Clone, Debug, Args)]
pub(crate) struct Remote {
    /// Where the worker listens; what it needs as a token is read from `SLUICE_REST_TOKEN`
    #[arg(long, env = "SLUICE_URL", value_name = "URL", default_value = "http://127.0.0.1:8083")]
    url: String,
    /// Authorities to trust beside the system's, as PEM, where the worker speaks TLS
    #[arg(long, env = "SLUICE_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Certificate to show to the worker, as PEM; needs --key-file
    #[arg(long, env = "SLUICE_CERT_FILE", value_name = "FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// Private key of that certificate, as PEM
    #[arg(long, env = "SLUICE_KEY_FILE", value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
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
        let answer = self.send(context, method, path).await?;
        let status = answer.status();
        let kept = answer.headers().get("sluice-state-kept").and_then(|kept| kept.to_str().ok());
        let kept = kept.map(str::to_owned);
        let body = self.body(answer).await?;
        if status.is_success() {
            return Ok(RemoteAnswer { body, kept });
        }
        Err(self.refused(status, &body))
    }

    /// Asks a worker for a stream of events.
    pub(crate) async fn events(&self, context: &Context, path: &str) -> Result<RemoteEvents, Exit> {
        let answer = self.send(context, Method::GET, path).await?;
        let status = answer.status();
        if !status.is_success() {
            return Err(self.refused(status, &self.body(answer).await?));
        }
        Ok(RemoteEvents { remote: self.clone(), answer, bytes: Vec::new() })
    }

    /// Waits for the head of an answer.
    async fn send(&self, context: &Context, method: Method, path: &str) -> Result<Response, Exit> {
        let url = format!("{}{path}", self.base());
        let client = self.client().map_err(|error| Exit::Environment(error.to_string()))?;
        let mut request = client.request(method, url);
        let token = context.settings().rest_token.as_ref();
        if let Some(token) = token.filter(|token| !token.reveal().is_empty()) {
            request = request.bearer_auth(token.reveal());
        }
        let answer = tokio::time::timeout(WAIT, request.send()).await.map_err(|_| self.unreachable(&LATE))?;
        answer.map_err(|error| self.unreachable(&innermost(&error)))
    }

    /// The address, which may be written as a host and a port alone.
    fn base(&self) -> String {
        let url = self.url.trim().trim_end_matches('/');
        if url.contains("://") { url.to_owned() } else { format!("http://{url}") }
    }

    async fn body(&self, answer: Response) -> Result<Value, Exit> {
        let bytes = tokio::time::timeout(WAIT, answer.bytes()).await.map_err(|_| self.unreachable(&LATE))?;
        let bytes = bytes.map_err(|error| self.unreachable(&innermost(&error)))?;
        Ok(Json::value_from_slice(&bytes).unwrap_or_default())
    }

    fn unreachable(&self, error: &dyn std::fmt::Display) -> Exit {
        let said = with_way_out(&self.base(), &error.to_string());
        Exit::Environment(format!("cannot reach a worker at {}: {said}", self.url))
    }

    /// Says why a worker refuses something.
    fn refused(&self, status: StatusCode, body: &Value) -> Exit {
        let reason = body.get("message").and_then(Value::as_str).unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED => {
                Exit::Environment(format!("the worker at {} needs a token: set SLUICE_REST_TOKEN", self.url))
            }
            _ if reason.is_empty() => {
                Exit::Environment(format!("what listens at {} is no worker: {status}", self.url))
            }
            _ => Exit::Running(reason.to_owned()),
        }
    }
}

/// Events that a worker sends, one after the other.
pub(crate) struct RemoteEvents {
    remote: Remote,
    answer: Response,
    /// What came of the next ones.
    bytes: Vec<u8>,
}

impl RemoteEvents {
    /// Waits for the next event and returns its name and what it says; none where the worker has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<(String, Value)>, Exit> {
        loop {
            if let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.bytes.drain(..end + 2).collect();
                if let Some(event) = parsed(&String::from_utf8_lossy(&event)) {
                    return Ok(Some(event));
                }
                continue;
            }
            if self.bytes.len() > LARGEST_EVENT {
                return Err(self.remote.unreachable(&"it sends no events"));
            }
            // A worker says every few seconds that it is there.
            let chunk = tokio::time::timeout(WAIT, self.answer.chunk()).await;
            let chunk = chunk.map_err(|_| self.remote.unreachable(&LATE))?;
            match chunk.map_err(|error| self.remote.unreachable(&innermost(&error)))? {
                Some(chunk) => self.bytes.extend(chunk),
                None => return Ok(None),
            }
        }
    }
}

/// Reads an event; none of a comment.
fn parsed(event: &str) -> Option<(String, Value)> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let data = Json::value_from_slice(field("data:")?.as_bytes()).unwrap_or_default();
    Some((field("event:").unwrap_or("message").to_owned(), data))
}

/// The path of a connector, or of what is below it.
pub(crate) fn path_of(name: &str, below: &str) -> String {
    let name = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("/connectors/{name}{below}")
}

impl Remote {
    /// Without a proxy: a worker is most often on this machine.
    fn client(&self) -> Result<Client, Box<dyn std::error::Error>> {
        let files = ClientTlsFiles {
            ca: self.ca_file.clone(),
            cert: self.cert_file.clone(),
            key: self.key_file.clone(),
            names: ["--ca-file", "--cert-file", "--key-file"],
        };
        Ok(Client::builder().tls_backend_preconfigured(files.config()?).no_proxy().build()?)
    }
}

/// Says what to do about an error.
fn with_way_out(url: &str, error: &str) -> String {
    let is_tls = url.starts_with("https:");
    if error.contains("UnknownIssuer") {
        return "its certificate is of an authority that is not known here; name that one with --ca-file"
            .to_owned();
    }
    if error.contains("certificate not valid for name") {
        return format!("{error}; reach it by a name that its certificate has");
    }
    if !is_tls && error.contains("invalid HTTP version") {
        return "what listens there speaks TLS; write https:// in --url".to_owned();
    }
    if is_tls && error.contains("InvalidContentType") {
        return "what listens there does not speak TLS; write http:// in --url".to_owned();
    }
    format!("{error}; does `sluice run` listen there? name it with --url")
}

/// The error that says what went wrong: those above it say where.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_says_is_shown_as_it_is() {
        let shown = r#"{"value":{"v":{"$serde_json::private::Number":"7"}}}"#;
        let (name, read) = parsed(&format!("event: record\ndata: {shown}\n\n")).unwrap();
        assert_eq!((&*name, read.to_string().as_str()), ("record", shown));
        assert!(parsed(": here\n\n").is_none());
    }
}
