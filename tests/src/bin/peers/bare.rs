//! The bare loops: what this program runs of itself to compare with.

use std::io::{Read, Write};
use std::net::TcpStream;

use jiff::Timestamp;
use rdkafka::message::Message;
use serde_json::Value;
use sluice_tests::bare_loop::{HUNG, SOON, read_past, say, subscribed};
use sluice_tests::kafka;

/// Reads all records, says on standard output when the first and the last came, and waits to be ended.
#[derive(Debug, clap::Args)]
pub(crate) struct BareRead {
    servers: String,
    topic: String,
    group: String,
    records: usize,
    /// Never stands still for a second at a time.
    #[arg(long)]
    tuned: bool,
}

/// Reads records one by one, makes the sentence of each, and posts it.
#[derive(Debug, clap::Args)]
pub(crate) struct BarePost {
    servers: String,
    topic: String,
    group: String,
    url: String,
}

impl BareRead {
    pub(crate) fn run(&self) -> ! {
        let mut client = kafka::client_of(&self.servers);
        if self.tuned {
            client.set("fetch.queue.backoff.ms", "5");
        }
        let consumer = subscribed(client, &self.group, &self.topic);
        read_past(&consumer, &self.topic, 1);
        say("first");
        read_past(&consumer, &self.topic, self.records - 1);
        say("last");
        loop {
            std::thread::sleep(HUNG);
        }
    }
}

impl BarePost {
    pub(crate) fn run(&self) -> ! {
        let consumer = subscribed(kafka::client_of(&self.servers), &self.group, &self.topic);
        let address = self.url.strip_prefix("http://").expect("an address without TLS");
        let (host, path) = address.split_once('/').expect("a path");
        let mut connection = TcpStream::connect(host).expect("a connection");
        connection.set_nodelay(true).expect("an option");
        loop {
            let Some(record) = consumer.poll(SOON) else { continue };
            let record = record.unwrap_or_else(|error| panic!("cannot read topic {}: {error}", self.topic));
            let line = line(record.payload().expect("a value"));
            let request = format!(
                "POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{line}",
                line.len()
            );
            connection.write_all(request.as_bytes()).expect("a request");
            wait_for_answer(&mut connection);
        }
    }
}

fn line(value: &[u8]) -> String {
    let price: Value = serde_json::from_slice(value).expect("JSON");
    let text = |field: &str| price.get(field).and_then(Value::as_str).expect("a text").to_owned();
    let seconds = price.get("timestamp").and_then(Value::as_f64).expect("a time");
    #[allow(clippy::cast_possible_truncation, reason = "seconds of these days")]
    let at = Timestamp::from_second(seconds as i64).expect("a time").strftime("%Y-%m-%d %H:%M:%S");
    format!("\"At {at} the price of {} is {}.\"\n", text("ticker"), text("price"))
}

/// Reads an answer without a body.
fn wait_for_answer(connection: &mut TcpStream) {
    let mut answer = Vec::new();
    let mut part = [0; 512];
    while !answer.ends_with(b"\r\n\r\n") {
        let read = connection.read(&mut part).expect("an answer");
        assert!(read > 0, "the target went away");
        answer.extend_from_slice(&part[..read]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}
