//! A real collector of OpenTelemetry, on loopback, that writes down what it is sent.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::listener::try_send;
use crate::server_process::{end, fetched, free_port, has_ended, is_asked_for};

/// How long a start may take on a busy machine; it takes a second on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(2);
/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "600";

/// A collector. It runs until it is ended or dropped.
#[derive(Debug)]
pub struct OtelCollector {
    home: TempDir,
    process: Child,
    port: u16,
}

impl OtelCollector {
    /// Starts a collector that takes OTLP over HTTP. It is built once, which takes minutes, so that it says that it did not run
    /// unless `SLUICE_REQUIRE_COLLECTOR=1` asks for it.
    pub fn start() -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_COLLECTOR", "a real collector of OpenTelemetry") {
            return None;
        }
        let home =
            tempfile::Builder::new().prefix("sluice-collector-").tempdir().expect("a temporary folder");
        let (program, port) = (fetched::<&str>("collector/fetch", []), free_port());
        let pipeline = json!({ "receivers": ["otlp"], "exporters": ["file"] });
        let config = json!({
            "receivers": { "otlp": { "protocols": { "http": { "endpoint": format!("127.0.0.1:{port}") } } } },
            "exporters": { "file": { "path": home.path().join("told") } },
            "service": {
                "telemetry": { "metrics": { "level": "none" } },
                "pipelines": { "metrics": pipeline, "logs": pipeline, "traces": pipeline },
            },
        });
        let file = home.path().join("config.yaml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).expect("a file");
        let log = File::create(home.path().join("log")).expect("a log");
        let process = Command::new("timeout")
            .args(["--kill-after=5", LIFE_SECONDS])
            .arg(program)
            .arg(format!("--config=file:{}", file.display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("`timeout` and the collector");
        let mut collector = Self { home, process, port };
        let begun = Instant::now();
        let address = format!("127.0.0.1:{port}");
        while try_send(&address, "GET", "/", &[], "").is_none() {
            let goes_on = begun.elapsed() < START_DEADLINE && !has_ended(&mut collector.process);
            assert!(goes_on, "the collector does not start: {}", collector.log());
            thread::sleep(Duration::from_millis(100));
        }
        Some(collector)
    }

    /// Returns its address, such as `http://127.0.0.1:20123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it, and returns what it was sent: a list of messages each under `metrics`, `logs` and `traces`.
    pub fn end(mut self) -> Value {
        end(&mut self.process, Signal::TERM);
        let told = std::fs::read_to_string(self.home.path().join("told")).unwrap_or_default();
        let messages: Vec<Value> =
            told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let of = |key: &str| -> Value {
            messages.iter().filter(|message| message.get(key).is_some()).cloned().collect()
        };
        json!({ "metrics": of("resourceMetrics"), "logs": of("resourceLogs"), "traces": of("resourceSpans") })
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for OtelCollector {
    fn drop(&mut self) {
        end(&mut self.process, Signal::TERM);
    }
}
