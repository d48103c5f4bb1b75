//! Just enough of HTTP/1.1.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// What is sent back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum TargetAnswer {
    /// A status, the seconds of a `retry-after`, and the statuses of the items, after a pause.
    Status(u16, Option<u64>, Vec<u16>, Duration),
    Hang,
    Reset,
}

/// Answers requests until the client closes the connection, or the answer is to do so.
pub(super) fn serve(stream: TcpStream, mut take: impl FnMut(&[u8]) -> TargetAnswer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(Request { is_head, body }) = read(&mut reader)? {
        if is_head {
            // What looks whether the target is there stores nothing, and meets no mishap.
            reader.get_mut().write_all(b"HTTP/1.1 200 Told\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        match take(&body) {
            TargetAnswer::Status(status, retry_after, items, pause) => {
                thread::sleep(pause);
                reader.get_mut().write_all(head_and_body(status, retry_after, &items).as_bytes())?;
            }
            // Until the client has had enough.
            TargetAnswer::Hang => return reader.read(&mut [0]).map(drop),
            // With nothing left to wait for, closing sends a reset.
            TargetAnswer::Reset => return SockRef::from(reader.get_ref()).set_linger(Some(Duration::ZERO)),
        }
    }
    Ok(())
}

/// What was asked.
struct Request {
    is_head: bool,
    body: Vec<u8>,
}

/// Reads a request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let (mut length, mut is_head) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        is_head |= line.starts_with("head /");
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().map_err(io::Error::other)?;
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { is_head, body }))
}

fn head_and_body(status: u16, retry_after: Option<u64>, items: &[u16]) -> String {
    let items: Vec<_> = items.iter().map(|status| serde_json::json!({ "status": status })).collect();
    let body = serde_json::json!({ "items": items }).to_string();
    let mut head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n", body.len());
    if let Some(seconds) = retry_after {
        write!(head, "retry-after: {seconds}\r\n").expect("a string takes it");
    }
    format!("{head}\r\n{body}")
}
