//! A client: connections that are made when they are needed, and requests that authenticate.

use std::time::Duration;

use reqwest::header::CONTENT_LENGTH;
use reqwest::{Client, redirect, retry};
use sluice_connector_api::{Failure, Finding};
use tokio::sync::OnceCell;

use crate::answer::HttpAnswer;
use crate::auth::Auth;
use crate::exchange::exchange;
use crate::request::HttpRequest;
use crate::text::causes;
use crate::tls::HttpTlsSettings;

/// How connections are made and kept.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Connections {
    /// Certificates. Default: the system's authorities, and no certificate of ours.
    pub tls: HttpTlsSettings,
    /// How long a connection may take to open. Default: 5 seconds, or the request's time where that is less.
    pub connect_timeout: Duration,
    /// How long a request may take, its answer included.
    pub request_timeout: Duration,
    /// How long an idle connection is kept; none is where this is zero. Default: 20 seconds, less than servers commonly
    /// keep theirs.
    pub keep_alive: Duration,
    /// Idle connections that are kept per host. Default: 1.
    pub max_idle: usize,
    /// Whether the variables for proxies in the environment count. Default: `false`.
    pub proxy_from_environment: bool,
}

impl Connections {
    /// Sets how long a request may take, and all else as the fields say.
    pub fn new(request_timeout: Duration) -> Self {
        Self {
            tls: HttpTlsSettings::default(),
            connect_timeout: Duration::from_secs(5).min(request_timeout),
            request_timeout,
            keep_alive: Duration::from_secs(20),
            max_idle: 1,
            proxy_from_environment: false,
        }
    }
}

/// Sends requests that authenticate, over HTTP/1.1. Redirects are not followed, cookies are not kept, nothing is tried
/// twice but a request whose OAuth 2.0 token was refused. It has no `Debug`, since it holds secrets.
#[allow(missing_debug_implementations, reason = "it holds secrets")]
pub struct HttpClient {
    connections: Connections,
    auth: Auth,
    /// Made at the first request, since it reads certificates.
    http: OnceCell<Client>,
}

impl HttpClient {
    /// Makes a client that has opened nothing yet.
    pub fn new(connections: Connections, auth: Auth) -> Self {
        Self { connections, auth, http: OnceCell::new() }
    }

    /// Returns what authenticates the requests.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Sends a request, and once more if its token was refused. No more than so many bytes of the answer are kept.
    ///
    /// Any status is an answer. The failure says why there is none; it shows no path and no secret.
    pub async fn exchange(&self, request: &HttpRequest, most_bytes: usize) -> Result<HttpAnswer, Failure> {
        let (answer, renewed) = self.once(request, most_bytes).await?;
        if !renewed {
            return Ok(answer);
        }
        let (answer, _) = self.once(request, most_bytes).await?;
        Ok(answer)
    }

    async fn once(&self, request: &HttpRequest, most_bytes: usize) -> Result<(HttpAnswer, bool), Failure> {
        let http = self.http().await?;
        let added = self.auth.headers(http, request).await?;
        let secrets = self.auth.secrets(&added);
        let builder = http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .headers(added.clone());
        let builder = match request.body.len() {
            _ if !request.has_body() => builder,
            // The client leaves the length of nothing out, which some servers refuse (411).
            0 => builder.header(CONTENT_LENGTH, 0),
            _ => builder.body(request.body.clone()),
        };
        let answer = exchange(&request.subject(), builder, most_bytes, secrets).await?;
        let renewed = answer.status == 401 && self.auth.renews(&added).await;
        Ok((answer, renewed))
    }

    /// Looks for certificates, and for a token or credentials; sends nothing to the target.
    pub async fn check(&self) -> Vec<Finding> {
        match self.http().await {
            Ok(http) => self.auth.check(http).await,
            Err(failure) => vec![Finding::from_failure("HTTP client", &failure)],
        }
    }

    async fn http(&self) -> Result<&Client, Failure> {
        self.http.get_or_try_init(|| make(self.connections.clone())).await
    }
}

/// Makes a client, on a thread that may block, since that reads files.
async fn make(connections: Connections) -> Result<Client, Failure> {
    let made = tokio::task::spawn_blocking(move || build(&connections)).await;
    made.unwrap_or_else(|cut| Err(Failure::retriable(format!("making the client was cut off: {cut}"))))
}

fn build(connections: &Connections) -> Result<Client, Failure> {
    let idle = connections.keep_alive;
    let builder = Client::builder()
        .tls_backend_preconfigured(connections.tls.load()?)
        .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        // Only the runtime retries.
        .retry(retry::never())
        .referer(false)
        .connect_timeout(connections.connect_timeout)
        .timeout(connections.request_timeout)
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(if idle.is_zero() { 0 } else { connections.max_idle });
    let builder = if connections.proxy_from_environment { builder } else { builder.no_proxy() };
    builder
        .build()
        .map_err(|error| Failure::fatal(format!("the HTTP client cannot be made: {}", causes(&error))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use reqwest::{Method, Url};
    use sluice_wire_testing::{HttpReply, HttpServer, reply};

    use super::*;
    use crate::auth::HttpAuthSettings;

    fn client(url: &Url) -> HttpClient {
        let timeout = Duration::from_secs(5);
        HttpClient::new(
            Connections::new(timeout),
            Auth::new("auth", &HttpAuthSettings::None, url, timeout).unwrap(),
        )
    }

    async fn ask(replies: [HttpReply; 1], most_bytes: usize) -> HttpAnswer {
        let server = HttpServer::start(replies).await;
        let url = Url::parse(&server.url).unwrap();
        client(&url).exchange(&HttpRequest::new(Method::GET, url), most_bytes).await.unwrap()
    }

    #[tokio::test]
    async fn no_more_of_an_answer_is_kept_than_was_asked_for() {
        for (most_bytes, kept, is_whole) in
            [(11, "0123456789", true), (10, "0123456789", true), (4, "0123", false), (0, "", false)]
        {
            let answer = ask([reply(200, "", "0123456789")], most_bytes).await;
            assert_eq!(
                (answer.body.as_slice(), answer.is_whole),
                (kept.as_bytes(), is_whole),
                "{most_bytes}"
            );
        }
        let long = "x".repeat(3 << 20);
        let answer = ask([reply(500, "", &long)], 1 << 20).await;
        assert_eq!((answer.body.len(), answer.is_whole, answer.status), (1 << 20, false, 500));
    }

    #[tokio::test]
    async fn an_answer_without_a_length_is_bounded_as_well() {
        let endless =
            format!("HTTP/1.1 200 Told\r\ntransfer-encoding: chunked\r\n\r\n{}", "4\r\nabcd\r\n".repeat(999));
        let answer = ask([HttpReply::Text(endless)], 10).await;
        assert_eq!((answer.body.as_slice(), answer.is_whole), (b"abcdabcdab".as_slice(), false));
    }
}
