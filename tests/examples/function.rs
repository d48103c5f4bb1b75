//! Measures a function's cold start, its warm invocations and its memory against a runtime API on loopback.
//!
//! ```sh
//! cargo run --release -p sluice-tests --example function -- target/release/sluice lambda CONNECTOR
//! cargo run --release -p sluice-tests --example function -- python3 tests/python/sample_function.py
//! ```
//!
//! Any command that speaks the runtime API will do. It gets the sample's 17 records and then 100, many times in a row, and
//! an emulated knowledge base without limits. A proxy in between sees for how long calls to it are under way: what an
//! invocation takes beside that is its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement for people"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::lambda::{RuntimeApi, event};
use sluice_tests::process::peak_memory;

const STARTS: usize = 21;
const WARM: usize = 20;

fn main() {
    let command: Vec<String> = std::env::args().skip(1).collect();
    assert!(!command.is_empty(), "name the command of a function");
    let base = LocalKnowledgeBase::start();
    let proxy = Proxy::start(&base.url());
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start(&command, &proxy).2).collect();
    starts.sort_unstable();
    println!(
        "start to first poll, {STARTS} runs: median {:?}, least {:?}, most {:?}",
        starts[STARTS / 2],
        starts[0],
        starts[STARTS - 1]
    );
    let (mut api, mut process, _) = start(&command, &proxy);
    for records in [17, 100] {
        let first = invoke(&mut api, records, &proxy);
        let mut warm: Vec<_> = (0..WARM).map(|_| invoke(&mut api, records, &proxy)).collect();
        warm.sort_unstable();
        let (took, calls) = warm[WARM / 2];
        println!("{records} records: first invocation {:?}, with calls for {:?};", first.0, first.1);
        let ratio = took.as_secs_f64() / calls.as_secs_f64();
        println!("  then median {took:?}, with calls for {calls:?}: {ratio:.2} times as long");
    }
    println!("peak memory: {:.1} MiB", peak_memory(process.id()));
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Returns how long an invocation took, and for how long of that calls were under way.
fn invoke(api: &mut RuntimeApi, records: i64, proxy: &Proxy) -> (Duration, Duration) {
    let records = (0..records).map(|n| {
        let value = json!({ "ticker": "ZVZZT", "price": "$3,413.23", "timestamp": 1_739_712_345.678 });
        (n, None, Some(BASE64.encode(value.to_string())))
    });
    let event = event("streamtopic", 0, records).to_string();
    proxy.calls.lock().unwrap().clear();
    let took = api.invoke(&event, Duration::from_mins(5)).took;
    (took, proxy.under_way())
}

/// Passes calls on, and sees when each begins and ends.
struct Proxy {
    address: String,
    calls: Arc<Mutex<Vec<(Instant, Instant)>>>,
}

impl Proxy {
    fn start(target: &str) -> Self {
        let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::<Mutex<Vec<(Instant, Instant)>>>::default();
        let seen = Arc::clone(&calls);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (target, seen) = (TcpStream::connect(&target).unwrap(), Arc::clone(&seen));
                thread::spawn(move || pass_on(&client.unwrap(), &target, &seen));
            }
        });
        Self { address, calls }
    }

    /// The time for which at least one call was under way.
    fn under_way(&self) -> Duration {
        let mut calls = self.calls.lock().unwrap().clone();
        calls.sort_unstable();
        let (mut sum, mut until) = (Duration::ZERO, None);
        for (began, ended) in calls {
            let from = until.map_or(began, |until: Instant| began.max(until));
            sum += ended.saturating_duration_since(from);
            until = until.max(Some(ended));
        }
        sum
    }
}

fn pass_on(client: &TcpStream, target: &TcpStream, seen: &Mutex<Vec<(Instant, Instant)>>) {
    for stream in [client, target] {
        stream.set_nodelay(true).unwrap();
    }
    let (mut from_client, mut from_target) = (BufReader::new(client), BufReader::new(target));
    while let Some(request) = message(&mut from_client) {
        let began = Instant::now();
        (&*target).write_all(&request).unwrap();
        let response = message(&mut from_target).unwrap();
        seen.lock().unwrap().push((began, Instant::now()));
        if (&*client).write_all(&response).is_err() {
            return;
        }
    }
}

/// Reads a request or a response of HTTP/1.1 whose body has a length; `None` at the end.
fn message(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let (mut message, mut length) = (Vec::new(), 0);
    loop {
        let begin = message.len();
        if from.read_until(b'\n', &mut message).ok()? == 0 {
            return None;
        }
        let line = String::from_utf8_lossy(&message[begin..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    from.read_exact(&mut message[head..]).ok()?;
    Some(message)
}

/// Starts a function and returns how long that took until its first poll. Processes of earlier starts end here.
fn start(command: &[String], proxy: &Proxy) -> (RuntimeApi, Killed, Duration) {
    let api = RuntimeApi::start();
    let began = Instant::now();
    let child = Command::new(&command[0])
        .args(&command[1..])
        .envs(api.environment())
        .env("AWS_ENDPOINT_URL", format!("http://{}", proxy.address))
        .envs([
            ("KBID", "DEMOKB0001"),
            ("DSID", "DEMODS0001"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let took = api.polled().duration_since(began);
    (api, Killed(child), took)
}

/// A process that ends with its value.
struct Killed(Child);

impl std::ops::Deref for Killed {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Killed {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
