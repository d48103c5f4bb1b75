//! A real store that speaks the protocol of Amazon S3: `SeaweedFS`, which checks signatures, on loopback.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use crate::listener::try_send;
use crate::server_process::{end, fetched, free_port, has_ended, is_asked_for};

/// How long a start may take on a busy machine; it takes 5 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(3);

/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: &str = "3600";

/// The name and the secret of whoever may write.
pub const CREDENTIALS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "writer"), ("AWS_SECRET_ACCESS_KEY", "secret-of-the-writer")];

/// Of whoever may only read.
pub const READER: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "reader"), ("AWS_SECRET_ACCESS_KEY", "secret-of-the-reader")];

/// A store with one bucket, `archive`, which anybody may read. It runs until it is dropped.
#[derive(Debug)]
pub struct ObjectStore {
    home: TempDir,
    program: PathBuf,
    /// The ports of the store itself, and of the parts that it is made of.
    ports: [u16; 4],
    process: Option<Child>,
}

impl ObjectStore {
    /// Starts a store that is empty. It takes seconds, so that it says that it did not run unless `SLUICE_REQUIRE_S3=1` asks for
    /// it; then it is fetched by pip once, or the test fails.
    pub fn start() -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_S3", "a real store of objects") {
            return None;
        }
        let home = tempfile::Builder::new().prefix("sluice-s3-").tempdir().expect("a temporary folder");
        // Not "Admin": whoever has that makes a missing bucket by writing to it.
        let actions = ["Read", "Write", "List", "Tagging"];
        let [(_, access), (_, secret)] = CREDENTIALS;
        let [(_, reader), (_, readers_secret)] = READER;
        let identities = json!({ "identities": [
            { "name": "writer", "credentials": [{ "accessKey": access, "secretKey": secret }], "actions": actions },
            { "name": "reader", "credentials": [{ "accessKey": reader, "secretKey": readers_secret }], "actions": ["Read", "List"] },
            // To make the bucket, and to look.
            { "name": "anonymous", "credentials": [], "actions":
                ["Admin:archive", "Read:archive", "List:archive", "Admin:open", "Write:open"] },
        ] });
        std::fs::write(home.path().join("s3.json"), identities.to_string()).expect("a file");
        let ports = std::array::from_fn(|_| free_port());
        let mut store = Self { home, program: fetched::<&str>("seaweedfs/fetch", []), ports, process: None };
        store.launch();
        Some(store)
    }

    /// Returns the port that it listens on.
    pub fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Returns its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Ends the process in good order; what it holds stays.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        end(&mut process, Signal::TERM);
    }

    /// Starts the process at the same address and waits until the bucket is there.
    pub fn launch(&mut self) {
        let log =
            File::options().create(true).append(true).open(self.home.path().join("log")).expect("a log");
        let [s3, master, volume, filer] = self.ports;
        let data = self.home.path().join("data");
        std::fs::create_dir_all(&data).expect("a folder");
        let process = Command::new("timeout")
            .args(["--kill-after=10", LIFE_SECONDS])
            .arg(&self.program)
            .args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-s3"])
            .args(["-s3.port.lance=0", "-s3.port.iceberg=0", "-master.volumeSizeLimitMB=64", "-volume.max=0"])
            .arg(format!("-dir={}", data.display()))
            .arg(format!("-s3.config={}", self.home.path().join("s3.json").display()))
            .args([format!("-s3.port={s3}"), format!("-s3.port.grpc={}", free_port())])
            .args([format!("-master.port={master}"), format!("-master.port.grpc={}", free_port())])
            .args([format!("-volume.port={volume}"), format!("-volume.port.grpc={}", free_port())])
            .args([format!("-filer.port={filer}"), format!("-filer.port.grpc={}", free_port())])
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.process = Some(process.expect("`timeout` and `weed`"));
        let deadline = Instant::now() + START_DEADLINE;
        while !self.is_ready() {
            assert!(
                Instant::now() < deadline && !self.has_ended(),
                "SeaweedFS does not start: {}",
                self.log()
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Its first seconds fail: it is ready when it has taken the bucket, and lists it.
    fn is_ready(&self) -> bool {
        self.ask("PUT", "/archive").is_some()
            && self.ask("GET", "/archive?list-type=2").is_some_and(|(status, _)| status == 200)
    }

    fn has_ended(&mut self) -> bool {
        self.process.as_mut().is_none_or(has_ended)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap_or_default()
    }

    /// Returns the names of the objects, in order.
    pub fn keys(&self) -> Vec<String> {
        self.keys_below("")
    }

    /// Returns the names of the objects that begin like this, in order.
    pub fn keys_below(&self, prefix: &str) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys.last().cloned().unwrap_or_default();
            let page = format!("/archive?list-type=2&max-keys=1000&prefix={prefix}&start-after={after}");
            let (status, listed) = self.ask("GET", &page).expect("an answer");
            assert_eq!(status, 200, "{listed}");
            let found = listed.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
            keys.extend(found.map(str::to_owned));
            if !listed.contains("<IsTruncated>true") {
                keys.sort();
                return keys;
            }
        }
    }

    /// Returns an object, which is text.
    pub fn object(&self, key: &str) -> String {
        let (status, object) = self.ask("GET", &format!("/archive/{key}")).expect("an answer");
        assert_eq!(status, 200, "{key}: {object}");
        object
    }

    /// Deletes the bucket with all that is in it.
    pub fn delete_bucket(&self) {
        let (status, said) = self.ask("DELETE", "/archive").expect("an answer");
        assert_eq!(status, 204, "{said}");
    }

    /// Makes the bucket.
    pub fn make_bucket(&self) {
        let (status, said) = self.ask("PUT", "/archive").expect("an answer");
        assert_eq!(status, 200, "{said}");
    }

    /// Sends a request that nobody signed. Returns the status and the body.
    fn ask(&self, method: &str, path: &str) -> Option<(u16, String)> {
        let answer = try_send(&format!("127.0.0.1:{}", self.ports[0]), method, path, &[], "")?;
        Some((answer.status, answer.body))
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        self.stop();
    }
}
