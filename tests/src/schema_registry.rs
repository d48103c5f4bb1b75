//! A real schema registry: Apicurio, which has Confluent's API beside its own, on loopback.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use crate::listener::try_send;
use crate::server_process::{end, fetched, free_port, is_asked_for};

/// How long a start may take on a busy machine; it takes 5 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(3);

/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "600";

/// The oldest Java that it runs on.
const JAVA: u32 = 21;

/// A registry that runs until it is dropped. What it holds outlives a stop.
#[derive(Debug)]
pub struct SchemaRegistry {
    home: TempDir,
    java: PathBuf,
    program: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl SchemaRegistry {
    /// Starts a registry that is empty. It takes seconds and 260 MiB, so that it says that it did not run unless
    /// `SLUICE_REQUIRE_REGISTRY=1` asks for it; then it is fetched by Maven once, or the test fails.
    pub fn start() -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_REGISTRY", "a real schema registry") {
            return None;
        }
        let java = find_java().unwrap_or_else(|| panic!("there is no Java of version {JAVA} or newer"));
        let home = tempfile::tempdir().expect("a temporary folder");
        let mut registry = Self {
            home,
            java,
            program: fetched::<&str>("registry/fetch", []),
            port: free_port(),
            process: None,
        };
        registry.launch();
        Some(registry)
    }

    /// Returns its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops the process: connections are refused, and what it holds stays.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        end(&mut process, Signal::TERM);
    }

    /// Keeps the process from running: connections are taken, and nothing is answered.
    pub fn pause(&self) {
        let id = self.id();
        kill_process_group(id, Signal::STOP).expect("the process is there");
        // What bounds its life goes on.
        kill_process(id, Signal::CONT).expect("the process is there");
    }

    /// Lets it run again.
    pub fn resume(&self) {
        kill_process_group(self.id(), Signal::CONT).expect("the process is there");
    }

    /// That of `timeout`, which makes a group of its own.
    fn id(&self) -> Pid {
        let id = self.process.as_ref().map(Child::id).expect("a process");
        Pid::from_raw(i32::try_from(id).expect("an id")).expect("an id")
    }

    /// Starts the process at the same address and waits until it answers.
    pub fn launch(&mut self) {
        let log = File::create(self.home.path().join("log")).expect("a log");
        let process = Command::new("timeout")
            .args(["--kill-after=1", LIFE_SECONDS])
            .arg(&self.java)
            .args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m"])
            .args(["-Dquarkus.http.host=127.0.0.1", "-Dquarkus.management.host=127.0.0.1"])
            .arg(format!("-Dquarkus.http.port={}", self.port))
            .arg(format!("-Dquarkus.management.port={}", free_port()))
            .arg("-Dapicurio.storage.sql.kind=h2")
            .arg(format!(
                "-Dapicurio.datasource.url=jdbc:h2:file:{}",
                self.home.path().join("schemas").display()
            ))
            .args(["-jar", "quarkus-run.jar"])
            .current_dir(&self.program)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.process = Some(process.expect("`timeout` and `java`"));
        let deadline = Instant::now() + START_DEADLINE;
        while self.ask("GET", "/apis/ccompat/v7/subjects", "").is_none_or(|(status, _)| status != 200) {
            assert!(Instant::now() < deadline, "the registry does not start: {}", self.log());
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Registers a schema under a subject by Confluent's API. Returns its id.
    pub fn register(&self, subject: &str, schema: &Value) -> u32 {
        let path = format!("/apis/ccompat/v7/subjects/{subject}/versions");
        let (status, body) = self.ask("POST", &path, &schema.to_string()).expect("an answer");
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        u32::try_from(body["id"].as_u64().expect("an id")).expect("a small id")
    }

    /// Sends a request by a connection of its own. Returns the status and the body.
    fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let address = format!("127.0.0.1:{}", self.port);
        let answer = try_send(&address, method, path, &[("content-type", "application/json")], body)?;
        Some((answer.status, answer.body))
    }
}

impl Drop for SchemaRegistry {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Looks for a Java that is new enough: `JAVA_HOME`, and where Linux keeps them.
fn find_java() -> Option<PathBuf> {
    let mut homes: Vec<PathBuf> = std::env::var_os("JAVA_HOME").map(PathBuf::from).into_iter().collect();
    for entry in std::fs::read_dir("/usr/lib/jvm").ok().into_iter().flatten().flatten() {
        homes.push(entry.path());
    }
    let is_new = |home: &PathBuf| {
        let release = std::fs::read_to_string(home.join("release")).unwrap_or_default();
        let version = release.split_once("JAVA_VERSION=\"").map_or("", |(_, rest)| rest);
        let major = version.split(['.', '"']).next().and_then(|major| major.parse::<u32>().ok());
        major.is_some_and(|major| major >= JAVA)
    };
    homes.into_iter().find(is_new).map(|home| home.join("bin/java"))
}
