//! A real OpenSearch: one node, without security, on loopback.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::requirement::{is_required, tell};

/// How long a start may take on a busy machine; it takes 5 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(3);

/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "900";

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
        if !is_required("SLUICE_REQUIRE_OPENSEARCH") {
            let test = thread::current();
            tell(&format!(
                "DID NOT RUN for want of SLUICE_REQUIRE_OPENSEARCH=1, which starts a real OpenSearch: {}\n",
                test.name().unwrap_or("a test")
            ));
            return None;
        }
        let home =
            tempfile::Builder::new().prefix("sluice-opensearch-").tempdir().expect("a temporary folder");
        std::fs::create_dir(home.path().join("config")).expect("a folder");
        let mut node = Self { home, jars: fetch(), port: free_port(), process: None };
        node.launch();
        Some(node)
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
        let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
        // `timeout` hands this signal on, and ends Java some seconds later; killed itself, it would leave Java behind.
        kill_process(id.expect("an id"), signal).ok();
        process.wait().ok();
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
        self.process.as_mut().is_none_or(|process| process.try_wait().is_ok_and(|status| status.is_some()))
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
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).ok()?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let length = body.len();
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{kind}content-length: {length}\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).unwrap_or_default()))
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
    let mut command = Command::new(folder().join("kafka/fetch"));
    command.arg("opensearch").arg(folder().join("opensearch/pom.xml"));
    let output = command.stdin(Stdio::null()).output().expect("the script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
