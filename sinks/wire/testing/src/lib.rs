//! A local HTTP server for tests of plug-ins that call a service: it answers as a script says, and remembers what it was
//! asked. It speaks just enough HTTP/1.1, listens on loopback alone, and ends with its value.
//!
//! ```
//! use sluice_wire_testing::{HttpServer, reply};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! use tokio::net::TcpStream;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let server = HttpServer::start([reply(503, "retry-after: 7\r\n", "busy")]).await;
//! let address = server.url.trim_start_matches("http://").to_owned();
//! let mut stream = TcpStream::connect(address).await?;
//! stream.write_all(b"GET /a HTTP/1.1\r\nhost: here\r\n\r\n").await?;
//! let mut answer = [0; 12];
//! stream.read_exact(&mut answer).await?;
//! assert_eq!(&answer, b"HTTP/1.1 503");
//! assert_eq!(server.lines(), ["GET /a"]);
//! # Ok::<(), std::io::Error>(())
//! # })?;
//! # Ok::<(), std::io::Error>(())
//! ```
#![allow(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may panic"
)]

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum HttpReply {
    /// Sends this.
    Text(String),
    /// Reads the request and closes the connection.
    Close,
    /// Reads the request and never answers.
    Hang,
}

/// Answers with a status, headers (each with its line end) and a body.
pub fn reply(status: u16, headers: &str, body: &str) -> HttpReply {
    let length = body.len();
    HttpReply::Text(format!("HTTP/1.1 {status} Told\r\n{headers}content-length: {length}\r\n\r\n{body}"))
}

/// Answers with a status and nothing else.
pub fn status(status: u16) -> HttpReply {
    reply(status, "", "")
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// The method, such as `POST`.
    pub method: String,
    /// The path and the query, as sent.
    pub path: String,
    /// The headers, by names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl SeenRequest {
    /// Returns the body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Returns the body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Returns method and path, such as `POST /a`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Answers a request.
type Answer = Box<dyn Fn(&SeenRequest) -> HttpReply + Send + Sync>;

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<HttpReply>>,
    /// What answers once the script is at its end.
    answer: Option<Answer>,
    seen: Mutex<Vec<SeenRequest>>,
    connections: AtomicUsize,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("script", &self.script)
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

/// A server on a free port of 127.0.0.1, which ends when it is dropped.
#[derive(Debug)]
pub struct HttpServer {
    /// Where it is, such as `http://127.0.0.1:40123`.
    pub url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl HttpServer {
    /// Starts a server, which answers 200 once its script is at its end.
    pub async fn start(script: impl IntoIterator<Item = HttpReply>) -> Self {
        Self::start_with(script, None).await
    }

    /// Starts a server that answers each request by what it asks.
    pub async fn start_answering(answer: impl Fn(&SeenRequest) -> HttpReply + Send + Sync + 'static) -> Self {
        Self::start_state(State { answer: Some(Box::new(answer)), ..State::default() }, None).await
    }

    /// Starts a server, with TLS where an acceptor is given.
    pub async fn start_with(script: impl IntoIterator<Item = HttpReply>, tls: Option<TlsAcceptor>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        Self::start_state(State { script, ..State::default() }, tls).await
    }

    /// Does what [`HttpServer::start_answering`] does, with TLS.
    pub async fn start_answering_with(
        answer: impl Fn(&SeenRequest) -> HttpReply + Send + Sync + 'static,
        tls: TlsAcceptor,
    ) -> Self {
        Self::start_state(State { answer: Some(Box::new(answer)), ..State::default() }, Some(tls)).await
    }

    async fn start_state(state: State, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = Arc::new(state);
        let task = tokio::spawn(listen(listener, Arc::clone(&state), tls));
        Self { url, state, task }
    }

    /// Adds to the script.
    pub fn script(&self, replies: impl IntoIterator<Item = HttpReply>) {
        self.state.script.lock().unwrap().extend(replies);
    }

    /// Returns the requests so far.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Returns method and path of each request.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(SeenRequest::line).collect()
    }

    /// Returns how many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

async fn listen(listener: TcpListener, state: Arc<State>, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(connect(stream, Arc::clone(&state), tls.clone()));
    }
}

async fn connect(stream: TcpStream, state: Arc<State>, tls: Option<TlsAcceptor>) {
    match tls {
        None => serve(stream, state).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, state).await;
            }
        }
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: Arc<State>) {
    while let Some(seen) = read(&mut stream).await {
        let is_head = seen.method == "HEAD";
        let scripted = state.script.lock().unwrap().pop_front();
        let reply = scripted.unwrap_or_else(|| match &state.answer {
            Some(answer) => answer(&seen),
            None => status(200),
        });
        state.seen.lock().unwrap().push(seen);
        match reply {
            HttpReply::Text(text) => {
                let head_end = text.find("\r\n\r\n").unwrap() + 4;
                let text = if is_head { &text[..head_end] } else { &text };
                stream.write_all(text.as_bytes()).await.unwrap();
            }
            HttpReply::Close => return,
            HttpReply::Hang => std::future::pending().await,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<SeenRequest> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let headers: BTreeMap<_, _> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(SeenRequest { method: first.next().unwrap(), path: first.next().unwrap(), headers, body })
}
