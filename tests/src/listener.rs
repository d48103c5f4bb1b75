//! What a daemon shows of itself over HTTP, for whoever asks.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::sluice::{PATIENCE, Running};

/// What it answered.
#[derive(Debug)]
pub struct ListenerAnswer {
    /// The status.
    pub status: u16,
    /// The status line and the headers, in small letters.
    pub head: String,
    /// The body.
    pub body: String,
}

/// Waits until a daemon listens, and returns the address that its log gives.
pub fn address(daemon: &mut Running) -> String {
    let line = daemon.wait_for_log("serving /metrics, /healthz, /readyz and /status on http://");
    line.split("http://").nth(1).unwrap().trim().to_owned()
}

/// Gets what is at a path.
pub fn get(address: &str, path: &str) -> ListenerAnswer {
    ask(address, "GET", path, "*/*")
}

/// Asks with another method, or for another type of content.
pub fn ask(address: &str, method: &str, path: &str, accept: &str) -> ListenerAnswer {
    send(address, method, path, &[("Accept", accept)], "")
}

/// Sends a request with these headers and this body.
pub fn send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> ListenerAnswer {
    try_send(address, method, path, headers, body).expect("an answer")
}

/// Does what [`send`] does, of whom perhaps nobody listens to yet.
pub fn try_send(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Option<ListenerAnswer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    // A test may name another host.
    let host = headers.iter().find(|(name, _)| *name == "Host").map_or(address, |(_, host)| host);
    let headers = headers.iter().filter(|(name, _)| *name != "Host");
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    if !body.is_empty() {
        request.push_str("Content-Length: ");
        request.push_str(&body.len().to_string());
        request.push_str("\r\n");
    }
    request.extend(["\r\n", body]);
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let head = head.to_lowercase();
    let is_chunked = head.contains("transfer-encoding: chunked");
    let body = if is_chunked { put_together(body)? } else { body.to_owned() };
    Some(ListenerAnswer { status, head, body })
}

/// Reads a body that comes in chunks (RFC 9112, section 7.1).
fn put_together(mut chunks: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.push_str(rest.get(..size)?);
        chunks = rest.get(size..)?.strip_prefix("\r\n")?;
    }
}
