//! Measures a function's cold start, its warm invocations and its memory against a runtime API on loopback.
//!
//! ```sh
//! cargo run -p sluice-tests --example function -- target/release/sluice lambda connectors.d/stock-prices.yaml
//! cargo run -p sluice-tests --example function -- python3 tests/python/sample_function.py
//! ```
//!
//! Any command that speaks the runtime API will do. It gets the sample's 17 records, ten times in a row, and an
//! emulated knowledge base without limits.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a measurement for people"
)]

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use sluice_tests::bedrock::LocalKnowledgeBase;
use sluice_tests::lambda::{RuntimeApi, event};

const STARTS: usize = 21;
const WARM: usize = 20;

fn main() {
    let command: Vec<String> = std::env::args().skip(1).collect();
    assert!(!command.is_empty(), "name the command of a function");
    let base = LocalKnowledgeBase::start();
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start(&command, &base).2).collect();
    starts.sort_unstable();
    let (mut api, mut process, _) = start(&command, &base);
    let records = (0..17).map(|n| {
        let value = json!({ "ticker": "ZVZZT", "price": "$3,413.23", "timestamp": 1_739_712_345.678 });
        (n, None, Some(BASE64.encode(value.to_string())))
    });
    let event = event("streamtopic", 0, records).to_string();
    let first = api.invoke(&event, Duration::from_mins(5)).took;
    let mut warm: Vec<Duration> =
        (0..WARM).map(|_| api.invoke(&event, Duration::from_mins(5)).took).collect();
    warm.sort_unstable();
    let peak = peak_memory(&process);
    process.kill().unwrap();
    process.wait().unwrap();
    println!(
        "start to first poll, {STARTS} runs: median {:?}, least {:?}, most {:?}",
        starts[STARTS / 2],
        starts[0],
        starts[STARTS - 1]
    );
    println!("17 records: first invocation {first:?}, then median {:?}", warm[WARM / 2]);
    println!("peak memory: {peak}");
}

/// Starts a function and returns how long that took until its first poll. Processes of earlier starts end here.
fn start(command: &[String], base: &LocalKnowledgeBase) -> (RuntimeApi, Killed, Duration) {
    let api = RuntimeApi::start();
    let began = Instant::now();
    let child = Command::new(&command[0])
        .args(&command[1..])
        .envs(api.environment())
        .env("AWS_ENDPOINT_URL", base.url())
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

/// The most memory that a process ever held, as Linux counts it.
fn peak_memory(process: &Child) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().to_owned()
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
