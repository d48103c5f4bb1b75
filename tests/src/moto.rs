//! moto's server, which answers as AWS does and which nobody here wrote, on loopback.

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::listener::try_send;
use crate::python::Python;
use crate::server_process::{end, free_port, has_ended};

/// How long a start may take on a busy machine; it takes 3 s on an idle one.
const START_DEADLINE: Duration = Duration::from_mins(2);
/// The longest life of the process, in seconds, so that a hung test leaves nothing behind.
const LIFE: u64 = 600;

/// A server without anything in it. It runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Moto {
    python: Python,
    process: Option<Child>,
    port: u16,
}

impl Moto {
    /// Starts a server. Where there is no Python with `tests/python/moto.txt` it says so, or panics if `SLUICE_REQUIRE_MOTO=1`.
    pub fn start() -> Option<Self> {
        let python = Python::with_moto()?;
        let port = free_port();
        let mut process = python
            .module(LIFE, "moto.server", ["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let address = format!("127.0.0.1:{port}");
        let begun = Instant::now();
        while try_send(&address, "GET", "/moto-api/", &[], "").is_none() {
            assert!(!has_ended(&mut process), "the server has ended");
            assert!(begun.elapsed() < START_DEADLINE, "the server does not answer");
            thread::sleep(Duration::from_millis(100));
        }
        Some(Self { python, process: Some(process), port })
    }

    /// Returns its address, such as `http://127.0.0.1:20123`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs a script of `tests/python` with the server's address and a word, and returns what it prints.
    pub fn script(&self, name: &str, what: &str) -> String {
        let output = self.python.command(60, name, [&self.url(), what]).output().expect("the script");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends the server.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            end(&mut process, Signal::TERM);
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.stop();
    }
}
