//! A real worker of Kafka Connect, whose REST API answers beside ours.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::kafka::unique;
use crate::listener::{ListenerAnswer, try_send};
use crate::server_process::{end, fetched, free_port, has_ended, is_asked_for};

/// How long a start may take on a busy machine; it takes 5 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(3);

/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "600";

/// A worker with one plug-in, the sink `StubSink`, that runs until it is dropped.
#[derive(Debug)]
pub struct ConnectWorker {
    home: TempDir,
    port: u16,
    process: Child,
}

impl ConnectWorker {
    /// Starts a worker that keeps its state in topics of a broker. It takes seconds and 300 MiB, so that it says that it did
    /// not run unless `SLUICE_REQUIRE_CONNECT=1` asks for it; then it is fetched by Maven once, or the test fails.
    pub fn start(servers: &str) -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_CONNECT", "a real worker of Kafka Connect") {
            return None;
        }
        let jars = fetch();
        let home = tempfile::tempdir().expect("a temporary folder");
        compile(&jars, home.path());
        let port = free_port();
        fs::write(home.path().join("worker.properties"), properties(servers, port)).expect("a file");
        let process = launch(&jars, home.path());
        let mut worker = Self { home, port, process };
        worker.wait_until_ready();
        Some(worker)
    }

    /// Sends a request by a connection of its own.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Option<ListenerAnswer> {
        let json = [("content-type", "application/json")];
        let headers = if body.is_empty() { &[][..] } else { &json[..] };
        try_send(&format!("127.0.0.1:{}", self.port), method, path, headers, body)
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + START_DEADLINE;
        // It listens before it has read its topics, and answers with 500 or 409 then.
        while self.ask("GET", "/health", "").is_none_or(|answer| answer.status != 200) {
            let has_ended = has_ended(&mut self.process);
            assert!(!has_ended && Instant::now() < deadline, "Kafka Connect does not start: {}", self.log());
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }
}

impl Drop for ConnectWorker {
    fn drop(&mut self) {
        end(&mut self.process, Signal::TERM);
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fetch() -> PathBuf {
    fetched(
        "kafka/fetch",
        [OsStr::new("connect-worker"), folder().join("connect/worker.pom.xml").as_os_str()],
    )
}

/// Compiles the sink into a folder, with what lets the worker find it.
fn compile(jars: &Path, home: &Path) {
    let compiled = Command::new("javac")
        .arg("-cp")
        .arg(jars.join("*"))
        .arg("-d")
        .arg(home)
        .arg(folder().join("connect/StubSink.java"))
        .stdin(Stdio::null())
        .output()
        .expect("`javac`");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    let services = home.join("META-INF/services");
    fs::create_dir_all(&services).expect("a folder");
    fs::write(services.join("org.apache.kafka.connect.sink.SinkConnector"), "StubSink\n").expect("a file");
}

fn properties(servers: &str, port: u16) -> String {
    let name = unique("connect");
    let mut text = format!(
        "\
bootstrap.servers={servers}
group.id={name}
listeners=http://127.0.0.1:{port}
rest.advertised.host.name=127.0.0.1
plugin.discovery=service_load
scheduled.rebalance.max.delay.ms=0
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
value.converter.schemas.enable=false
offset.storage.partitions=1
status.storage.partitions=1
"
    );
    for store in ["config", "offset", "status"] {
        writeln!(text, "{store}.storage.topic={name}-{store}\n{store}.storage.replication.factor=1").unwrap();
    }
    text
}

fn launch(jars: &Path, home: &Path) -> Child {
    let log = File::create(home.join("log")).expect("a log");
    Command::new("timeout")
        .args([
            "--kill-after=1",
            LIFE_SECONDS,
            "java",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Xmx512m",
        ])
        .arg("-cp")
        .arg(format!("{}:{}", home.display(), jars.join("*").display()))
        .arg("org.apache.kafka.connect.cli.ConnectDistributed")
        .arg(home.join("worker.properties"))
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("`timeout` and `java`")
}
