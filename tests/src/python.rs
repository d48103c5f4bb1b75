//! Python with clients that nobody here wrote: for what others make of the same APIs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;

use crate::requirement::{is_required, tell};

/// Says whether the packages of the file given are installed in just these versions.
const HAS_ALL: &str = "
import importlib.metadata, sys
wanted = [line.strip().split('==') for line in open(sys.argv[1]) if '==' in line]
sys.exit(any(importlib.metadata.version(name) != version for name, version in wanted))
";

/// A Python that has the packages of a file in `tests/python`.
#[derive(Clone, Debug)]
pub struct Python(PathBuf);

impl Python {
    /// Finds one: `SLUICE_PYTHON`, else the one of `.ci/run`, else `python3`. Where there is none it says so on
    /// standard error, past the capture of the test harness, or panics if `SLUICE_REQUIRE_PYTHON=1`.
    pub fn with_packages() -> Option<Self> {
        static FOUND: OnceLock<Option<Python>> = OnceLock::new();
        found("requirements.txt", "venv-aws", "SLUICE_REQUIRE_PYTHON", &FOUND)
    }

    /// Finds one with `tests/python/clients.txt`: `SLUICE_PYTHON`, else the one of `.ci/run --full`, else `python3`. Where
    /// there is none it says so as [`Self::with_packages`] does, or panics if `SLUICE_REQUIRE_CLIENTS=1`.
    pub fn with_clients() -> Option<Self> {
        static FOUND: OnceLock<Option<Python>> = OnceLock::new();
        found("clients.txt", "venv-clients", "SLUICE_REQUIRE_CLIENTS", &FOUND)
    }

    /// Finds one with `tests/python/schemas.txt`: `SLUICE_PYTHON`, else the one of `.ci/run --full`, else `python3`. Where
    /// there is none it says so as [`Self::with_packages`] does, or panics if `SLUICE_REQUIRE_REGISTRY=1`.
    pub fn with_serializers() -> Option<Self> {
        static FOUND: OnceLock<Option<Python>> = OnceLock::new();
        found("schemas.txt", "venv-schemas", "SLUICE_REQUIRE_REGISTRY", &FOUND)
    }

    /// Finds one with `tests/python/moto.txt`: `SLUICE_PYTHON`, else the one of `.ci/run --full`, else `python3`. Where there is
    /// none it says so as [`Self::with_packages`] does, or panics if `SLUICE_REQUIRE_MOTO=1`.
    pub fn with_moto() -> Option<Self> {
        static FOUND: OnceLock<Option<Python>> = OnceLock::new();
        found("moto.txt", "venv-moto", "SLUICE_REQUIRE_MOTO", &FOUND)
    }

    fn has_all(&self, packages: &str) -> bool {
        let mut command = Command::new(&self.0);
        command.args(["-c", HAS_ALL]).arg(script(packages)).stdin(Stdio::null());
        command.output().is_ok_and(|output| output.status.success())
    }

    /// Returns the command line of a script in `tests/python`. It is ended after so many seconds, and knows no AWS
    /// configuration.
    pub fn command<A: AsRef<OsStr>>(
        &self,
        seconds: u64,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        self.bounded(seconds, [script(name).as_os_str()], arguments)
    }

    /// Returns the command line of a module, as `python -m NAME`, bounded as [`Self::command`] is.
    pub fn module<A: AsRef<OsStr>>(
        &self,
        seconds: u64,
        name: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        self.bounded(seconds, ["-m".as_ref(), name.as_ref()], arguments)
    }

    fn bounded<'a, A: AsRef<OsStr>>(
        &self,
        seconds: u64,
        what: impl IntoIterator<Item = &'a OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new("timeout");
        command.arg(seconds.to_string()).arg(&self.0).args(what).args(arguments).stdin(Stdio::null());
        for file in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            command.env(file, "/dev/null");
        }
        command
    }
}

/// Looks once for a Python with all packages of a file, and tells or panics where there is none.
fn found(packages: &str, venv: &str, required: &str, once: &OnceLock<Option<Python>>) -> Option<Python> {
    let look = || candidates(venv).into_iter().map(Python).find(|python| python.has_all(packages));
    let found = once.get_or_init(look);
    assert!(
        found.is_some() || !is_required(required),
        "{required} is set, but there is no Python with tests/python/{packages}"
    );
    if found.is_none() {
        let test = thread::current();
        let test = test.name().unwrap_or("a test").to_owned();
        tell(&format!("DID NOT RUN for want of a Python with tests/python/{packages}: {test}\n"));
    }
    found.clone()
}

fn candidates(venv: &str) -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let of_ci = cache.map(|cache| cache.join("sluice").join(venv).join("bin/python"));
    [variable("SLUICE_PYTHON"), of_ci, Some(PathBuf::from("python3"))].into_iter().flatten().collect()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name)
}
