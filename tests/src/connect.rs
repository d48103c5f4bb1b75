//! Kafka Connect's own transforms, and its converter of JSON, to compare ours with.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use serde_json::Value;

use crate::requirement::{is_required, tell};

/// How long the driver may take; it takes 2 s on an idle machine.
const LIFE_SECONDS: &str = "120";

/// The jars of Kafka Connect's transforms and of its `JsonConverter`, and the drivers in `tests/connect` that use them.
#[derive(Clone, Debug)]
pub struct ConnectTransforms {
    jars: PathBuf,
}

impl ConnectTransforms {
    /// Finds the jars. Where there are none it says so on standard error, past the capture of the test harness; with
    /// `SLUICE_REQUIRE_CONNECT=1` it fetches them by Maven, or panics.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Result<ConnectTransforms, String>> = OnceLock::new();
        let required = is_required("SLUICE_REQUIRE_CONNECT");
        match FOUND.get_or_init(|| fetch(required)) {
            Ok(found) => Some(found.clone()),
            Err(why) => {
                assert!(!required, "SLUICE_REQUIRE_CONNECT is set, but there is no Kafka Connect: {why}");
                let test = thread::current();
                tell(&format!(
                    "DID NOT RUN for want of Kafka Connect's transforms ({why}; SLUICE_REQUIRE_CONNECT=1 fetches them): {}\n",
                    test.name().unwrap_or("a test")
                ));
                None
            }
        }
    }

    /// Applies a transform for each line that is asked; the head of `Transforms.java` has the form of the lines.
    pub fn apply(&self, asked: &[Value]) -> Vec<Value> {
        self.answers("connect/Transforms.java", asked)
    }

    /// Reads a record with `JsonConverter` for each line that is asked; the head of `JsonRecords.java` has the form of the
    /// lines.
    pub fn read_json(&self, asked: &[Value]) -> Vec<Value> {
        self.answers("connect/JsonRecords.java", asked)
    }

    fn answers(&self, driver: &str, asked: &[Value]) -> Vec<Value> {
        let mut input = tempfile::tempfile().expect("a temporary file");
        for line in asked {
            writeln!(input, "{line}").expect("room for the input");
        }
        input.rewind().expect("a file that can be read again");
        let answers = self.run(driver, input);
        let answers: Vec<Value> =
            answers.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
        assert_eq!(answers.len(), asked.len(), "an answer for each line");
        answers
    }

    fn run(&self, driver: &str, input: File) -> String {
        let output = Command::new("timeout")
            .arg(LIFE_SECONDS)
            .args([
                "java",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            ])
            .arg("-cp")
            .arg(self.jars.join("*"))
            .arg(folder().join(driver))
            .stdin(Stdio::from(input))
            .output()
            .expect("`timeout` and `java`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fetch(may_download: bool) -> Result<ConnectTransforms, String> {
    let mut command = Command::new(folder().join("kafka/fetch"));
    command.arg("connect").arg(folder().join("connect/pom.xml")).stdin(Stdio::null());
    if !may_download {
        command.arg("--look");
    }
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(ConnectTransforms { jars: PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end()) })
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned())
    }
}
