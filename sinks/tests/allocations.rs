//! Counts the allocations that a put costs per record. No noisy machine changes them, so a rise shows here before it shows in a
//! benchmark of time. A bound that is too low after a change for good reason is raised with that reason.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};
use sluice_connector_api::{Json, Origin, Payload, Record, Registry, Sink};

const PUTS: u32 = 20;
const BATCH: u32 = 500;

// Bounds in allocations per record, of which a put has some and a record none.
const HTTP_LINES_OF_TEXT: f64 = 0.2;
const HTTP_ARRAY_OF_JSON: f64 = 0.2;
const FILE_LINES: f64 = 0.0371;

fn built(name: &str, settings: Value) -> Box<dyn Sink> {
    sluice_sinks::register(Registry::new()).sink(name).unwrap().build(settings).unwrap()
}

/// Records as the transform `template` makes them.
fn texts() -> Vec<Record> {
    let text =
        |number: u32| Payload::Text(format!("At 2025-02-16 13:25:45 the price of Z{number} is $44.50."));
    batch(text)
}

/// Records as the converter `json` makes them.
fn documents() -> Vec<Record> {
    let text =
        |number: u32| format!(r#"{{"timestamp":1739712345.{number:03},"ticker":"ZVZZT","price":"$44.50"}}"#);
    batch(|number| Payload::Json(Json::parse(text(number).into()).unwrap()))
}

fn batch(value: impl Fn(u32) -> Payload) -> Vec<Record> {
    let record = |number: u32| {
        let mut record = Record::new(Origin::new("t", 0, i64::from(number)));
        record.value = Some(value(number));
        record
    };
    (0..BATCH).map(record).collect()
}

/// Answers every request with 200, on a thread of its own, and looks at nothing.
fn null_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            thread::spawn(move || answer(connection));
        }
    });
    address
}

/// Answers until the client leaves.
fn answer(connection: TcpStream) {
    let mut reader = BufReader::new(connection);
    while let Some(length) = body_length(&mut reader) {
        copy(&mut reader.by_ref().take(length), &mut sink()).unwrap();
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    }
}

/// Reads the head of a request, and returns how long its body is.
fn body_length(reader: &mut impl BufRead) -> Option<u64> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            return Some(length);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
}

/// Returns how many allocations a record costs, once the connection or the file is open.
fn per_record(sink: &dyn Sink, batch: &[Record]) -> f64 {
    // One thread, since allocations are counted by thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(sink.put(batch)).unwrap();
    let counted = allocation_counter::measure(|| {
        for _ in 0..PUTS {
            for record in batch {
                assert!(sink.size_of(record) > 0);
            }
            runtime.block_on(sink.put(batch)).unwrap();
        }
    });
    f64::from(u32::try_from(counted.count_total).unwrap()) / f64::from(PUTS * BATCH)
}

#[track_caller]
fn assert_at_most(bound: f64, allocations: f64) {
    assert!(allocations <= bound, "{allocations:.4} allocations per record, and {bound} are allowed");
    assert!(allocations > bound * 0.7, "{allocations:.4} allocations per record: lower the bound of {bound}");
}

#[test]
fn a_put_of_http_costs_no_allocation_per_record() {
    let url = format!("http://{}/prices", null_server());
    let sink = built("http", json!({ "url": url, "batch": { "format": "json_lines" } }));
    assert_at_most(HTTP_LINES_OF_TEXT, per_record(&*sink, &texts()));
    let sink = built(
        "http",
        json!({ "url": url, "batch": { "format": "json_array" }, "headers": { "x-from": "sluice" } }),
    );
    assert_at_most(HTTP_ARRAY_OF_JSON, per_record(&*sink, &documents()));
}

#[test]
fn a_put_of_file_costs_no_allocation_per_record() {
    let folder = tempfile::TempDir::new().unwrap();
    let sink = built("file", json!({ "path": folder.path().join("out.jsonl") }));
    assert_at_most(FILE_LINES, per_record(&*sink, &documents()));
    let sink = built("file", json!({ "path": folder.path().join("out.txt"), "format": "raw" }));
    assert_at_most(FILE_LINES, per_record(&*sink, &texts()));
}
