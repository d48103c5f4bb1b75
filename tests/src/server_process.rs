//! What the real servers of the tests share: that they run where they are asked for, where their programs come from, a port to
//! come back to, and their end by their process id.

use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

use crate::requirement::{is_required, tell};

/// Says whether a variable asks for a server that takes long, or that the test did not run for want of that.
pub(crate) fn is_asked_for(variable: &str, what: &str) -> bool {
    let is_asked_for = is_required(variable);
    if !is_asked_for {
        let test = thread::current();
        let test = test.name().unwrap_or("a test");
        tell(&format!("DID NOT RUN for want of {variable}=1, which starts {what}: {test}\n"));
    }
    is_asked_for
}

/// Returns where a script of this package put a program, which it fetches once.
pub(crate) fn fetched<S: AsRef<OsStr>>(script: &str, arguments: impl IntoIterator<Item = S>) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
    let output = Command::new(&script).args(arguments).stdin(Stdio::null()).output().expect("the script");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

/// Finds a port below the range from which the kernel takes those of outgoing connections, so that none of
/// them sits on it while the server is down.
pub(crate) fn free_port() -> u16 {
    let mut candidates = std::iter::repeat_with(|| RandomState::new().hash_one(()) % 12_000 + 20_000);
    let is_free = |port: u64| {
        let port = u16::try_from(port).ok()?;
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok().then_some(port)
    };
    candidates.find_map(is_free).expect("a free port")
}

/// Sends a signal and waits for the end. Where `timeout` bounds the life of a program it hands the signal on; killed itself,
/// it would leave the program behind.
pub(crate) fn end(process: &mut Child, signal: Signal) {
    let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("an id"), signal).ok();
    process.wait().ok();
}

/// Says whether a process has ended by itself.
pub(crate) fn has_ended(process: &mut Child) -> bool {
    process.try_wait().is_ok_and(|status| status.is_some())
}
