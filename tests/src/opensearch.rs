//! A real OpenSearch: one node, without security, on loopback.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::listener::try_send;
use crate::server_process::{end, fetched, free_port, has_ended, is_asked_for};

/// How long a start may take on a busy machine; it takes 5 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(3);

/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "3600";

/// A node that runs until it is dropped. What it holds outlives a stop.
#[derive(Debug)]
pub struct OpenSearch {
    home: TempDir,
    jars: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl OpenSearch {
    /// Starts a node that is empty. It takes seconds and 500 MiB, so that it says that it did not run unless
    /// `SLUICE_REQUIRE_OPENSEARCH=1` asks for it; then it is fetched by Maven once, or the test fails.
    pub fn start() -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_OPENSEARCH", "a real OpenSearch") {
            return None;
        }
        let home =
            tempfile::Builder::new().prefix("sluice-opensearch-").tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join("config")).expect("a folder");
        let mut node = Self { home, jars: fetch(), port: free_port(), process: None };
        node.launch();
        Some(node)
    }

    /// Returns the port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends the process in good order; what it holds stays.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut process) = self.process.take() else { return };
        end(&mut process, signal);
    }

    /// Starts the process at the same address and waits until it answers.
    pub fn launch(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.home.path().join("log")).expect("a log");
        let process = Command::new("timeout")
            .args(["--kill-after=20", LIFE_SECONDS, "java"])
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xms256m", "-Xmx512m"])
            // Without a configuration it says that it has none, and its errors.
            .arg("-Dlog4j2.disable.jmx=true")
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg(folder().join("opensearch/OsNode.java"))
            .arg(self.home.path())
            .arg(self.port.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.process = Some(process.expect("`timeout` and `java`"));
        let deadline = Instant::now() + START_DEADLINE;
        while self.ask("GET", "/_cluster/health", None).is_none_or(|(status, _)| status != 200) {
            assert!(
                Instant::now() < deadline && !self.has_ended(),
                "OpenSearch does not start: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(has_ended)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Sends a request that has to succeed. Returns the body of its answer.
    #[track_caller]
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, said) = self.ask(method, path, body).expect("an answer");
        assert!((200..300).contains(&status), "{method} {path}: {status} {said}");
        said
    }

    /// Returns a document, or `None` where there is none.
    #[track_caller]
    pub fn document(&self, index: &str, id: &str) -> Option<Value> {
        let (_, mut said) = self.ask("GET", &format!("/{index}/_doc/{id}"), None).expect("an answer");
        (said["found"] == true).then(|| said["_source"].take())
    }

    /// Counts the documents of an index.
    #[track_caller]
    pub fn count(&self, index: &str) -> u64 {
        self.call("POST", &format!("/{index}/_refresh"), None);
        self.call("GET", &format!("/{index}/_count"), None)["count"].as_u64().expect("a number")
    }

    /// Counts the documents of an index as far as it is there.
    pub fn count_or_none(&self, index: &str) -> Option<u64> {
        self.ask("POST", &format!("/{index}/_refresh"), None)?;
        self.ask("GET", &format!("/{index}/_count"), None)?.1["count"].as_u64()
    }

    /// Sends a request by a connection of its own. Returns the status and the body.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let json = [("content-type", "application/json")];
        let headers = if body.is_empty() { &[][..] } else { &json[..] };
        let answer = try_send(&format!("127.0.0.1:{}", self.port), method, path, headers, &body)?;
        Some((answer.status, serde_json::from_str(&answer.body).unwrap_or_default()))
    }
}

impl Drop for OpenSearch {
    fn drop(&mut self) {
        self.stop();
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fetch() -> PathBuf {
    fetched("kafka/fetch", [OsStr::new("opensearch"), folder().join("opensearch/pom.xml").as_os_str()])
}
