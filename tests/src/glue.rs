//! A stand-in for AWS Glue's schema registry that nobody here wrote: moto, on loopback.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::listener::try_send;
use crate::python::Python;
use crate::server_process::{end, free_port, has_ended, is_asked_for};

/// How long a start may take on a busy machine; it takes 2 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(2);

/// The longest life of the process, so that a hung test leaves nothing behind.
const LIFE_SECONDS: u64 = 600;

/// A registry that runs until it is dropped.
#[derive(Debug)]
pub struct GlueRegistry {
    port: u16,
    process: Child,
}

impl GlueRegistry {
    /// Starts a registry that is empty. It says that it did not run unless `SLUICE_REQUIRE_REGISTRY=1` asks for it.
    pub fn start() -> Option<Self> {
        if !is_asked_for("SLUICE_REQUIRE_REGISTRY", "a stand-in for AWS Glue") {
            return None;
        }
        let python = Python::with_serializers()?;
        let port = free_port();
        let mut command = python.command(LIFE_SECONDS, "glue_server.py", [port.to_string()]);
        let process =
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("`timeout` and Python");
        let mut registry = Self { port, process };
        registry.wait_until_ready();
        Some(registry)
    }

    /// Returns its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn wait_until_ready(&mut self) {
        let address = format!("127.0.0.1:{}", self.port);
        let deadline = Instant::now() + START_DEADLINE;
        while try_send(&address, "GET", "/moto-api/", &[], "").is_none() {
            let has_ended = has_ended(&mut self.process);
            assert!(!has_ended && Instant::now() < deadline, "moto does not start");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for GlueRegistry {
    fn drop(&mut self) {
        end(&mut self.process, Signal::TERM);
    }
}
