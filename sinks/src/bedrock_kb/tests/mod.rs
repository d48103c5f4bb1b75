//! The sink and the client against the emulator, and against a server that only listens.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod aws;
mod check;
mod confirm;
mod deletes;
mod errors;
mod names;
mod needs;
mod put;
mod retrieve;
mod wire;

use std::time::Duration;

use serde_json::{Value, json};
use sluice_connector_api::{Payload, PutError, Record, Sink};
use sluice_emulator::{Emulator, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::built::built;
use sluice_plugin_testing::{text, with_value};

async fn emulator() -> Emulator {
    let settings = Settings { indexing_delay: Duration::ZERO, ..Settings::default() };
    Emulator::start(settings).await.unwrap()
}

fn sink_at(url: &str, changes: &Value) -> Box<dyn Sink> {
    let mut settings =
        json!({ "knowledge_base_id": "DEMOKB0001", "data_source_id": "DEMODS0001", "endpoint_url": url });
    settings.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    built("bedrock_kb", settings)
}

fn sink(emulator: &Emulator) -> Box<dyn Sink> {
    sink_at(&emulator.url(), &json!({}))
}

fn batch() -> [Record; 3] {
    [text(0, "the price of OOOO is 44.50"), text(1, "the price of ZVZZT is 91.60"), text(2, "zażółć 🦀")]
}

/// Answers one request with `answer` and returns the request's head and body.
async fn exchange(listener: &TcpListener, answer: &str) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let request = read_request(&mut stream).await;
    stream.write_all(answer.as_bytes()).await.unwrap();
    request
}

/// Reads the head and the body of a request.
async fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut seen = Vec::new();
    let head_end = loop {
        stream.read_buf(&mut seen).await.unwrap();
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let head = String::from_utf8(seen[..head_end].to_vec()).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    while seen.len() < head_end + 4 + length.parse::<usize>().unwrap() {
        stream.read_buf(&mut seen).await.unwrap();
    }
    (head, seen.split_off(head_end + 4))
}

fn accepted(body: &str) -> String {
    format!(
        "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Puts a batch at a server that answers with `answer`; returns the outcome, and the head and body of the request.
async fn exchanged(
    changes: &Value,
    batch: &[Record],
    answer: &str,
) -> (Result<(), PutError>, String, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = sink_at(&format!("http://{}", listener.local_addr().unwrap()), changes);
    let (outcome, (head, body)) = tokio::join!(sink.put(batch), exchange(&listener, answer));
    (outcome, head, body)
}

/// The outcome of a put that is answered so.
async fn put_answered(answer: &str) -> Result<(), PutError> {
    exchanged(&json!({}), &batch(), answer).await.0
}

/// A record with a key: that of a compacted topic.
fn keyed(offset: i64, key: &str, value: Option<Payload>) -> Record {
    let mut record = with_value(offset, "".into());
    record.value = value;
    record.key = Some(key.into());
    record
}

fn mirror() -> Value {
    json!({ "document_id": "key", "on_null": "delete" })
}
