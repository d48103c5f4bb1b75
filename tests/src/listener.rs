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
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").unwrap();
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(stream, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    write!(stream, "\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    ListenerAnswer { status, head: head.to_lowercase(), body: body.to_owned() }
}
